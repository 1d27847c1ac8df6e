// The page: shows what the worker has, and asks it for what a person wants.
// @ts-check
import { byId, element } from "../shared/dom.js";
import { ago, duration, LANGUAGE, moment, size } from "../shared/moments.js";
import { tagsOf } from "../shared/reading-list.js";
import { counted, outcome, progressOf, sentence } from "../shared/sentences.js";
import { ask, hear } from "./ask.js";
import * as chart from "./chart.js";
import * as entries from "../shared/entries.js";
import { measure } from "./pauses.js";
import * as wire from "./wire-view.js";

/** @typedef {import("../shared/reading-list.js").Entry} Entry */

const PAGE = 50;
/** The list is not drawn more often than this while it changes. */
const REDRAW = 400;
/** What is said of times is renewed so often. */
const MINUTE = 60_000;

const input = id => /** @type {HTMLInputElement} */ (byId(id));
const button = id => /** @type {HTMLButtonElement} */ (byId(id));

let most = PAGE;
/** @type {number | undefined} */
let synced;
/** @type {{ id: string } | undefined} */
let removed;

const say = text => {
  byId("status").textContent = text;
  byId("problem").textContent = "";
  button("undo").hidden = true;
};

/** Lets the browser draw and answer before there is more to do. */
const breath = () => new Promise(resolve => setTimeout(resolve));

const complain = error => {
  byId("status").textContent = "";
  byId("problem").textContent = sentence(error);
};

/** Does what a person asked for, with its buttons out of reach meanwhile; what goes wrong is said. */
const act = async (work, ...controls) => {
  for (const control of controls) control.disabled = true;
  try {
    return await work();
  } catch (error) {
    complain(error);
  } finally {
    for (const control of controls) control.disabled = false;
  }
};

// The list.

const draw = async () => {
  const pending = await ask("pending");
  byId("pending").textContent = pending ? `${counted(pending, "change")} to send.` : "Nothing waits to be sent.";
  const wanted = { search: input("search").value, isUnread: input("unread").checked, most };
  const { entries: shown, found, total, unread } = await ask("list", wanted);
  entries.show(/** @type {HTMLUListElement} */ (byId("entries")), shown, acts);
  byId("count").textContent = total ? `${counted(total, "page")}, ${unread.toLocaleString(LANGUAGE)} unread` : "";
  byId("nothing").hidden = found > 0;
  byId("nothing").textContent = total ? "No page has all of these words." : "Nothing yet: add the first page above.";
  byId("more").hidden = found <= shown.length;
  byId("more").textContent = `Show more (${(found - shown.length).toLocaleString(LANGUAGE)})`;
};

/** @type {ReturnType<typeof setTimeout> | undefined} */
let redrawing;
const redraw = (delay = 0) => {
  if (redrawing && delay) return;
  clearTimeout(redrawing);
  redrawing = setTimeout(() => {
    redrawing = undefined;
    if (!byId("device").hidden) void draw().catch(complain);
  }, delay);
};

/** @type {import("../shared/entries.js").Acts} */
const acts = {
  mark: (entry, read) => act(() => ask("edit", { id: entry.id, changes: { read } })),
  edit: entry => {
    byId("edit-url").textContent = entry.url;
    input("edit-title").value = entry.title;
    input("edit-tags").value = entry.tags.join(", ");
    input("edit-note").value = entry.note;
    input("edit-read").checked = entry.read;
    const dialog = /** @type {HTMLDialogElement} */ (byId("edit"));
    dialog.returnValue = "";
    dialog.onclose = () => {
      if (dialog.returnValue !== "save") return;
      const said = { title: input("edit-title").value.trim(), note: input("edit-note").value.trim(), tags: tagsOf(input("edit-tags").value), read: input("edit-read").checked };
      const changes = Object.fromEntries(Object.entries(said).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(entry[name])));
      void act(async () => {
        if (Object.keys(changes).length) await ask("edit", { id: entry.id, changes });
        say(`Saved “${said.title || entry.title}”.`);
      });
    };
    dialog.showModal();
  },
  remove: entry =>
    act(async () => {
      const next = document.querySelector(`[data-id="${entry.id}"]`)?.nextElementSibling?.querySelector("a");
      removed = await ask("remove", { id: entry.id });
      await draw();
      (next ?? input("search")).focus();
      say(`Deleted “${entry.title}”.`);
      button("undo").hidden = false;
    }),
};

byId("undo").onclick = () =>
  act(async () => {
    await ask("restore", { record: removed });
    say("It is back.");
    input("search").focus();
  });

byId("add-form").onsubmit = event => {
  event.preventDefault();
  const said = { url: input("add-url").value, title: input("add-title").value, note: input("add-note").value, tags: tagsOf(input("add-tags").value) };
  void act(async () => {
    const { entry, isNew } = await ask("add", said);
    /** @type {HTMLFormElement} */ (byId("add-form")).reset();
    say(isNew ? `Added “${entry.title}”.` : `“${entry.title}” was on the list already.`);
    input("add-url").focus();
  });
};

byId("search-form").onsubmit = event => event.preventDefault();
for (const id of ["search", "unread"]) {
  byId(id).oninput = () => {
    most = PAGE;
    redraw();
  };
}
byId("more").onclick = () => {
  most += PAGE;
  redraw();
};

// The sync.

const showSynced = ({ report, stages, ended, pause }) => {
  synced = ended;
  tick();
  const last = byId("last");
  last.replaceChildren(element("p", {}, `${outcome(report)} ${moment(ended)}, in ${duration(report.milliseconds)}: ${bytes(report)}.`));
  if (pause) {
    const measured = { longest: pause.longest, exact: pause.isExact, late: pause.late };
    last.append(element("p", { className: "hint", id: "pause", dataset: measured }, told(pause)));
  }
  if (stages.length) chart.show(last, stages);
};

const bytes = ({ requests, bytesSent, bytesReceived }) =>
  `${counted(requests, "request")}, ${size(bytesSent)} up, ${size(bytesReceived)} down`;

const told = ({ longest, isExact }) => {
  if (isExact && longest === 0) return "The page itself was never kept from answering for 50 ms.";
  return `The page itself was kept from answering for ${duration(longest)} at most.`;
};

const tick = () => {
  byId("last-sync").textContent = synced === undefined ? "Never synced" : `Synced ${ago(synced)}`;
};

const sync = () =>
  act(async () => {
    say("Syncing…");
    byId("progress").hidden = false;
    const pauses = measure();
    try {
      const done = await ask("sync");
      if (done.report.ending === "logged-out") {
        await enter(undefined);
        complain({ message: outcome(done.report) });
        return;
      }
      await draw();
      await breath();
      showSynced({ ...done, pause: pauses.end() });
      if (["done", "nothing-to-do"].includes(done.report.ending)) say(outcome(done.report));
      else complain({ ...done.report.error, message: outcome(done.report) });
    } finally {
      pauses.end();
      byId("progress").hidden = true;
    }
  }, button("sync"));

byId("sync").onclick = () => void sync();

hear("progress", told => {
  byId("stage").textContent = progressOf(told.at(-1));
});
hear("wire", exchanges => wire.add(byId("requests"), byId("records"), exchanges));
hear("changed", () => redraw(REDRAW));
// Another window has joined or left.
hear("account", () => location.reload());
setInterval(tick, MINUTE);

// The account.

const enter = async account => {
  byId("join").hidden = Boolean(account);
  byId("device").hidden = !account;
  byId("sync-bar").hidden = !account;
  if (!account) {
    document.title = "Join – Selvedge";
    return;
  }
  document.title = "Reading list – Selvedge";
  byId("server").textContent = new URL(account.server).host;
  tick();
  await breath();
  await draw();
  await breath();
  if (account.lastSync) showSynced(account.lastSync);
};

const join = (what, detail, form) =>
  act(async () => {
    say("Joining…");
    byId("progress").hidden = false;
    const pauses = measure();
    try {
      const account = await ask(what, detail());
      await enter({ ...account, lastSync: { ...account.lastSync, pause: pauses.end() } });
    } finally {
      pauses.end();
      byId("progress").hidden = true;
    }
    /** @type {HTMLFormElement} */ (byId(form)).reset();
    say("This browser is a device of the account now.");
    byId("main").focus();
  }, ...byId(form).querySelectorAll("button"));

byId("join-form").onsubmit = event => {
  event.preventDefault();
  void join("join", () => ({ code: input("join-code").value }), "join-form");
};

byId("make-form").onsubmit = event => {
  event.preventDefault();
  void join("make", () => ({ base: document.baseURI, invitation: input("invitation").value.trim() }), "make-form");
};

byId("show-code").onclick = () =>
  act(async () => {
    const box = byId("code-box");
    box.hidden = !box.hidden;
    byId("show-code").textContent = box.hidden ? "Show the join code" : "Hide the join code";
    byId("show-code").setAttribute("aria-expanded", String(!box.hidden));
    input("code").value = box.hidden ? "" : await ask("code");
  });

byId("copy-code").onclick = () =>
  act(async () => {
    await navigator.clipboard.writeText(input("code").value);
    say("The join code is on the clipboard. Give it to your own devices only.");
  });

byId("leave").onclick = () => {
  const dialog = /** @type {HTMLDialogElement} */ (byId("leaving"));
  dialog.returnValue = "";
  dialog.onclose = () => {
    if (dialog.returnValue !== "leave") return;
    void act(async () => {
      await ask("leave");
      location.reload();
    });
  };
  dialog.showModal();
};

const start = await act(async () => {
  const account = await ask("open");
  await enter(account);
  return account;
});
if (start) void sync();

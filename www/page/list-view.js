// The list: shows it, and adds, edits, deletes and finds entries.
// @ts-check
import { byId } from "../shared/dom.js";
import * as entries from "../shared/entries.js";
import { LANGUAGE } from "../shared/moments.js";
import { complainAt, settle } from "../shared/fields.js";
import { changesOf, tagsOf } from "../shared/reading-list.js";
import { counted } from "../shared/sentences.js";
import { ask } from "./ask.js";
import { act, button, complain, input, say } from "./messages.js";

/** So many entries are shown at first, and so many more on demand. */
const PAGE = 50;

let most = PAGE;
/** @type {import("../selvedge/selvedge.js").SyncRecord | undefined} */
let removed;

/** Shows the list as it is now. */
export const draw = async () => {
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
/**
 * Shows the list soon; with a delay, not more often than that.
 * @param {number} [delay]
 */
export const redraw = (delay = 0) => {
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
      const changes = changesOf(entry, said);
      void act(async () => {
        if (Object.keys(changes).length) await ask("edit", { id: entry.id, changes });
        say(`Saved “${said.title || entry.title}”.`);
      });
    };
    dialog.showModal();
  },
  remove: entry =>
    act(async () => {
      const next = entries.linkAfter(entry.id);
      removed = await ask("remove", { id: entry.id });
      await draw();
      (next ?? input("search")).focus();
      say(`Deleted “${entry.title}”.`);
      button("undo").hidden = !removed;
    }),
};

byId("undo").onclick = () =>
  act(async () => {
    if (removed) await ask("restore", { record: removed });
    say("It is back.");
    input("search").focus();
  });

byId("add-form").onsubmit = event => {
  event.preventDefault();
  const said = { url: input("add-url").value, title: input("add-title").value, note: input("add-note").value, tags: tagsOf(input("add-tags").value) };
  settle("add-url");
  void act(async () => {
    const added = await ask("add", said).catch(error => {
      if (error.code !== "input") throw error;
      say("");
      complainAt("add-url", error);
    });
    if (!added) return;
    const { entry, isNew } = added;
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

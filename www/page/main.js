// The page: joins and leaves an account, and syncs. What it shows stands in the views; what it knows, in the worker.
// @ts-check
import { byId } from "../shared/dom.js";
import { showConsent } from "../shared/consent.js";
import { complainAt, settle } from "../shared/fields.js";
import { codeOf, outcome } from "../shared/sentences.js";
import { ask, hear } from "./ask.js";
import { draw, redraw } from "./list-view.js";
import { act, breath, button, complain, input, offer, say } from "./messages.js";
import { showSynced, tick, whileSyncing } from "./sync-view.js";

/** The list is not drawn more often than this while it changes. */
const REDRAW = 400;

const sync = () =>
  act(
    () =>
      whileSyncing(async pauses => {
        say("Syncing…");
        const done = await ask("sync");
        const { ending } = done.report;
        if (ending === "logged-out") await enter(undefined);
        else {
          showConsent(byId("consent"), done.report.consent, () => void sync());
          await draw();
          await breath();
          showSynced({ ...done, pause: pauses.end() });
        }
        if (["done", "nothing-to-do"].includes(ending)) say(outcome(done.report));
        else complain({ message: outcome(done.report) }, codeOf(done.report));
      }),
    button("sync"),
  );

byId("sync").onclick = () => void sync();
byId("stop").onclick = () => void ask("stop");
offer("sync", () => void sync());
offer("leave", () => byId("leave").click());

hear("changed", () => redraw(REDRAW));
// Another window has joined or left.
hear("account", () => location.reload());

/**
 * What is known of an account when the page is entered.
 * @typedef {{ server: string, lastSync?: Parameters<typeof showSynced>[0] }} Known
 */

/**
 * Shows the account, or how to get one.
 * @param {Known | undefined} account
 */
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
  if (!account.lastSync) return;
  showSynced(account.lastSync);
  showConsent(byId("consent"), account.lastSync.report.consent, () => void sync());
};

/**
 * Takes on an account. What goes wrong is said beside the field that it comes from.
 * @param {string} id of the form
 * @param {string} field
 * @param {() => Promise<Known>} work
 */
const join = async (id, field, work) => {
  const form = /** @type {HTMLFormElement} */ (byId(id));
  settle(field);
  say("Joining…");
  button("stop").textContent = "Cancel";
  const controls = /** @type {NodeListOf<HTMLButtonElement>} */ (document.querySelectorAll("#join button[type=submit]"));
  for (const control of controls) control.disabled = true;
  try {
    await whileSyncing(async pauses => {
      const { server, lastSync } = await work();
      await enter({ server, lastSync: lastSync && { ...lastSync, pause: pauses.end() } });
    });
    form.reset();
    say("This browser is a device of the account now.");
    byId("main").focus();
  } catch (error) {
    say("");
    complainAt(field, /** @type {Error} */ (error), () => form.requestSubmit());
  } finally {
    button("stop").textContent = "Stop";
    for (const control of controls) control.disabled = false;
  }
};

byId("join-form").onsubmit = event => {
  event.preventDefault();
  void join("join-form", "join-code", () => ask("join", { code: input("join-code").value }));
};

byId("make-form").onsubmit = event => {
  event.preventDefault();
  void join("make-form", "invitation", () => ask("make", { base: document.baseURI, invitation: input("invitation").value.trim() }));
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

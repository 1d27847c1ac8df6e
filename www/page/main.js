// The page: joins and leaves an account, and syncs. The views show the data; the worker has them.
// @ts-check
import { byId } from "../shared/dom.js";
import { showConsent } from "../shared/consent.js";
import { showFieldProblem, clearFieldProblem } from "../shared/fields.js";
import { codeOf, summaryOf } from "../shared/user-messages.js";
import { request, onEvent } from "./worker-client.js";
import { draw, redraw } from "./list-view.js";
import { runAction, yieldToBrowser, button, showProblem, input, setRemedy, showStatus } from "./messages.js";
import { showSynced, tick, whileSyncing } from "./sync-view.js";

/** Minimum time between two redraws of a changing list, in milliseconds. */
const REDRAW_INTERVAL = 400;

const sync = () =>
  runAction(
    () =>
      whileSyncing(async measurement => {
        showStatus("Syncing…");
        const done = await request("sync");
        const { ending } = done.report;
        if (ending === "logged-out") await enter(undefined);
        else {
          showConsent(byId("consent"), done.report.consent, () => void sync());
          await draw();
          await yieldToBrowser();
          showSynced({ ...done, blocking: measurement.end() });
        }
        if (["done", "nothing-to-do"].includes(ending)) showStatus(summaryOf(done.report));
        else showProblem({ message: summaryOf(done.report) }, codeOf(done.report));
      }),
    button("sync"),
  );

byId("sync").onclick = () => void sync();
byId("stop").onclick = () => void request("stop");
setRemedy("sync", () => void sync());
setRemedy("leave", () => byId("leave").click());

onEvent("changed", () => redraw(REDRAW_INTERVAL));
// Another window has joined or left.
onEvent("account", () => location.reload());

/**
 * What the page knows about its account.
 * @typedef {{ server: string, lastSync?: Parameters<typeof showSynced>[0] }} Known
 */

/**
 * Shows the account, or the forms to join or create one.
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
  await yieldToBrowser();
  await draw();
  await yieldToBrowser();
  if (!account.lastSync) return;
  showSynced(account.lastSync);
  showConsent(byId("consent"), account.lastSync.report.consent, () => void sync());
};

/**
 * Joins an account. A problem is shown beside the field.
 * @param {string} id of the form
 * @param {string} field
 * @param {() => Promise<Known>} work
 */
const join = async (id, field, work) => {
  const form = /** @type {HTMLFormElement} */ (byId(id));
  clearFieldProblem(field);
  showStatus("Joining…");
  button("stop").textContent = "Cancel";
  const controls = /** @type {NodeListOf<HTMLButtonElement>} */ (document.querySelectorAll("#join button[type=submit]"));
  for (const control of controls) control.disabled = true;
  try {
    await whileSyncing(async measurement => {
      const { server, lastSync } = await work();
      await enter({ server, lastSync: lastSync && { ...lastSync, blocking: measurement.end() } });
    });
    form.reset();
    showStatus("This browser has joined the account.");
    byId("main").focus();
  } catch (error) {
    showStatus("");
    showFieldProblem(field, /** @type {Error} */ (error), () => form.requestSubmit());
  } finally {
    button("stop").textContent = "Stop";
    for (const control of controls) control.disabled = false;
  }
};

byId("join-form").onsubmit = event => {
  event.preventDefault();
  void join("join-form", "join-code", () => request("join", { code: input("join-code").value }));
};

byId("make-form").onsubmit = event => {
  event.preventDefault();
  void join("make-form", "invitation", () => request("create", { base: document.baseURI, invitation: input("invitation").value.trim() }));
};

byId("show-code").onclick = () =>
  runAction(async () => {
    const box = byId("code-box");
    box.hidden = !box.hidden;
    byId("show-code").textContent = box.hidden ? "Show the join code" : "Hide the join code";
    byId("show-code").setAttribute("aria-expanded", String(!box.hidden));
    input("code").value = box.hidden ? "" : await request("code");
  });

byId("copy-code").onclick = () =>
  runAction(async () => {
    await navigator.clipboard.writeText(input("code").value);
    showStatus("The join code is in the clipboard. Use it on your own devices only.");
  });

byId("leave").onclick = () => {
  const dialog = /** @type {HTMLDialogElement} */ (byId("leaving"));
  dialog.returnValue = "";
  dialog.onclose = () => {
    if (dialog.returnValue !== "leave") return;
    void runAction(async () => {
      await request("leave");
      location.reload();
    });
  };
  dialog.showModal();
};

const start = await runAction(async () => {
  const account = await request("open");
  await enter(account);
  return account;
});
if (start) void sync();

// The popup: shows the list, and handles the user's actions.
// @ts-check
import { request } from "./background-client.js";
import { api } from "./browser.js";
import { runAction, button, showProblem, input, setRemedy, showStatus } from "./messages.js";
import { editEntry } from "./edit-dialog.js";
import { watch } from "./storage.js";
import { sinceLast, stageOf } from "./sync-status.js";
import { showConsent } from "./shared/consent.js";
import { byId } from "./shared/dom.js";
import { linkAfter, showEntries } from "./shared/entries.js";
import { showFieldProblem, clearFieldProblem } from "./shared/fields.js";
import { addressOf, idOf } from "./shared/reading-list.js";
import { counted } from "./shared/user-messages.js";

/** Number of entries that are shown first, and added by "Show more". */
const PAGE = 30;
/** Minimum time between two redraws of a changing list, and during a sync, in milliseconds. */
const [REDRAW_INTERVAL, REDRAW_INTERVAL_IN_SYNC] = [100, 1000];
const MINUTE = 60_000;

let limit = PAGE;
/** @type {import("./selvedge/selvedge.js").SyncRecord | undefined} */
let removed;
let wasSyncing = false;
/**
 * End time of the last sync whose result was shown; `NaN` at the start.
 * @type {number | undefined}
 */
let shownSync = NaN;

// The list.

const draw = async () => {
  const query = { search: input("search").value, isUnread: input("unread").checked, limit };
  const { entries, found, total, unread } = await request("list", query);
  showEntries(/** @type {HTMLUListElement} */ (byId("entries")), entries, actions);
  byId("count").textContent = total ? `${unread.toLocaleString()} of ${counted(total, "page")} unread` : "";
  byId("nothing").hidden = found > 0;
  byId("nothing").textContent = total ? "No page contains all of these words." : "The list is empty: save the first page.";
  byId("more").hidden = found <= entries.length;
  byId("more").textContent = `Show more (${(found - entries.length).toLocaleString()})`;
};

/** @type {ReturnType<typeof setTimeout> | undefined} */
let redrawing;
const redraw = (delay = 0) => {
  if (redrawing && delay) return;
  clearTimeout(redrawing);
  redrawing = setTimeout(() => {
    redrawing = undefined;
    draw().catch(showProblem);
  }, delay);
};

const changed = async () => {
  await draw();
  await drawSave();
};

/** @type {import("./shared/entries.js").EntryActions} */
const actions = {
  mark: (entry, read) =>
    runAction(async () => {
      await request("edit", { id: entry.id, changes: { read } });
      await changed();
    }),
  edit: entry =>
    runAction(async () => {
      const changes = await editEntry(entry);
      if (!changes) return;
      await request("edit", { id: entry.id, changes });
      await changed();
      showStatus(`Saved “${changes.title ?? entry.title}”.`);
    }),
  remove: entry =>
    runAction(async () => {
      const next = linkAfter(entry.id);
      removed = await request("remove", { id: entry.id });
      await changed();
      (next?.isConnected ? next : input("search")).focus();
      showStatus(`Deleted “${entry.title}”.`);
      button("undo").hidden = !removed;
    }),
};

button("undo").onclick = () =>
  runAction(async () => {
    if (removed) await request("restore", { record: removed });
    await changed();
    showStatus("Restored.");
    input("search").focus();
  });

byId("search-form").onsubmit = event => event.preventDefault();
for (const id of ["search", "unread"]) {
  byId(id).oninput = () => {
    limit = PAGE;
    redraw();
  };
}
button("more").onclick = () => {
  limit += PAGE;
  redraw();
};

// Saving a page.

/** The page in the current tab. Its address is known only with the permission that a click on the extension's button gives. */
const currentPage = async () => {
  const [tab] = await api.tabs.query({ active: true, currentWindow: true });
  const url = tab?.url && addressOf(tab.url);
  return url ? { url, title: tab.title ?? "" } : undefined;
};

const drawSave = async () => {
  const page = await currentPage();
  const isSaved = Boolean(page && (await request("has", { id: await idOf(page.url) })));
  button("save").disabled = !page || isSaved;
  button("save").textContent = isSaved ? "This page is saved" : "Save this page";
  byId("save-what").textContent = page ? page.title || page.url : "The current tab is not a web page.";
};

/** @param {{ url: string, title?: string }} page */
const save = async page => {
  const { entry, isNew } = await request("add", { title: "", note: "", tags: [], ...page });
  await changed();
  showStatus(isNew ? `Saved “${entry.title}”.` : `“${entry.title}” is already on the list.`);
};

button("save").onclick = () =>
  runAction(async () => {
    const page = await currentPage();
    if (page) await save(page);
    input("search").focus();
  });

byId("add-form").onsubmit = event => {
  event.preventDefault();
  clearFieldProblem("add-url");
  void runAction(async () => {
    try {
      await save({ url: input("add-url").value });
    } catch (error) {
      if (/** @type {{ code?: string }} */ (error).code !== "input") throw error;
      showStatus("");
      return showFieldProblem("add-url", /** @type {Error} */ (error));
    }
    input("add-url").value = "";
    input("add-url").focus();
  });
};

// The sync.

const drawStatus = async () => {
  const { account, progress } = await request("status");
  byId("join").hidden = Boolean(account);
  byId("device").hidden = !account;
  button("sync").hidden = !account;
  const isSyncing = Boolean(account && progress);
  button("sync").disabled = isSyncing;
  showConsent(byId("consent"), account?.needsConsent, () => void runAction(() => request("sync")));
  byId("syncing").hidden = !isSyncing;
  byId("progress").textContent = account && progress ? stageOf(progress) : "";
  if (!account) return;
  const { last } = account;
  byId("last").textContent = sinceLast(account);
  if (isSyncing && !wasSyncing) showStatus("Syncing…");
  const isFirst = Number.isNaN(shownSync);
  if (last && !isSyncing && last.ended !== shownSync) {
    if (!last.isDone) showProblem({ message: last.said }, last.code);
    else if (!isFirst) showStatus(last.said);
  }
  if (!isSyncing) shownSync = last?.ended;
  if (wasSyncing && !isSyncing) redraw();
  wasSyncing = isSyncing;
};

button("sync").onclick = () => runAction(() => request("sync"));
button("stop").onclick = () => runAction(() => request("stop"));
setRemedy("sync", () => void runAction(() => request("sync")));
setRemedy("leave", () => void api.runtime.openOptionsPage());
for (const id of ["options", "to-join"]) button(id).onclick = () => void api.runtime.openOptionsPage();

watch(["progress", "last", "joined", "schedule"], () => void drawStatus().catch(showProblem));
watch(["changed"], () => redraw(wasSyncing ? REDRAW_INTERVAL_IN_SYNC : REDRAW_INTERVAL));
setInterval(() => void drawStatus().catch(showProblem), MINUTE);

await runAction(async () => {
  await drawStatus();
  if (byId("device").hidden) return;
  await changed();
  // Reports to the background that the device is in use.
  api.runtime.connect({ name: "popup" });
});

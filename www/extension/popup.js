// The popup: the list, and what a person does with it.
// @ts-check
import { ask } from "./ask.js";
import { api } from "./browser.js";
import { act, button, complain, input, offer, say } from "./page.js";
import { edited } from "./edit.js";
import { watch } from "./storage.js";
import { sinceLast, stageOf } from "./sync-status.js";
import { showConsent } from "./shared/consent.js";
import { byId } from "./shared/dom.js";
import { linkAfter, show } from "./shared/entries.js";
import { complainAt, settle } from "./shared/fields.js";
import { addressOf, idOf } from "./shared/reading-list.js";
import { counted } from "./shared/sentences.js";

const PAGE = 30;
/** The list is not drawn more often than this while it changes, and while a sync changes it. */
const [REDRAW, REDRAW_IN_SYNC] = [100, 1000];
const MINUTE = 60_000;

let most = PAGE;
/** @type {import("./selvedge/selvedge.js").SyncRecord | undefined} */
let removed;
let wasSyncing = false;
/**
 * When the sync ended of which a person was told last.
 * @type {number | undefined}
 */
let told = NaN;

// The list.

const draw = async () => {
  const wanted = { search: input("search").value, isUnread: input("unread").checked, most };
  const { entries, found, total, unread } = await ask("list", wanted);
  show(/** @type {HTMLUListElement} */ (byId("entries")), entries, acts);
  byId("count").textContent = total ? `${unread.toLocaleString()} of ${counted(total, "page")} unread` : "";
  byId("nothing").hidden = found > 0;
  byId("nothing").textContent = total ? "No page has all of these words." : "Nothing is saved yet.";
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
    draw().catch(complain);
  }, delay);
};

const changed = async () => {
  await draw();
  await drawSave();
};

/** @type {import("./shared/entries.js").Acts} */
const acts = {
  mark: (entry, read) =>
    act(async () => {
      await ask("edit", { id: entry.id, changes: { read } });
      await changed();
    }),
  edit: entry =>
    act(async () => {
      const changes = await edited(entry);
      if (!changes) return;
      await ask("edit", { id: entry.id, changes });
      await changed();
      say(`Saved “${changes.title ?? entry.title}”.`);
    }),
  remove: entry =>
    act(async () => {
      const next = linkAfter(entry.id);
      removed = await ask("remove", { id: entry.id });
      await changed();
      (next?.isConnected ? next : input("search")).focus();
      say(`Deleted “${entry.title}”.`);
      button("undo").hidden = !removed;
    }),
};

button("undo").onclick = () =>
  act(async () => {
    if (removed) await ask("restore", { record: removed });
    await changed();
    say("It is back.");
    input("search").focus();
  });

byId("search-form").onsubmit = event => event.preventDefault();
for (const id of ["search", "unread"]) {
  byId(id).oninput = () => {
    most = PAGE;
    redraw();
  };
}
button("more").onclick = () => {
  most += PAGE;
  redraw();
};

// Saving a page.

/** The page that the popup is open on; without the permission that its click gives, its address is not known. */
const here = async () => {
  const [tab] = await api.tabs.query({ active: true, currentWindow: true });
  const url = tab?.url && addressOf(tab.url);
  return url ? { url, title: tab.title ?? "" } : undefined;
};

const drawSave = async () => {
  const page = await here();
  const isSaved = Boolean(page && (await ask("has", { id: await idOf(page.url) })));
  button("save").disabled = !page || isSaved;
  button("save").textContent = isSaved ? "This page is saved" : "Save this page";
  byId("save-what").textContent = page ? page.title || page.url : "The tab in front is no page of the web.";
};

/** @param {{ url: string, title?: string }} said */
const save = async said => {
  const { entry, isNew } = await ask("add", { title: "", note: "", tags: [], ...said });
  await changed();
  say(isNew ? `Saved “${entry.title}”.` : `“${entry.title}” was on the list already.`);
};

button("save").onclick = () =>
  act(async () => {
    const page = await here();
    if (page) await save(page);
    input("search").focus();
  });

byId("add-form").onsubmit = event => {
  event.preventDefault();
  settle("add-url");
  void act(async () => {
    try {
      await save({ url: input("add-url").value });
    } catch (error) {
      if (/** @type {{ code?: string }} */ (error).code !== "input") throw error;
      say("");
      return complainAt("add-url", /** @type {Error} */ (error));
    }
    input("add-url").value = "";
    input("add-url").focus();
  });
};

// The sync.

const drawStatus = async () => {
  const { account, progress } = await ask("status");
  byId("join").hidden = Boolean(account);
  byId("device").hidden = !account;
  button("sync").hidden = !account;
  const isSyncing = Boolean(account && progress);
  button("sync").disabled = isSyncing;
  showConsent(byId("consent"), account?.needsConsent, () => void act(() => ask("sync")));
  byId("syncing").hidden = !isSyncing;
  byId("progress").textContent = account && progress ? stageOf(progress) : "";
  if (!account) return;
  const { last } = account;
  byId("last").textContent = sinceLast(account);
  if (isSyncing && !wasSyncing) say("Syncing…");
  const isFirst = Number.isNaN(told);
  if (last && !isSyncing && last.ended !== told) {
    if (!last.isDone) complain({ message: last.said }, last.code);
    else if (!isFirst) say(last.said);
  }
  if (!isSyncing) told = last?.ended;
  if (wasSyncing && !isSyncing) redraw();
  wasSyncing = isSyncing;
};

button("sync").onclick = () => act(() => ask("sync"));
button("stop").onclick = () => act(() => ask("stop"));
offer("sync", () => void act(() => ask("sync")));
offer("leave", () => void api.runtime.openOptionsPage());
for (const id of ["options", "to-join"]) button(id).onclick = () => void api.runtime.openOptionsPage();

watch(["progress", "last", "joined", "schedule"], () => void drawStatus().catch(complain));
watch(["changed"], () => redraw(wasSyncing ? REDRAW_IN_SYNC : REDRAW));
setInterval(() => void drawStatus().catch(complain), MINUTE);

await act(async () => {
  await drawStatus();
  if (byId("device").hidden) return;
  await changed();
  // Tells the background that somebody is there.
  api.runtime.connect({ name: "popup" });
});

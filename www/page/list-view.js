// Shows the list, and handles adding, editing, deleting and searching.
// @ts-check
import { byId } from "../shared/dom.js";
import { linkAfter, showEntries } from "../shared/entries.js";
import { LANGUAGE } from "../shared/format.js";
import { showFieldProblem, clearFieldProblem } from "../shared/fields.js";
import { changesOf, tagsOf } from "../shared/reading-list.js";
import { counted } from "../shared/user-messages.js";
import { request } from "./worker-client.js";
import { runAction, button, showProblem, input, showStatus } from "./messages.js";

/** Number of entries that are shown first, and added by "Show more". */
const PAGE = 50;

let limit = PAGE;
/** @type {import("../selvedge/selvedge.js").SyncRecord | undefined} */
let removed;

/** Shows the current list. */
export const draw = async () => {
  const pending = await request("pending");
  byId("pending").textContent = pending ? `${counted(pending, "change")} to send.` : "All changes are uploaded.";
  const query = { search: input("search").value, isUnread: input("unread").checked, limit };
  const { entries, found, total, unread } = await request("list", query);
  showEntries(/** @type {HTMLUListElement} */ (byId("entries")), entries, actions);
  byId("count").textContent = total ? `${counted(total, "page")}, ${unread.toLocaleString(LANGUAGE)} unread` : "";
  byId("nothing").hidden = found > 0;
  byId("nothing").textContent = total ? "No page contains all of these words." : "The list is empty: add the first page above.";
  byId("more").hidden = found <= entries.length;
  byId("more").textContent = `Show more (${(found - entries.length).toLocaleString(LANGUAGE)})`;
};

/** @type {ReturnType<typeof setTimeout> | undefined} */
let redrawing;
/**
 * Schedules a redraw of the list; with a delay, at most once per delay.
 * @param {number} [delay]
 */
export const redraw = (delay = 0) => {
  if (redrawing && delay) return;
  clearTimeout(redrawing);
  redrawing = setTimeout(() => {
    redrawing = undefined;
    if (!byId("device").hidden) void draw().catch(showProblem);
  }, delay);
};

/** @type {import("../shared/entries.js").EntryActions} */
const actions = {
  mark: (entry, read) => runAction(() => request("edit", { id: entry.id, changes: { read } })),
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
      const edited = { title: input("edit-title").value.trim(), note: input("edit-note").value.trim(), tags: tagsOf(input("edit-tags").value), read: input("edit-read").checked };
      const changes = changesOf(entry, edited);
      void runAction(async () => {
        if (Object.keys(changes).length) await request("edit", { id: entry.id, changes });
        showStatus(`Saved “${edited.title || entry.title}”.`);
      });
    };
    dialog.showModal();
  },
  remove: entry =>
    runAction(async () => {
      const next = linkAfter(entry.id);
      removed = await request("remove", { id: entry.id });
      await draw();
      (next ?? input("search")).focus();
      showStatus(`Deleted “${entry.title}”.`);
      button("undo").hidden = !removed;
    }),
};

byId("undo").onclick = () =>
  runAction(async () => {
    if (removed) await request("restore", { record: removed });
    showStatus("Restored.");
    input("search").focus();
  });

byId("add-form").onsubmit = event => {
  event.preventDefault();
  const page = { url: input("add-url").value, title: input("add-title").value, note: input("add-note").value, tags: tagsOf(input("add-tags").value) };
  clearFieldProblem("add-url");
  void runAction(async () => {
    const added = await request("add", page).catch(error => {
      if (error.code !== "input") throw error;
      showStatus("");
      showFieldProblem("add-url", error);
    });
    if (!added) return;
    const { entry, isNew } = added;
    /** @type {HTMLFormElement} */ (byId("add-form")).reset();
    showStatus(isNew ? `Added “${entry.title}”.` : `“${entry.title}” is already on the list.`);
    input("add-url").focus();
  });
};

byId("search-form").onsubmit = event => event.preventDefault();
for (const id of ["search", "unread"]) {
  byId(id).oninput = () => {
    limit = PAGE;
    redraw();
  };
}
byId("more").onclick = () => {
  limit += PAGE;
  redraw();
};

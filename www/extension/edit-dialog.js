// The dialog for editing an entry.
// @ts-check
import { input } from "./messages.js";
import { byId } from "./shared/dom.js";
import { changesOf, tagsOf } from "./shared/reading-list.js";

/**
 * Shows the dialog; resolves to the changed fields, or to `undefined` if nothing changed.
 * @param {import("./shared/reading-list.js").Entry} entry
 * @returns {Promise<Partial<import("./shared/reading-list.js").Entry> | undefined>}
 */
export const editEntry = entry =>
  new Promise(resolve => {
    const note = /** @type {HTMLTextAreaElement} */ (byId("edit-note"));
    const dialog = /** @type {HTMLDialogElement} */ (byId("edit"));
    byId("edit-url").textContent = entry.url;
    input("edit-title").value = entry.title;
    input("edit-tags").value = entry.tags.join(", ");
    note.value = entry.note;
    input("edit-read").checked = entry.read;
    dialog.returnValue = "";
    dialog.onclose = () => {
      const edited = {
        title: input("edit-title").value.trim(),
        note: note.value.trim(),
        tags: tagsOf(input("edit-tags").value),
        read: input("edit-read").checked,
      };
      const changes = changesOf(entry, edited);
      resolve(dialog.returnValue === "save" && Object.keys(changes).length ? changes : undefined);
    };
    dialog.showModal();
  });

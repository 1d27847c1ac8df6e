// Shows the entries of the list in the page and the popup. Unchanged elements stay in the document, with their focus.
// @ts-check
import { element } from "./dom.js";
import { ago } from "./format.js";
import { hostOf } from "./reading-list.js";

/** @typedef {import("./reading-list.js").Entry} Entry */
/**
 * The actions of the user on an entry.
 * @typedef {{ mark: (entry: Entry, read: boolean) => void, edit: (entry: Entry) => void, remove: (entry: Entry) => void }} EntryActions
 */

/** @type {Map<string, { item: HTMLLIElement, json: string }>} */
let shown = new Map();

/**
 * Shows these entries, in this order.
 * @param {HTMLUListElement} list
 * @param {Entry[]} entries
 * @param {EntryActions} actions
 */
export const showEntries = (list, entries, actions) => {
  const current = new Map();
  for (const entry of entries) {
    const json = JSON.stringify(entry);
    const known = shown.get(entry.id);
    const isSame = known?.json === json;
    const item = known && isSame ? known.item : render(entry, actions);
    if (known && !isSame) replace(known.item, item);
    current.set(entry.id, { item, json });
  }
  for (const [id, { item }] of shown) if (!current.has(id)) item.remove();
  let next = list.firstElementChild;
  for (const { item } of current.values()) {
    if (next && item === next) next = next.nextElementSibling;
    else list.insertBefore(item, next);
  }
  shown = current;
};

/**
 * The link of the entry after the one with this id: it gets the focus when that one is deleted.
 * @param {string} id
 */
export const linkAfter = id => shown.get(id)?.item.nextElementSibling?.querySelector("a") ?? undefined;

/**
 * Replaces an entry's element by a new one, and keeps the focus on the same control.
 * @param {HTMLLIElement} old
 * @param {HTMLLIElement} item
 */
const replace = (old, item) => {
  const focused = old.contains(document.activeElement) ? document.activeElement?.getAttribute("data-action") : undefined;
  old.replaceWith(item);
  const control = focused && item.querySelector(`[data-action="${focused}"]`);
  if (control instanceof HTMLElement) control.focus();
};

/**
 * @param {Entry} entry
 * @param {EntryActions} actions
 */
const render = (entry, actions) => {
  const { title, url, note, tags, read, added } = entry;
  const mark = element("input", { type: "checkbox", checked: read, "aria-label": `Read: ${title}`, dataset: { action: "mark" } });
  mark.onchange = () => actions.mark(entry, mark.checked);
  const button = (/** @type {string} */ name, /** @type {(entry: Entry) => void} */ action) => {
    const created = element("button", { type: "button", "aria-label": `${name} ${title}`, dataset: { action: name.toLowerCase() } }, name);
    created.onclick = () => action(entry);
    return created;
  };
  const link = element("a", { href: url, rel: "noreferrer noopener", target: "_blank" }, title);
  const parts = [element("p", { className: "hint" }, added ? `${hostOf(url)} · ${ago(added)}` : hostOf(url))];
  if (note) parts.push(element("p", { className: "note" }, note));
  if (tags.length) parts.push(element("p", {}, ...tags.map(tag => element("span", { className: "tag" }, tag))));
  return element(
    "li",
    { className: read ? "entry read" : "entry", dataset: { id: entry.id } },
    element("label", { className: "check" }, mark),
    element("div", {}, link, ...parts),
    element("div", { className: "actions" }, button("Edit", actions.edit), button("Delete", actions.remove)),
  );
};

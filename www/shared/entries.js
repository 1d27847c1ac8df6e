// The entries as page and popup show them: what has not changed stays as it is, and keeps the focus.
// @ts-check
import { element } from "./dom.js";
import { ago } from "./moments.js";
import { hostOf } from "./reading-list.js";

/** @typedef {import("./reading-list.js").Entry} Entry */
/**
 * What a person may do with an entry.
 * @typedef {{ mark: (entry: Entry, read: boolean) => void, edit: (entry: Entry) => void, remove: (entry: Entry) => void }} Acts
 */

/** @type {Map<string, { item: HTMLLIElement, drawn: string }>} */
let shown = new Map();

/**
 * Shows these entries, in this order.
 * @param {HTMLUListElement} list
 * @param {Entry[]} entries
 * @param {Acts} acts
 */
export const show = (list, entries, acts) => {
  const fresh = new Map();
  for (const entry of entries) {
    const drawn = JSON.stringify(entry);
    const known = shown.get(entry.id);
    const isSame = known?.drawn === drawn;
    const item = known && isSame ? known.item : draw(entry, acts);
    if (known && !isSame) replace(known.item, item);
    fresh.set(entry.id, { item, drawn });
  }
  for (const [id, { item }] of shown) if (!fresh.has(id)) item.remove();
  let place = list.firstElementChild;
  for (const { item } of fresh.values()) {
    if (place && item === place) place = place.nextElementSibling;
    else list.insertBefore(item, place);
  }
  shown = fresh;
};

/**
 * The link of the entry that is shown after the one with an id: where the focus goes when that one is deleted.
 * @param {string} id
 */
export const linkAfter = id => shown.get(id)?.item.nextElementSibling?.querySelector("a") ?? undefined;

/**
 * Puts an entry in the place of its older form; whoever was on one of its controls stays there.
 * @param {HTMLLIElement} old
 * @param {HTMLLIElement} item
 */
const replace = (old, item) => {
  const focused = old.contains(document.activeElement) ? document.activeElement?.getAttribute("data-act") : undefined;
  old.replaceWith(item);
  const control = focused && item.querySelector(`[data-act="${focused}"]`);
  if (control instanceof HTMLElement) control.focus();
};

/**
 * @param {Entry} entry
 * @param {Acts} acts
 */
const draw = (entry, acts) => {
  const { title, url, note, tags, read, added } = entry;
  const mark = element("input", { type: "checkbox", checked: read, "aria-label": `Read: ${title}`, dataset: { act: "mark" } });
  mark.onchange = () => acts.mark(entry, mark.checked);
  const button = (/** @type {string} */ name, /** @type {(entry: Entry) => void} */ act) => {
    const made = element("button", { type: "button", "aria-label": `${name} ${title}`, dataset: { act: name.toLowerCase() } }, name);
    made.onclick = () => act(entry);
    return made;
  };
  const link = element("a", { href: url, rel: "noreferrer noopener", target: "_blank" }, title);
  const said = [element("p", { className: "hint" }, added ? `${hostOf(url)} · ${ago(added)}` : hostOf(url))];
  if (note) said.push(element("p", { className: "note" }, note));
  if (tags.length) said.push(element("p", {}, ...tags.map(tag => element("span", { className: "tag" }, tag))));
  return element(
    "li",
    { className: read ? "entry read" : "entry", dataset: { id: entry.id } },
    element("label", { className: "check" }, mark),
    element("div", {}, link, ...said),
    element("div", { className: "acts" }, button("Edit", acts.edit), button("Delete", acts.remove)),
  );
};

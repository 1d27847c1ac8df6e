// The reading list: what an entry is, and how a person's words become one.
// @ts-check

/**
 * A saved page.
 * @typedef {{ id: string, url: string, title: string, note: string, tags: string[], read: boolean, added: number }} Entry
 */

/** The collection that page and extension share. */
export const COLLECTION = "readinglist";

const ID_BYTES = 12;

/**
 * An address in its one form; `undefined` when it is none of the web.
 * @param {string} text
 */
export const addressOf = text => {
  const trimmed = text.trim();
  // An address as people type it; what has a scheme keeps it.
  const whole = /^[a-z][a-z0-9+.-]*:/i.test(trimmed) && !/^[^/]+:\d/.test(trimmed) ? trimmed : `https://${trimmed}`;
  const url = URL.parse ? URL.parse(whole) : parsed(whole);
  // Chromium takes blanks in the name of a host, and no server has such a name.
  const hasHost = url && url.hostname && !url.hostname.includes("%");
  return hasHost && ["http:", "https:"].includes(url.protocol) ? url.href : undefined;
};

const parsed = (/** @type {string} */ text) => {
  try {
    return new URL(text);
  } catch {
    return null;
  }
};

/**
 * The id of an address: the same on every device, so that a page saved on two of them is one entry.
 * @param {string} url
 */
export const idOf = async url => {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(url));
  const bytes = String.fromCharCode(...new Uint8Array(digest, 0, ID_BYTES));
  return btoa(bytes).replaceAll("+", "-").replaceAll("/", "_");
};

/**
 * A new entry for an address in its one form.
 * @param {string} url
 * @param {{ title?: string, note?: string, tags?: string[] }} [said]
 * @returns {Promise<Entry>}
 */
export const entryFor = async (url, { title = "", note = "", tags = [] } = {}) => ({
  id: await idOf(url),
  url,
  title: title.trim() || hostOf(url),
  note: note.trim(),
  tags,
  read: false,
  added: Date.now(),
});

/**
 * A record of the collection as an entry, whatever another program left out of it; `undefined` when it has no address.
 * @param {Record<string, unknown>} record
 * @returns {Entry | undefined}
 */
export const entryOf = record => {
  const text = (/** @type {string} */ name) => (typeof record[name] === "string" ? /** @type {string} */ (record[name]) : "");
  const url = addressOf(text("url"));
  if (!url) return undefined;
  const tags = Array.isArray(record.tags) ? record.tags.filter(tag => typeof tag === "string") : [];
  const added = Number.isFinite(record.added) ? Number(record.added) : 0;
  return { id: text("id"), url, title: text("title") || hostOf(url), note: text("note"), tags, read: record.read === true, added };
};

/**
 * Tags as people write them: with commas between.
 * @param {string} text
 */
export const tagsOf = text => [...new Set(text.split(",").map(tag => tag.trim()).filter(Boolean))];

/**
 * What of an entry somebody has changed, of what they said.
 * @param {Entry} entry
 * @param {Pick<Entry, "title" | "note" | "tags" | "read">} said
 * @returns {Partial<Entry>}
 */
export const changesOf = (entry, said) => {
  const names = /** @type {(keyof typeof said)[]} */ (Object.keys(said));
  const changed = names.filter(name => JSON.stringify(said[name]) !== JSON.stringify(entry[name]));
  return Object.fromEntries(changed.map(name => [name, said[name]]));
};

/**
 * Where a page is from, for people.
 * @param {string} url
 */
export const hostOf = url => new URL(url).host.replace(/^www\./, "");

/**
 * Whether an entry has all the words that somebody looks for, somewhere.
 * @param {Entry} entry
 * @param {string} search
 */
export const matches = (entry, search) => {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return true;
  const text = [entry.title, entry.url, entry.note, ...entry.tags].join("\n").toLowerCase();
  return words.every(word => text.includes(word));
};

/**
 * The newest first.
 * @param {Entry} a
 * @param {Entry} b
 */
export const byNewest = (a, b) => b.added - a.added || (a.id < b.id ? -1 : 1);

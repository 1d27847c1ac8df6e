// The reading list's entries: conversion from records and from the user's input, search and order.
// @ts-check

/**
 * A saved page.
 * @typedef {{ id: string, url: string, title: string, note: string, tags: string[], read: boolean, added: number }} Entry
 */

/** The collection that page and extension share. */
export const COLLECTION = "readinglist";

const ID_BYTES = 12;

/**
 * A normalized http or https address; `undefined` for any other text.
 * @param {string} text
 */
export const addressOf = text => {
  const trimmed = text.trim();
  // Adds https:// to an address without a scheme, as users type it.
  const absolute = /^[a-z][a-z0-9+.-]*:/i.test(trimmed) && !/^[^/]+:\d/.test(trimmed) ? trimmed : `https://${trimmed}`;
  const url = URL.parse ? URL.parse(absolute) : parse(absolute);
  // Chromium accepts blanks in a host name, as %20; no server has such a name.
  const hasHost = url && url.hostname && !url.hostname.includes("%");
  return hasHost && ["http:", "https:"].includes(url.protocol) ? url.href : undefined;
};

const parse = (/** @type {string} */ text) => {
  try {
    return new URL(text);
  } catch {
    return null;
  }
};

/**
 * The id of an address: the same on every device, so that a page that is saved on two devices is one entry.
 * @param {string} url
 */
export const idOf = async url => {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(url));
  const bytes = String.fromCharCode(...new Uint8Array(digest, 0, ID_BYTES));
  return btoa(bytes).replaceAll("+", "-").replaceAll("/", "_");
};

/**
 * A new entry for a normalized address.
 * @param {string} url
 * @param {{ title?: string, note?: string, tags?: string[] }} [details]
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
 * A record of the collection as an entry, with defaults for missing or invalid fields; `undefined` if it has no valid address.
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
 * Tags from a text with commas.
 * @param {string} text
 */
export const tagsOf = text => [...new Set(text.split(",").map(tag => tag.trim()).filter(Boolean))];

/**
 * The fields whose new value differs from the entry's.
 * @param {Entry} entry
 * @param {Pick<Entry, "title" | "note" | "tags" | "read">} edited
 * @returns {Partial<Entry>}
 */
export const changesOf = (entry, edited) => {
  const names = /** @type {(keyof typeof edited)[]} */ (Object.keys(edited));
  const changed = names.filter(name => JSON.stringify(edited[name]) !== JSON.stringify(entry[name]));
  return Object.fromEntries(changed.map(name => [name, edited[name]]));
};

/**
 * The host of an address, without "www.".
 * @param {string} url
 */
export const hostOf = url => new URL(url).host.replace(/^www\./, "");

/**
 * Whether an entry contains all words of a search.
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
 * Compares two entries: the newer one comes first.
 * @param {Entry} a
 * @param {Entry} b
 */
export const byNewest = (a, b) => b.added - a.added || (a.id < b.id ? -1 : 1);

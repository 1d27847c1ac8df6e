// A store in memory, for tests and for programs that need no persistence. It is also the shortest example of a store.
// @ts-check
import { afterReset, afterUpload, charactersOf, isSelected } from "./store-rules.js";

/** @typedef {import("./selvedge.js").StoredItem} StoredItem */
/** @typedef {import("./selvedge.js").StoreCommit} StoreCommit */
/** @typedef {import("./selvedge.js").StoreQuery} StoreQuery */

/** @implements {import("./selvedge.js").Store} */
export class MemoryStore {
  /** @type {string | undefined} */
  #global;
  /** @type {Map<string, string>} */
  #states = new Map();
  /** @type {Map<string, Map<string, StoredItem>>} */
  #items = new Map();
  #revision = 0;

  async global() {
    return this.#global;
  }

  /** @param {string} collection */
  async state(collection) {
    return this.#states.get(collection);
  }

  async collections() {
    const filled = [...this.#items].filter(([, items]) => items.size > 0).map(([name]) => name);
    return [...new Set([...filled, ...this.#states.keys()])].sort();
  }

  /** @param {string} collection */
  async counts(collection) {
    const items = [...this.#of(collection).values()];
    const count = selection => items.filter(item => isSelected(item, selection)).length;
    return { live: count("live"), pending: count("pending") };
  }

  /**
   * @param {string} collection
   * @param {string[]} ids
   */
  async read(collection, ids) {
    const items = this.#of(collection);
    return ids.map(id => items.get(id) ?? null);
  }

  /**
   * @param {string} collection
   * @param {StoreQuery} query
   */
  async page(collection, { selection, after, records, characters }) {
    const ids = [...this.#of(collection).keys()].filter(id => after === null || id > after).sort();
    const page = [];
    for (const id of ids) {
      const item = /** @type {StoredItem} */ (this.#of(collection).get(id));
      if (!isSelected(item, selection)) continue;
      page.push(item);
      characters -= charactersOf(item);
      if (page.length >= Math.max(records, 1) || characters <= 0) break;
    }
    return page;
  }

  /**
   * @param {string} collection
   * @param {string[]} keys
   */
  async duplicates(collection, keys) {
    const items = [...this.#of(collection).values()].filter(item => isSelected(item, "live") && item.key !== undefined && keys.includes(item.key));
    return items.sort((one, other) => (one.id < other.id ? -1 : 1));
  }

  /**
   * @param {StoreCommit} commit
   * @returns {Promise<"done" | "stale">}
   */
  async commit({ parts, global }) {
    const isStale = ({ collection, sweep, writes }) =>
      sweep === null && writes.some(({ id, seen }) => (this.#of(collection).get(id)?.revision ?? null) !== seen);
    if (parts.some(isStale)) return "stale";
    this.#revision += 1;
    for (const part of parts) this.#apply(part, this.#revision);
    if (global !== null) this.#global = global;
    return "done";
  }

  #apply({ collection, sweep, writes, uploaded, state }, revision) {
    const items = this.#of(collection);
    this.#items.set(collection, items);
    if (sweep === "wipe") items.clear();
    if (sweep === "reset") for (const [id, item] of items) items.set(id, afterReset(item, revision));
    const put = (id, item) => void (item ? items.set(id, item) : items.delete(id));
    for (const { id, becomes } of writes) put(id, becomes && { ...becomes, revision });
    for (const upload of uploaded) {
      const item = items.get(upload.id);
      if (item) put(upload.id, afterUpload(item, upload, revision));
    }
    if (state !== null) this.#states.set(collection, state);
  }

  /** @returns {Map<string, StoredItem>} */
  #of(collection) {
    return this.#items.get(collection) ?? new Map();
  }
}

// The reading list in memory: read from the client once, then updated with its changes.
// @ts-check
import { addressOf, byNewest, entryFor, entryOf, matches } from "./reading-list.js";

/** @typedef {import("./reading-list.js").Entry} Entry */
/**
 * The result of a query: the first matching entries, and counts.
 * @typedef {{ entries: Entry[], found: number, total: number, unread: number }} Found
 */

/** Maximum number of changed entries that are read one by one; with more, the whole list is read, which is faster. */
const MAX_SINGLE_READS = 500;

export class List {
  #collection;
  /** @type {Map<string, Entry>} */
  #entries = new Map();
  /**
   * Ids of the entries to read again; `undefined`: all entries.
   * @type {Set<string> | undefined}
   */
  #changed;
  /** @type {Promise<void>} */
  #reading = Promise.resolve();

  /** @param {import("../selvedge/selvedge.js").Collection} collection */
  constructor(collection) {
    this.#collection = collection;
    collection.onChange(({ ids }) => {
      if (!ids) this.#changed = undefined;
      else for (const id of ids) this.#changed?.add(id);
    });
  }

  /**
   * The newest entries that contain all words of a search.
   * @param {{ search?: string, isUnread?: boolean, limit: number }} query
   * @returns {Promise<Found>}
   */
  async list({ search = "", isUnread = false, limit }) {
    await this.#refresh();
    const all = [...this.#entries.values()];
    const found = all.filter(entry => !(isUnread && entry.read) && matches(entry, search)).sort(byNewest);
    return { entries: found.slice(0, limit), found: found.length, total: all.length, unread: await this.unread() };
  }

  /** Number of unread entries. */
  async unread() {
    await this.#refresh();
    let unread = 0;
    for (const { read } of this.#entries.values()) unread += read ? 0 : 1;
    return unread;
  }

  /** @param {string} id */
  async has(id) {
    return (await this.#collection.get(id)) !== undefined;
  }

  /**
   * Saves a page, or adds the details to the saved entry.
   * @param {{ url: string, title: string, note: string, tags: string[] }} page
   */
  async add({ url, ...details }) {
    const address = addressOf(url);
    if (!address) {
      throw Object.assign(new Error("this is not the address of a web page: enter one like https://example.org/"), { code: "input" });
    }
    const entry = await entryFor(address, details);
    const known = await this.#collection.get(entry.id);
    if (!known) await this.#collection.put({ ...entry });
    else {
      const given = Object.entries(details).filter(([, value]) => value.length);
      await this.#collection.edit(entry.id, Object.fromEntries(given));
    }
    this.#changed?.add(entry.id);
    await this.#refresh();
    return { entry: this.#entries.get(entry.id) ?? entry, isNew: !known };
  }

  /**
   * @param {string} id
   * @param {Partial<Entry>} changes
   */
  async edit(id, changes) {
    await this.#collection.edit(id, /** @type {Record<string, never>} */ (changes));
    this.#changed?.add(id);
  }

  /**
   * Deletes an entry, and returns the deleted record, if it existed.
   * @param {string} id
   */
  async remove(id) {
    const record = await this.#collection.get(id);
    if (record) await this.#collection.delete(id);
    this.#changed?.add(id);
    return record;
  }

  /**
   * Restores a deleted entry.
   * @param {import("../selvedge/selvedge.js").SyncRecord} record
   */
  async restore(record) {
    await this.#collection.put(record);
    this.#changed?.add(record.id);
  }

  /** Reads changed entries; one read at a time. */
  #refresh() {
    this.#reading = this.#reading.catch(() => {}).then(() => this.#read());
    return this.#reading;
  }

  async #read() {
    const changed = this.#changed;
    this.#changed = new Set();
    try {
      if (changed && changed.size <= MAX_SINGLE_READS) {
        for (const id of changed) this.#set(id, await this.#collection.get(id));
        return;
      }
      this.#entries.clear();
      for await (const record of this.#collection.list()) this.#set(record.id, record);
    } catch (error) {
      this.#changed = undefined;
      throw error;
    }
  }

  /**
   * @param {string} id
   * @param {Record<string, unknown> | undefined} record
   */
  #set(id, record) {
    const entry = record && entryOf(record);
    if (entry) this.#entries.set(id, entry);
    else this.#entries.delete(id);
  }
}

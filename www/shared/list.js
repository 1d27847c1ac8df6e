// The reading list as a client holds it, read once and kept in step with what changes.
// @ts-check
import { addressOf, byNewest, entryFor, entryOf, matches } from "./reading-list.js";

/** @typedef {import("./reading-list.js").Entry} Entry */
/**
 * Entries that somebody asked for: the first of those that were found.
 * @typedef {{ entries: Entry[], found: number, total: number, unread: number }} Found
 */

/** More changes than this are read with everything else, a page at a time rather than one by one. */
const MANY = 500;

export class List {
  #collection;
  /** @type {Map<string, Entry>} */
  #entries = new Map();
  /**
   * What is to be read anew; `undefined`: everything.
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
   * The newest entries that have all words of a search.
   * @param {{ search?: string, isUnread?: boolean, most: number }} wanted
   * @returns {Promise<Found>}
   */
  async list({ search = "", isUnread = false, most }) {
    await this.#fresh();
    const all = [...this.#entries.values()];
    const found = all.filter(entry => !(isUnread && entry.read) && matches(entry, search)).sort(byNewest);
    return { entries: found.slice(0, most), found: found.length, total: all.length, unread: await this.unread() };
  }

  /** How many are not read yet. */
  async unread() {
    await this.#fresh();
    let unread = 0;
    for (const { read } of this.#entries.values()) unread += read ? 0 : 1;
    return unread;
  }

  /** @param {string} id */
  async has(id) {
    return (await this.#collection.get(id)) !== undefined;
  }

  /**
   * Saves a page, or tells more of one that is saved.
   * @param {{ url: string, title: string, note: string, tags: string[] }} said
   */
  async add({ url, ...said }) {
    const address = addressOf(url);
    if (!address) {
      throw Object.assign(new Error("this is no address of a page: one is like https://example.org/"), { code: "input" });
    }
    const entry = await entryFor(address, said);
    const known = await this.#collection.get(entry.id);
    if (!known) await this.#collection.put({ ...entry });
    else {
      const fresh = Object.entries(said).filter(([, value]) => value.length);
      await this.#collection.edit(entry.id, Object.fromEntries(fresh));
    }
    this.#changed?.add(entry.id);
    await this.#fresh();
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
   * Deletes an entry, and answers what was deleted, if there was anything.
   * @param {string} id
   */
  async remove(id) {
    const record = await this.#collection.get(id);
    if (record) await this.#collection.delete(id);
    this.#changed?.add(id);
    return record;
  }

  /**
   * Takes a removal back.
   * @param {import("../selvedge/selvedge.js").SyncRecord} record
   */
  async restore(record) {
    await this.#collection.put(record);
    this.#changed?.add(record.id);
  }

  /** Reads what has changed; one reading at a time. */
  #fresh() {
    this.#reading = this.#reading.catch(() => {}).then(() => this.#read());
    return this.#reading;
  }

  async #read() {
    const changed = this.#changed;
    this.#changed = new Set();
    try {
      if (changed && changed.size <= MANY) {
        for (const id of changed) this.#take(id, await this.#collection.get(id));
        return;
      }
      this.#entries.clear();
      for await (const record of this.#collection.list()) this.#take(record.id, record);
    } catch (error) {
      this.#changed = undefined;
      throw error;
    }
  }

  /**
   * @param {string} id
   * @param {Record<string, unknown> | undefined} record
   */
  #take(id, record) {
    const entry = record && entryOf(record);
    if (entry) this.#entries.set(id, entry);
    else this.#entries.delete(id);
  }
}

// This browser as a device of the account: its client, the entries it holds, and what its last sync was made of.
// @ts-check
import { accountServer, joinCode, open, syncKey } from "../selvedge/selvedge.js";
import { addressOf, byNewest, COLLECTION, entryFor, entryOf, matches } from "../shared/reading-list.js";
import { forget, keep, kept, problem } from "./account.js";
import { Stages } from "./stages.js";
import { Keys, watched } from "./wire.js";

/** @typedef {import("../selvedge/selvedge.js").Account} Account */
/** @typedef {import("../selvedge/selvedge.js").SyncReport} SyncReport */
/** @typedef {import("../shared/reading-list.js").Entry} Entry */
/** @typedef {(event: string, detail: unknown) => void} Tell */
/**
 * A sync that has ended.
 * @typedef {{ report: SyncReport, stages: import("./stages.js").Stage[], ended: number }} Synced
 */
/**
 * Entries that somebody asked for: the first of those that were found.
 * @typedef {{ entries: Entry[], found: number, total: number, unread: number }} Found
 */

const ACCOUNT = "account";
const LAST_SYNC = "last-sync";
const SEALED_KEYS = "crypto/keys";

export class Device {
  #account;
  #client;
  #keys;
  #tell;
  /** @type {Map<string, Entry>} */
  #entries = new Map();
  /** @type {Stages | undefined} */
  #stages;

  /**
   * The account that this browser has kept, if there is one.
   * @param {Tell} tell
   */
  static async known(tell) {
    const account = /** @type {Account | undefined} */ (await kept(ACCOUNT));
    return account && Device.#start(account, tell);
  }

  /**
   * Takes on an account, once its server has taken this device.
   * @param {Account} account
   * @param {Tell} tell
   */
  static async join(account, tell) {
    const device = await Device.#start(account, tell);
    const { report } = await device.sync();
    if (report.error) {
      await device.leave();
      const { code, message } = report.error;
      const server = new URL(device.server).origin;
      if (code === "network" && server !== location.origin) {
        throw problem("elsewhere", `this account is on another server: open the page of ${server}`);
      }
      throw Object.assign(problem(code, message), { retryAfter: report.retryAfter });
    }
    await keep(ACCOUNT, account);
    return device;
  }

  /**
   * @param {Account} account
   * @param {Tell} tell
   */
  static async #start(account, tell) {
    const keys = new Keys(syncKey(account));
    const sealed = await kept(SEALED_KEYS);
    if (typeof sealed === "string") keys.recall(sealed);
    const seen = exchange => {
      device.#stages?.add(exchange);
      tell("wire", exchange);
    };
    const client = await open({ account, fetch: watched(request => fetch(request), keys, seen) });
    const device = new Device(account, client, keys, tell);
    await device.#read();
    return device;
  }

  /**
   * @param {Account} account
   * @param {import("../selvedge/selvedge.js").Client} client
   * @param {Keys} keys
   * @param {Tell} tell
   */
  constructor(account, client, keys, tell) {
    this.#account = account;
    this.#client = client;
    this.#keys = keys;
    this.#tell = tell;
  }

  /** The address of the account's server. */
  get server() {
    return accountServer(this.#account);
  }

  /** What lets another device join. */
  get code() {
    return joinCode(this.#account);
  }

  get #collection() {
    return this.#client.collection(COLLECTION);
  }

  /** The last sync of this browser, if there was one. */
  async lastSync() {
    return /** @type {Synced | undefined} */ (await kept(LAST_SYNC));
  }

  /**
   * The newest entries that have all words of a search.
   * @param {{ search?: string, isUnread?: boolean, most: number }} wanted
   * @returns {Found}
   */
  list({ search = "", isUnread = false, most }) {
    const all = [...this.#entries.values()];
    const found = all.filter(entry => !(isUnread && entry.read) && matches(entry, search)).sort(byNewest);
    const unread = all.reduce((sum, entry) => sum + (entry.read ? 0 : 1), 0);
    return { entries: found.slice(0, most), found: found.length, total: all.length, unread };
  }

  /**
   * Saves a page, or tells more of one that is saved.
   * @param {{ url: string, title: string, note: string, tags: string[] }} said
   */
  async add({ url, ...said }) {
    const address = addressOf(url);
    if (!address) throw problem("input", "this is no address of a page: one is like https://example.org/");
    const entry = await entryFor(address, said);
    const known = this.#entries.get(entry.id);
    if (!known) await this.#collection.put({ ...entry });
    else {
      const fresh = Object.entries(said).filter(([, value]) => value.length);
      await this.#collection.edit(entry.id, Object.fromEntries(fresh));
    }
    await this.#reread(entry.id);
    return { entry: this.#entries.get(entry.id), isNew: !known };
  }

  /**
   * @param {string} id
   * @param {Partial<Entry>} changes
   */
  async edit(id, changes) {
    await this.#collection.edit(id, /** @type {Record<string, never>} */ (changes));
    await this.#reread(id);
  }

  /** @param {string} id */
  async remove(id) {
    const record = await this.#collection.get(id);
    await this.#collection.delete(id);
    await this.#reread(id);
    return record;
  }

  /**
   * Takes a removal back.
   * @param {import("../selvedge/selvedge.js").SyncRecord} record
   */
  async restore(record) {
    await this.#collection.put(record);
    await this.#reread(record.id);
  }

  /** @returns {Promise<Synced>} */
  async sync() {
    const stages = new Stages(performance.now());
    this.#stages = stages;
    const report = await this.#client.sync({ collections: [COLLECTION] });
    this.#stages = undefined;
    const synced = { report, stages: stages.end(performance.now()), ended: Date.now() };
    if (this.#keys.sealed) await keep(SEALED_KEYS, this.#keys.sealed);
    await keep(LAST_SYNC, synced);
    await this.#read();
    return synced;
  }

  /** Forgets the account and the entries in this browser; server and other devices keep theirs. */
  async leave() {
    this.#client.free();
    await forget();
  }

  async #read() {
    this.#entries.clear();
    for await (const record of this.#collection.list()) this.#take(record);
    this.#tell("changed", undefined);
  }

  /** @param {string} id */
  async #reread(id) {
    const record = await this.#collection.get(id);
    this.#entries.delete(id);
    if (record) this.#take(record);
    this.#tell("changed", undefined);
  }

  /** @param {Record<string, unknown>} record */
  #take(record) {
    const entry = entryOf(record);
    if (entry) this.#entries.set(entry.id, entry);
  }
}

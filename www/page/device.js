// This browser as a device of the account: its client, the entries it holds, and what its last sync was made of.
// @ts-check
import { accountServer, IndexedDbStore, joinCode, open, syncKey } from "../selvedge/selvedge.js";
import { List } from "../shared/list.js";
import { COLLECTION } from "../shared/reading-list.js";
import { forget, keep, kept, problem } from "./account.js";
import { Keys } from "./keys.js";
import { Stages } from "./stages.js";
import { watched } from "./wire.js";

/** @typedef {import("../selvedge/selvedge.js").Account} Account */
/** @typedef {import("../selvedge/selvedge.js").SyncReport} SyncReport */
/**
 * What happens, by name, and what is told of each time.
 * @typedef {{ changed: undefined, account: undefined, wire: import("./wire.js").Exchange,
 *   progress: import("../selvedge/selvedge.js").SyncProgress }} Events
 */
/** @typedef {<Event extends keyof Events>(event: Event, detail: Events[Event]) => void} Tell */
/**
 * A sync that has ended.
 * @typedef {{ report: SyncReport, stages: import("./stages.js").Stage[], ended: number }} Synced
 */

/** The database of the entries, and what the account's other devices see of this one. */
const [NAME, DEVICE] = ["selvedge-page-list", "Web page"];
/** Other windows get so many times so many milliseconds to close the entries. */
const [TRIES, PAUSE] = [50, 100];
const ACCOUNT = "account";
const LAST_SYNC = "last-sync";
const SEALED_KEYS = "crypto/keys";

export class Device {
  #account;
  #client;
  #keys;
  #tell;
  /** @type {Stages | undefined} */
  #stages;

  /**
   * The account that this browser has kept, if there is one.
   * @param {Tell} tell
   */
  static async known(tell) {
    const account = /** @type {Account | undefined} */ (await kept(ACCOUNT));
    return account ? Device.#start(account, tell) : undefined;
  }

  /**
   * Takes on an account, once its server has taken this device.
   * @param {Account} account
   * @param {Tell} tell
   * @param {AbortSignal} signal
   */
  static async join(account, tell, signal) {
    const device = await Device.#start(account, tell);
    const wasEmpty = await device.isEmpty();
    const { report } = await device.sync(signal);
    if (report.error || report.ending === "logged-out") {
      await device.close();
      // What was in this browser before, of an account that another device signed out of, stays.
      if (wasEmpty) await deleteEntries();
      if (report.error?.code === "aborted") throw problem("cancelled", "joining was cancelled");
      const { code, message } = report.error ?? { code: "signed-out", message: "another device signed this one out" };
      const server = new URL(device.server).origin;
      if (code === "network" && server !== location.origin) {
        throw Object.assign(problem("elsewhere", `this account is on another server: open the page of ${server}`), { url: server });
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
    const seen = (/** @type {import("./wire.js").Exchange} */ exchange) => {
      device.#stages?.add(exchange);
      tell("wire", exchange);
    };
    const options = { account, name: NAME, deviceName: DEVICE, fetch: watched(request => fetch(request), keys, seen) };
    const device = new Device(account, await open(options), keys, tell);
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
    const collection = client.collection(COLLECTION);
    this.list = new List(collection);
    // What a sync of this window brings is shown when it has ended: reading the list anew all the time would only hold it up.
    collection.onChange(({ origin }) => origin !== "sync" && tell("changed", undefined));
  }

  /** The address of the account's server. */
  get server() {
    return accountServer(this.#account);
  }

  /** What lets another device join. */
  get code() {
    return joinCode(this.#account);
  }

  /** The last sync of this browser, if there was one. */
  async lastSync() {
    return /** @type {Synced | undefined} */ (await kept(LAST_SYNC));
  }

  /**
   * Syncs once. Where another device has signed this one out, the account is forgotten and the entries stay.
   * @param {AbortSignal} signal
   * @returns {Promise<Synced>}
   */
  async sync(signal) {
    const stages = new Stages(performance.now());
    this.#stages = stages;
    const onProgress = (/** @type {import("../selvedge/selvedge.js").SyncProgress} */ progress) => this.#tell("progress", progress);
    const report = await this.#client.sync({ collections: [COLLECTION], onProgress, signal }).finally(() => {
      this.#stages = undefined;
    });
    const synced = { report, stages: stages.end(performance.now()), ended: Date.now() };
    if (report.ending === "logged-out") {
      await this.#client.close();
      await forget();
      return synced;
    }
    if (this.#keys.sealed) await keep(SEALED_KEYS, this.#keys.sealed);
    await keep(LAST_SYNC, synced);
    return synced;
  }

  /** Whether this browser holds no entry, and none that was deleted and is still to be told. */
  async isEmpty() {
    const { collections } = await this.#client.status();
    return collections.every(({ records, pending }) => records + pending === 0);
  }

  /** How many changes the server does not have yet. */
  async pending() {
    const { collections } = await this.#client.status();
    return collections.find(({ name }) => name === COLLECTION)?.pending ?? 0;
  }

  /** Lets go of the entries, and of what was seen of the account's keys. */
  async close() {
    await this.#client.close();
    await forget();
  }

  /**
   * Forgets the account and the entries in this browser; server and other devices keep theirs.
   * @param {() => void} onForgotten called when the account is forgotten: other windows have to close the entries
   */
  async leave(onForgotten) {
    await this.close();
    onForgotten();
    await deleteEntries();
  }
}

/** Deletes the entries, as soon as the other windows have closed them. */
const deleteEntries = async () => {
  for (let tries = 1; ; tries += 1) {
    try {
      return await IndexedDbStore.delete(NAME);
    } catch (error) {
      if (/** @type {{ code?: string }} */ (error).code !== "store-busy" || tries === TRIES) throw error;
      await new Promise(resolve => setTimeout(resolve, PAUSE));
    }
  }
};

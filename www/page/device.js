// This browser as a device of the account: its client, its entries, and its last sync.
// @ts-check
import { accountServer, IndexedDbStore, joinCode, open, syncKey } from "../selvedge/selvedge.js";
import { List } from "../shared/list.js";
import { COLLECTION } from "../shared/reading-list.js";
import { clear, load, problem, save } from "./account.js";
import { Keys } from "./keys.js";
import { Stages } from "./stages.js";
import { recordingFetch } from "./recording-fetch.js";

/** @typedef {import("../selvedge/selvedge.js").Account} Account */
/** @typedef {import("../selvedge/selvedge.js").SyncReport} SyncReport */
/**
 * The events by name, with their details.
 * @typedef {{ changed: undefined, account: undefined, exchange: import("./recording-fetch.js").Exchange,
 *   progress: import("../selvedge/selvedge.js").SyncProgress }} Events
 */
/** @typedef {<Event extends keyof Events>(event: Event, detail: Events[Event]) => void} Emit */
/**
 * A completed sync.
 * @typedef {{ report: SyncReport, stages: import("./stages.js").Stage[], ended: number }} Synced
 */

/** The database of the entries. */
const DATABASE = "selvedge-page-list";
/** The name of this device on the account's other devices. */
const DEVICE_NAME = "Web page";
/** How often to try to delete the entries while other windows still use them, and the delay between two tries, in milliseconds. */
const [DELETE_TRIES, DELETE_DELAY] = [50, 100];
const ACCOUNT = "account";
const LAST_SYNC = "last-sync";
const ENCRYPTED_KEYS = "crypto/keys";

export class Device {
  #account;
  #client;
  #keys;
  #emit;
  /** @type {Stages | undefined} */
  #stages;

  /**
   * The device of the stored account, if there is one.
   * @param {Emit} emit
   */
  static async restore(emit) {
    const account = /** @type {Account | undefined} */ (await load(ACCOUNT));
    return account ? Device.#start(account, emit) : undefined;
  }

  /**
   * Joins an account: stores it after the first sync has succeeded.
   * @param {Account} account
   * @param {Emit} emit
   * @param {AbortSignal} signal
   */
  static async join(account, emit, signal) {
    const device = await Device.#start(account, emit);
    const wasEmpty = await device.isEmpty();
    const { report } = await device.sync(signal);
    if (report.error || report.ending === "logged-out") {
      await device.close();
      // Keep the entries that were in this browser before, of an account from which another device has disconnected it.
      if (wasEmpty) await deleteEntries();
      if (report.error?.code === "aborted") throw problem("cancelled", "joining was cancelled");
      const { code, message } = report.error ?? { code: "signed-out", message: "another device signed this one out" };
      const server = new URL(device.server).origin;
      if (code === "network" && server !== location.origin) {
        throw Object.assign(problem("elsewhere", `this account is on another server: open ${server}`), { url: server });
      }
      throw Object.assign(problem(code, message), { retryAfter: report.retryAfter });
    }
    await save(ACCOUNT, account);
    return device;
  }

  /**
   * @param {Account} account
   * @param {Emit} emit
   */
  static async #start(account, emit) {
    const keys = new Keys(syncKey(account));
    const encrypted = await load(ENCRYPTED_KEYS);
    if (typeof encrypted === "string") keys.tryRead(encrypted);
    const onExchange = (/** @type {import("./recording-fetch.js").Exchange} */ exchange) => {
      device.#stages?.add(exchange);
      emit("exchange", exchange);
    };
    const options = { account, name: DATABASE, deviceName: DEVICE_NAME, fetch: recordingFetch(request => fetch(request), keys, onExchange) };
    const device = new Device(account, await open(options), keys, emit);
    return device;
  }

  /**
   * @param {Account} account
   * @param {import("../selvedge/selvedge.js").Client} client
   * @param {Keys} keys
   * @param {Emit} emit
   */
  constructor(account, client, keys, emit) {
    this.#account = account;
    this.#client = client;
    this.#keys = keys;
    this.#emit = emit;
    const collection = client.collection(COLLECTION);
    this.list = new List(collection);
    // Changes of this window's own sync are shown when it has ended: reading the list again during the sync would slow it down.
    collection.onChange(({ origin }) => origin !== "sync" && emit("changed", undefined));
  }

  /** The address of the account's server. */
  get server() {
    return accountServer(this.#account);
  }

  /** The join code for another device. */
  get code() {
    return joinCode(this.#account);
  }

  /** The last sync of this browser, if there was one. */
  async lastSync() {
    return /** @type {Synced | undefined} */ (await load(LAST_SYNC));
  }

  /**
   * Syncs once. If another device has signed this one out, the account is removed and the entries stay.
   * @param {AbortSignal} signal
   * @returns {Promise<Synced>}
   */
  async sync(signal) {
    const stages = new Stages(performance.now());
    this.#stages = stages;
    const onProgress = (/** @type {import("../selvedge/selvedge.js").SyncProgress} */ progress) => this.#emit("progress", progress);
    const report = await this.#client.sync({ collections: [COLLECTION], onProgress, signal }).finally(() => {
      this.#stages = undefined;
    });
    const synced = { report, stages: stages.end(performance.now()), ended: Date.now() };
    if (report.ending === "logged-out") {
      await this.#client.close();
      await clear();
      return synced;
    }
    if (this.#keys.encrypted) await save(ENCRYPTED_KEYS, this.#keys.encrypted);
    await save(LAST_SYNC, synced);
    return synced;
  }

  /** Whether this browser has no entries and no deletions that are not uploaded. */
  async isEmpty() {
    const { collections } = await this.#client.status();
    return collections.every(({ records, pending }) => records + pending === 0);
  }

  /** Number of changes that are not uploaded. */
  async pending() {
    const { collections } = await this.#client.status();
    return collections.find(({ name }) => name === COLLECTION)?.pending ?? 0;
  }

  /** Closes the client, and deletes the stored account, keys and last sync. */
  async close() {
    await this.#client.close();
    await clear();
  }

  /**
   * Removes the account and the entries from this browser; the server and other devices keep theirs.
   * @param {() => void} onRemoved called when the account is removed: other windows have to close the entries
   */
  async leave(onRemoved) {
    await this.close();
    onRemoved();
    await deleteEntries();
  }
}

/** Deletes the entries when the other windows have closed them. */
const deleteEntries = async () => {
  for (let tries = 1; ; tries += 1) {
    try {
      return await IndexedDbStore.delete(DATABASE);
    } catch (error) {
      if (/** @type {{ code?: string }} */ (error).code !== "store-busy" || tries === DELETE_TRIES) throw error;
      await new Promise(resolve => setTimeout(resolve, DELETE_DELAY));
    }
  }
};

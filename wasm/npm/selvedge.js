// The package: the module's glue, the stores, and the defaults of a host.
// @ts-check
import init, * as glue from "./glue.js";
import { IndexedDbStore } from "./indexed-db-store.js";
import { MemoryStore } from "./memory-store.js";

export * from "./glue.js";
export { init as default };
export { decodeRecords } from "./decode-records.js";
export { SelvedgeError } from "./errors.js";
export { afterReset, afterUpload, charactersOf, isSelected } from "./store-rules.js";
export { IndexedDbStore, MemoryStore };

/** Opens a client on an account, with this host's own store and lock unless others are given. */
export const open = async (/** @type {import("./selvedge.js").OpenOptions} */ options) => {
  const name = options?.name ?? "selvedge";
  // One in memory is this client's own, and one that somebody brings without a name is none that other windows would know by it.
  const isShared = options?.store ? options.name !== undefined : Boolean(globalThis.indexedDB);
  const lock = options?.lock ?? (isShared ? lockOf(name) : undefined);
  const store = options?.store ?? (globalThis.indexedDB ? new IndexedDbStore(name) : new MemoryStore());
  const windows = isShared && globalThis.BroadcastChannel ? new Windows(name) : undefined;
  try {
    return await glue.open(/** @type {import("./selvedge.js").OpenOptions} */ ({ ...options, store, lock, windows }));
  } catch (error) {
    windows?.close();
    // One that was brought is not ours to close: it may be opened again with other options.
    if (!options?.store && store instanceof IndexedDbStore) await store.close();
    throw error;
  }
};

/** One sync at a time in all windows and workers of an origin; hosts without locks have one context only. */
const lockOf = (/** @type {string} */ name) => {
  const locks = globalThis.navigator?.locks;
  if (!locks) return undefined;
  return () =>
    new Promise((resolve, reject) => {
      const hold = lock => (lock ? new Promise(release => resolve(() => release(undefined))) : resolve(null));
      locks.request(`selvedge:${name}`, { ifAvailable: true }, hold).catch(reject);
    });
};

/** The first change is told at once; those that follow so closely, in milliseconds, are told together. */
const PARCEL = 100;

/**
 * The other windows and workers of an origin that use the same records: tells them which ones have changed here, and hears of
 * theirs. Only names of collections and ids pass, and nothing of what a record holds.
 */
class Windows {
  #channel;
  /** @type {Map<string, Set<string> | null>} What is still to be told; `null`: any record of the collection. */
  #waiting = new Map();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #pause;

  /** @param {string} name */
  constructor(name) {
    this.#channel = new BroadcastChannel(`selvedge:${name}`);
    // Of a Node process it is no reason to live on.
    /** @type {{ unref?: () => void }} */ (this.#channel).unref?.();
  }

  /**
   * @param {string} collection
   * @param {string[] | null} ids
   */
  tell(collection, ids) {
    const waiting = this.#waiting.get(collection);
    this.#waiting.set(collection, ids && waiting !== null ? new Set([...(waiting ?? []), ...ids]) : null);
    if (this.#pause === undefined) this.#send();
  }

  /** @param {(collection: unknown, ids: unknown) => void} listener */
  hear(listener) {
    this.#channel.onmessage = ({ data }) => {
      if (!Array.isArray(data)) return;
      for (const { collection, ids } of data) listener(collection, ids);
    };
  }

  close() {
    clearTimeout(this.#pause);
    this.#send();
    clearTimeout(this.#pause);
    this.#channel.close();
  }

  #send() {
    this.#pause = undefined;
    if (!this.#waiting.size) return;
    this.#channel.postMessage([...this.#waiting].map(([collection, ids]) => ({ collection, ids: ids && [...ids] })));
    this.#waiting.clear();
    this.#pause = setTimeout(() => this.#send(), PARCEL);
  }
}

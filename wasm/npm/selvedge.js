// The package: the module behind its checks, the stores, and the defaults of a host.
// @ts-check
import * as check from "./checks.js";
import { SelvedgeError } from "./errors.js";
import load, * as glue from "./glue.js";
import { IndexedDbStore } from "./indexed-db-store.js";
import { MemoryStore } from "./memory-store.js";
import { ask } from "./module.js";
import { sender, TIMEOUT } from "./request.js";
import { Windows } from "./windows.js";

export { decodeRecords } from "./decode-records.js";
export {
  accountServer,
  Client,
  Collection,
  decryptRecord,
  encryptRecord,
  joinCode,
  KeyBundle,
  RecordDecoder,
  RecordIterator,
  Schedule,
  syncKey,
} from "./border.js";
export { afterReset, afterUpload, charactersOf, isSelected } from "./store-rules.js";
export { IndexedDbStore, MemoryStore, SelvedgeError };

/** Loads the module. */
export const init = async (/** @type {Parameters<typeof load>[0]} */ given) => {
  try {
    return await load(given);
  } catch (cause) {
    throw notLoaded(cause);
  }
};
export { init as default };

/** Likewise, from its bytes, without waiting. */
export const initSync = (/** @type {Parameters<typeof glue.initSync>[0]} */ given) => {
  try {
    return glue.initSync(given);
  } catch (cause) {
    throw notLoaded(cause);
  }
};

const notLoaded = (/** @type {any} */ cause) =>
  new SelvedgeError("not-loaded", `selvedge.wasm could not be loaded: ${cause?.message ?? "the host does not say why"}`, { cause });

const STORE_METHODS = ["global", "state", "collections", "counts", "read", "page", "commit"];

/** Opens a client on an account, with this host's own store and lock unless others are given. */
export const open = async (/** @type {import("./selvedge.js").OpenOptions} */ options) => {
  const given = check.options(options, "the options of open");
  const name = check.optional(given, "name", check.text);
  const own = check.optional(given, "store", (store, what) => check.withMethods(store, what, STORE_METHODS));
  const deviceName = check.optional(given, "deviceName", check.text);
  const timeout = check.optional(given, "timeout", check.milliseconds) ?? TIMEOUT;
  const fetch = check.optional(given, "fetch", check.callable) ?? globalThis.fetch;
  if (!fetch) check.refuse("this host has no fetch: give a function as the option fetch");
  // One in memory is this client's own, and one that somebody brings without a name is none that other windows would know by it.
  const isShared = own ? name !== undefined : Boolean(globalThis.indexedDB);
  const lock = check.optional(given, "lock", check.callable) ?? lockOf(own, isShared ? (name ?? "selvedge") : undefined);
  const store = own ?? (globalThis.indexedDB ? new IndexedDbStore(name ?? "selvedge") : new MemoryStore());
  const send = sender(request => fetch(request), timeout);
  check.optional(given, "adopt", check.truth);
  const windows = isShared && globalThis.BroadcastChannel ? new Windows(name ?? "selvedge") : undefined;
  try {
    return await ask(() => glue.open({ ...given, store, deviceName, lock, send, windows }));
  } catch (error) {
    windows?.close();
    // One that was brought is not ours to close: it may be opened again with other options.
    if (!own && store instanceof IndexedDbStore) await store.close();
    throw error;
  }
};

/**
 * One sync at a time of a store: a store that other programs may use brings a lock of its own; of the others a browser's lock
 * keeps all windows and workers of an origin apart. Hosts without locks have one context only.
 * @param {any} store
 * @param {string | undefined} name
 */
const lockOf = (store, name) => {
  if (typeof store?.lock === "function") return () => store.lock();
  const locks = globalThis.navigator?.locks;
  if (name === undefined || !locks) return undefined;
  return () =>
    new Promise((resolve, reject) => {
      const hold = (/** @type {Lock | null} */ lock) => (lock ? new Promise(release => resolve(() => release(undefined))) : resolve(null));
      locks.request(`selvedge:${name}`, { ifAvailable: true }, hold).catch(reject);
    });
};

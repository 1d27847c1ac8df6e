// The entry point of the package: the module's validated API, the stores, and the defaults of each host.
// @ts-check
import * as check from "./checks.js";
import { SelvedgeError } from "./errors.js";
import load, * as glue from "./glue.js";
import { IndexedDbStore } from "./indexed-db-store.js";
import { MemoryStore } from "./memory-store.js";
import { callAsync } from "./module.js";
import { sender, TIMEOUT } from "./request.js";
import { ChangeChannel } from "./change-channel.js";

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
} from "./public-api.js";
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

/** Loads the module synchronously, from its bytes. */
export const initSync = (/** @type {Parameters<typeof glue.initSync>[0]} */ given) => {
  try {
    return glue.initSync(given);
  } catch (cause) {
    throw notLoaded(cause);
  }
};

const notLoaded = (/** @type {any} */ cause) =>
  new SelvedgeError("not-loaded", `selvedge.wasm could not be loaded: ${cause?.message ?? "the host gives no reason"}`, { cause });

const STORE_METHODS = ["global", "state", "collections", "counts", "read", "page", "commit"];

/** Opens a client for an account, with this host's default store and lock unless the options contain others. */
export const open = async (/** @type {import("./selvedge.js").OpenOptions} */ options) => {
  const given = check.options(options, "the options of open");
  const name = check.optional(given, "name", check.text);
  const own = check.optional(given, "store", (store, what) => check.withMethods(store, what, STORE_METHODS));
  const deviceName = check.optional(given, "deviceName", check.text);
  const timeout = check.optional(given, "timeout", check.milliseconds) ?? TIMEOUT;
  const fetch = check.optional(given, "fetch", check.callable) ?? globalThis.fetch;
  if (!fetch) check.refuse("this host has no fetch: give a function as the option fetch");
  // A store in memory belongs to this client alone; a store of the program without a name is not known to other windows.
  const isShared = own ? name !== undefined : Boolean(globalThis.indexedDB);
  const lock = check.optional(given, "lock", check.callable) ?? lockOf(own, isShared ? (name ?? "selvedge") : undefined);
  const store = own ?? (globalThis.indexedDB ? new IndexedDbStore(name ?? "selvedge") : new MemoryStore());
  const send = sender(request => fetch(request), timeout);
  check.optional(given, "adopt", check.truth);
  const channel = isShared && globalThis.BroadcastChannel ? new ChangeChannel(name ?? "selvedge") : undefined;
  try {
    return await callAsync(() => glue.open({ ...given, store, deviceName, lock, send, channel }));
  } catch (error) {
    channel?.close();
    // The program's own store stays open: the program may try again with other options.
    if (!own && store instanceof IndexedDbStore) await store.close();
    throw error;
  }
};

/**
 * The lock that lets one sync at a time use a store: the store's own lock, if it has one (other programs may use the store), or
 * a browser's lock, which all windows and workers of an origin share. Hosts without locks have one context only.
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

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
  // A store that somebody brings without a name is none that other windows would know by it.
  const isNamed = options?.name !== undefined || !options?.store;
  const lock = options?.lock ?? (isNamed ? lockOf(name) : undefined);
  const store = options?.store ?? (globalThis.indexedDB ? new IndexedDbStore(name) : new MemoryStore());
  return glue.open({ ...options, store, ...(lock && { lock }) });
};

/** One sync at a time in all windows and workers of an origin; hosts without locks have one context only. */
const lockOf = name => {
  const locks = globalThis.navigator?.locks;
  if (!locks) return undefined;
  return () =>
    new Promise((resolve, reject) => {
      const hold = lock => (lock ? new Promise(release => resolve(() => release(undefined))) : resolve(null));
      locks.request(`selvedge:${name}`, { ifAvailable: true }, hold).catch(reject);
    });
};

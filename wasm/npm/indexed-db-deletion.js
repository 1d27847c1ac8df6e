// Deletes the database of a store, but only while no window or worker uses it. A pending deletion cannot be cancelled: the
// browser runs it as soon as the last connection is closed, and deletes everything that was written until then. So this
// requests the deletion only when there is no other connection.
// @ts-check
import { SelvedgeError } from "./errors.js";

/** The version of a database while it is being deleted; it has no other use. */
const DELETION_VERSION = Number.MAX_SAFE_INTEGER;

/**
 * Whether a `versionchange` event announces a deletion rather than an upgrade.
 * @param {{ newVersion: number | null }} event
 */
export const isDeletion = ({ newVersion }) => newVersion === null || newVersion === DELETION_VERSION;

const locks = () => globalThis.navigator?.locks;
const lockName = (/** @type {string} */ name) => `selvedge-store:${name}`;

/**
 * Marks a database as in use, with a shared lock; waits for a running deletion first. Resolves to a function that releases the
 * lock and resolves when it is released. In a browser without locks only the open connection marks the database.
 * @param {string} name
 * @returns {Promise<() => Promise<unknown>>}
 */
export const use = name =>
  new Promise(resolve => {
    const doNothing = async () => {};
    /** @type {Promise<unknown> | undefined} */
    let requested;
    const hold = () =>
      new Promise(release =>
        resolve(async () => {
          release(undefined);
          await requested?.catch(doNothing);
        }),
      );
    requested = locks()?.request(lockName(name), { mode: "shared" }, hold);
    if (requested) requested.catch(() => resolve(doNothing));
    else resolve(doNothing);
  });

/**
 * Deletes a database with everything in it. Rejects with "store-busy", and changes nothing, while a window or worker uses it.
 * @param {string} name
 * @returns {Promise<void>}
 */
export const remove = async name => {
  const work = (/** @type {Lock | null} */ lock) => {
    if (!lock) throw inUse();
    return removeUnconnected(name);
  };
  await (locks()?.request(lockName(name), { ifAvailable: true }, work) ?? removeUnconnected(name));
};

/**
 * Opens a database. First completes a deletion that was interrupted.
 * @param {string} name
 * @param {number} version
 * @param {(request: IDBOpenDBRequest, version: number) => void} upgrade
 * @returns {Promise<IDBDatabase>}
 */
export const connect = async (name, version, upgrade) => {
  for (;;) {
    try {
      return await openDatabase(name, version, upgrade);
    } catch (error) {
      if (error?.name !== "VersionError" || !(await isHalfDeleted(name))) throw error;
      await deleteDatabase(name);
    }
  }
};

/**
 * Databases with a refused upgrade that still waits until the other connection closes. Only one per database: Chromium crashes
 * with several of them.
 * @type {Set<string>}
 */
const refused = new Set();

const inUse = () => new SelvedgeError("store-busy", "another window uses these records: close it and try again");

/**
 * Empties a database in an upgrade, and then deletes it. A browser starts an upgrade only when there is no other connection,
 * and an upgrade, unlike a deletion, can be aborted.
 * @param {string} name
 */
const removeUnconnected = async name => {
  if (refused.has(name)) throw inUse();
  await new Promise((resolve, reject) => {
    const request = indexedDB.open(name, DELETION_VERSION);
    request.onblocked = () => {
      refused.add(name);
      reject(inUse());
    };
    request.onupgradeneeded = () => {
      // This deletion was already refused; the other connection has closed since then. Change nothing.
      if (refused.delete(name)) return request.transaction?.abort();
      for (const store of [...request.result.objectStoreNames]) request.result.deleteObjectStore(store);
    };
    request.onerror = () => reject(request.error);
    request.onsuccess = () => {
      request.result.close();
      resolve(undefined);
    };
  });
  await deleteDatabase(name);
};

/** @param {string} name */
const deleteDatabase = name =>
  new Promise((resolve, reject) => {
    const request = indexedDB.deleteDatabase(name);
    request.onsuccess = () => resolve(undefined);
    request.onerror = () => reject(request.error);
  });

/** @param {string} name */
const isHalfDeleted = async name => {
  const database = await openDatabase(name);
  database.close();
  return database.version === DELETION_VERSION;
};

/**
 * @param {string} name
 * @param {number} [version] default: the current version of the database
 * @param {(request: IDBOpenDBRequest, version: number) => void} [upgrade]
 * @returns {Promise<IDBDatabase>}
 */
const openDatabase = (name, version, upgrade) =>
  new Promise((resolve, reject) => {
    const request = indexedDB.open(name, version);
    let isRefused = false;
    request.onupgradeneeded = event => upgrade?.(request, event.oldVersion);
    request.onblocked = () => {
      isRefused = true;
      reject(new SelvedgeError("store-busy", "another window uses an older version of these records: close it and try again"));
    };
    request.onerror = () => reject(request.error);
    request.onsuccess = () => {
      if (isRefused) request.result.close();
      else resolve(request.result);
    };
  });

// Deletes the database of a store, and only while no window or worker uses it. A deletion that a browser has been asked for
// cannot be cancelled: it runs as soon as the last connection is closed, with everything that was written until then. So this
// asks for it only when there is no other connection.
// @ts-check
import { SelvedgeError } from "./errors.js";

/** The version of a database while it is deleted: no program uses it for anything else. */
const DELETION = Number.MAX_SAFE_INTEGER;

/**
 * Whether a `versionchange` event announces a deletion rather than an upgrade.
 * @param {{ newVersion: number | null }} event
 */
export const isDeletion = ({ newVersion }) => newVersion === null || newVersion === DELETION;

const locks = () => globalThis.navigator?.locks;
const lockName = (/** @type {string} */ name) => `selvedge-store:${name}`;

/**
 * Marks a database as in use; the answer ends that, and its promise resolves when the mark is gone. Waits for a deletion that is under way. Where a browser has no locks, the
 * open connection is the only mark.
 * @param {string} name
 * @returns {Promise<() => Promise<unknown>>}
 */
export const use = name =>
  new Promise(resolve => {
    const nothing = async () => {};
    /** @type {Promise<unknown> | undefined} */
    let asked;
    const hold = () =>
      new Promise(release =>
        resolve(async () => {
          release(undefined);
          await asked?.catch(nothing);
        }),
      );
    asked = locks()?.request(lockName(name), { mode: "shared" }, hold);
    if (asked) asked.catch(() => resolve(nothing));
    else resolve(nothing);
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
 * Opens a database. What a deletion left that was cut off is deleted first.
 * @param {string} name
 * @param {number} version
 * @param {(database: IDBDatabase) => void} upgrade
 * @returns {Promise<IDBDatabase>}
 */
export const connect = async (name, version, upgrade) => {
  for (;;) {
    try {
      return await opened(name, version, upgrade);
    } catch (error) {
      if (error?.name !== "VersionError" || !(await isCutOff(name))) throw error;
      await dropped(name);
    }
  }
};

/**
 * Databases for which a refused upgrade still waits for the other connection to close. One is enough: Chromium does not survive
 * several of them.
 * @type {Set<string>}
 */
const refused = new Set();

const inUse = () => new SelvedgeError("store-busy", "another window uses these records: close it and try again");

/**
 * Empties a database in an upgrade, which a browser begins only when there is no other connection and which can be aborted,
 * and then deletes it.
 * @param {string} name
 */
const removeUnconnected = async name => {
  if (refused.has(name)) throw inUse();
  await new Promise((resolve, reject) => {
    const request = indexedDB.open(name, DELETION);
    request.onblocked = () => {
      refused.add(name);
      reject(inUse());
    };
    request.onupgradeneeded = () => {
      // The other connection has been closed meanwhile: everything stays as it is.
      if (refused.delete(name)) return request.transaction?.abort();
      for (const store of [...request.result.objectStoreNames]) request.result.deleteObjectStore(store);
    };
    request.onerror = () => reject(request.error);
    request.onsuccess = () => {
      request.result.close();
      resolve(undefined);
    };
  });
  await dropped(name);
};

/** @param {string} name */
const dropped = name =>
  new Promise((resolve, reject) => {
    const request = indexedDB.deleteDatabase(name);
    request.onsuccess = () => resolve(undefined);
    request.onerror = () => reject(request.error);
  });

/** @param {string} name */
const isCutOff = async name => {
  const database = await opened(name);
  database.close();
  return database.version === DELETION;
};

/**
 * @param {string} name
 * @param {number} [version] the one that it has, if none is given
 * @param {(database: IDBDatabase) => void} [upgrade]
 * @returns {Promise<IDBDatabase>}
 */
const opened = (name, version, upgrade) =>
  new Promise((resolve, reject) => {
    const request = indexedDB.open(name, version);
    let isRefused = false;
    request.onupgradeneeded = () => upgrade?.(request.result);
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

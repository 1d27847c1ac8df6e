// A store in IndexedDB: one database per name, one transaction per commit.
// @ts-check
import { SelvedgeError } from "./errors.js";
import { connect, isDeletion, remove, use } from "./indexed-db-deletion.js";
import { afterReset, afterUpload, charactersOf, isSelected } from "./store-rules.js";

/** @typedef {import("./selvedge.js").StoredItem} StoredItem */
/** @typedef {import("./selvedge.js").StoreCommit} StoreCommit */
/** @typedef {import("./selvedge.js").StoreQuery} StoreQuery */
/** @typedef {StoredItem & { collection: string, waiting?: string, gone?: string }} Row */

const VERSION = 2;

/** Maximum number of rows per request. */
const ROWS_PER_REQUEST = 200;

/** @implements {import("./selvedge.js").Store} */
export class IndexedDbStore {
  #name;
  /** @type {Promise<IDBDatabase> | undefined} */
  #opened;
  /** @type {SelvedgeError | undefined} */
  #closed;
  /** @type {Promise<void> | undefined} */
  #closing;
  /** @type {Set<Promise<unknown>>} Running transactions. */
  #running = new Set();
  /** @type {() => Promise<unknown>} */
  #release = async () => {};

  /** @param {string} name */
  constructor(name) {
    this.#name = name;
  }

  /**
   * Opens a database, and creates it if it does not exist.
   * @param {string} [name]
   * @returns {Promise<IndexedDbStore>}
   */
  static async open(name = "selvedge") {
    const store = new IndexedDbStore(name);
    await store.#database();
    return store;
  }

  /**
   * Deletes a database, including changes that were never uploaded. Rejects with "store-busy", and deletes nothing, while a
   * window or worker uses it.
   * @param {string} [name]
   */
  static async delete(name = "selvedge") {
    try {
      await remove(name);
    } catch (error) {
      throw storeError(error);
    }
  }

  /** Closes the database when all running transactions have completed. */
  close() {
    this.#closed ??= new SelvedgeError("closed", "this store was closed: open it again");
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close() {
    const opened = this.#opened;
    this.#opened = undefined;
    await Promise.allSettled(this.#running);
    const database = await opened?.catch(() => undefined);
    database?.close();
    await this.#release();
  }

  async global() {
    return this.#run("readonly", ({ states }) => wait(states.get("global")));
  }

  /** @param {string} collection */
  async state(collection) {
    return this.#run("readonly", ({ states }) => wait(states.get(`state/${collection}`)));
  }

  async collections() {
    return this.#run("readonly", async ({ items, states }) => {
      const keys = await wait(states.getAllKeys(IDBKeyRange.bound("state/", "state0", false, true)));
      const names = new Set(keys.map(key => String(key).slice("state/".length)));
      // Jumps from one collection to the first key of the next one: in IndexedDB, arrays sort after all strings.
      let after = IDBKeyRange.lowerBound([""]);
      for (;;) {
        const cursor = await wait(items.openKeyCursor(after));
        if (!cursor) return [...names].sort();
        const [name] = /** @type {string[]} */ (cursor.key);
        names.add(name);
        after = IDBKeyRange.lowerBound([name, []]);
      }
    });
  }

  /** @param {string} collection */
  async counts(collection) {
    return this.#run("readonly", async ({ items }) => {
      const all = await wait(items.count(rangeOf(collection)));
      const gone = await wait(items.index("gone").count(collection));
      const pending = await wait(items.index("waiting").count(rangeOf(collection)));
      return { live: all - gone, pending };
    });
  }

  /**
   * @param {string} collection
   * @param {string[]} ids
   */
  async read(collection, ids) {
    return this.#run("readonly", ({ items }) =>
      Promise.all(ids.map(async id => plain(await wait(items.get([collection, id]))))),
    );
  }

  /**
   * @param {string} collection
   * @param {StoreQuery} query
   */
  async page(collection, { selection, after, records, characters }) {
    return this.#run("readonly", async ({ items }) => {
      const source = selection === "pending" ? items.index("waiting") : items;
      const page = [];
      for (;;) {
        /** @type {Row[]} */
        const rows = await wait(source.getAll(rangeOf(collection, after), Math.min(Math.max(records, 1), ROWS_PER_REQUEST)));
        for (const row of rows) {
          after = row.id;
          if (!isSelected(row, selection)) continue;
          page.push(plain(row));
          characters -= charactersOf(row);
          if (page.length >= Math.max(records, 1) || characters <= 0) return page;
        }
        if (rows.length === 0) return page;
      }
    });
  }

  /**
   * @param {string} collection
   * @param {string[]} keys
   */
  async duplicates(collection, keys) {
    return this.#run("readonly", async ({ items }) => {
      const index = items.index("key");
      const found = await Promise.all([...new Set(keys)].map(key => wait(index.getAll([collection, key]))));
      const rows = found.flat().filter(row => isSelected(row, "live"));
      return rows.map(plain).sort((one, other) => (one.id < other.id ? -1 : 1));
    });
  }

  /**
   * @param {StoreCommit} commit
   * @returns {Promise<"done" | "stale">}
   */
  async commit({ parts, global }) {
    return this.#run("readwrite", async ({ items, states }) => {
      const revisions = parts.flatMap(({ collection, sweep, writes }) =>
        sweep === null ? writes.map(({ id, seen }) => isStale(items, [collection, id], seen)) : [],
      );
      if ((await Promise.all(revisions)).includes(true)) return "stale";
      const revision = ((await wait(states.get("revision"))) ?? 0) + 1;
      states.put(revision, "revision");
      for (const part of parts) await apply(items, states, part, revision);
      if (global !== null) states.put(global, "global");
      return "done";
    });
  }

  /**
   * Runs work in one transaction, and resolves when the transaction is on the disk.
   * @template T
   * @param {IDBTransactionMode} mode
   * @param {(stores: { items: IDBObjectStore, states: IDBObjectStore }) => Promise<T>} work
   * @returns {Promise<T>}
   */
  #run(mode, work) {
    const run = this.#transact(mode, work).finally(() => this.#running.delete(run));
    this.#running.add(run);
    return run;
  }

  /**
   * @template T
   * @param {IDBTransactionMode} mode
   * @param {(stores: { items: IDBObjectStore, states: IDBObjectStore }) => Promise<T>} work
   * @returns {Promise<T>}
   */
  async #transact(mode, work) {
    const transaction = await this.#transaction(mode);
    const ended = new Promise((resolve, reject) => {
      transaction.oncomplete = () => resolve(undefined);
      transaction.onabort = () => reject(storeError(transaction.error));
    });
    const stores = { items: transaction.objectStore("items"), states: transaction.objectStore("states") };
    try {
      const answer = await work(stores);
      await ended;
      return answer;
    } catch (error) {
      ended.catch(() => {});
      try {
        transaction.abort();
      } catch {
        // The transaction has already been aborted because of the same error.
      }
      throw storeError(error);
    }
  }

  /**
   * @param {IDBTransactionMode} mode
   * @returns {Promise<IDBTransaction>}
   */
  async #transaction(mode) {
    const begin = database => database.transaction(["items", "states"], mode, { durability: "strict" });
    try {
      return begin(await this.#database());
    } catch (error) {
      if (this.#closed || error?.name !== "InvalidStateError") throw storeError(error);
      // The browser has closed the database, for example to free space: open it again.
      this.#opened = undefined;
      this.#release();
      return begin(await this.#database());
    }
  }

  #database() {
    if (this.#closed) throw this.#closed;
    this.#opened ??= this.#open();
    return this.#opened;
  }

  /** @returns {Promise<IDBDatabase>} */
  async #open() {
    const release = await use(this.#name);
    try {
      const database = await connect(this.#name, VERSION, upgrade);
      database.onversionchange = event => {
        // Changes that were never uploaded exist only here: a deletion has to wait until the store is closed, or is refused.
        if (isDeletion(event)) return;
        this.#closed ??= new SelvedgeError("store-busy", "a newer version of this program has opened these records: reload this page");
        database.close();
        release();
      };
      database.onclose = () => {
        this.#opened = undefined;
        release();
      };
      this.#release = release;
      return database;
    } catch (error) {
      this.#opened = undefined;
      release();
      throw storeError(error);
    }
  }
}

/**
 * @param {IDBOpenDBRequest} request
 * @param {number} version the version before; 0: a new database
 */
const upgrade = ({ result: database, transaction }, version) => {
  if (version < 1) {
    const items = database.createObjectStore("items", { keyPath: ["collection", "id"] });
    items.createIndex("waiting", ["waiting", "id"]);
    items.createIndex("gone", "gone");
    database.createObjectStore("states");
  }
  transaction?.objectStore("items").createIndex("key", ["collection", "key"]);
};

/** All keys of a collection, or those after an id. */
const rangeOf = (collection, after = null) =>
  IDBKeyRange.bound(after === null ? [collection] : [collection, after], [collection, []], true, true);

/**
 * @template T
 * @param {IDBRequest<T>} request
 * @returns {Promise<T>}
 */
const wait = request =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

const isStale = async (items, key, seen) => {
  if (seen === null) return (await wait(items.getKey(key))) !== undefined;
  return (await wait(items.get(key)))?.revision !== seen;
};

const apply = async (items, states, { collection, sweep, writes, uploaded, state }, revision) => {
  const put = (id, item) => void (item ? items.put(row(collection, item)) : items.delete([collection, id]));
  if (sweep === "wipe") items.delete(rangeOf(collection));
  if (sweep === "reset") await reset(items, collection, revision);
  for (const { id, becomes } of writes) put(id, becomes && { ...becomes, revision });
  await Promise.all(
    uploaded.map(async upload => {
      const item = plain(await wait(items.get([collection, upload.id])));
      if (item) put(upload.id, afterUpload(item, upload, revision));
    }),
  );
  if (state !== null) states.put(state, `state/${collection}`);
};

const reset = async (items, collection, revision) => {
  let after = null;
  for (;;) {
    const rows = await wait(items.getAll(rangeOf(collection, after), ROWS_PER_REQUEST));
    if (rows.length === 0) return;
    for (const found of rows) items.put(row(collection, afterReset(/** @type {StoredItem} */ (plain(found)), revision)));
    after = rows.at(-1).id;
  }
};

/**
 * An item as a row: an index contains only the rows that have its member.
 * @param {string} collection
 * @param {StoredItem} item
 * @returns {Row}
 */
const row = (collection, item) => ({
  ...item,
  collection,
  ...(isSelected(item, "pending") && { waiting: collection }),
  ...(!isSelected(item, "live") && { gone: collection }),
});

/**
 * @param {Row | undefined} row
 * @returns {StoredItem | null}
 */
const plain = row => {
  if (!row) return null;
  const { collection: _collection, waiting: _waiting, gone: _gone, ...item } = row;
  return item;
};

/** Converts an error of IndexedDB to one whose message contains the remedy. */
const storeError = error => {
  if (error instanceof SelvedgeError) return error;
  const wrap = (code, message) => new SelvedgeError(code, message, { cause: error });
  switch (error?.name) {
    case "QuotaExceededError":
      return wrap("store-full", "the browser has no space left for these records: free some space and try again");
    case "VersionError":
      return wrap("store-busy", "these records were written by a newer version of this program: upgrade it");
    case "SecurityError":
    case "InvalidStateError":
      return wrap("store", "this browser does not store data for this page: leave private browsing, or allow the page to store data");
    default:
      return wrap("store", `the records could not be read or written: ${error?.message ?? "the browser gives no reason"}`);
  }
};

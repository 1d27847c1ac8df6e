// A store in one file, for Node: an SQLite database that several processes may use at once.
// @ts-check
import { chmodSync, closeSync, mkdirSync, openSync } from "node:fs";
import { dirname, resolve } from "node:path";
import * as check from "./checks.js";
import { SelvedgeError } from "./errors.js";
import { afterReset, afterUpload, charactersOf, isSelected } from "./store-rules.js";

/** @typedef {import("./selvedge.js").StoredItem} StoredItem */
/** @typedef {import("./selvedge.js").StoreCommit} StoreCommit */
/** @typedef {import("./selvedge.js").StorePart} StorePart */
/** @typedef {import("./selvedge.js").StoreQuery} StoreQuery */
/** @typedef {{ id: string, revision: number, item: string }} Row */
/** @typedef {import("node:sqlite").DatabaseSync} DatabaseSync */

const VERSION = 2;

/** How long to wait for another process that has locked the file, in milliseconds. */
const BUSY_TIMEOUT = 10_000;

/** Maximum number of rows per query. */
const ROWS_PER_QUERY = 200;

/** Items are JSON texts; the members that queries use have columns of their own. */
const SCHEMA = `
  CREATE TABLE items (
    collection TEXT NOT NULL,
    id TEXT NOT NULL,
    revision INTEGER NOT NULL,
    is_live INTEGER NOT NULL,
    is_pending INTEGER NOT NULL,
    item TEXT NOT NULL,
    PRIMARY KEY (collection, id)
  ) WITHOUT ROWID;
  CREATE INDEX pending ON items (collection, id) WHERE is_pending = 1;
  CREATE TABLE states (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;`;

/** Version 2: finds the items with a key. */
const KEYS = `
  CREATE INDEX keys ON items (collection, json_extract(item, '$.key')) WHERE json_extract(item, '$.key') IS NOT NULL;
  PRAGMA user_version = ${VERSION};`;

/** @implements {import("./selvedge.js").Store} */
export class FileStore {
  #path;
  /** @type {DatabaseSync | undefined} */
  #database;
  #isClosed = false;
  /** @type {Map<string, import("node:sqlite").StatementSync>} */
  #statements = new Map();

  /** @param {string} path of the file, which is created if it does not exist */
  constructor(path) {
    this.#path = resolve(check.text(path, "the path of a FileStore"));
    sqlite();
  }

  /**
   * Opens a file, and creates it if it does not exist.
   * @param {string} path
   * @returns {Promise<FileStore>}
   */
  static async open(path) {
    const store = new FileStore(path);
    store.#run(() => undefined);
    return store;
  }

  /** Closes the file; later calls reject with "closed". */
  async close() {
    this.#isClosed = true;
    this.#statements.clear();
    this.#database?.close();
    this.#database = undefined;
  }

  /**
   * Prevents other processes from syncing this file at the same time: resolves to a function that releases the lock, or to
   * `null` if another process holds it. The lock is released when its process exits.
   * @returns {Promise<(() => void) | null>}
   */
  async lock() {
    try {
      const database = openFile(`${this.#path}-sync-lock`);
      try {
        database.exec("PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE");
      } catch (error) {
        database.close();
        if (isBusy(error)) return null;
        throw error;
      }
      return () => database.close();
    } catch (error) {
      throw storeError(error);
    }
  }

  async global() {
    return this.#run(() => this.#state("global"));
  }

  /** @param {string} collection */
  async state(collection) {
    return this.#run(() => this.#state(`state/${collection}`));
  }

  async collections() {
    return this.#run(() => {
      const rows = this.#all(
        "SELECT DISTINCT collection AS name FROM items UNION SELECT substr(name, 7) FROM states WHERE name LIKE 'state/%' ORDER BY 1",
      );
      return rows.map(({ name }) => String(name));
    });
  }

  /** @param {string} collection */
  async counts(collection) {
    return this.#run(() => {
      const [{ live, pending }] = this.#all(
        "SELECT coalesce(sum(is_live), 0) AS live, coalesce(sum(is_pending), 0) AS pending FROM items WHERE collection = ?",
        collection,
      );
      return { live: Number(live), pending: Number(pending) };
    });
  }

  /**
   * @param {string} collection
   * @param {string[]} ids
   */
  async read(collection, ids) {
    return this.#run(() => ids.map(id => this.#item(collection, id) ?? null));
  }

  /**
   * @param {string} collection
   * @param {StoreQuery} query
   */
  async page(collection, { selection, after, records, characters }) {
    return this.#run(() => {
      const isWanted = selection === "live" ? "is_live" : "is_pending";
      const query = `SELECT id, revision, item FROM items WHERE collection = ? AND id > ? AND ${isWanted} = 1 ORDER BY id LIMIT ${ROWS_PER_QUERY}`;
      const page = [];
      for (;;) {
        const rows = this.#all(query, collection, after ?? "");
        for (const row of rows) {
          const item = itemOf(row);
          page.push(item);
          after = item.id;
          characters -= charactersOf(item);
          if (page.length >= Math.max(records, 1) || characters <= 0) return page;
        }
        if (rows.length < ROWS_PER_QUERY) return page;
      }
    });
  }

  /**
   * @param {string} collection
   * @param {string[]} keys
   */
  async duplicates(collection, keys) {
    return this.#run(() => {
      const key = "json_extract(item, '$.key')";
      const query = `SELECT id, revision, item FROM items INDEXED BY keys WHERE collection = ? AND ${key} = ? AND ${key} IS NOT NULL AND is_live = 1`;
      const found = [...new Set(keys)].flatMap(key => this.#all(query, collection, key).map(itemOf));
      return found.sort((one, other) => (one.id < other.id ? -1 : 1));
    });
  }

  /**
   * @param {StoreCommit} commit
   * @returns {Promise<"done" | "stale">}
   */
  async commit({ parts, global }) {
    return this.#run(() => {
      this.#exec("BEGIN IMMEDIATE");
      try {
        const isStale = parts.some(
          ({ collection, sweep, writes }) =>
            sweep === null && writes.some(({ id, seen }) => (this.#item(collection, id)?.revision ?? null) !== seen),
        );
        if (isStale) {
          this.#exec("ROLLBACK");
          return "stale";
        }
        const revision = Number(this.#state("revision") ?? 0) + 1;
        this.#setState("revision", String(revision));
        for (const part of parts) this.#apply(part, revision);
        if (global !== null) this.#setState("global", global);
        this.#exec("COMMIT");
        return "done";
      } catch (error) {
        try {
          this.#exec("ROLLBACK");
        } catch {
          // SQLite has already rolled the transaction back because of the same error.
        }
        throw error;
      }
    });
  }

  /**
   * @param {StorePart} part
   * @param {number} revision
   */
  #apply({ collection, sweep, writes, uploaded, state }, revision) {
    if (sweep === "wipe") this.#all("DELETE FROM items WHERE collection = ?", collection);
    if (sweep === "reset") this.#reset(collection, revision);
    for (const { id, becomes } of writes) this.#put(collection, id, becomes ? { ...becomes, revision } : undefined);
    for (const upload of uploaded) {
      const item = this.#item(collection, upload.id);
      if (item) this.#put(collection, upload.id, afterUpload(item, upload, revision));
    }
    if (state !== null) this.#setState(`state/${collection}`, state);
  }

  /**
   * @param {string} collection
   * @param {number} revision
   */
  #reset(collection, revision) {
    let after = "";
    for (;;) {
      const rows = this.#all(`SELECT id, revision, item FROM items WHERE collection = ? AND id > ? ORDER BY id LIMIT ${ROWS_PER_QUERY}`, collection, after);
      for (const row of rows) {
        const item = itemOf(row);
        this.#put(collection, item.id, afterReset(item, revision));
        after = item.id;
      }
      if (rows.length < ROWS_PER_QUERY) return;
    }
  }

  /**
   * @param {string} collection
   * @param {string} id
   */
  #item(collection, id) {
    const [row] = this.#all("SELECT id, revision, item FROM items WHERE collection = ? AND id = ?", collection, id);
    return row && itemOf(row);
  }

  /**
   * @param {string} collection
   * @param {string} id
   * @param {StoredItem | undefined} item
   */
  #put(collection, id, item) {
    if (!item) {
      this.#all("DELETE FROM items WHERE collection = ? AND id = ?", collection, id);
      return;
    }
    const { id: _id, revision, ...rest } = item;
    const [isLive, isPending] = [isSelected(item, "live"), isSelected(item, "pending")].map(Number);
    this.#all("REPLACE INTO items VALUES (?, ?, ?, ?, ?, ?)", collection, id, revision, isLive, isPending, JSON.stringify(rest));
  }

  /** @param {string} name */
  #state(name) {
    const [row] = this.#all("SELECT value FROM states WHERE name = ?", name);
    // Stored as JSON, which escapes NUL: SQLite ends a text at NUL.
    return row && /** @type {string} */ (JSON.parse(String(row.value)));
  }

  /**
   * @param {string} name
   * @param {string} value
   */
  #setState(name, value) {
    this.#all("REPLACE INTO states VALUES (?, ?)", name, JSON.stringify(value));
  }

  /**
   * @param {string} sql
   * @param {...(string | number)} values
   */
  #all(sql, ...values) {
    let statement = this.#statements.get(sql);
    if (!statement) {
      statement = this.#connection().prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement.all(...values);
  }

  /** @param {string} sql */
  #exec(sql) {
    this.#connection().exec(sql);
  }

  #connection() {
    if (this.#isClosed) throw new SelvedgeError("closed", "this store was closed: open it again");
    this.#database ??= openDatabase(this.#path);
    return this.#database;
  }

  /**
   * @template T
   * @param {() => T} work
   * @returns {T}
   */
  #run(work) {
    try {
      this.#connection();
      return work();
    } catch (error) {
      throw storeError(error);
    }
  }
}

/** The module `node:sqlite`. */
const sqlite = () => {
  const module = /** @type {typeof import("node:sqlite") | undefined} */ (process.getBuiltinModule?.("node:sqlite"));
  if (module) return module;
  throw new SelvedgeError(
    "unsupported",
    `a FileStore needs the module node:sqlite, of Node 22.13 or later; this is Node ${process.versions.node}: upgrade Node, or give a store of your own`,
  );
};

/**
 * Opens a file that only its owner can read, because its contents are not encrypted.
 * @param {string} path
 */
const openFile = path => {
  const { DatabaseSync } = sqlite();
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  closeSync(openSync(path, "a", 0o600));
  chmodSync(path, 0o600);
  return new DatabaseSync(path);
};

/** @param {string} path */
const openDatabase = path => {
  const database = openFile(path);
  try {
    // Writes nothing until the version shows that the file belongs to this program.
    database.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT}`);
    versionOf(database);
    database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; BEGIN IMMEDIATE");
    const version = versionOf(database);
    if (version < 1) database.exec(SCHEMA);
    if (version < 2) database.exec(KEYS);
    database.exec("COMMIT");
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
};

/**
 * The version of the schema, 0 in a new file. Throws if the version is newer, or if the file belongs to another program.
 * @param {DatabaseSync} database
 */
const versionOf = database => {
  const version = Number(database.prepare("PRAGMA user_version").get()?.user_version);
  if (version > VERSION) {
    throw new SelvedgeError("store-busy", "these records were written by a newer version of this program: upgrade it");
  }
  const tables = Number(database.prepare("SELECT count(*) AS tables FROM sqlite_master").get()?.tables);
  if (version === 0 && tables) throw new SelvedgeError("store-damaged", "this file is a database of another program: give another path");
  return version;
};

/**
 * @param {any} row
 * @returns {StoredItem}
 */
const itemOf = ({ id, revision, item }) => ({ id, ...JSON.parse(item), revision });

/** SQLite's primary result codes, the lower eight bits of an extended code. */
const RESULT_CODES = /** @type {const} */ ({ BUSY: 5, LOCKED: 6, READONLY: 8, IOERR: 10, CORRUPT: 11, FULL: 13, CANTOPEN: 14, NOTADB: 26 });

const resultCode = (/** @type {any} */ error) => Number(error?.errcode) & 0xff;

const isBusy = (/** @type {unknown} */ error) => [RESULT_CODES.BUSY, RESULT_CODES.LOCKED].includes(/** @type {5 | 6} */ (resultCode(error)));

/** Converts an error of SQLite or the system to one whose message contains the remedy. */
const storeError = (/** @type {any} */ error) => {
  if (error instanceof SelvedgeError) return error;
  const wrap = (/** @type {string} */ code, /** @type {string} */ message) => new SelvedgeError(code, message, { cause: error });
  switch (resultCode(error)) {
    case RESULT_CODES.BUSY:
    case RESULT_CODES.LOCKED:
      return wrap("store-busy", `another process has locked these records for ${BUSY_TIMEOUT / 1000} s: try again`);
    case RESULT_CODES.FULL:
      return wrap("store-full", "the disk has no space left for these records: free some space and try again");
    case RESULT_CODES.CORRUPT:
    case RESULT_CODES.NOTADB:
      return wrap("store-damaged", "this file is not a store of records, or it is damaged: give another path, or restore the file");
    default:
      return wrap(error?.code === "ENOSPC" ? "store-full" : "store", `the records could not be read or written: ${error?.message ?? "the system gives no reason"}`);
  }
};

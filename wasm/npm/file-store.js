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

const VERSION = 1;

/** How long another process may hold the file, in milliseconds. */
const BUSY = 10_000;

/** The maximum number of rows that are read in one go. */
const STEP = 200;

/** Items are JSON texts; beside them stand the members that are searched. */
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
  CREATE TABLE states (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
  PRAGMA user_version = ${VERSION};`;

/** @implements {import("./selvedge.js").Store} */
export class FileStore {
  #path;
  /** @type {DatabaseSync | undefined} */
  #database;
  #isClosed = false;
  /** @type {Map<string, import("node:sqlite").StatementSync>} */
  #statements = new Map();

  /** @param {string} path of the file, which is made if there is none */
  constructor(path) {
    this.#path = resolve(check.text(path, "the path of a FileStore"));
    sqlite();
  }

  /**
   * Opens the file of a path, and makes it if there is none.
   * @param {string} path
   * @returns {Promise<FileStore>}
   */
  static async open(path) {
    const store = new FileStore(path);
    store.#run(() => undefined);
    return store;
  }

  /** Closes the file; calls that follow reject with "closed". */
  async close() {
    this.#isClosed = true;
    this.#statements.clear();
    this.#database?.close();
    this.#database = undefined;
  }

  /**
   * Keeps other processes from syncing this file at once: answers with a function that gives the lock back, or with `null` if
   * another one has it. It ends with its process.
   * @returns {Promise<(() => void) | null>}
   */
  async lock() {
    try {
      const database = opened(`${this.#path}-sync-lock`);
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
      const query = `SELECT id, revision, item FROM items WHERE collection = ? AND id > ? AND ${isWanted} = 1 ORDER BY id LIMIT ${STEP}`;
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
        if (rows.length < STEP) return page;
      }
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
        this.#keep("revision", String(revision));
        for (const part of parts) this.#apply(part, revision);
        if (global !== null) this.#keep("global", global);
        this.#exec("COMMIT");
        return "done";
      } catch (error) {
        try {
          this.#exec("ROLLBACK");
        } catch {
          // SQLite has ended the transaction by itself, for the same reason.
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
    if (state !== null) this.#keep(`state/${collection}`, state);
  }

  /**
   * @param {string} collection
   * @param {number} revision
   */
  #reset(collection, revision) {
    let after = "";
    for (;;) {
      const rows = this.#all(`SELECT id, revision, item FROM items WHERE collection = ? AND id > ? ORDER BY id LIMIT ${STEP}`, collection, after);
      for (const row of rows) {
        const item = itemOf(row);
        this.#put(collection, item.id, afterReset(item, revision));
        after = item.id;
      }
      if (rows.length < STEP) return;
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
    // As JSON, which has an escape for the character that ends texts of SQLite.
    return row && /** @type {string} */ (JSON.parse(String(row.value)));
  }

  /**
   * @param {string} name
   * @param {string} value
   */
  #keep(name, value) {
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
    this.#database ??= prepared(this.#path);
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

/** SQLite as Node has it. */
const sqlite = () => {
  const found = /** @type {typeof import("node:sqlite") | undefined} */ (process.getBuiltinModule?.("node:sqlite"));
  if (found) return found;
  throw new SelvedgeError(
    "unsupported",
    `a FileStore needs the module node:sqlite, of Node 22.13 or later; this is Node ${process.versions.node}: upgrade Node, or give a store of your own`,
  );
};

/**
 * Opens a file that only its owner can read: what is in there is not encrypted.
 * @param {string} path
 */
const opened = path => {
  const { DatabaseSync } = sqlite();
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  closeSync(openSync(path, "a", 0o600));
  chmodSync(path, 0o600);
  return new DatabaseSync(path);
};

/** @param {string} path */
const prepared = path => {
  const database = opened(path);
  try {
    // Nothing is written before it is known that the file is ours.
    database.exec(`PRAGMA busy_timeout = ${BUSY}`);
    versionOf(database);
    database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; BEGIN IMMEDIATE");
    if (versionOf(database) === 0) database.exec(SCHEMA);
    database.exec("COMMIT");
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
};

/**
 * The version of our schema, 0 in a new file. Throws if it is a newer one, or a file of another program.
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

/** SQLite's numbers for its kinds of errors; the lower eight bits are the kind. */
const KINDS = /** @type {const} */ ({ BUSY: 5, LOCKED: 6, READONLY: 8, IOERR: 10, CORRUPT: 11, FULL: 13, CANTOPEN: 14, NOTADB: 26 });

const kindOf = (/** @type {any} */ error) => Number(error?.errcode) & 0xff;

const isBusy = (/** @type {unknown} */ error) => [KINDS.BUSY, KINDS.LOCKED].includes(/** @type {5 | 6} */ (kindOf(error)));

/** What SQLite or the system says, in words that say what to do. */
const storeError = (/** @type {any} */ error) => {
  if (error instanceof SelvedgeError) return error;
  const say = (/** @type {string} */ code, /** @type {string} */ message) => new SelvedgeError(code, message, { cause: error });
  switch (kindOf(error)) {
    case KINDS.BUSY:
    case KINDS.LOCKED:
      return say("store-busy", `another process has held these records for ${BUSY / 1000} s: try again`);
    case KINDS.FULL:
      return say("store-full", "there is no room left on the disk for these records: free some space and try again");
    case KINDS.CORRUPT:
    case KINDS.NOTADB:
      return say("store-damaged", "this file is no store of records, or it is damaged: give another path, or restore the file");
    default:
      return say(error?.code === "ENOSPC" ? "store-full" : "store", `the records could not be read or written: ${error?.message ?? "the system does not say why"}`);
  }
};

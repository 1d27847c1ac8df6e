
/** Every error of this package: an `Error` with a stable `code`; its message may change between versions. */
export class SelvedgeError extends Error {
  constructor(code: string, message: string, options?: { cause?: unknown });
  readonly name: "SelvedgeError";
  /** What went wrong, in one word: "input", "signed-out", "wrong-key", "hmac-mismatch", "no-such-record", "store", "closed",
   * "not-loaded" (call `init()` first), "crashed" (start again), "unsupported", … */
  readonly code: string;
  /** When to try again, in milliseconds since the Unix epoch, if the server sent a time. */
  readonly retryAfter?: number;
  /** The host's own error, if it has one. */
  readonly cause?: unknown;
}

/** Opens a client for an account.
 *
 * Rejects with "input" if the account is neither a join code nor credentials, or if another option is invalid. */
export function open(options: OpenOptions): Promise<Client>;

/** `T` if JSON can represent all of it. JSON cannot represent functions, symbols, BigInts, and objects of classes like `Date` and
 * `Map`: their type becomes `never`. A member that may be `undefined` may be absent. */
export type Storable<T> = T extends JsonValue | undefined
  ? T
  : T extends bigint | symbol | Date | ((...args: never[]) => unknown)
    ? never
    : T extends object
      ? { [K in keyof T]: Storable<T[K]> }
      : never;

/** A record of the type `T` as it is read: with its id. */
export type Kept<T extends object> = T extends { id: string } ? T : T & { id: string };

/** A record of the type `T` as it is put: without an id, `put` makes one. Without a type it is any object. */
export type Put<T extends object> = string extends keyof T ? object : Omit<T, "id"> & { id?: string };

/** Fields of the type `T` to set; fields that are `null` are removed. Without a type it is any object. */
export type Patch<T extends object> = string extends keyof T ? object : { [K in Exclude<keyof T, "id">]?: T[K] | null };

/** Refuses members that the type `T` does not have. */
type Exact<R, T> = [keyof T] extends [never] ? unknown : { [K in Exclude<keyof R, keyof T>]: never };

export interface Client {
  /** A collection by its name; from now on it is synced by default. `T` is the type of its records, for example an interface; it is
   * not verified: records come from other devices too.
   *
   * Throws "input" if the name is invalid or reserved for the protocol, and "closed". */
  collection<T extends object = SyncRecord>(name: string): Collection<T>;
}

/** One collection of a client. Changes are stored in the client's store; the next sync uploads them.
 *
 * Values that JSON cannot represent are refused with "input": functions, symbols, BigInts, NaN and Infinity, `undefined` in arrays,
 * objects of classes (`Date`, `Map`, …), cycles, and texts with half of a surrogate pair. A member of an object that is `undefined`
 * counts as absent. */
export class Collection<T extends object = SyncRecord> {
  private constructor();
  /** Frees its memory; later calls throw or reject with "closed". */
  free(): void;
  [Symbol.dispose](): void;
  /** Its name. */
  readonly name: string;
  /** The record with an id, or `undefined`. */
  get(id: string): Promise<Kept<T> | undefined>;
  /** Puts a whole record, and returns its id: its own, or a new one. */
  put<R extends Put<T>>(record: R & Storable<R> & Exact<R, Put<T>>): Promise<string>;
  /** Puts whole records in one commit, all of them or none, and returns their ids. Much faster than one by one.
   *
   * Rejects with "input" also if two of them have the same id. */
  putMany<R extends Put<T>>(records: readonly (R & Storable<R> & Exact<R, Put<T>>)[]): Promise<string[]>;
  /** Sets some fields of a record, and removes those that are `null`. The others stay unchanged, to the digit.
   *
   * Rejects with "no-such-record". */
  edit<P extends Patch<T>>(id: string, patch: P & Storable<P> & Exact<P, Patch<T>>): Promise<void>;
  /** Changes a record with a function of its current value, or creates it, and returns the new record. If another window or a sync
   * changes the record meanwhile, the function is called again with the new value: no change is overwritten. The function may be
   * asynchronous. It returns the whole record, `null` to delete it, or `undefined` to leave it unchanged. Fields that it does not
   * change stay the same, to the digit. */
  update<R extends Put<T>>(
    id: string,
    change: (record: Kept<T> | undefined) => (R & Storable<R>) | null | undefined | Promise<(R & Storable<R>) | null | undefined>,
  ): Promise<Kept<T> | undefined>;
  /** Deletes a record; the next sync deletes it on the other devices.
   *
   * Rejects with "no-such-record". */
  delete(id: string): Promise<void>;
  /** Deletes records in one commit, all of them or none.
   *
   * Rejects with "no-such-record" if one of them does not exist. */
  deleteMany(ids: readonly string[]): Promise<void>;
  /** All records in order of id, read a page at a time: `for await (const record of collection.list())`. */
  list(): RecordIterator<T>;
  /** Calls a function when records of this collection have changed here: by this client, by its syncs, or in another window or
   * worker by a client of the same name. Changes of one commit are one call. Returns a function that removes the listener. An error
   * that the listener throws is reported (`reportError`, or the console) and does not affect the other listeners.
   *
   * Throws "input" if the listener is not a function, and "closed". */
  onChange(listener: (change: Change) => void): () => void;
}

/** Iterates over the records of a collection. A record that changes meanwhile has the value of the moment when its page is read. */
export class RecordIterator<T extends object = SyncRecord> {
  private constructor();
  free(): void;
  [Symbol.dispose](): void;
  next(): Promise<IteratorResult<Kept<T>, undefined>>;
  [Symbol.asyncIterator](): RecordIterator<T>;
}

/** A store in memory. */
export class MemoryStore implements Store {
  global(): Promise<string | undefined>;
  state(collection: string): Promise<string | undefined>;
  collections(): Promise<string[]>;
  counts(collection: string): Promise<{ live: number; pending: number }>;
  read(collection: string, ids: string[]): Promise<(StoredItem | null)[]>;
  page(collection: string, query: StoreQuery): Promise<StoredItem[]>;
  duplicates(collection: string, keys: string[]): Promise<StoredItem[]>;
  commit(commit: StoreCommit): Promise<"done" | "stale">;
}

/** A store in IndexedDB: one database per name, one transaction per commit, on the disk when the commit resolves. */
export class IndexedDbStore implements Store {
  /** The database is opened at the first call. */
  constructor(name: string);
  /** Opens a database, and creates it if it does not exist. */
  static open(name?: string): Promise<IndexedDbStore>;
  /** Deletes a database, including changes that were never uploaded. Rejects with "store-busy", and deletes nothing, while a window
   * or worker uses it, including this one: close its clients first. */
  static delete(name?: string): Promise<void>;
  /** Resolves when the database is closed; later calls reject with "closed". */
  close(): Promise<void>;
  global(): Promise<string | undefined>;
  state(collection: string): Promise<string | undefined>;
  collections(): Promise<string[]>;
  counts(collection: string): Promise<{ live: number; pending: number }>;
  read(collection: string, ids: string[]): Promise<(StoredItem | null)[]>;
  page(collection: string, query: StoreQuery): Promise<StoredItem[]>;
  duplicates(collection: string, keys: string[]): Promise<StoredItem[]>;
  commit(commit: StoreCommit): Promise<"done" | "stale">;
}

/** A store in one file, in Node 22.13 or later: an SQLite database that several processes may use at the same time, on the disk when a
 * commit resolves. Only the file's owner can read it: its contents are not encrypted. The class does not exist in browsers. */
export class FileStore implements Store {
  /** The file is opened at the first call, and created if it does not exist. Throws "unsupported" in an older Node. */
  constructor(path: string);
  /** Opens a file, and creates it if it does not exist. */
  static open(path: string): Promise<FileStore>;
  /** Closes the file; later calls reject with "closed". */
  close(): Promise<void>;
  /** Prevents other processes from syncing this file at the same time; `open` uses it as the client's lock. */
  lock(): Promise<(() => void) | null>;
  global(): Promise<string | undefined>;
  state(collection: string): Promise<string | undefined>;
  collections(): Promise<string[]>;
  counts(collection: string): Promise<{ live: number; pending: number }>;
  read(collection: string, ids: string[]): Promise<(StoredItem | null)[]>;
  page(collection: string, query: StoreQuery): Promise<StoredItem[]>;
  duplicates(collection: string, keys: string[]): Promise<StoredItem[]>;
  commit(commit: StoreCommit): Promise<"done" | "stale">;
}

/** An item after a reset of the server's state: the sweep "reset". `revision` is the commit's. */
export function afterReset(item: StoredItem, revision: number): StoredItem;
/** An item after its upload is acknowledged; `undefined`: it is removed. `revision` is the commit's. */
export function afterUpload(item: StoredItem, upload: StoreUpload, revision: number): StoredItem | undefined;
/** How many of a page's `characters` an item uses. */
export function charactersOf(item: StoredItem): number;
/** Whether a page's selection includes an item. */
export function isSelected(item: StoredItem, selection: "live" | "pending"): boolean;

/** Verifies and decrypts the records of a server's response as they arrive, one batch at a time: memory depends on the size of a batch,
 * not of the body. A loop that ends early cancels the body. */
export function decodeRecords(
  stream: ReadableStream<Uint8Array>,
  keys: KeyBundle,
  options?: { format?: "newlines" | "array"; as?: "records" },
): AsyncGenerator<DecodedRecords, void, undefined>;
export function decodeRecords(
  stream: ReadableStream<Uint8Array>,
  keys: KeyBundle,
  options: { format?: "newlines" | "array"; as: "bytes" },
): AsyncGenerator<DecodedBytes, void, undefined>;

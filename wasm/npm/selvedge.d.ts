
/** Every error of this package: an `Error` whose `code` stays the same while its message may be reworded. */
export class SelvedgeError extends Error {
  constructor(code: string, message: string, options?: { cause?: unknown });
  readonly name: "SelvedgeError";
  /** What went wrong, in one word: "input", "signed-out", "wrong-key", "hmac-mismatch", "no-such-record", "store", "closed",
   * "not-loaded" (call `init()` first), "crashed" (start again), "unsupported", … */
  readonly code: string;
  /** When to try again, in milliseconds since the Unix epoch, if the server said so. */
  readonly retryAfter?: number;
  /** The host's own error, if it has one. */
  readonly cause?: unknown;
}

/** Opens a client on an account.
 *
 * Rejects with "input" when the account is no join code and no credentials, or another option is not what it should be. */
export function open(options: OpenOptions): Promise<Client>;

/** `T` where JSON can hold all of it. Functions, symbols, BigInts, and objects of classes like `Date` and `Map` are no records: where
 * `T` has one, this has `never`. A member that may be `undefined` is one that may be absent. */
export type Storable<T> = T extends JsonValue | undefined
  ? T
  : T extends bigint | symbol | Date | ((...args: never[]) => unknown)
    ? never
    : T extends object
      ? { [K in keyof T]: Storable<T[K]> }
      : never;

/** A record of the type `T` as it is read: it has an id. */
export type Kept<T extends object> = T extends { id: string } ? T : T & { id: string };

/** A record of the type `T` as it is put: it may have no id yet. Without a type it is any object. */
export type Put<T extends object> = string extends keyof T ? object : Omit<T, "id"> & { id?: string };

/** Fields of the type `T` to set; those that are `null` are removed. Without a type it is any object. */
export type Patch<T extends object> = string extends keyof T ? object : { [K in Exclude<keyof T, "id">]?: T[K] | null };

/** Refuses members that the type `T` does not have. */
type Exact<R, T> = [keyof T] extends [never] ? unknown : { [K in Exclude<keyof R, keyof T>]: never };

export interface Client {
  /** A collection by its name; from now on it is synced by default. `T` is the type of its records, an interface for example; it is
   * a claim of yours, for records come from other devices too.
   *
   * Throws "input" when the name is not of the protocol's form, or belongs to the sync itself, and "closed". */
  collection<T extends object = SyncRecord>(name: string): Collection<T>;
}

/** One collection of a client's. Changes are kept in its store; the next sync sends them.
 *
 * Values that JSON cannot hold are refused with "input": functions, symbols, BigInts, NaN and Infinity, `undefined` in arrays, objects
 * of classes (`Date`, `Map`, …), cycles, and texts with half of a surrogate pair. In an object of a record a member that is
 * `undefined` counts as absent. */
export class Collection<T extends object = SyncRecord> {
  private constructor();
  /** Frees its memory; calls that follow throw or reject with "closed". */
  free(): void;
  [Symbol.dispose](): void;
  /** Its name. */
  readonly name: string;
  /** The record under an id, or `undefined`. */
  get(id: string): Promise<Kept<T> | undefined>;
  /** Puts a whole record, and answers with its id: its own, or a new one. */
  put<R extends Put<T>>(record: R & Storable<R> & Exact<R, Put<T>>): Promise<string>;
  /** Puts whole records in one commit, all of them or none, and answers with their ids. Much faster than one by one.
   *
   * Rejects with "input" also when two of them have one id. */
  putMany<R extends Put<T>>(records: readonly (R & Storable<R> & Exact<R, Put<T>>)[]): Promise<string[]>;
  /** Sets some fields of a record, and removes those that are `null`. The others stay as they are, to the digit.
   *
   * Rejects with "no-such-record". */
  edit<P extends Patch<T>>(id: string, patch: P & Storable<P> & Exact<P, Patch<T>>): Promise<void>;
  /** Changes a record by a function of what it is now, or makes it where there is none, and answers with the record as it is then.
   * Where another window or a sync changes the record meanwhile, the function is called again with what it is then: nothing is
   * overwritten unseen. The function may be asynchronous. It answers with the whole record, with `null` to delete it, or with
   * `undefined` to leave it. Fields that it leaves stay as they are, to the digit. */
  update<R extends Put<T>>(
    id: string,
    change: (record: Kept<T> | undefined) => (R & Storable<R>) | null | undefined | Promise<(R & Storable<R>) | null | undefined>,
  ): Promise<Kept<T> | undefined>;
  /** Deletes a record; the next sync tells the other devices.
   *
   * Rejects with "no-such-record". */
  delete(id: string): Promise<void>;
  /** Deletes records in one commit, all of them or none.
   *
   * Rejects with "no-such-record" where one is not there. */
  deleteMany(ids: readonly string[]): Promise<void>;
  /** All records in order of id, read a page at a time: `for await (const record of collection.list())`. */
  list(): RecordIterator<T>;
  /** Calls a function whenever records of this collection have changed here: by this client, by its syncs, or in another window or
   * worker by a client of the same name. Several changes that are made at once are one call. The answer ends it. What the
   * function throws is reported (`reportError`, or the console), and disturbs no other one.
   *
   * Throws "input" for anything but a function, and "closed". */
  onChange(listener: (change: Change) => void): () => void;
}

/** Walks over the records of a collection. Records that change on the way are seen as they are when their page is read. */
export class RecordIterator<T extends object = SyncRecord> {
  private constructor();
  free(): void;
  [Symbol.dispose](): void;
  next(): Promise<IteratorResult<Kept<T>, undefined>>;
  [Symbol.asyncIterator](): RecordIterator<T>;
}

/** A store that lasts as long as the object. */
export class MemoryStore implements Store {
  global(): Promise<string | undefined>;
  state(collection: string): Promise<string | undefined>;
  collections(): Promise<string[]>;
  counts(collection: string): Promise<{ live: number; pending: number }>;
  read(collection: string, ids: string[]): Promise<(StoredItem | null)[]>;
  page(collection: string, query: StoreQuery): Promise<StoredItem[]>;
  commit(commit: StoreCommit): Promise<"done" | "stale">;
}

/** A store in IndexedDB: one database a name, one transaction a commit, on the disk when the commit answers. */
export class IndexedDbStore implements Store {
  /** The database is opened when it is first needed. */
  constructor(name: string);
  /** Opens the database of a name, and makes it if there is none. */
  static open(name?: string): Promise<IndexedDbStore>;
  /** Deletes the database of a name, with all that was never sent. Rejects with "store-busy", and deletes nothing, while a window or
   * worker uses it, this one included: close its clients first. */
  static delete(name?: string): Promise<void>;
  /** Resolves when the database is let go; calls that follow reject with "closed". */
  close(): Promise<void>;
  global(): Promise<string | undefined>;
  state(collection: string): Promise<string | undefined>;
  collections(): Promise<string[]>;
  counts(collection: string): Promise<{ live: number; pending: number }>;
  read(collection: string, ids: string[]): Promise<(StoredItem | null)[]>;
  page(collection: string, query: StoreQuery): Promise<StoredItem[]>;
  commit(commit: StoreCommit): Promise<"done" | "stale">;
}

/** A store in one file, in Node 22.13 or later: an SQLite database that several processes may use at once, on the disk when a commit
 * answers. Only its owner can read the file: what is in there is not encrypted. In browsers the package has no such class. */
export class FileStore implements Store {
  /** The file is opened when it is first needed, and made if there is none. Throws "unsupported" in an older Node. */
  constructor(path: string);
  /** Opens the file of a path, and makes it if there is none. */
  static open(path: string): Promise<FileStore>;
  /** Closes the file; calls that follow reject with "closed". */
  close(): Promise<void>;
  /** Keeps other processes from syncing this file at once; `open` takes it as the client's lock. */
  lock(): Promise<(() => void) | null>;
  global(): Promise<string | undefined>;
  state(collection: string): Promise<string | undefined>;
  collections(): Promise<string[]>;
  counts(collection: string): Promise<{ live: number; pending: number }>;
  read(collection: string, ids: string[]): Promise<(StoredItem | null)[]>;
  page(collection: string, query: StoreQuery): Promise<StoredItem[]>;
  commit(commit: StoreCommit): Promise<"done" | "stale">;
}

/** What becomes of an item when its server is forgotten: the sweep "reset". `revision` is that of the commit. */
export function afterReset(item: StoredItem, revision: number): StoredItem;
/** What becomes of an item when an upload of it is acknowledged; `undefined`: it is removed. */
export function afterUpload(item: StoredItem, upload: StoreUpload, revision: number): StoredItem | undefined;
/** How much of a page's `characters` an item takes. */
export function charactersOf(item: StoredItem): number;
/** Whether an item belongs to a page's selection. */
export function isSelected(item: StoredItem, selection: "live" | "pending"): boolean;

/** Verifies and decrypts the records of a server's answer as they arrive, a batch at a time: memory depends on the batch, never on
 * the body. A loop that ends early ends the body. */
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

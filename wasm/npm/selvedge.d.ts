
/** Every error of this package: an `Error` whose `code` stays the same while its message may be reworded. */
export class SelvedgeError extends Error {
  constructor(code: string, message: string, options?: ErrorOptions);
  readonly name: "SelvedgeError";
  /** What went wrong, in one word: "input", "signed-out", "wrong-key", "hmac-mismatch", "no-such-record", "store", "closed", … */
  readonly code: string;
  /** When to try again, in milliseconds since the Unix epoch, if the server said so. */
  readonly retryAfter?: number;
  /** The host's own error, if it has one. */
  readonly cause?: unknown;
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
  /** Deletes the database of a name, with all that was never sent. Rejects with "store-busy" while a window uses it. */
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

//! The TypeScript interfaces of the plain objects that are passed between JavaScript and Rust.

use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** Any value that JSON can represent. */
export type JsonValue = null | boolean | number | string | JsonValue[] | { [member: string]: JsonValue };

/** A record: an object with an id of 1 to 64 printable ASCII characters. The field name `deleted` is reserved. */
export interface SyncRecord {
  id: string;
  [field: string]: JsonValue;
}

/** An account on a token server. */
export interface TokenServerCredentials {
  tokenserver_url: string;
  access_token: string;
  kid: string;
  /** The sync key: 64 bytes as base64url. */
  ksync_b64url: string;
  /** The id of this device on the account's device list: 32 hexadecimal digits. */
  device_id?: string;
}

/** An account by a storage token that another program has obtained: when it expires, pass a new one. */
export interface TokenCredentials {
  api_endpoint: string;
  id: string;
  key: string;
  uid: number;
  hashalg: string;
  duration: number;
  /** The sync key: 64 bytes as base64url. */
  ksync_b64url: string;
  kid?: string;
  /** The id of this device on the account's device list: 32 hexadecimal digits. */
  device_id?: string;
}

/** A join code (`selvedge1-…`), or credentials as an object or as its JSON text. */
export type Account = string | TokenServerCredentials | TokenCredentials;

export interface OpenOptions {
  /** A join code (`selvedge1-…`), or credentials as an object or as its JSON text. */
  account: Account;
  /** Sends a request, as `globalThis.fetch` does, which is the default. The request is signed: send it as it is. */
  fetch?: (request: Request) => Promise<Response>;
  /** How long a server may send nothing, in milliseconds, before a request fails: before its response, and between the chunks of
   * its response. Default: 60,000; `Infinity` means no timeout. */
  timeout?: number;
  /** Where the records are stored. Default: an `IndexedDbStore` with the client's name if there is IndexedDB, else a `MemoryStore`. */
  store?: Store;
  /** The name of this account on this device, which may have several. Default: "selvedge". Clients of the same name, in all windows
   * and workers of an origin, share one store: `onChange` reports changes of the other clients, and only one of them syncs at a
   * time. */
  name?: string;
  /** The name of this device that the account's other devices show. */
  deviceName?: string;
  /** Whether records of another account in the store become this account's: the next sync uploads them to it. Ask the user
   * first. Default: `false`; opening such a store then rejects with "other-account". */
  adopt?: boolean;
  /** Prevents other windows and workers from syncing the same store at the same time: resolves to a function that releases the lock,
   * or to `null` if another context holds it. Default: the store's own `lock` if it has one, else `navigator.locks`, if available,
   * with the client's name; no lock for a store of your own without a name. */
  lock?: () => Promise<(() => void) | null>;
}

export interface SyncOptions {
  /** Which collections to sync, in this order. Default: all that this client has opened or stored. */
  collections?: string[];
  /** Stops the sync at the next safe point, and aborts a running request: committed changes stay, and the next sync continues from
   * there. The report's error has the code "aborted", whatever the signal's reason. */
  signal?: AbortSignal;
  /** Receives the progress of the sync. An error that it throws is reported, and does not affect the sync. */
  onProgress?: (progress: SyncProgress) => void;
  /** `false` for a background sync: it is delayed if the server has asked for fewer syncs. Default: `true`. */
  isAskedFor?: boolean;
}

/** The progress of a sync. */
export interface SyncProgress {
  stage:
    | "token"
    | "info-collections"
    | "meta-global"
    | "crypto-keys"
    | "clients"
    | "fresh-start"
    | "collection"
    | "records"
    | "syncing";
  /** With "collection" and "records". */
  collection?: string;
  /** With "records": how many were received so far. */
  received?: number;
  /** With "records": how many were sent so far. */
  sent?: number;
}

/** What this device knows about its syncs. */
export interface ClientStatus {
  /** The account's server: the token server, or the storage server of an account by a storage token. */
  server: string;
  /** When the last complete sync ended, in milliseconds since the Unix epoch. */
  lastSync: number | null;
  /** Until when the server asks clients to wait, in milliseconds since the Unix epoch. */
  retryAfter: number | null;
  /** What the user has to decide before this account can be synced. */
  needsConsent: SyncConsent | null;
  collections: CollectionCounts[];
}

export interface CollectionCounts {
  name: string;
  records: number;
  /** Changes that the server does not have yet. */
  pending: number;
  /** Records that the server refused twice. */
  givenUp: number;
}

/** A value that a sync replaced, here or on the server. */
export interface Conflict {
  collection: string;
  id: string;
  /** When, in milliseconds since the Unix epoch. */
  at: number;
  /** "merge": both sides changed it, and the server's value won; "upload-replaced": this device's value is uploaded over the server's;
   * "remote-deletion", "remote-command": another device deleted it; "first-sync", "restore": the user replaced it. */
  cause: "merge" | "upload-replaced" | "remote-deletion" | "remote-command" | "first-sync" | "restore";
  /** Whose value it was. */
  side: "here" | "server";
  record: SyncRecord;
}

/** Records that have changed here. */
export interface Change {
  collection: string;
  /** Their ids; `null`: all of them, because the collection was emptied. */
  ids: string[] | null;
  /** Who changed them. "here": this client; "sync": other devices; "elsewhere": a client of the same name in another window or
   * worker, or its sync. */
  origin: "here" | "sync" | "elsewhere";
}

export type ScheduleEvent =
  | "started"
  | "active"
  | "idle"
  | "woke"
  | "network-back"
  | "asked-for"
  | "began"
  | "changed"
  | "alone"
  | "several-devices";

/** The next step of a schedule. `until` is in milliseconds since the Unix epoch. */
export type NextSync =
  | { next: "sync"; isAskedFor: boolean }
  | { next: "wait"; until: number }
  | { next: "running" }
  | { next: "person" };

/** The storage of records on this device. To write your own, implement these methods; `MemoryStore` is the shortest example, and
 * `storeCases` of `selvedge/store-cases` tests the contract. Errors with the `code` "store-full", "store-busy", "store-locked" or
 * "store-damaged", or with the name "QuotaExceededError", get the same code in the client's error. Besides a collection "notes" there
 * may be "notes/incoming", with what has arrived and is not merged yet. */
export interface Store {
  /** The state of the account's sync, as the last commit left it. */
  global(): Promise<string | null | undefined>;
  /** The state of a collection's sync, as the last commit left it. */
  state(collection: string): Promise<string | null | undefined>;
  /** The collections that have an item or a state, sorted by name. */
  collections(): Promise<string[]>;
  counts(collection: string): Promise<{ live: number; pending: number }>;
  /** The items with these ids, in the order of `ids`; `null` if there is no item. */
  read(collection: string, ids: string[]): Promise<(StoredItem | null)[]>;
  /** Items in order of id. Empty only after the last item. */
  page(collection: string, query: StoreQuery): Promise<StoredItem[]>;
  /** The items that are not deleted and have one of these keys, in order of id. */
  duplicates(collection: string, keys: string[]): Promise<StoredItem[]>;
  /** Atomic and durable: all of it is on the disk, or nothing. "stale" if the revision of a written item is not the `seen` one. */
  commit(commit: StoreCommit): Promise<"done" | "stale">;
  /** The client's `close` calls it when all other calls have ended, and waits for it. */
  close?(): void | Promise<void>;
  /** For a store that other processes may use: see `OpenOptions.lock`. */
  lock?(): Promise<(() => void) | null>;
}

/** A version of a record: unknown, the same as the item's cleartext, or this JSON text. */
export type StoredVersion = "unknown" | "same" | { content: string };

/** A stored record, with the version that the server is known to have. */
export interface StoredItem {
  id: string;
  /** JSON text; `null` if it was deleted here and the deletion is not uploaded yet. */
  cleartext: string | null;
  base: StoredVersion;
  sent: StoredVersion;
  /** The server's time of the last change, in hundredths of a second. */
  serverModified: number;
  /** Whether it is to be uploaded; an edit has its time, in milliseconds. */
  pending: "nothing" | "resend" | { editedAt: number };
  /** What makes it a duplicate of another record, where its collection has such a rule. */
  key?: string;
  /** A new number with every commit that writes the item; numbers are never reused. */
  revision: number;
}

/** Which items a page contains. */
export interface StoreQuery {
  /** "live": all that are not deleted; "pending": all that are to be uploaded, including deletions. */
  selection: "live" | "pending";
  /** Starts after this id; `null`: from the beginning. */
  after: string | null;
  /** Maximum number of items; 0 counts as 1. */
  records: number;
  /** The page ends with the item with which the total length of the texts reaches this number. */
  characters: number;
}

/** What one commit changes. */
export interface StoreCommit {
  parts: StorePart[];
  /** The new state of the account's sync; `null`: unchanged. */
  global: string | null;
}

/** What a commit changes in one collection, in the order of these members. */
export interface StorePart {
  collection: string;
  /** "wipe" removes every item, "reset" replaces each item by the result of `afterReset`. A part with a sweep is never stale. */
  sweep: "reset" | "wipe" | null;
  /** Puts an item, or removes it if `becomes` is `null`. `seen` is the revision with which it was read, or `null` if there was
   * no item: if it is different now, the whole commit changes nothing and returns "stale". */
  writes: { id: string; seen: number | null; becomes: Omit<StoredItem, "revision"> | null }[];
  /** Replaces each item by the result of `afterUpload`; a missing item is not an error. */
  uploaded: StoreUpload[];
  /** The new state of the collection's sync; `null`: unchanged. */
  state: string | null;
}

/** An acknowledged upload: the item with this revision is on the server. */
export interface StoreUpload {
  id: string;
  revision: number;
  /** The server's time of the upload, in hundredths of a second. */
  modified: number;
}

/** Records that were verified and decrypted together. */
export interface DecodedRecords {
  records: SyncRecord[];
  /** When the server stored each of them, in milliseconds since the Unix epoch. */
  modified: Float64Array;
  /** Records that cannot be read, each with an error code. */
  failed: { id: string; code: string }[];
}

/** Records that were verified and decrypted together, as concatenated JSON texts. */
export interface DecodedBytes {
  cleartexts: Uint8Array;
  /** Where each text ends. */
  ends: Uint32Array;
  failed: { id: string; code: string }[];
}

/** The result of a sync. */
export interface SyncReport {
  /** "done", "nothing-to-do": success; "blocked": the sync did not start; "cut-short", "stopped": the sync had to stop, and completed
   * work is kept (after your own signal the error's code is "aborted"); "logged-out": another device has disconnected this one: delete
   * the account's secrets; "needs-consent": continuing would delete other devices' data on the server, so nothing was written, and the
   * user has to decide. */
  ending: "done" | "nothing-to-do" | "blocked" | "cut-short" | "logged-out" | "needs-consent" | "stopped";
  /** Why, if it was blocked, stopped, or needs consent. */
  error?: SyncProblem;
  /** What the user has to know before agreeing, if the sync needs consent. */
  consent?: SyncConsent;
  /** Summary. "backoff": the server asks clients to wait until `retryAfter`; "login-needed": the user has to sign in, or join, again;
   * "upgrade-needed": this package is too old for the account or the server; "needs-consent": see `ending`. */
  outcome: "success" | "partial" | "failed" | "backoff" | "login-needed" | "upgrade-needed" | "needs-consent";
  /** Whether this sync set the account up. */
  freshStart: boolean;
  /** Whether a missing metadata record of the account was restored from this device's copy. */
  restored: boolean;
  /** How the first sync combined both sides, if the user chose a way. */
  firstSync: "merge" | "take-server" | "take-local" | null;
  /** Collections whose records were removed here, because the user agreed to it. */
  wipedHere: string[];
  /** Collections that were deleted on the server, because the user agreed to it. */
  wipedThere: string[];
  /** Collections that were kept on the server although the user agreed to their deletion: they were changed there since. */
  keptThere: string[];
  collections: CollectionReport[];
  /** The result for the records that describe the account's devices. */
  clients: ClientsReport;
  /** Commands that other devices sent to this one. */
  commands: CommandReport[];
  /** Pages that users sent from other devices. They are untrusted: do not open them without the user. */
  tabs: { uri: string; sender: string; title: string }[];
  requests: number;
  bytesSent: number;
  bytesReceived: number;
  milliseconds: number;
  /** Until when the server asks clients to wait, in milliseconds since the Unix epoch. */
  retryAfter: number | null;
  /** Messages of the server's operators for users. */
  alerts: string[];
}

/** What the user has to know before an account that cannot be synced in its current state is set up again. */
export interface SyncConsent {
  reason: "meta-missing" | "older-format" | "meta-unreadable" | "keys-missing" | "keys-unreadable" | "other-keys" | "contradiction";
  /** The server's collections, which would be deleted. `modified`: the last change, in seconds since the Unix epoch by its clock. */
  collections: { name: string; records: number | null; modified: number }[];
  /** The newest time on the server, in seconds since the Unix epoch. */
  seen: number;
  /** Whether this device has a copy of the missing record, so that nothing has to be deleted. */
  canRestore: boolean;
}

/** The result for the records that describe the account's devices. */
export interface ClientsReport {
  status: "ok" | "failed" | "skipped";
  error?: SyncProblem;
  /** How many devices are known, including this one. */
  known: number;
  /** Records that are encrypted with another key. They are left on the server: a device with other keys may need them. */
  unreadable: string[];
  /** How many records were skipped because they are damaged in another way. */
  passedOver: number;
}

/** The result of a command that another device sent to this one. */
export interface CommandReport {
  command: string;
  collection?: string;
  outcome: "done" | "kept-empty" | "kept-unreadable" | "kept-unsynced" | "unknown";
  /** How many local changes were not uploaded at that time. Those that the command removed are in the client's `conflicts`. */
  unsent: number;
}

/** The result for one collection. */
export interface CollectionReport {
  name: string;
  /** "partial": some records failed, the others were synced; "skipped": not synced. */
  status: "ok" | "partial" | "failed" | "skipped";
  error?: SyncProblem;
  received: number;
  applied: AppliedRecords;
  sent: number;
  failed: number;
  /** The first records that could not be applied here. */
  failedIn: FailedRecord[];
  /** The first records that could not be uploaded. */
  failedOut: FailedRecord[];
  /** Records in which both sides changed the same field, each with the rule that decided. */
  rules: [id: string, rule: string][];
  /** How many values were replaced, here or by the upload: they are in the client's `conflicts`. */
  replaced: number;
  /** Whether all records were compared with the server's, because the server was reset to an earlier state, for example from a backup. */
  compared: boolean;
  /** After such a comparison: how many records were missing on the server and are uploaded again. */
  lacking: number;
  requests: number;
  bytesSent: number;
  bytesReceived: number;
  milliseconds: number;
}

/** How records from the server were applied. */
export interface AppliedRecords {
  added: number;
  changed: number;
  deleted: number;
  /** Both sides changed them. */
  merged: number;
}

export interface SyncProblem {
  /** A stable code for programs, as in `SelvedgeError`. */
  code: string;
  /** A message for users. */
  message: string;
}

export interface FailedRecord {
  id: string | null;
  reason: string;
}
"#;

#[wasm_bindgen]
extern "C" {
    /// A plain object with the TypeScript type of a record.
    #[derive(Debug, Clone)]
    #[wasm_bindgen(typescript_type = "SyncRecord")]
    pub type SyncRecord;

    /// A join code or credentials.
    #[derive(Debug, Clone)]
    #[wasm_bindgen(typescript_type = "Account")]
    pub type Account;

    /// The options of `open`.
    #[derive(Debug, Clone)]
    #[wasm_bindgen(typescript_type = "OpenOptions")]
    pub type OpenOptions;

    /// The options of a sync.
    #[derive(Debug, Clone)]
    #[wasm_bindgen(typescript_type = "SyncOptions")]
    pub type SyncOptions;
}

/// A member of an object; `undefined` if it has no such member or is not an object.
pub(crate) fn member(object: &JsValue, name: &str) -> JsValue {
    js_sys::Reflect::get(object, &name.into()).unwrap_or_default()
}

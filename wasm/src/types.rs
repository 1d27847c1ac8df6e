//! The TypeScript interfaces of what crosses the border as plain objects.

use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** What JSON can say. */
export type JsonValue = null | boolean | number | string | JsonValue[] | { [member: string]: JsonValue };

/** A record: an object with an id of 1 to 64 printable ASCII characters. A field named `deleted` is not for use. */
export interface SyncRecord {
  id: string;
  [field: string]: JsonValue;
}

/** An account by a token server. */
export interface TokenServerCredentials {
  tokenserver_url: string;
  access_token: string;
  kid: string;
  /** The sync key: 64 bytes as base64url. */
  ksync_b64url: string;
  /** What the account's other devices know this one by: 32 hexadecimal digits. */
  device_id?: string;
}

/** An account by a storage token that somebody else got: when it expires, bring another. */
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
  /** What the account's other devices know this one by: 32 hexadecimal digits. */
  device_id?: string;
}

/** A join code (`selvedge1-…`), or credentials as an object or as its JSON text. */
export type Account = string | TokenServerCredentials | TokenCredentials;

export interface OpenOptions {
  /** A join code (`selvedge1-…`), or credentials as an object or as its JSON text. */
  account: Account;
  /** Sends a request, as `globalThis.fetch` does, which is the default. The request is signed: send it as it is. */
  fetch?: (request: Request) => Promise<Response>;
  /** How long a server may say nothing, in milliseconds, until a request is given up: before its answer, and between the parts of
   * its answer. Default: 60,000; `Infinity` is without end. */
  timeout?: number;
  /** Where the records are kept. Default: an `IndexedDbStore` of that name where there is IndexedDB, or else a `MemoryStore`. */
  store?: Store;
  /** The name of this account on this device, if it has several. Default: "selvedge". Clients of one name, in whatever windows
   * and workers of an origin, are of one store: what one of them changes, `onChange` of the others tells, and one syncs at a
   * time. */
  name?: string;
  /** What the account's other devices are told that this one is called. */
  deviceName?: string;
  /** Whether records of another account that the store has become this account's: the next sync sends them to it. Ask a person
   * first. Default: `false`, and opening such a store rejects with "other-account". */
  adopt?: boolean;
  /** Keeps other windows and workers from syncing the same store at once: answers with a function that gives the lock back, or
   * with `null` if somebody else has it. Default: the store's own `lock`, if it has one, or `navigator.locks`, where there is one,
   * by the client's name; none for a store of yours without a name. */
  lock?: () => Promise<(() => void) | null>;
}

export interface SyncOptions {
  /** Which collections to sync, in this order. Default: all that this client has asked for or holds. */
  collections?: string[];
  /** Stops the sync at the next safe point, and ends a request that is under way: what it has committed stays, and the next one goes
   * on from there. The report's error has the code "aborted", whatever the signal's reason. */
  signal?: AbortSignal;
  /** Told how far the sync is. What it throws is reported, and does not disturb the sync. */
  onProgress?: (progress: SyncProgress) => void;
  /** `false` for a sync that nobody waits for: it yields to a server that asked for fewer syncs. Default: `true`. */
  isAskedFor?: boolean;
}

/** How far a sync is. */
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
  /** With "records": how many have come so far. */
  received?: number;
  /** With "records": how many were sent so far. */
  sent?: number;
}

/** What this device knows of its syncing. */
export interface ClientStatus {
  /** The server that is asked first. */
  server: string;
  /** When a sync last came to its end, in milliseconds since the Unix epoch. */
  lastSync: number | null;
  /** Until when the server wants to be left alone, likewise. */
  retryAfter: number | null;
  /** What a person has to decide before this account can be synced. */
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
  /** "merge": both sides had changed it and the server's was taken; "upload-replaced": the one from here is sent over the server's;
   * "remote-deletion", "remote-command": another device deleted it; "first-sync", "restore": a person replaced it. */
  cause: "merge" | "upload-replaced" | "remote-deletion" | "remote-command" | "first-sync" | "restore";
  /** Whose value it was. */
  side: "here" | "server";
  record: SyncRecord;
}

/** Records that have changed here. */
export interface Change {
  collection: string;
  /** Which ones; `null`: all of them, for the collection was emptied. */
  ids: string[] | null;
  /** "here": by this client; "sync": other devices changed them; "elsewhere": a client of the same name in another window or
   * worker did, or its sync. */
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

/** What a schedule says is next. `until` is in milliseconds since the Unix epoch. */
export type NextSync =
  | { next: "sync"; isAskedFor: boolean }
  | { next: "wait"; until: number }
  | { next: "running" }
  | { next: "person" };

/** Records at rest. Bring your own by writing these methods; `MemoryStore` is the shortest example, and `storeCases` of `selvedge/store-cases` tries
 * whether yours keeps its promises. Errors whose `code` is "store-full", "store-busy", "store-locked" or "store-damaged", or
 * whose name is "QuotaExceededError", are told apart. */
export interface Store {
  /** The state of the account's sync, as the last commit left it. */
  global(): Promise<string | null | undefined>;
  /** The state of a collection's sync, as the last commit left it. */
  state(collection: string): Promise<string | null | undefined>;
  /** The collections that have an item or a state, in order. */
  collections(): Promise<string[]>;
  counts(collection: string): Promise<{ live: number; pending: number }>;
  /** The items under these ids, in their order; `null` where there is none. */
  read(collection: string, ids: string[]): Promise<(StoredItem | null)[]>;
  /** Items in order of id. Empty only at the end. */
  page(collection: string, query: StoreQuery): Promise<StoredItem[]>;
  /** All of it at once, on the disk, or nothing: "stale" if an item that is written has another revision than was seen. */
  commit(commit: StoreCommit): Promise<"done" | "stale">;
  /** Called by the client's `close`, which waits for it, when nothing else is under way. */
  close?(): void | Promise<void>;
  /** For a store that other processes may use: see `OpenOptions.lock`. */
  lock?(): Promise<(() => void) | null>;
}

/** A version of a record: none, the same as the item's cleartext, or this JSON text. */
export type StoredVersion = "unknown" | "same" | { content: string };

/** A record at rest, beside what the server is known to have. */
export interface StoredItem {
  id: string;
  /** JSON text; `null` when it was deleted here and the server is not told yet. */
  cleartext: string | null;
  base: StoredVersion;
  sent: StoredVersion;
  /** In hundredths of a second. */
  serverModified: number;
  /** Whether it is to be uploaded; an edit has its time in milliseconds. */
  pending: "nothing" | "resend" | { editedAt: number };
  /** Another one with every commit that writes the item; one that was given is never given again. */
  revision: number;
}

/** Which items a page holds. */
export interface StoreQuery {
  /** "live": all that are not deleted; "pending": all that are to be uploaded, deletions included. */
  selection: "live" | "pending";
  /** From the first after this id; `null` from the beginning. */
  after: string | null;
  /** At most so many, but at least one. */
  records: number;
  /** The page ends with the item whose texts reach this. */
  characters: number;
}

/** What one commit changes. */
export interface StoreCommit {
  parts: StorePart[];
  /** The new state of the account's sync; `null` leaves it. */
  global: string | null;
}

/** What a commit does to one collection, in the order of the members. */
export interface StorePart {
  collection: string;
  /** "wipe" removes every item, "reset" makes of each what `afterReset` says. A part that sweeps is never stale. */
  sweep: "reset" | "wipe" | null;
  /** Puts an item, or removes it where `becomes` is `null`. `seen` is the revision under which it was read, or `null` if there was
   * none: where that is no longer so, the whole commit does nothing and answers "stale". */
  writes: { id: string; seen: number | null; becomes: Omit<StoredItem, "revision"> | null }[];
  /** Makes of each item what `afterUpload` says; one that is not there is no error. */
  uploaded: StoreUpload[];
  /** The new state of the collection's sync; `null` leaves it. */
  state: string | null;
}

/** Tells that an item, as it was at a revision, is on the server. */
export interface StoreUpload {
  id: string;
  revision: number;
  /** The server's time of it, in hundredths of a second. */
  modified: number;
}

/** Records that were verified and decrypted together. */
export interface DecodedRecords {
  records: SyncRecord[];
  /** When the server took each of them, in milliseconds since the Unix epoch. */
  modified: Float64Array;
  /** Those that are none, each with a code like that of an error. */
  failed: { id: string; code: string }[];
}

/** Records that were verified and decrypted together, as JSON texts one behind the other. */
export interface DecodedBytes {
  cleartexts: Uint8Array;
  /** Where each text ends. */
  ends: Uint32Array;
  failed: { id: string; code: string }[];
}

/** What came of a sync. */
export interface SyncReport {
  /** "done" and "nothing-to-do" are well; "blocked" did not start; "cut-short" and "stopped" had to stop, and keep what was
   * done (by your own signal: with the error's code "aborted"); "logged-out" was told so by another device: forget the account's secrets;
   * "needs-consent": going on would delete data of others on the server, so nothing was written, and a person has to decide. */
  ending: "done" | "nothing-to-do" | "blocked" | "cut-short" | "logged-out" | "needs-consent" | "stopped";
  /** Why, if it was blocked, stopped, or needs consent. */
  error?: SyncProblem;
  /** What a person has to know before agreeing to it, if it needs consent. */
  consent?: SyncConsent;
  /** The whole of it in one word. "backoff": the server wants to be left alone until `retryAfter`; "login-needed": a person has to
   * sign in, or join, again; "upgrade-needed": this package is too old for the account or the server; "needs-consent": see `ending`. */
  outcome: "success" | "partial" | "failed" | "backoff" | "login-needed" | "upgrade-needed" | "needs-consent";
  /** Whether this sync set the account up. */
  freshStart: boolean;
  /** Whether a missing record of the account was written again as this device remembered it. */
  restored: boolean;
  /** How the two sides were brought together once, where somebody had asked for it. */
  firstSync: "merge" | "take-server" | "take-local" | null;
  /** Collections whose records were removed here, because a decision named them. */
  wipedHere: string[];
  /** Collections that were deleted on the server, because a decision named them. */
  wipedThere: string[];
  /** Collections that were to be deleted on the server, but were changed there since a person agreed to it: they were kept. */
  keptThere: string[];
  collections: CollectionReport[];
  /** What became of the records in which the account's devices tell of themselves. */
  clients: ClientsReport;
  /** What other devices asked of this one. */
  commands: CommandReport[];
  /** Pages that people sent from other devices. They come from outside: open none without a person. */
  tabs: { uri: string; sender: string; title: string }[];
  requests: number;
  bytesSent: number;
  bytesReceived: number;
  milliseconds: number;
  /** Until when the server wants to be left alone, in milliseconds since the Unix epoch. */
  retryAfter: number | null;
  /** What the server's operators want people to know. */
  alerts: string[];
}

/** What a person has to know before an account is set up again that cannot be synced as it is. */
export interface SyncConsent {
  reason: "meta-missing" | "older-format" | "meta-unreadable" | "keys-missing" | "keys-unreadable" | "other-keys" | "contradiction";
  /** What the server has, and would be deleted there. `modified`: the last change, in seconds since the Unix epoch by its clock. */
  collections: { name: string; records: number | null; modified: number }[];
  /** The newest time on the server, in seconds since the Unix epoch. */
  seen: number;
  /** Whether this device remembers the missing record, so that nothing need be deleted. */
  canRestore: boolean;
}

/** What became of the records in which the account's devices tell of themselves. */
export interface ClientsReport {
  status: "ok" | "failed" | "skipped";
  error?: SyncProblem;
  /** How many devices are known, this one among them. */
  known: number;
  /** Records that are encrypted with another key. They are left on the server: a device with other keys may need them. */
  unreadable: string[];
  /** How many records were damaged otherwise, and left alone. */
  passedOver: number;
}

/** What became of something that another device asked of this one. */
export interface CommandReport {
  command: string;
  collection?: string;
  outcome: "done" | "kept-empty" | "kept-unreadable" | "kept-unsynced" | "unknown";
  /** How many changes made here were not sent by then. Those that it removed are among the client's `conflicts`. */
  unsent: number;
}

/** What came of one collection. */
export interface CollectionReport {
  name: string;
  /** "partial": some records could not pass, the others did; "skipped": it was left alone. */
  status: "ok" | "partial" | "failed" | "skipped";
  error?: SyncProblem;
  received: number;
  applied: AppliedRecords;
  sent: number;
  failed: number;
  /** Records that could not be taken in, the first of them. */
  failedIn: FailedRecord[];
  /** Records that could not be sent, the first of them. */
  failedOut: FailedRecord[];
  /** Records of which both sides had changed the same thing, each with the rule that decided. */
  rules: [id: string, rule: string][];
  /** How many values were replaced, here or by what is sent: they are among the client's `conflicts`. */
  replaced: number;
  /** Whether all records were compared with the server's, because it was put back to an earlier time, as by a restored backup. */
  compared: boolean;
  /** Of such a comparison: how many records the server lacked, and are sent again. */
  lacking: number;
  requests: number;
  bytesSent: number;
  bytesReceived: number;
  milliseconds: number;
}

/** What became of records that came from the server. */
export interface AppliedRecords {
  added: number;
  changed: number;
  deleted: number;
  /** Both sides had changed them. */
  merged: number;
}

export interface SyncProblem {
  /** A stable word for programs, as in `SelvedgeError`. */
  code: string;
  /** A sentence for people. */
  message: string;
}

export interface FailedRecord {
  id: string | null;
  reason: string;
}
"#;

#[wasm_bindgen]
extern "C" {
    /// A plain object that TypeScript knows as a record.
    #[derive(Debug, Clone)]
    #[wasm_bindgen(typescript_type = "SyncRecord")]
    pub type SyncRecord;

    /// A join code or credentials.
    #[derive(Debug, Clone)]
    #[wasm_bindgen(typescript_type = "Account")]
    pub type Account;

    /// What a client is opened with.
    #[derive(Debug, Clone)]
    #[wasm_bindgen(typescript_type = "OpenOptions")]
    pub type OpenOptions;

    /// What a sync is to do.
    #[derive(Debug, Clone)]
    #[wasm_bindgen(typescript_type = "SyncOptions")]
    pub type SyncOptions;
}

/// A member of an object; `undefined` when it has none or is no object at all.
pub(crate) fn member(object: &JsValue, name: &str) -> JsValue {
    js_sys::Reflect::get(object, &name.into()).unwrap_or_default()
}

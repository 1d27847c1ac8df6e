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

/** A record that may not have an id yet. */
export interface NewRecord {
  id?: string;
  [field: string]: JsonValue | undefined;
}

/** Fields to set in a record; those that are `null` are removed. */
export interface RecordPatch {
  [field: string]: JsonValue;
}

/** An account by a token server. */
export interface TokenServerCredentials {
  tokenserver_url: string;
  access_token: string;
  kid: string;
  /** The sync key: 64 bytes as base64url. */
  ksync_b64url: string;
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
}

/** A join code (`selvedge1-…`), or credentials as an object or as its JSON text. */
export type Account = string | TokenServerCredentials | TokenCredentials;

export interface OpenOptions {
  /** A join code (`selvedge1-…`), or credentials as an object or as its JSON text. */
  account: Account;
  /** Sends a request, as `globalThis.fetch` does, which is the default. The request is signed: send it as it is. */
  fetch?: (request: Request) => Promise<Response>;
}

export interface SyncOptions {
  /** Which collections to sync, in this order. Default: all that this client has asked for or holds. */
  collections?: string[];
}

/** What came of a sync. */
export interface SyncReport {
  /** "done" and "nothing-to-do" are well; "blocked" did not start; "cut-short" and "stopped" had to stop, and keep what was
   * done; "logged-out" was told so by another device: forget the account's secrets. */
  ending: "done" | "nothing-to-do" | "blocked" | "cut-short" | "logged-out" | "stopped";
  /** Why, if it was blocked or stopped. */
  error?: SyncProblem;
  /** The whole of it in one word. "backoff": the server wants to be left alone until `retryAfter`; "login-needed": a person has to
   * sign in, or join, again; "upgrade-needed": this package is too old for the account or the server. */
  outcome: "success" | "partial" | "failed" | "backoff" | "login-needed" | "upgrade-needed";
  /** Whether this sync set the account up. */
  freshStart: boolean;
  /** How the two sides were brought together once, where somebody had asked for it. */
  firstSync: "merge" | "take-server" | "take-local" | null;
  /** Collections whose records were removed here, because a decision named them. */
  wipedHere: string[];
  /** Collections that were deleted on the server, because a decision named them. */
  wipedThere: string[];
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

/** What became of the records in which the account's devices tell of themselves. */
export interface ClientsReport {
  status: "ok" | "failed" | "skipped";
  error?: SyncProblem;
  /** How many devices are known, this one among them. */
  known: number;
  /** Records that were deleted on the server, because nobody with the account's keys could read them. */
  deleted: string[];
  /** How many records were damaged otherwise, and left alone. */
  passedOver: number;
}

/** What became of something that another device asked of this one. */
export interface CommandReport {
  command: string;
  collection?: string;
  outcome: "done" | "kept-empty" | "kept-unreadable" | "kept-unsynced" | "unknown";
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

    /// A record that may not have an id yet.
    #[derive(Debug, Clone)]
    #[wasm_bindgen(typescript_type = "NewRecord")]
    pub type NewRecord;

    /// Fields to set, or to remove where they are null.
    #[derive(Debug, Clone)]
    #[wasm_bindgen(typescript_type = "RecordPatch")]
    pub type RecordPatch;

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

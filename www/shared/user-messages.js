// Messages for the user, and remedies, by the stable codes of errors and the endings of syncs.
// @ts-check
import { LANGUAGE, formatTime } from "./format.js";

/** @typedef {{ code?: string, message?: string, retryAfter?: number | null, url?: string }} Problem `url`: a page that solves the problem. */
/** @typedef {import("../selvedge/selvedge.js").CollectionReport} CollectionReport */

/** @type {Record<string, string>} */
const BY_CODE = {
  "signed-out": "The server no longer knows this device. Join again with a new code.",
  "wrong-key": "The account's key was changed on another device. Join again with a new code.",
  "wrong-collection-key": "Most entries are encrypted with another key. Sync the device that wrote them, then this one.",
  conflict: "Another device wrote at the same time. Sync again.",
  "setup-race": "Another device set up the account at the same time. Sync again.",
  "batch-lost": "The server lost an upload. Sync again.",
  "upgrade-needed": "A newer program uses the account. Update this one.",
  "needs-consent": "The account's records on the server are incomplete. Nothing was changed: repair the account with the command-line program (selvedge account reinitialize).",
  "not-genuine": "A response did not come from the server, but from a device in between. Check the network and sync again.",
  contradiction: "The server's responses contradict each other. Nothing was changed: sync again later.",
  "look-again": "Another device may be setting up the account. Sync again in a few seconds.",
  "client-refused": "The server requires a newer program. Update this one.",
  "service-closed": "The server is closed permanently. Use another one.",
  "over-quota": "The account's quota on the server is used up. Delete some entries.",
  "too-large": "An entry is larger than the server accepts. Shorten it.",
  network: "The server cannot be reached. Check the connection and sync again.",
  closed: "This list is closed. Reload the page.",
  blocked: "A sync is running already.",
  aborted: "The sync was stopped. Completed changes are kept.",
  cancelled: "Joining was cancelled. The account is not stored in this browser.",
  "store-full": "This browser has no space left for the list. Free some space and sync again.",
  "store-busy": "Another window uses the list. Close it and sync again.",
  "store-damaged": "The list in this browser is damaged. Leave the account here and join again.",
  store: "This browser cannot store the list. Leave private browsing, or free some space.",
  "no-such-record": "This entry was deleted in another window or on another device.",
};

/**
 * The message for an error.
 * @param {Problem} problem
 */
export const messageOf = ({ code, message, retryAfter }) => {
  if (code === "wait") {
    const until = retryAfter ? `until ${formatTime(retryAfter)}` : "for a while";
    return `The server asks this device to wait ${until}.`;
  }
  const known = code === undefined ? undefined : BY_CODE[code];
  if (known) return known;
  const text = message?.trim() || "An unknown error has occurred";
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;
};

/** Remedies by code: to sync again, or to leave the account and join again. */
const REMEDIES = /** @type {const} */ ({
  "signed-out": "leave",
  "wrong-key": "leave",
  "store-damaged": "leave",
  "not-genuine": "sync",
  "look-again": "sync",
  contradiction: "sync",
  conflict: "sync",
  "setup-race": "sync",
  "batch-lost": "sync",
  network: "sync",
  aborted: "sync",
  "store-full": "sync",
  "store-busy": "sync",
});

/** @typedef {"sync" | "leave"} Remedy */

/**
 * The remedy for a code.
 * @param {string | undefined} code
 * @returns {Remedy | undefined}
 */
export const remedyOf = code => (code !== undefined && code in REMEDIES ? REMEDIES[/** @type {keyof typeof REMEDIES} */ (code)] : undefined);

/** The labels of the remedies' buttons. */
export const REMEDY_LABELS = { sync: "Sync again", leave: "Leave the account…" };

/**
 * The code of a sync's error, if it had one.
 * @param {import("../selvedge/selvedge.js").SyncReport} report
 */
export const codeOf = ({ ending, error, collections }) =>
  ending === "logged-out" ? "signed-out" : (error ?? collections.find(collection => collection.error)?.error)?.code;

/**
 * The message for the result of a sync.
 * @param {import("../selvedge/selvedge.js").SyncReport} report
 */
export const summaryOf = report => {
  if (report.ending === "logged-out") return "Another device signed this one out. Join again with a new code.";
  if (report.ending === "cut-short") return messageOf({ code: "wait", retryAfter: report.retryAfter });
  if (report.error) return messageOf({ ...report.error, retryAfter: report.retryAfter });
  const stopped = report.collections.find(collection => collection.error);
  if (stopped?.error) return messageOf({ ...stopped.error, retryAfter: report.retryAfter });
  const sum = (/** @type {(collection: CollectionReport) => number} */ pick) =>
    report.collections.reduce((all, collection) => all + pick(collection), 0);
  const received = sum(({ applied }) => applied.added + applied.changed + applied.deleted + applied.merged);
  const sent = sum(collection => collection.sent);
  const failed = sum(collection => collection.failed);
  const counts = [received && `${counted(received, "change")} received`, sent && `${sent.toLocaleString(LANGUAGE)} sent`].filter(Boolean);
  const unreadable = failed ? ` ${counted(failed, "entry", "entries")} could not be read.` : "";
  return `Synced: ${counts.length ? counts.join(", ") : "no changes"}.${unreadable}`;
};

/**
 * A number with its noun, in the singular or plural.
 * @param {number} number
 * @param {string} one
 * @param {string} [many]
 */
export const counted = (number, one, many = `${one}s`) => `${number.toLocaleString(LANGUAGE)} ${number === 1 ? one : many}`;

/**
 * The message for the progress of a sync.
 * @param {Partial<import("../selvedge/selvedge.js").SyncProgress>} progress
 */
export const progressOf = ({ stage, received, sent }) => {
  if (received !== undefined) return `${counted(received, "page")} received so far`;
  if (sent !== undefined) return `${counted(sent, "page")} sent so far`;
  if (stage === "collection" || stage === "records") return "Comparing the list with the server's";
  return "Waiting for the server";
};

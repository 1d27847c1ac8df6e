// What a person is told, and what to do about it, by the stable codes of errors and the endings of syncs.
// @ts-check
import { LANGUAGE, moment } from "./moments.js";

/** @typedef {{ code?: string, message?: string, retryAfter?: number | null, url?: string }} Problem `url`: of a page that helps. */
/** @typedef {import("../selvedge/selvedge.js").CollectionReport} CollectionReport */

/** @type {Record<string, string>} */
const BY_CODE = {
  "signed-out": "The server no longer knows this device. Join again with a new code.",
  "wrong-key": "The account's key was changed elsewhere. Join again with a new code.",
  "wrong-collection-key": "Most entries are encrypted with another key. Sync the device that wrote them, then this one.",
  conflict: "Another device wrote at the same moment. Sync again.",
  "setup-race": "Another device set the account up at the same moment. Sync again.",
  "batch-lost": "The server lost an upload on its way. Sync again.",
  "upgrade-needed": "The account is used by a newer program. Update this one.",
  "needs-consent": "The account's records on the server are incomplete. Nothing was changed: put it in order with the command-line program (selvedge account reinitialize).",
  "not-genuine": "Something between this device and the server answered in its place. Check the network and sync again.",
  contradiction: "The server's answers contradict each other. Nothing was changed: sync again later.",
  "look-again": "Another device may be setting the account up. Sync again in some seconds.",
  "client-refused": "The server wants a newer program. Update this one.",
  "service-closed": "The server has been closed for good. Move to another one.",
  "over-quota": "The account's room on the server is used up. Delete something.",
  "too-large": "This is larger than the server takes. Shorten it.",
  network: "The server cannot be reached. Check the connection and sync again.",
  closed: "This list has been closed. Load it again.",
  blocked: "A sync is running already.",
  aborted: "The sync was stopped. What it had done stays done.",
  cancelled: "Joining was cancelled. Nothing of the account is kept in this browser.",
  "store-full": "This browser has no room left for the list. Free some space and sync again.",
  "store-busy": "Another window holds the list. Close it and sync again.",
  "store-damaged": "What this browser kept of the list is damaged. Leave the account here and join again.",
  store: "This browser cannot keep the list. Leave private browsing, or free some space.",
  "no-such-record": "This entry has been deleted meanwhile.",
};

/**
 * A sentence for an error.
 * @param {Problem} problem
 */
export const sentence = ({ code, message, retryAfter }) => {
  if (code === "wait") {
    const until = retryAfter ? `until ${moment(retryAfter)}` : "for a while";
    return `The server asks to be left alone ${until}.`;
  }
  const known = code === undefined ? undefined : BY_CODE[code];
  if (known) return known;
  const said = message?.trim() || "Something went wrong";
  return `${said.charAt(0).toUpperCase()}${said.slice(1)}${/[.!?]$/.test(said) ? "" : "."}`;
};

/** What a person can do about a problem, by its code: to sync again, or to leave the account and join again. */
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
 * What a person can do about a problem.
 * @param {string | undefined} code
 * @returns {Remedy | undefined}
 */
export const remedyOf = code => (code !== undefined && code in REMEDIES ? REMEDIES[/** @type {keyof typeof REMEDIES} */ (code)] : undefined);

/** What the buttons for it say. */
export const REMEDY_NAMES = { sync: "Sync again", leave: "Leave the account…" };

/**
 * What was wrong with a sync, if anything was: the code.
 * @param {import("../selvedge/selvedge.js").SyncReport} report
 */
export const codeOf = ({ ending, error, collections }) =>
  ending === "logged-out" ? "signed-out" : (error ?? collections.find(collection => collection.error)?.error)?.code;

/**
 * A sentence for what came of a sync.
 * @param {import("../selvedge/selvedge.js").SyncReport} report
 */
export const outcome = report => {
  if (report.ending === "logged-out") return "Another device signed this one out. Join again with a new code.";
  if (report.ending === "cut-short") return sentence({ code: "wait", retryAfter: report.retryAfter });
  if (report.error) return sentence({ ...report.error, retryAfter: report.retryAfter });
  const failed = report.collections.find(collection => collection.error);
  if (failed?.error) return sentence({ ...failed.error, retryAfter: report.retryAfter });
  const sum = (/** @type {(collection: CollectionReport) => number} */ pick) =>
    report.collections.reduce((all, collection) => all + pick(collection), 0);
  const came = sum(({ applied }) => applied.added + applied.changed + applied.deleted + applied.merged);
  const went = sum(({ sent }) => sent);
  const left = sum(collection => collection.failed);
  const told = [came && `${counted(came, "change")} received`, went && `${went.toLocaleString(LANGUAGE)} sent`].filter(Boolean);
  const rest = left ? ` ${counted(left, "entry", "entries")} could not be read.` : "";
  return `${told.length ? `In step: ${told.join(", ")}.` : "In step: nothing was new."}${rest}`;
};

/**
 * A number with its noun.
 * @param {number} number
 * @param {string} one
 * @param {string} [many]
 */
export const counted = (number, one, many = `${one}s`) => `${number.toLocaleString(LANGUAGE)} ${number === 1 ? one : many}`;

/**
 * How far a sync is.
 * @param {Partial<import("../selvedge/selvedge.js").SyncProgress>} progress
 */
export const progressOf = ({ stage, received, sent }) => {
  if (received !== undefined) return `${counted(received, "page")} received so far`;
  if (sent !== undefined) return `${counted(sent, "page")} sent so far`;
  if (stage === "collection" || stage === "records") return "Comparing the list with the server's";
  return "Asking the server";
};

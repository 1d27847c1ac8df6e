// Shows that an account cannot be synced before the user decides: what is on the server, that nothing was deleted, and what to do.
// @ts-check
import { element } from "./dom.js";
import { formatTime } from "./format.js";
import { counted } from "./user-messages.js";

/** @typedef {import("../selvedge/selvedge.js").SyncConsent} SyncConsent */

/** @type {Record<SyncConsent["reason"], string>} */
const REASONS = {
  "meta-missing": "The record that describes the account (meta/global) is missing on the server.",
  "older-format": "The account is stored on the server in an older format.",
  "meta-unreadable": "The record that describes the account (meta/global) cannot be read.",
  "keys-missing": "The account's keys (crypto/keys) are missing on the server.",
  "keys-unreadable": "The account's keys (crypto/keys) on the server cannot be read.",
  "other-keys": "The account's keys (crypto/keys) on the server were made with another key.",
  contradiction: "The server's responses contradict each other.",
};

/**
 * Shows the decision that is needed, or nothing.
 * @param {HTMLElement} container
 * @param {SyncConsent | null | undefined} consent
 * @param {() => void} retry syncs again
 */
export const showConsent = (container, consent, retry) => {
  container.hidden = !consent;
  if (!consent) return container.replaceChildren();
  const rows = consent.collections.map(({ name, records, modified }) =>
    element("li", {}, `${name}: ${records === null ? "records" : counted(records, "record")}, last changed ${formatTime(modified * 1000)}`),
  );
  const found = rows.length ? [element("p", {}, "The server has:"), element("ul", {}, ...rows)] : [element("p", {}, "The server has no records.")];
  const command = `selvedge account reinitialize${consent.canRestore ? " --restore" : ""}`;
  const instructions = consent.canRestore
    ? ["To restore the missing record without deleting anything, run ", element("code", {}, command), " on a device that has the account."]
    : ["To see what would be deleted on the server, and to decide, run ", element("code", {}, `${command} --dry-run`), " on a device that has the account."];
  const button = element("button", { type: "button" }, "Sync again");
  button.onclick = retry;
  container.replaceChildren(
    element("h2", {}, "This account needs a decision"),
    element("p", {}, REASONS[consent.reason] ?? "The account cannot be synced in its current state."),
    ...found,
    element("p", {}, element("strong", {}, "Nothing was deleted, here or on the server."), " Your list stays here; changes are uploaded after the decision."),
    element("p", {}, ...instructions),
    button,
  );
};

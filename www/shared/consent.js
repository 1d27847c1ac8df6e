// An account that cannot be synced before a person has decided: what is on the server, that nothing was deleted, and how to go on.
// @ts-check
import { element } from "./dom.js";
import { moment } from "./moments.js";
import { counted } from "./sentences.js";

/** @typedef {import("../selvedge/selvedge.js").SyncConsent} SyncConsent */

/** @type {Record<SyncConsent["reason"], string>} */
const REASONS = {
  "meta-missing": "The record that describes the account (meta/global) is missing on the server.",
  "older-format": "The account is stored on the server in an older format.",
  "meta-unreadable": "The record that describes the account (meta/global) cannot be read.",
  "keys-missing": "The account's keys (crypto/keys) are missing on the server.",
  "keys-unreadable": "The account's keys (crypto/keys) on the server cannot be read.",
  "other-keys": "The account's keys (crypto/keys) on the server were made with another key.",
  contradiction: "The server's answers contradict each other.",
};

/**
 * Shows what has to be decided, or nothing.
 * @param {HTMLElement} place
 * @param {SyncConsent | null | undefined} consent
 * @param {() => void} again syncs again
 */
export const showConsent = (place, consent, again) => {
  place.hidden = !consent;
  if (!consent) return place.replaceChildren();
  const rows = consent.collections.map(({ name, records, modified }) =>
    element("li", {}, `${name}: ${records === null ? "records" : counted(records, "record")}, last changed ${moment(modified * 1000)}`),
  );
  const found = rows.length ? [element("p", {}, "The server has:"), element("ul", {}, ...rows)] : [element("p", {}, "The server has no records.")];
  const command = `selvedge account reinitialize${consent.canRestore ? " --restore" : ""}`;
  const what = consent.canRestore
    ? ["To write the missing record again and delete nothing, run ", element("code", {}, command), " on a device that has the account."]
    : ["To see what would be deleted on the server, and to decide, run ", element("code", {}, `${command} --dry-run`), " on a device that has the account."];
  const button = element("button", { type: "button" }, "Sync again");
  button.onclick = again;
  place.replaceChildren(
    element("h2", {}, "This account needs a decision"),
    element("p", {}, REASONS[consent.reason] ?? "The account cannot be synced as it is."),
    ...found,
    element("p", {}, element("strong", {}, "Nothing was deleted, here or on the server."), " Your list stays here, and changes wait."),
    element("p", {}, ...what),
    button,
  );
};

// Pure functions that compute what a commit does to one item, for authors of stores.
// @ts-check

/** @typedef {import("./selvedge.js").StoredItem} StoredItem */
/** @typedef {import("./selvedge.js").StoreUpload} StoreUpload */

/**
 * An item after a reset of the server's state: the sweep "reset".
 * @param {StoredItem} item
 * @param {number} revision the commit's
 * @returns {StoredItem}
 */
export const afterReset = (item, revision) => ({
  ...item,
  base: "unknown",
  sent: item.sent === "unknown" && typeof item.base === "object" ? item.base : item.sent,
  serverModified: 0,
  pending: item.pending === "nothing" ? "resend" : item.pending,
  revision,
});

/**
 * An item after its upload is acknowledged; `undefined` if it is to be removed.
 * @param {StoredItem} item
 * @param {StoreUpload} upload
 * @param {number} revision the commit's
 * @returns {StoredItem | undefined}
 */
export const afterUpload = (item, upload, revision) => {
  if (item.revision !== upload.revision) {
    const isSentKnown = typeof item.sent === "object";
    return isSentKnown ? { ...item, base: item.sent, sent: "unknown", serverModified: upload.modified } : item;
  }
  if (item.cleartext === null) return undefined;
  return { ...item, base: "same", sent: "unknown", pending: "nothing", serverModified: upload.modified, revision };
};

/**
 * How many of a page's `characters` an item uses.
 * @param {StoredItem} item
 */
export const charactersOf = ({ cleartext, base, sent }) => {
  const length = version => (typeof version === "object" ? version.content.length : 0);
  return (cleartext?.length ?? 0) + length(base) + length(sent);
};

/**
 * Whether a page's selection includes an item.
 * @param {StoredItem} item
 * @param {"live" | "pending"} selection
 */
export const isSelected = (item, selection) => (selection === "live" ? item.cleartext !== null : item.pending !== "nothing");

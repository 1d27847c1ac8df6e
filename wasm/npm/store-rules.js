// What a commit does to one item, for everybody who writes a store. Nothing here keeps anything.
// @ts-check

/** @typedef {import("./selvedge.js").StoredItem} StoredItem */
/** @typedef {import("./selvedge.js").StoreUpload} StoreUpload */

/**
 * An item when the server is forgotten: a sweep "reset".
 * @param {StoredItem} item
 * @param {number} revision That of the commit.
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
 * An item when an upload of it is acknowledged; `undefined` when it is to be removed.
 * @param {StoredItem} item
 * @param {StoreUpload} upload
 * @param {number} revision That of the commit.
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
 * How much of a page's `characters` an item takes.
 * @param {StoredItem} item
 */
export const charactersOf = ({ cleartext, base, sent }) => {
  const kept = version => (typeof version === "object" ? version.content.length : 0);
  return (cleartext?.length ?? 0) + kept(base) + kept(sent);
};

/**
 * Whether an item belongs to a page's selection.
 * @param {StoredItem} item
 * @param {"live" | "pending"} selection
 */
export const isSelected = (item, selection) => (selection === "live" ? item.cleartext !== null : item.pending !== "nothing");

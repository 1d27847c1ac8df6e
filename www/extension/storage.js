// What the extension keeps in the browser's storage, beside its records: what each name holds, and how to reach it.
// @ts-check
import { api } from "./browser.js";

/**
 * What came of the last sync: a sentence, the code of what went wrong, and whether nothing works before a person has looked.
 * @typedef {{ said: string, code?: string, isDone: boolean, needsPerson: boolean, ended: number }} Last
 */
/**
 * Of the account, for as long as it is joined. `account` is its secret; `refused` is a server that may not be talked with yet.
 * `adopt` outlasts it: whether the list that was left here goes to the account that is joined next.
 * @typedef {{ account: string, deviceName: string, joined: boolean, last: Last, schedule: string, refused: string, adopt: boolean }} Kept
 */
/**
 * While a sync runs, and after one that was cut off; gone with the browser's session.
 * @typedef {Partial<import("./selvedge/selvedge.js").SyncProgress> & { isAskedFor: boolean }} Progress
 */

/** All that there is of an account. */
const OF_ACCOUNT = /** @type {const} */ (["account", "deviceName", "joined", "last", "schedule", "refused"]);

/**
 * What is kept under these names.
 * @template {keyof Kept} Name
 * @param {...Name} names
 * @returns {Promise<Partial<Pick<Kept, Name>>>}
 */
export const kept = (...names) => api.storage.local.get(names);

/** @param {Partial<Kept>} values */
export const keep = values => api.storage.local.set(values);

/** @param {...keyof Kept} names */
export const forget = (...names) => api.storage.local.remove(names);

/** Forgets the account. */
export const forgetAccount = () => forget(...OF_ACCOUNT);

/** How far the sync is that runs, or was cut off. */
export const progress = async () => {
  const { progress } = await api.storage.session.get("progress");
  return /** @type {Progress | undefined} */ (progress);
};

/** @param {Progress} progress */
export const keepProgress = progress => api.storage.session.set({ progress });

/** The sync has ended. */
export const endProgress = () => api.storage.session.remove("progress");

/** The list has changed. */
export const keepChanged = () => api.storage.session.set({ changed: Date.now() });

/**
 * Calls a listener when any of these changes.
 * @param {(keyof Kept | "progress" | "changed")[]} names
 * @param {() => void} listener
 */
export const watch = (names, listener) => {
  api.storage.onChanged.addListener(changes => {
    if (names.some(name => name in changes)) listener();
  });
};

// The extension's values in the browser's storage, beside its records.
// @ts-check
import { api } from "./browser.js";

/**
 * The result of the last sync. `said`: its message; `code`: of its error; `needsPerson`: whether the user has to act before the
 * next sync.
 * @typedef {{ said: string, code?: string, isDone: boolean, needsPerson: boolean, ended: number }} Last
 */
/**
 * The values of the joined account. `account` is secret; `refused` is a server without permission. `adopt` stays after the
 * account is left: whether the list in this browser is added to the next account.
 * @typedef {{ account: string, deviceName: string, joined: boolean, last: Last, schedule: string, refused: string, adopt: boolean }} Stored
 */
/**
 * The progress of a running or interrupted sync. It is deleted with the browser session.
 * @typedef {Partial<import("./selvedge/selvedge.js").SyncProgress> & { isAskedFor: boolean }} Progress
 */

/** The values that belong to the account. */
const OF_ACCOUNT = /** @type {const} */ (["account", "deviceName", "joined", "last", "schedule", "refused"]);

/**
 * Loads the values with these names.
 * @template {keyof Stored} Name
 * @param {...Name} names
 * @returns {Promise<Partial<Pick<Stored, Name>>>}
 */
export const load = (...names) => api.storage.local.get(names);

/** @param {Partial<Stored>} values */
export const save = values => api.storage.local.set(values);

/** @param {...keyof Stored} names */
export const remove = (...names) => api.storage.local.remove(names);

/** Removes the account. */
export const removeAccount = () => remove(...OF_ACCOUNT);

/** The progress of a running or interrupted sync. */
export const progress = async () => {
  const { progress } = await api.storage.session.get("progress");
  return /** @type {Progress | undefined} */ (progress);
};

/** @param {Progress} progress */
export const saveProgress = progress => api.storage.session.set({ progress });

/** The sync has ended. */
export const removeProgress = () => api.storage.session.remove("progress");

/** Records that the list has changed, for the listeners of the pages. */
export const saveChanged = () => api.storage.session.set({ changed: Date.now() });

/**
 * Calls a listener when one of these values changes.
 * @param {(keyof Stored | "progress" | "changed")[]} names
 * @param {() => void} listener
 */
export const watch = (names, listener) => {
  api.storage.onChanged.addListener(changes => {
    if (names.some(name => name in changes)) listener();
  });
};

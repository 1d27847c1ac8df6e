// This browser as a device of an account: the stored account, its client, and its list.
// @ts-check
import { load, remove, removeAccount, save, saveChanged } from "../storage.js";
import init, { IndexedDbStore, open } from "../selvedge/selvedge.js";
import { List } from "../shared/list.js";
import { COLLECTION } from "../shared/reading-list.js";
import { fetchWithPermission, removePermissions } from "./fetch.js";

/** The database of the records. */
const NAME = "selvedge-readinglist";
/** Changes within this time, in milliseconds, are reported to the pages together. */
const BATCH_INTERVAL = 100;

/** @typedef {{ client: import("../selvedge/selvedge.js").Client, list: List }} Device */

/** @type {Promise<Device | undefined> | undefined} */
let starting;

/** The device; loads the module at the first call. `undefined` without an account. */
export const device = () => (starting ??= start().catch(error => {
  starting = undefined;
  throw error;
}));

/** @returns {Promise<Device | undefined>} */
const start = async () => {
  const { account, deviceName, adopt } = await load("account", "deviceName", "adopt");
  if (!account) return void (starting = undefined);
  await init();
  const client = await open({ account, deviceName, name: NAME, fetch: fetchWithPermission, adopt });
  if (adopt) await remove("adopt");
  const collection = client.collection(COLLECTION);
  const list = new List(collection);
  collection.onChange(changed);
  return { client, list };
};

/** @type {ReturnType<typeof setTimeout> | undefined} */
let reporting;
/** Reports changes to the pages. */
const changed = () => {
  reporting ??= setTimeout(() => {
    reporting = undefined;
    void saveChanged();
  }, BATCH_INTERVAL);
};

/** The list; throws without an account. */
export const list = async () => {
  const found = await device();
  if (!found) throw problem("no-account", "join an account first");
  return found.list;
};

/** Whether this browser has no entries and no deletions that are not uploaded. */
export const isEmpty = async () => {
  const status = await (await device())?.client.status();
  return status?.collections.every(({ records, pending }) => records + pending === 0) ?? true;
};

/** Whether there is an account whose server has accepted this device. */
export const isJoined = async () => Boolean((await load("joined")).joined);

/**
 * Stores an account. It counts as joined when its first sync reaches the list. Returns `false` if it is joined already.
 * @param {string} account a join code, or credentials as JSON text
 * @param {string} deviceName
 */
export const join = async (account, deviceName) => {
  const known = await load("account", "joined");
  if (known.joined && known.account === account) return false;
  if (known.joined) throw problem("joined", "this browser already has an account: leave it first");
  await close();
  await save({ account, deviceName });
  return true;
};

/**
 * Removes the account from this browser; the server and the other devices keep their data.
 * @param {boolean} isKeepingList whether the list stays here for the next account
 */
export const leave = async isKeepingList => {
  await close();
  await removeAccount();
  await removePermissions();
  if (isKeepingList) await save({ adopt: true });
  else await IndexedDbStore.delete(NAME);
};

const close = async () => {
  const found = await starting?.catch(() => undefined);
  starting = undefined;
  await found?.client.close();
};

/**
 * An error with a code, like those of the package.
 * @param {string} code
 * @param {string} message
 */
export const problem = (code, message) => Object.assign(new Error(message), { code });

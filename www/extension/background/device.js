// This browser as a device of an account: the account that is kept, its client, and the list in it.
// @ts-check
import { forget, forgetAccount, keep, keepChanged, kept } from "../storage.js";
import init, { IndexedDbStore, open } from "../selvedge/selvedge.js";
import { List } from "../shared/list.js";
import { COLLECTION } from "../shared/reading-list.js";
import { asking, forgetServers } from "./servers.js";

/** The database of the records. */
const NAME = "selvedge-readinglist";
/** Changes that follow one another so closely, in milliseconds, are told together. */
const PARCEL = 100;

/** @typedef {{ client: import("../selvedge/selvedge.js").Client, list: List }} Device */

/** @type {Promise<Device | undefined> | undefined} */
let starting;

/** The device, with the module started on first use; `undefined` while there is no account. */
export const device = () => (starting ??= start().catch(error => {
  starting = undefined;
  throw error;
}));

/** @returns {Promise<Device | undefined>} */
const start = async () => {
  const { account, deviceName, adopt } = await kept("account", "deviceName", "adopt");
  if (!account) return void (starting = undefined);
  await init();
  const client = await open({ account, deviceName, name: NAME, fetch: asking, adopt });
  if (adopt) await forget("adopt");
  const collection = client.collection(COLLECTION);
  const list = new List(collection);
  collection.onChange(changed);
  return { client, list };
};

/** @type {ReturnType<typeof setTimeout> | undefined} */
let telling;
/** Lets the pages show what has changed, whoever changed it. */
const changed = () => {
  telling ??= setTimeout(() => {
    telling = undefined;
    void keepChanged();
  }, PARCEL);
};

/** The list, for those who need one. */
export const list = async () => {
  const found = await device();
  if (!found) throw problem("no-account", "join an account first");
  return found.list;
};

/** Whether this browser holds no entry, and none that was deleted and is still to be told. */
export const isEmpty = async () => {
  const status = await (await device())?.client.status();
  return status?.collections.every(({ records, pending }) => records + pending === 0) ?? true;
};

/** Whether there is an account whose server has taken this device. */
export const isJoined = async () => Boolean((await kept("joined")).joined);

/**
 * Keeps an account, which is joined when its first sync gets as far as the list. `false`: this is its device already.
 * @param {string} account a join code, or credentials as JSON text
 * @param {string} deviceName
 */
export const join = async (account, deviceName) => {
  const known = await kept("account", "joined");
  if (known.joined && known.account === account) return false;
  if (known.joined) throw problem("joined", "this browser has an account: leave it first");
  await close();
  await keep({ account, deviceName });
  return true;
};

/**
 * Forgets the account; the server and the other devices keep what they have.
 * @param {boolean} isKeepingList whether the list stays here for the account that is joined next
 */
export const leave = async isKeepingList => {
  await close();
  await forgetAccount();
  await forgetServers();
  if (isKeepingList) await keep({ adopt: true });
  else await IndexedDbStore.delete(NAME);
};

const close = async () => {
  const found = await starting?.catch(() => undefined);
  starting = undefined;
  await found?.client.close();
};

/**
 * An error as the package's are.
 * @param {string} code
 * @param {string} message
 */
export const problem = (code, message) => Object.assign(new Error(message), { code });

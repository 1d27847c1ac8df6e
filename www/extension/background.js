// The background: hears what happens, and does what the popup and the options ask for. The browser stops it whenever it
// likes, and starts it again for the next event: all that lasts is in storage.
// @ts-check
import { showBadge } from "./background/badge.js";
import { isJoined, join, leave, list } from "./background/device.js";
import * as sync from "./background/sync.js";
import { api } from "./browser.js";

/** @typedef {import("./shared/list.js").List} List */
/** @typedef {import("./shared/reading-list.js").Entry} Entry */
/** @typedef {import("./selvedge/selvedge.js").SyncRecord} SyncRecord */

/** What may be asked for; each of it twice as well as once. */
const ANSWERS = {
  status: () => sync.status(),
  list: async (/** @type {Parameters<List["list"]>[0]} */ wanted) => (await list()).list(wanted),
  has: async (/** @type {{ id: string }} */ { id }) => (await list()).has(id),
  add: async (/** @type {Parameters<List["add"]>[0]} */ said) => changed(await (await list()).add(said)),
  edit: async (/** @type {{ id: string, changes: Partial<Entry> }} */ { id, changes }) => changed(await (await list()).edit(id, changes)),
  remove: async (/** @type {{ id: string }} */ { id }) => changed(await (await list()).remove(id)),
  restore: async (/** @type {{ record: SyncRecord }} */ { record }) => changed(await (await list()).restore(record)),
  sync: () => sync.askedFor(),
  stop: () => sync.stop(),
  join: async (/** @type {{ account: string, deviceName: string }} */ { account, deviceName }) => {
    if (await join(account, deviceName)) await sync.first();
  },
  leave: async (/** @type {{ isKeepingList: boolean }} */ { isKeepingList }) => {
    await sync.stop();
    await leave(isKeepingList);
    await showBadge();
  },
};

/** @typedef {typeof ANSWERS} Answers */
/** @typedef {{ value: unknown } | { error: import("./shared/sentences.js").Problem }} Reply */

/**
 * @template T
 * @param {T} value
 */
const changed = async value => {
  await sync.happened("changed");
  await showBadge();
  return value;
};

api.runtime.onMessage.addListener((/** @type {{ what: keyof Answers, detail: never }} */ { what, detail }, sender, reply) => {
  if (sender.id !== api.runtime.id || !Object.hasOwn(ANSWERS, what)) return false;
  ANSWERS[what](detail).then(
    value => reply({ value }),
    ({ code, message, retryAfter }) => reply({ error: { code, message, retryAfter } }),
  );
  return true;
});

/** Whoever has the popup open uses this device. */
api.runtime.onConnect.addListener(port => sync.opened(port));

api.alarms.onAlarm.addListener(() => void sync.woken());
api.runtime.onStartup.addListener(() => void sync.happened("started"));
api.runtime.onInstalled.addListener(() => void sync.happened("started"));
addEventListener("online", () => void sync.happened("network-back"));

// A sync that was cut off when the browser stopped this goes on.
void isJoined().then(async is => {
  if (!is) return;
  await sync.resume();
  await showBadge();
});

// The background: handles events, and requests of the popup and the options. The browser may stop it at any time, and starts it
// again for the next event: all persistent state is in storage.
// @ts-check
import { showBadge } from "./background/badge.js";
import { isJoined, join, leave, list } from "./background/device.js";
import * as sync from "./background/sync.js";
import { api } from "./browser.js";

/** @typedef {import("./shared/list.js").List} List */
/** @typedef {import("./shared/reading-list.js").Entry} Entry */
/** @typedef {import("./selvedge/selvedge.js").SyncRecord} SyncRecord */

/** The handlers of requests, by name. They are idempotent. */
const HANDLERS = {
  status: () => sync.status(),
  list: async (/** @type {Parameters<List["list"]>[0]} */ query) => (await list()).list(query),
  has: async (/** @type {{ id: string }} */ { id }) => (await list()).has(id),
  add: async (/** @type {Parameters<List["add"]>[0]} */ page) => changed(await (await list()).add(page)),
  edit: async (/** @type {{ id: string, changes: Partial<Entry> }} */ { id, changes }) => changed(await (await list()).edit(id, changes)),
  remove: async (/** @type {{ id: string }} */ { id }) => changed(await (await list()).remove(id)),
  restore: async (/** @type {{ record: SyncRecord }} */ { record }) => changed(await (await list()).restore(record)),
  sync: () => sync.start(),
  stop: () => sync.stop(),
  join: async (/** @type {{ account: string, deviceName: string }} */ { account, deviceName }) => {
    if (await join(account, deviceName)) await sync.firstSync();
  },
  leave: async (/** @type {{ isKeepingList: boolean }} */ { isKeepingList }) => {
    await sync.stop();
    await leave(isKeepingList);
    await showBadge();
  },
};

/** @typedef {typeof HANDLERS} Handlers */
/** @typedef {{ value: unknown } | { error: import("./shared/user-messages.js").Problem }} Reply */

/**
 * @template T
 * @param {T} value
 */
const changed = async value => {
  await sync.handleEvent("changed");
  await showBadge();
  return value;
};

api.runtime.onMessage.addListener((/** @type {{ name: keyof Handlers, detail: never }} */ { name, detail }, sender, reply) => {
  if (sender.id !== api.runtime.id || !Object.hasOwn(HANDLERS, name)) return false;
  HANDLERS[name](detail).then(
    value => reply({ value }),
    ({ code, message, retryAfter }) => reply({ error: { code, message, retryAfter } }),
  );
  return true;
});

/** An open popup means that the device is in use. */
api.runtime.onConnect.addListener(port => sync.handlePopup(port));

api.alarms.onAlarm.addListener(() => void sync.handleAlarm());
api.runtime.onStartup.addListener(() => void sync.handleEvent("started"));
api.runtime.onInstalled.addListener(() => void sync.handleEvent("started"));
addEventListener("online", () => void sync.handleEvent("network-back"));

// Continue a sync that was interrupted when the browser stopped the background.
void isJoined().then(async joined => {
  if (!joined) return;
  await sync.resume();
  await showBadge();
});

// The background: hears what happens, and does what the popup and the options ask for. The browser stops it whenever it
// likes, and starts it again for the next event: all that lasts is in storage.
// @ts-check
import { showBadge } from "./background/badge.js";
import { isJoined, join, leave, list } from "./background/device.js";
import * as sync from "./background/sync.js";
import { api } from "./browser.js";

/**
 * What may be asked for; each of it twice as well as once.
 * @type {Record<string, (detail: any) => Promise<unknown>>}
 */
const answers = {
  status: () => sync.status(),
  list: async wanted => (await list()).list(wanted),
  has: async ({ id }) => (await list()).has(id),
  add: async said => changed(await (await list()).add(said)),
  edit: async ({ id, changes }) => changed(await (await list()).edit(id, changes)),
  remove: async ({ id }) => changed(await (await list()).remove(id)),
  restore: async ({ record }) => changed(await (await list()).restore(record)),
  sync: () => sync.askedFor(),
  stop: async () => sync.stop(),
  join: async ({ account, deviceName }) => {
    if (await join(account, deviceName)) await sync.first();
  },
  leave: async ({ isKeepingList }) => {
    await sync.stop();
    await leave(isKeepingList);
    await showBadge();
  },
};

const changed = async value => {
  await sync.happened("changed");
  await showBadge();
  return value;
};

api.runtime.onMessage.addListener(({ what, detail }, sender, reply) => {
  const answer = Object.hasOwn(answers, what) ? answers[what] : undefined;
  if (sender.id !== api.runtime.id || !answer) return false;
  answer(detail).then(
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

// The worker in which the syncing is done, so that the page never waits for it. It answers what the page asks, and tells what
// happens meanwhile. The account's secrets stay here, but for the join code, when a person asks for it.
// @ts-check
import init from "../selvedge/selvedge.js";
import { makeAccount, problem } from "./account.js";
import { Device } from "./device.js";

/** What happens is told in parcels: each costs the page time. */
const PARCEL = 100;

/** The workers of other windows: what one of them changes, all show. */
const windows = new BroadcastChannel("selvedge-page");
const loaded = init();
/** @type {Promise<Device | undefined> | undefined} */
let known;
/** @type {Map<string, unknown[]>} */
const parcel = new Map();

/** @type {import("./device.js").Tell} */
const tell = (event, detail) => {
  if (!parcel.size) setTimeout(send, PARCEL);
  parcel.set(event, [...(parcel.get(event) ?? []), detail]);
};

const send = () => {
  if (parcel.has("changed")) windows.postMessage("changed");
  for (const [event, details] of parcel) postMessage({ event, details });
  parcel.clear();
};

windows.onmessage = async ({ data }) => {
  (await known)?.list.stale();
  postMessage({ event: data, details: [] });
};

const current = async () => {
  const device = await known;
  if (!device) throw problem("closed", "this browser has no account");
  return device;
};

const summary = async device => device && { server: device.server, lastSync: await device.lastSync() };

/** What the page may ask, by name. */
const ANSWERS = {
  open: async () => summary(await known),
  join: async ({ code }) => {
    const device = await Device.join(code, tell);
    known = Promise.resolve(device);
    windows.postMessage("account");
    return summary(device);
  },
  make: async ({ base, invitation }) => ANSWERS.join({ code: await makeAccount(base, invitation) }),
  leave: async () => {
    await (await current()).leave();
    known = Promise.resolve(undefined);
    windows.postMessage("account");
  },
  code: async () => (await current()).code,
  pending: async () => (await current()).pending(),
  list: async wanted => (await current()).list.list(wanted),
  add: async said => (await current()).list.add(said),
  edit: async ({ id, changes }) => (await current()).list.edit(id, changes),
  remove: async ({ id }) => (await current()).list.remove(id),
  restore: async ({ record }) => (await current()).list.restore(record),
  sync: async () => {
    const synced = await (await current()).sync();
    const isLeft = synced.report.ending === "logged-out";
    if (isLeft) known = Promise.resolve(undefined);
    windows.postMessage(isLeft ? "account" : "changed");
    return synced;
  },
};

onmessage = async ({ data: { number, ask, detail } }) => {
  try {
    await loaded;
    known ??= Device.known(tell);
    const value = await ANSWERS[ask](detail);
    send();
    postMessage({ number, value });
  } catch (error) {
    const { code, message, retryAfter } = /** @type {Error & { code?: string, retryAfter?: number }} */ (error);
    postMessage({ number, error: { code, message, retryAfter } });
  }
};

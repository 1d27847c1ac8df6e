// The worker in which the syncing is done, so that the page never waits for it. It answers what the page asks, and tells what
// happens meanwhile. The account's secrets stay here, but for the join code, when a person asks for it.
// @ts-check
import init from "../selvedge/selvedge.js";
import { makeAccount, problem } from "./account.js";
import { Device } from "./device.js";

/** @typedef {import("../shared/list.js").List} List */
/** @typedef {import("../shared/reading-list.js").Entry} Entry */
/** @typedef {import("../selvedge/selvedge.js").SyncRecord} SyncRecord */

/** What happens is told in parcels: each costs the page time. */
const PARCEL = 100;

/** The workers of other windows: when one of them joins or leaves, all do. Of changed entries the package tells by itself. */
const windows = new BroadcastChannel("selvedge-page");
const loaded = init();
/** @type {Promise<Device | undefined> | undefined} */
let known;
/** @type {Map<keyof import("./device.js").Events, unknown[]>} */
const parcel = new Map();

/** @type {import("./device.js").Tell} */
const tell = (event, detail) => {
  if (!parcel.size) setTimeout(send, PARCEL);
  parcel.set(event, [...(parcel.get(event) ?? []), detail]);
};

const send = () => {
  for (const [event, details] of parcel) postMessage({ event, details });
  parcel.clear();
};

windows.onmessage = () => postMessage({ event: "account", details: [] });

/** @type {AbortController | undefined} */
let stopping;

/**
 * Does something that a person may stop.
 * @template T
 * @param {(signal: AbortSignal) => Promise<T>} work
 */
const stoppable = async work => {
  const own = new AbortController();
  stopping = own;
  try {
    return await work(own.signal);
  } finally {
    if (stopping === own) stopping = undefined;
  }
};

const current = async () => {
  const device = await known;
  if (!device) throw problem("closed", "this browser has no account");
  return device;
};

const summary = async (/** @type {Device} */ device) => ({ server: device.server, lastSync: await device.lastSync() });

/**
 * @param {import("./device.js").Account} account
 * @param {AbortSignal} signal
 */
const join = async (account, signal) => {
  const device = await Device.join(account, tell, signal);
  known = Promise.resolve(device);
  windows.postMessage("account");
  return summary(device);
};

/** What the page may ask, by name. */
const ANSWERS = {
  open: async () => {
    const device = await known;
    return device && summary(device);
  },
  join: (/** @type {{ code: string }} */ { code }) => stoppable(signal => join(code, signal)),
  make: (/** @type {{ base: string, invitation: string }} */ { base, invitation }) =>
    stoppable(async signal => join(await makeAccount(base, invitation, signal), signal)),
  stop: async () => stopping?.abort(),
  leave: async () => {
    const device = await current();
    known = Promise.resolve(undefined);
    await device.leave(() => windows.postMessage("account"));
  },
  code: async () => (await current()).code,
  pending: async () => (await current()).pending(),
  list: async (/** @type {Parameters<List["list"]>[0]} */ wanted) => (await current()).list.list(wanted),
  add: async (/** @type {Parameters<List["add"]>[0]} */ said) => (await current()).list.add(said),
  edit: async (/** @type {{ id: string, changes: Partial<Entry> }} */ { id, changes }) => (await current()).list.edit(id, changes),
  remove: async (/** @type {{ id: string }} */ { id }) => (await current()).list.remove(id),
  restore: async (/** @type {{ record: SyncRecord }} */ { record }) => (await current()).list.restore(record),
  sync: async () => {
    const device = await current();
    const synced = await stoppable(signal => device.sync(signal));
    if (synced.report.ending === "logged-out") {
      known = Promise.resolve(undefined);
      windows.postMessage("account");
    }
    return synced;
  },
};

/** @typedef {typeof ANSWERS} Answers */
/**
 * What the page is told: what has happened, or an answer.
 * @typedef {{ event: keyof import("./device.js").Events, details: unknown[] } |
 *   { number: number, value?: unknown, error?: import("../shared/sentences.js").Problem }} Told
 */

/** @param {MessageEvent<{ number: number, ask: keyof Answers, detail: never }>} event */
onmessage = async ({ data: { number, ask, detail } }) => {
  try {
    await loaded;
    known ??= Device.known(tell);
    const value = await ANSWERS[ask](detail);
    send();
    postMessage({ number, value });
  } catch (error) {
    const { code, message, retryAfter, url } = /** @type {Error & { code?: string, retryAfter?: number, url?: string }} */ (error);
    postMessage({ number, error: { code, message, retryAfter, url } });
  }
};

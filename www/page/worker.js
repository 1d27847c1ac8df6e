// The worker that syncs, so that the page is not blocked. It handles the page's requests and sends events to it. The account's
// secrets stay here, except the join code, when the user requests it.
// @ts-check
import init from "../selvedge/selvedge.js";
import { createAccount, problem } from "./account.js";
import { Device } from "./device.js";

/** @typedef {import("../shared/list.js").List} List */
/** @typedef {import("../shared/reading-list.js").Entry} Entry */
/** @typedef {import("../selvedge/selvedge.js").SyncRecord} SyncRecord */

/** Events are sent in batches, because each message costs time in the page; the interval in milliseconds. */
const BATCH_INTERVAL = 100;

/** A channel to the workers of other windows: when one of them joins or leaves, all do. The package itself reports changed entries. */
const windows = new BroadcastChannel("selvedge-page");
const loaded = init();
/** @type {Promise<Device | undefined> | undefined} */
let opened;
/** @type {Map<keyof import("./device.js").Events, unknown[]>} */
const batch = new Map();

/** @type {import("./device.js").Emit} */
const emit = (event, detail) => {
  if (!batch.size) setTimeout(send, BATCH_INTERVAL);
  batch.set(event, [...(batch.get(event) ?? []), detail]);
};

const send = () => {
  for (const [event, details] of batch) postMessage({ event, details });
  batch.clear();
};

windows.onmessage = () => postMessage({ event: "account", details: [] });

/** @type {AbortController | undefined} */
let stopping;

/**
 * Runs work that the user can stop.
 * @template T
 * @param {(signal: AbortSignal) => Promise<T>} work
 */
const stoppable = async work => {
  const controller = new AbortController();
  stopping = controller;
  try {
    return await work(controller.signal);
  } finally {
    if (stopping === controller) stopping = undefined;
  }
};

const current = async () => {
  const device = await opened;
  if (!device) throw problem("closed", "this browser has no account: join or create one first");
  return device;
};

const summary = async (/** @type {Device} */ device) => ({ server: device.server, lastSync: await device.lastSync() });

/**
 * @param {import("./device.js").Account} account
 * @param {AbortSignal} signal
 */
const join = async (account, signal) => {
  const device = await Device.join(account, emit, signal);
  opened = Promise.resolve(device);
  windows.postMessage("account");
  return summary(device);
};

/** The handlers of the page's requests, by name. */
const HANDLERS = {
  open: async () => {
    const device = await opened;
    return device && summary(device);
  },
  join: (/** @type {{ code: string }} */ { code }) => stoppable(signal => join(code, signal)),
  create: (/** @type {{ base: string, invitation: string }} */ { base, invitation }) =>
    stoppable(async signal => join(await createAccount(base, invitation, signal), signal)),
  stop: async () => stopping?.abort(),
  leave: async () => {
    const device = await current();
    opened = Promise.resolve(undefined);
    await device.leave(() => windows.postMessage("account"));
  },
  code: async () => (await current()).code,
  pending: async () => (await current()).pending(),
  list: async (/** @type {Parameters<List["list"]>[0]} */ query) => (await current()).list.list(query),
  add: async (/** @type {Parameters<List["add"]>[0]} */ page) => (await current()).list.add(page),
  edit: async (/** @type {{ id: string, changes: Partial<Entry> }} */ { id, changes }) => (await current()).list.edit(id, changes),
  remove: async (/** @type {{ id: string }} */ { id }) => (await current()).list.remove(id),
  restore: async (/** @type {{ record: SyncRecord }} */ { record }) => (await current()).list.restore(record),
  sync: async () => {
    const device = await current();
    const synced = await stoppable(signal => device.sync(signal));
    if (synced.report.ending === "logged-out") {
      opened = Promise.resolve(undefined);
      windows.postMessage("account");
    }
    return synced;
  },
};

/** @typedef {typeof HANDLERS} Handlers */
/**
 * A message to the page: events, or the response to a request.
 * @typedef {{ event: keyof import("./device.js").Events, details: unknown[] } |
 *   { number: number, value?: unknown, error?: import("../shared/user-messages.js").Problem }} WorkerMessage
 */

/** @param {MessageEvent<{ number: number, name: keyof Handlers, detail: never }>} event */
onmessage = async ({ data: { number, name, detail } }) => {
  try {
    await loaded;
    opened ??= Device.restore(emit);
    const value = await HANDLERS[name](detail);
    send();
    postMessage({ number, value });
  } catch (error) {
    const { code, message, retryAfter, url } = /** @type {Error & { code?: string, retryAfter?: number, url?: string }} */ (error);
    postMessage({ number, error: { code, message, retryAfter, url } });
  }
};

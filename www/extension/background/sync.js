// When to sync and what came of it. The core's schedule decides; alarms wake this when its time has come, and also while a
// sync runs, so that one that was cut off with its background goes on from its last commit.
// @ts-check
import { api } from "../browser.js";
import { Schedule } from "../selvedge/selvedge.js";
import { COLLECTION } from "../shared/reading-list.js";
import { outcome, sentence } from "../shared/sentences.js";
import { showBadge } from "./badge.js";
import { device, isJoined, leave, problem } from "./device.js";

/** @typedef {import("../selvedge/selvedge.js").SyncProgress} SyncProgress */
/** @typedef {import("../selvedge/selvedge.js").SyncReport} SyncReport */

const ALARM = "sync";
/** While a sync runs the alarm comes so soon, in case that nobody else is there to go on; browsers allow no less. */
const CUT_OFF = 30_000;
/** Progress is kept no more often than this. It also tells the browser that this is at work. */
const PROGRESS = 250;
/** Without these a new code is needed. */
const ENDINGS = ["done", "nothing-to-do"];

/** @type {Set<chrome.runtime.Port>} */
const popups = new Set();

/** @type {Promise<void> | undefined} */
let running;
/** @type {AbortController | undefined} */
let stopping;

/**
 * A popup was opened: somebody is there.
 * @param {chrome.runtime.Port} port
 */
export const opened = port => {
  popups.add(port);
  port.onDisconnect.addListener(() => popups.delete(port));
  void happened("active");
};

/**
 * Tells the schedule of something, and does what it says.
 * @param {import("../selvedge/selvedge.js").ScheduleEvent} event
 */
export const happened = async event => {
  if (!(await isJoined())) return;
  await tell(event);
  await next();
};

/** A person wants a sync now: resolves when it has begun, and rejects when the server wants to be left alone. */
export const askedFor = async () => {
  if (running) return;
  const schedule = await kept();
  const refused = schedule?.refusedUntil();
  if (refused) throw Object.assign(problem("wait", "the server asks to be left alone"), { retryAfter: refused });
  void run(true);
};

/** Stops a sync that runs, at the next safe point. */
export const stop = async () => {
  stopping?.abort();
  await running;
};

/** The alarm: a time has come, or a sync may have been cut off. */
export const woken = async () => {
  if (running) return arm(Date.now() + CUT_OFF);
  if (!popups.size) await tell("idle");
  await resume();
};

/** Goes on with a sync that was cut off; else does what the schedule says. */
export const resume = async () => {
  if (running) return;
  const { progress } = await api.storage.session.get("progress");
  if (progress) return void run(progress.isAskedFor);
  await next();
};

/** The first sync of an account. Resolves when the server has taken this device, and forgets the account if it does not. */
export const first = () =>
  new Promise((resolve, reject) => {
    void run(true, resolve).then(async () => {
      if (await isJoined()) return resolve(undefined);
      const { last } = await api.storage.local.get("last");
      await leave(true);
      reject(problem(last?.code, last?.said ?? "the sync was stopped"));
    }, reject);
  });

/** What pages show of the account and its syncs. */
export const status = async () => {
  const local = await api.storage.local.get(["joined", "last", "deviceName", "refused"]);
  const { progress } = await api.storage.session.get("progress");
  if (!local.joined) return { isJoined: false, progress };
  const found = await device();
  const { server, lastSync, collections } = await /** @type {import("./device.js").Device} */ (found).client.status();
  const pending = collections.find(({ name }) => name === COLLECTION)?.pending ?? 0;
  const schedule = await kept();
  return { ...local, isJoined: true, server, lastSync, pending, next: schedule?.next(), progress };
};

const next = async () => {
  if (running) return;
  const schedule = await kept();
  const answer = schedule?.next();
  if (answer?.next === "sync") return void run(answer.isAskedFor);
  if (answer?.next === "wait") return arm(answer.until);
  await api.alarms.clear(ALARM);
};

const arm = when => api.alarms.create(ALARM, { when });

/** The schedule as it was kept; a device of several, until it is known otherwise. */
const kept = async () => {
  if (!(await device())) return undefined;
  const { schedule: text } = await api.storage.local.get("schedule");
  const schedule = new Schedule(text);
  if (!text) schedule.tell("several-devices");
  return schedule;
};

const tell = async event => {
  const schedule = await kept();
  schedule?.tell(event);
  await keep(schedule);
};

const keep = async schedule => {
  if (schedule) await api.storage.local.set({ schedule: schedule.toString() });
};

const run = (isAskedFor, onJoined = () => {}) => {
  running ??= syncOnce(isAskedFor, onJoined)
    .catch(error => end({ said: sentence(error), code: error.code, isDone: false, needsPerson: false }))
    .finally(() => {
      running = undefined;
      stopping = undefined;
      return next();
    });
  return running;
};

const syncOnce = async (isAskedFor, onJoined) => {
  const found = await device();
  if (!found) return;
  stopping = new AbortController();
  const { signal } = stopping;
  await arm(Date.now() + CUT_OFF);
  await api.storage.session.set({ progress: { isAskedFor } });
  const schedule = await kept();
  schedule?.tell("began");
  let told = 0;
  const onProgress = (/** @type {SyncProgress} */ progress) => {
    if (progress.stage === "collection") void api.storage.local.set({ joined: true }).then(onJoined);
    if (Date.now() - told < PROGRESS || signal.aborted) return;
    told = Date.now();
    void api.storage.session.set({ progress: { isAskedFor, ...progress } });
  };
  const report = await found.client.sync({ collections: [COLLECTION], isAskedFor, signal, onProgress });
  // What was told meanwhile is kept too.
  const after = await kept();
  after?.ended(found.client);
  await keep(after);
  const isDone = ENDINGS.includes(report.ending) && !report.collections.some(({ error }) => error);
  if (isDone) await api.storage.local.remove("refused");
  await end({
    said: outcome(report),
    code: report.error?.code,
    isDone,
    needsPerson: after?.next().next === "person",
  });
};

/** @param {{ said: string, code?: string, isDone: boolean, needsPerson: boolean }} last */
const end = async last => {
  await api.storage.local.set({ last: { ...last, ended: Date.now() } });
  await api.storage.session.remove("progress");
  await showBadge();
};

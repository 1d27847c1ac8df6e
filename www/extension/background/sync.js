// When to sync and what came of it. The core's schedule decides; alarms wake this when its time has come, and also while a
// sync runs, so that one that was cut off with its background goes on from its last commit.
// @ts-check
import { api } from "../browser.js";
import { endProgress, forget, keep, keepProgress, kept, progress } from "../storage.js";
import { Schedule } from "../selvedge/selvedge.js";
import { COLLECTION } from "../shared/reading-list.js";
import { codeOf, outcome, sentence } from "../shared/sentences.js";
import { showBadge } from "./badge.js";
import { device, isEmpty, isJoined, leave, problem } from "./device.js";

/** @typedef {import("../selvedge/selvedge.js").SyncProgress} SyncProgress */


const ALARM = "sync";
/** While a sync runs the alarm comes so soon, in case that nobody else is there to go on; browsers allow no less. */
const CUT_OFF = 30_000;
/** Progress is kept no more often than this. It also tells the browser that this is at work. */
const PROGRESS = 250;
/** Without these a new code is needed. */
const ENDINGS = ["done", "nothing-to-do"];

/** @type {Set<chrome.runtime.Port>} */
const popups = new Set();

/** @type {Promise<unknown> | undefined} */
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
  const schedule = await recall();
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
  const cutOff = await progress();
  if (cutOff) return void run(cutOff.isAskedFor);
  await next();
};

/**
 * The first sync of an account. Resolves when the server has taken this device, and forgets the account if it does not: with what
 * came of it, unless a list was here before.
 * @returns {Promise<void>}
 */
export const first = async () => {
  const wasEmpty = await isEmpty().catch(() => false);
  await new Promise((resolve, reject) => {
    void run(true, () => resolve(undefined)).then(async () => {
      if (await isJoined()) return resolve(undefined);
      const { last } = await kept("last");
      await leave(!wasEmpty);
      const code = last?.code ?? "aborted";
      return reject(code === "aborted" ? problem("cancelled", "joining was cancelled") : problem(code, last?.said ?? "the sync failed"));
    }, reject);
  });
};

/** What pages show of the account and its syncs. */
export const status = async () => {
  const { joined, ...known } = await kept("joined", "last", "deviceName", "refused");
  const found = joined ? await device() : undefined;
  if (!found) return { account: undefined, progress: await progress() };
  const { server, lastSync, collections, needsConsent } = await found.client.status();
  const pending = collections.find(({ name }) => name === COLLECTION)?.pending ?? 0;
  const schedule = await recall();
  return { account: { ...known, server, lastSync, pending, needsConsent, next: schedule?.next() }, progress: await progress() };
};

/** @returns {Promise<unknown>} */
const next = async () => {
  if (running) return undefined;
  const schedule = await recall();
  const answer = schedule?.next();
  if (answer?.next === "sync") return void run(answer.isAskedFor);
  if (answer?.next === "wait") return arm(answer.until);
  return api.alarms.clear(ALARM);
};

const arm = (/** @type {number} */ when) => api.alarms.create(ALARM, { when });

/** The schedule as it was kept; a device of several, until it is known otherwise. */
const recall = async () => {
  if (!(await device())) return undefined;
  const { schedule: text } = await kept("schedule");
  const schedule = new Schedule(text);
  if (!text) schedule.tell("several-devices");
  return schedule;
};

/** @param {import("../selvedge/selvedge.js").ScheduleEvent} event */
const tell = async event => {
  const schedule = await recall();
  schedule?.tell(event);
  await remember(schedule);
};

/** @param {Schedule | undefined} schedule */
const remember = async schedule => {
  if (schedule) await keep({ schedule: schedule.toString() });
};

/**
 * Runs a sync, unless one runs already.
 * @param {boolean} isAskedFor
 * @param {() => void} [onJoined] called when the server has taken this device
 */
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

/**
 * @param {boolean} isAskedFor
 * @param {() => void} onJoined
 */
const syncOnce = async (isAskedFor, onJoined) => {
  const found = await device();
  if (!found) return;
  stopping = new AbortController();
  const { signal } = stopping;
  await arm(Date.now() + CUT_OFF);
  await keepProgress({ isAskedFor });
  const schedule = await recall();
  schedule?.tell("began");
  let told = 0;
  const onProgress = (/** @type {SyncProgress} */ progress) => {
    if (progress.stage === "collection") void keep({ joined: true }).then(onJoined);
    if (Date.now() - told < PROGRESS || signal.aborted) return;
    told = Date.now();
    void keepProgress({ isAskedFor, ...progress });
  };
  const report = await found.client.sync({ collections: [COLLECTION], isAskedFor, signal, onProgress });
  // What was told meanwhile is kept too.
  const after = await recall();
  after?.ended(found.client);
  await remember(after);
  const isDone = ENDINGS.includes(report.ending) && !report.collections.some(({ error }) => error);
  if (isDone) await forget("refused");
  await end({
    said: outcome(report),
    code: codeOf(report),
    isDone,
    needsPerson: after?.next().next === "person",
  });
};

/** @param {Omit<import("../storage.js").Last, "ended">} last */
const end = async last => {
  await keep({ last: { ...last, ended: Date.now() } });
  await endProgress();
  await showBadge();
};

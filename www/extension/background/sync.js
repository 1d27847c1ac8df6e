// Runs syncs. The core's schedule decides when; an alarm starts the next one. An alarm is also set during a sync, so that a sync
// that is interrupted with its background continues from its last commit.
// @ts-check
import { api } from "../browser.js";
import { load, progress, remove, removeProgress, save, saveProgress } from "../storage.js";
import { Schedule } from "../selvedge/selvedge.js";
import { COLLECTION } from "../shared/reading-list.js";
import { codeOf, summaryOf, messageOf } from "../shared/user-messages.js";
import { showBadge } from "./badge.js";
import { device, isEmpty, isJoined, leave, problem } from "./device.js";

/** @typedef {import("../selvedge/selvedge.js").SyncProgress} SyncProgress */

const ALARM = "sync";
/** Delay of the alarm during a sync, in milliseconds, in case that the background is stopped; browsers allow no shorter one. */
const RESUME_DELAY = 30_000;
/** Minimum time between two saved progress values, in milliseconds. Saving also shows the browser that the background is active. */
const PROGRESS_INTERVAL = 250;
/** Endings of a successful sync. */
const SUCCESS = ["done", "nothing-to-do"];

/** @type {Set<chrome.runtime.Port>} */
const popups = new Set();

/** @type {Promise<unknown> | undefined} */
let running;
/** @type {AbortController | undefined} */
let stopping;

/**
 * A popup was opened: the device is in use.
 * @param {chrome.runtime.Port} port
 */
export const handlePopup = port => {
  popups.add(port);
  port.onDisconnect.addListener(() => popups.delete(port));
  void handleEvent("active");
};

/**
 * Reports an event to the schedule, and performs the next step.
 * @param {import("../selvedge/selvedge.js").ScheduleEvent} event
 */
export const handleEvent = async event => {
  if (!(await isJoined())) return;
  await reportEvent(event);
  await performNext();
};

/** Starts a sync for the user: resolves when it has begun, and rejects while the server asks clients to wait. */
export const start = async () => {
  if (running) return;
  const schedule = await loadSchedule();
  const refused = schedule?.refusedUntil();
  if (refused) throw Object.assign(problem("wait", "the server asks this device to wait"), { retryAfter: refused });
  void run(true);
};

/** Stops a running sync at its next safe point. */
export const stop = async () => {
  stopping?.abort();
  await running;
};

/** The alarm: it is time for the next step, or a sync may have been interrupted. */
export const handleAlarm = async () => {
  if (running) return setAlarm(Date.now() + RESUME_DELAY);
  if (!popups.size) await reportEvent("idle");
  await resume();
};

/** Continues an interrupted sync, or performs the next step of the schedule. */
export const resume = async () => {
  if (running) return;
  const interrupted = await progress();
  if (interrupted) return void run(interrupted.isAskedFor);
  await performNext();
};

/**
 * The first sync of an account. Resolves when the server has accepted this device. If it does not, removes the account, and the
 * received entries unless there was a list before.
 * @returns {Promise<void>}
 */
export const firstSync = async () => {
  const wasEmpty = await isEmpty().catch(() => false);
  await new Promise((resolve, reject) => {
    void run(true, () => resolve(undefined)).then(async () => {
      if (await isJoined()) return resolve(undefined);
      const { last } = await load("last");
      await leave(!wasEmpty);
      const code = last?.code ?? "aborted";
      return reject(code === "aborted" ? problem("cancelled", "joining was cancelled") : problem(code, last?.said ?? "the sync failed"));
    }, reject);
  });
};

/** The state of the account and its syncs, for the pages. */
export const status = async () => {
  const { joined, ...known } = await load("joined", "last", "deviceName", "refused");
  const found = joined ? await device() : undefined;
  if (!found) return { account: undefined, progress: await progress() };
  const { server, lastSync, collections, needsConsent } = await found.client.status();
  const pending = collections.find(({ name }) => name === COLLECTION)?.pending ?? 0;
  const schedule = await loadSchedule();
  return { account: { ...known, server, lastSync, pending, needsConsent, next: schedule?.next() }, progress: await progress() };
};

/**
 * Performs the next step of the schedule: starts a sync, or sets or clears the alarm.
 * @returns {Promise<unknown>}
 */
const performNext = async () => {
  if (running) return undefined;
  const schedule = await loadSchedule();
  const step = schedule?.next();
  if (step?.next === "sync") return void run(step.isAskedFor);
  if (step?.next === "wait") return setAlarm(step.until);
  return api.alarms.clear(ALARM);
};

const setAlarm = (/** @type {number} */ when) => api.alarms.create(ALARM, { when });

/** The stored schedule. A new one assumes that the account has several devices. */
const loadSchedule = async () => {
  if (!(await device())) return undefined;
  const { schedule: text } = await load("schedule");
  const schedule = new Schedule(text);
  if (!text) schedule.tell("several-devices");
  return schedule;
};

/** @param {import("../selvedge/selvedge.js").ScheduleEvent} event */
const reportEvent = async event => {
  const schedule = await loadSchedule();
  schedule?.tell(event);
  await saveSchedule(schedule);
};

/** @param {Schedule | undefined} schedule */
const saveSchedule = async schedule => {
  if (schedule) await save({ schedule: schedule.toString() });
};

/**
 * Runs a sync, unless one is running.
 * @param {boolean} isAskedFor
 * @param {() => void} [onJoined] called when the server has accepted this device
 */
const run = (isAskedFor, onJoined = () => {}) => {
  running ??= syncOnce(isAskedFor, onJoined)
    .catch(error => saveResult({ said: messageOf(error), code: error.code, isDone: false, needsPerson: false }))
    .finally(() => {
      running = undefined;
      stopping = undefined;
      return performNext();
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
  await setAlarm(Date.now() + RESUME_DELAY);
  await saveProgress({ isAskedFor });
  const schedule = await loadSchedule();
  schedule?.tell("began");
  let saved = 0;
  const onProgress = (/** @type {SyncProgress} */ progress) => {
    if (progress.stage === "collection") void save({ joined: true }).then(onJoined);
    if (Date.now() - saved < PROGRESS_INTERVAL || signal.aborted) return;
    saved = Date.now();
    void saveProgress({ isAskedFor, ...progress });
  };
  const report = await found.client.sync({ collections: [COLLECTION], isAskedFor, signal, onProgress });
  // Load the schedule again, because events may have changed it during the sync.
  const after = await loadSchedule();
  after?.ended(found.client);
  await saveSchedule(after);
  const isDone = SUCCESS.includes(report.ending) && !report.collections.some(({ error }) => error);
  if (isDone) await remove("refused");
  await saveResult({
    said: summaryOf(report),
    code: codeOf(report),
    isDone,
    needsPerson: after?.next().next === "person",
  });
};

/** @param {Omit<import("../storage.js").Last, "ended">} last */
const saveResult = async last => {
  await save({ last: { ...last, ended: Date.now() } });
  await removeProgress();
  await showBadge();
};

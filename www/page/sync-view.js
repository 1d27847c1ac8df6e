// Shows the progress of a running sync, the result of the last one, and the network requests.
// @ts-check
import { byId, element } from "../shared/dom.js";
import { ago, duration, formatTime, size } from "../shared/format.js";
import { counted, summaryOf, progressOf } from "../shared/user-messages.js";
import { onEvent } from "./worker-client.js";
import { showCharts } from "./sync-chart.js";
import { measure } from "./blocking-time.js";
import { addExchanges } from "./request-view.js";

/** How often the relative times are updated. */
const MINUTE = 60_000;

/** @type {number | undefined} */
let lastEnded;

/**
 * Shows a completed sync.
 * @param {import("./device.js").Synced & { blocking?: import("./blocking-time.js").BlockingTime }} synced
 */
export const showSynced = ({ report, stages, ended, blocking }) => {
  lastEnded = ended;
  tick();
  const last = byId("last");
  last.replaceChildren(element("p", {}, `${summaryOf(report)} ${formatTime(ended)}, in ${duration(report.milliseconds)}: ${bytes(report)}.`));
  if (blocking) {
    const measured = { longest: blocking.longest, exact: blocking.isExact, late: blocking.late };
    last.append(element("p", { className: "hint", id: "blocking-time", dataset: measured }, blockingText(blocking)));
  }
  if (stages.length) showCharts(last, stages);
};

/** @param {import("../selvedge/selvedge.js").SyncReport} report */
const bytes = ({ requests, bytesSent, bytesReceived }) =>
  `${counted(requests, "request")}, ${size(bytesSent)} sent, ${size(bytesReceived)} received`;

/** @param {import("./blocking-time.js").BlockingTime} blocking */
const blockingText = ({ longest, isExact }) => {
  if (isExact && longest === 0) return "The page was never blocked for 50 ms or more.";
  return `The page was blocked for at most ${duration(longest)}.`;
};

/** Shows the age of the last sync. */
export const tick = () => {
  byId("last-sync").textContent = lastEnded === undefined ? "Never synced" : `Synced ${ago(lastEnded)}`;
};

/**
 * Shows that a sync is running, and measures meanwhile how long the page is blocked.
 * @template T
 * @param {(measurement: { end: () => import("./blocking-time.js").BlockingTime }) => Promise<T>} work
 */
export const whileSyncing = async work => {
  byId("stage").textContent = "";
  byId("progress").hidden = false;
  const measurement = measure();
  try {
    return await work(measurement);
  } finally {
    measurement.end();
    byId("progress").hidden = true;
  }
};

onEvent("progress", details => {
  byId("stage").textContent = progressOf(details.at(-1) ?? {});
});
onEvent("exchange", exchanges => addExchanges(byId("requests"), byId("records"), exchanges));
setInterval(tick, MINUTE);

// The last sync and the one that runs: how far it is, what it was made of, and what went over the wire.
// @ts-check
import { byId, element } from "../shared/dom.js";
import { ago, duration, moment, size } from "../shared/moments.js";
import { counted, outcome, progressOf } from "../shared/sentences.js";
import { hear } from "./ask.js";
import * as chart from "./chart.js";
import { measure } from "./pauses.js";
import * as wire from "./wire-view.js";

/** What is said of times is renewed so often. */
const MINUTE = 60_000;

/** @type {number | undefined} */
let synced;

/**
 * Shows a sync that has ended.
 * @param {import("./device.js").Synced & { pause?: import("./pauses.js").Pause }} synced
 */
export const showSynced = ({ report, stages, ended, pause }) => {
  synced = ended;
  tick();
  const last = byId("last");
  last.replaceChildren(element("p", {}, `${outcome(report)} ${moment(ended)}, in ${duration(report.milliseconds)}: ${bytes(report)}.`));
  if (pause) {
    const measured = { longest: pause.longest, exact: pause.isExact, late: pause.late };
    last.append(element("p", { className: "hint", id: "pause", dataset: measured }, told(pause)));
  }
  if (stages.length) chart.show(last, stages);
};

/** @param {import("../selvedge/selvedge.js").SyncReport} report */
const bytes = ({ requests, bytesSent, bytesReceived }) =>
  `${counted(requests, "request")}, ${size(bytesSent)} up, ${size(bytesReceived)} down`;

/** @param {import("./pauses.js").Pause} pause */
const told = ({ longest, isExact }) => {
  if (isExact && longest === 0) return "The page itself was never kept from answering for 50 ms.";
  return `The page itself was kept from answering for ${duration(longest)} at most.`;
};

/** Says how long ago the last sync was. */
export const tick = () => {
  byId("last-sync").textContent = synced === undefined ? "Never synced" : `Synced ${ago(synced)}`;
};

/**
 * Shows that a sync runs, and measures meanwhile how long the page is kept from answering.
 * @template T
 * @param {(pauses: { end: () => import("./pauses.js").Pause }) => Promise<T>} work
 */
export const whileSyncing = async work => {
  byId("stage").textContent = "";
  byId("progress").hidden = false;
  const pauses = measure();
  try {
    return await work(pauses);
  } finally {
    pauses.end();
    byId("progress").hidden = true;
  }
};

hear("progress", told => {
  byId("stage").textContent = progressOf(told.at(-1) ?? {});
});
hear("wire", exchanges => wire.add(byId("requests"), byId("records"), exchanges));
setInterval(tick, MINUTE);

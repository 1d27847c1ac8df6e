// The last sync as a drawing: what its time and its bytes went on. The same numbers stand in a table below it.
// @ts-check
import { element } from "../shared/dom.js";
import { duration, size } from "../shared/moments.js";
import { counted } from "../shared/sentences.js";

/** @typedef {import("./stages.js").Stage} Stage */
/**
 * A drawing of bars: each has parts that are added up.
 * @typedef {{ id: string, title: string, classes: [string, string], parts: (stage: Stage) => [number, number], label: (amount: number) => string }} Drawing
 */

const SVG = "http://www.w3.org/2000/svg";
const [WIDTH, ROW, BAR, NAMES, LABELS] = [560, 24, 14, 170, 70];

/** @type {Drawing} */
const TIME = {
  id: "chart-time",
  title: "Time of each stage",
  classes: ["network", "work"],
  parts: ({ network, work }) => [network, work],
  label: duration,
};

/** @type {Drawing} */
const BYTES = {
  id: "chart-bytes",
  title: "Bytes of each stage",
  classes: ["network", "work"],
  parts: ({ sent, received }) => [sent, received],
  label: size,
};

/**
 * Shows a sync.
 * @param {HTMLElement} place
 * @param {Stage[]} stages
 */
export const show = (place, stages) => {
  place.append(
    element("h3", {}, "Time"),
    bars(TIME, stages),
    legend(["network", "a request under way"], ["work", "work in this browser"]),
    element("h3", {}, "Bytes"),
    bars(BYTES, stages),
    legend(["network", "sent"], ["work", "received"]),
    table(stages),
  );
};

const drawn = (name, attributes, ...children) => {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  made.append(...children);
  return made;
};

/**
 * @param {Drawing} drawing
 * @param {Stage[]} stages
 */
const bars = ({ id, title, classes, parts, label }, stages) => {
  const sum = stage => parts(stage).reduce((all, part) => all + part, 0);
  const most = Math.max(1, ...stages.map(sum));
  const scale = amount => (amount / most) * (WIDTH - NAMES - LABELS);
  const height = stages.length * ROW;
  const said = stages.map(stage => `${stage.name}: ${label(sum(stage))}`).join("; ");
  const rows = stages.flatMap((stage, at) => {
    const [first, second] = parts(stage).map(scale);
    const top = at * ROW + (ROW - BAR) / 2;
    const bar = (x, width, kind) => drawn("rect", { x, y: top, width: Math.max(width, 0), height: BAR, class: kind });
    const middle = top + BAR / 2;
    const text = (x, kind, anchor, words) =>
      drawn("text", { x, y: middle, class: kind, "text-anchor": anchor, "dominant-baseline": "central" }, words);
    return [
      text(NAMES - 8, "", "end", stage.name),
      bar(NAMES, first, classes[0]),
      bar(NAMES + first, second, classes[1]),
      text(NAMES + first + second + 6, "quiet", "start", label(sum(stage))),
    ];
  });
  return drawn(
    "svg",
    { class: "chart", viewBox: `0 0 ${WIDTH} ${height}`, role: "img", "aria-labelledby": `${id}-title ${id}-said` },
    drawn("title", { id: `${id}-title` }, title),
    drawn("desc", { id: `${id}-said` }, said),
    drawn("line", { x1: NAMES, x2: NAMES, y1: 0, y2: height, class: "axis" }),
    ...rows,
  );
};

const legend = (...entries) =>
  element(
    "p",
    { className: "legend" },
    ...entries.map(([kind, name]) => {
      const mark = drawn("svg", { class: "chart", viewBox: "0 0 10 10", "aria-hidden": "true" }, drawn("rect", { width: 10, height: 10, class: kind }));
      return element("span", {}, mark, name);
    }),
  );

/** @param {Stage[]} stages */
const table = stages => {
  const heads = ["Stage", "Requests", "Under way", "Work", "Sent", "Received"];
  const row = ({ name, requests, network, work, sent, received }) =>
    element(
      "tr",
      {},
      element("th", { scope: "row" }, name),
      ...[counted(requests, "request"), duration(network), duration(work), size(sent), size(received)].map(text => element("td", {}, text)),
    );
  return element(
    "details",
    {},
    element("summary", {}, "The numbers"),
    element(
      "div",
      { className: "scroll", tabIndex: 0, role: "region", "aria-label": "The numbers of the last sync" },
      element(
        "table",
        {},
        element("caption", { className: "unseen" }, "Stages of the last sync"),
        element("thead", {}, element("tr", {}, ...heads.map(head => element("th", { scope: "col" }, head)))),
        element("tbody", {}, ...stages.map(row)),
      ),
    ),
  );
};

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
/** The height of a stage: its line of text, and its bar. */
const [ROW, LINE, BAR] = [34, 16, 9];

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

/**
 * An element of the drawing.
 * @param {string} name
 * @param {Record<string, string | number>} attributes
 * @param {...(Node | string)} children
 */
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
  const sum = (/** @type {Stage} */ stage) => parts(stage).reduce((all, part) => all + part, 0);
  const most = Math.max(1, ...stages.map(sum));
  const share = (/** @type {number} */ amount) => `${((100 * amount) / most).toFixed(2)}%`;
  const said = stages.map(stage => `${stage.name}: ${label(sum(stage))}`).join("; ");
  const rows = stages.flatMap((stage, at) => {
    const [first, second] = parts(stage);
    const top = at * ROW;
    const bar = (/** @type {number} */ from, /** @type {number} */ amount, /** @type {string} */ kind) =>
      drawn("rect", { x: share(from), width: share(amount), y: top + LINE + 2, height: BAR, class: kind });
    return [
      drawn("text", { x: 0, y: top + LINE - 3 }, stage.name),
      drawn("text", { x: "100%", y: top + LINE - 3, class: "quiet", "text-anchor": "end" }, label(sum(stage))),
      bar(0, first, classes[0]),
      bar(first, second, classes[1]),
    ];
  });
  return drawn(
    "svg",
    { class: "chart", height: stages.length * ROW, role: "img", "aria-labelledby": `${id}-title ${id}-said` },
    drawn("title", { id: `${id}-title` }, title),
    drawn("desc", { id: `${id}-said` }, said),
    ...rows,
  );
};

/** @param {...[kind: string, name: string]} entries */
const legend = (...entries) =>
  element(
    "p",
    { className: "legend" },
    ...entries.map(([kind, name]) => {
      const mark = drawn("svg", { class: "chart", "aria-hidden": "true" }, drawn("rect", { width: "100%", height: "100%", class: kind }));
      return element("span", {}, mark, name);
    }),
  );

/** @param {Stage[]} stages */
const table = stages => {
  const heads = ["Stage", "Requests", "Under way", "Work", "Sent", "Received"];
  const row = (/** @type {Stage} */ { name, requests, network, work, sent, received }) =>
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

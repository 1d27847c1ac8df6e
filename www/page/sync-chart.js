// Charts of the last sync: time and bytes of each stage. A table below them contains the same numbers.
// @ts-check
import { element } from "../shared/dom.js";
import { duration, size } from "../shared/format.js";
import { counted } from "../shared/user-messages.js";

/** @typedef {import("./stages.js").Stage} Stage */
/**
 * A stacked bar chart: each bar has two parts.
 * @typedef {{ id: string, title: string, classes: [string, string], parts: (stage: Stage) => [number, number], label: (amount: number) => string }} Chart
 */

const SVG = "http://www.w3.org/2000/svg";
/** Heights in pixels of a stage's row, its line of text, and its bar. */
const [ROW, LINE, BAR] = [34, 16, 9];

/** @type {Chart} */
const TIME = {
  id: "chart-time",
  title: "Time of each stage",
  classes: ["network", "work"],
  parts: ({ network, work }) => [network, work],
  label: duration,
};

/** @type {Chart} */
const BYTES = {
  id: "chart-bytes",
  title: "Bytes of each stage",
  classes: ["network", "work"],
  parts: ({ sent, received }) => [sent, received],
  label: size,
};

/**
 * Shows the charts of a sync.
 * @param {HTMLElement} container
 * @param {Stage[]} stages
 */
export const showCharts = (container, stages) => {
  container.append(
    element("h3", {}, "Time"),
    bars(TIME, stages),
    legend(["network", "waiting for the network"], ["work", "processing in this browser"]),
    element("h3", {}, "Bytes"),
    bars(BYTES, stages),
    legend(["network", "sent"], ["work", "received"]),
    table(stages),
  );
};

/**
 * An SVG element.
 * @param {string} name
 * @param {Record<string, string | number>} attributes
 * @param {...(Node | string)} children
 */
const svg = (name, attributes, ...children) => {
  const created = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) created.setAttribute(key, String(value));
  created.append(...children);
  return created;
};

/**
 * @param {Chart} chart
 * @param {Stage[]} stages
 */
const bars = ({ id, title, classes, parts, label }, stages) => {
  const sum = (/** @type {Stage} */ stage) => parts(stage).reduce((all, part) => all + part, 0);
  const maximum = Math.max(1, ...stages.map(sum));
  const share = (/** @type {number} */ amount) => `${((100 * amount) / maximum).toFixed(2)}%`;
  const description = stages.map(stage => `${stage.name}: ${label(sum(stage))}`).join("; ");
  const rows = stages.flatMap((stage, at) => {
    const [first, second] = parts(stage);
    const top = at * ROW;
    const bar = (/** @type {number} */ from, /** @type {number} */ amount, /** @type {string} */ kind) =>
      svg("rect", { x: share(from), width: share(amount), y: top + LINE + 2, height: BAR, class: kind });
    return [
      svg("text", { x: 0, y: top + LINE - 3 }, stage.name),
      svg("text", { x: "100%", y: top + LINE - 3, class: "quiet", "text-anchor": "end" }, label(sum(stage))),
      bar(0, first, classes[0]),
      bar(first, second, classes[1]),
    ];
  });
  return svg(
    "svg",
    { class: "chart", height: stages.length * ROW, role: "img", "aria-labelledby": `${id}-title ${id}-description` },
    svg("title", { id: `${id}-title` }, title),
    svg("desc", { id: `${id}-description` }, description),
    ...rows,
  );
};

/** @param {...[kind: string, name: string]} entries */
const legend = (...entries) =>
  element(
    "p",
    { className: "legend" },
    ...entries.map(([kind, name]) => {
      const mark = svg("svg", { class: "chart", "aria-hidden": "true" }, svg("rect", { width: "100%", height: "100%", class: kind }));
      return element("span", {}, mark, name);
    }),
  );

/** @param {Stage[]} stages */
const table = stages => {
  const headings = ["Stage", "Requests", "Network", "Processing", "Sent", "Received"];
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
    element("summary", {}, "Numbers"),
    element(
      "div",
      { className: "scroll", tabIndex: 0, role: "region", "aria-label": "Numbers of the last sync" },
      element(
        "table",
        {},
        element("caption", { className: "unseen" }, "Stages of the last sync"),
        element("thead", {}, element("tr", {}, ...headings.map(heading => element("th", { scope: "col" }, heading)))),
        element("tbody", {}, ...stages.map(row)),
      ),
    ),
  );
};

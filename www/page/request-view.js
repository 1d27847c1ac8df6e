// What went over the wire, as the page shows it: the newest requests, and the newest records, sealed and open.
// @ts-check
import { element } from "../shared/dom.js";
import { duration, size } from "../shared/moments.js";

/** @typedef {import("./wire.js").Exchange} Exchange */

const REQUESTS = 60;
const RECORDS = 4;

/**
 * Adds what has just passed.
 * @param {HTMLElement} requests the body of the table
 * @param {HTMLElement} records
 * @param {Exchange[]} exchanges
 */
export const add = (requests, records, exchanges) => {
  const latest = exchanges.slice(-REQUESTS).reverse();
  requests.prepend(...latest.map(row));
  while (requests.childElementCount > REQUESTS) requests.lastElementChild?.remove();
  const pairs = latest.flatMap(exchange => exchange.records.map(record => pair(exchange, record)));
  records.prepend(...pairs.slice(0, RECORDS));
  while (records.childElementCount > RECORDS) records.lastElementChild?.remove();
};

/** @param {Exchange} exchange */
const row = ({ method, path, status, sent, received, milliseconds }) => {
  const isWell = status > 0 && status < 400;
  return element(
    "tr",
    {},
    element("td", {}, `${method} ${path}`),
    element("td", { className: isWell ? "" : "bad" }, status ? String(status) : "no answer"),
    element("td", {}, size(sent)),
    element("td", {}, size(received)),
    element("td", {}, duration(milliseconds)),
  );
};

/**
 * @param {Exchange} exchange
 * @param {import("./wire.js").Passed} record
 */
const pair = ({ direction, method }, { collection, id, ciphertext, cleartext, isSealed }) => {
  const side = (/** @type {string} */ heading, /** @type {string} */ text) =>
    element("section", {}, element("p", { className: "whose" }, heading), element("pre", { tabIndex: 0, role: "group", "aria-label": heading }, text));
  const has = direction === "sent" ? "The server gets" : "The server has";
  return element(
    "figure",
    { className: "pair" },
    element("figcaption", {}, `${direction === "sent" ? "Sent" : "Received"}: ${collection}/${id} (${method})`),
    element("div", {}, side(has, ciphertext), side(isSealed ? "Your devices read" : "Not encrypted, as the protocol has it", cleartext)),
  );
};

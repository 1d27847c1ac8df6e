// Shows the newest requests, and the newest records, encrypted and decrypted.
// @ts-check
import { element } from "../shared/dom.js";
import { duration, size } from "../shared/format.js";

/** @typedef {import("./recording-fetch.js").Exchange} Exchange */

/** Maximum number of requests that are shown. */
const MAX_REQUESTS = 60;
/** Maximum number of records that are shown. */
const MAX_RECORDS = 4;

/**
 * Adds new requests.
 * @param {HTMLElement} requests the body of the table
 * @param {HTMLElement} records
 * @param {Exchange[]} exchanges
 */
export const addExchanges = (requests, records, exchanges) => {
  const latest = exchanges.slice(-MAX_REQUESTS).reverse();
  requests.prepend(...latest.map(row));
  while (requests.childElementCount > MAX_REQUESTS) requests.lastElementChild?.remove();
  const pairs = latest.flatMap(exchange => exchange.records.map(record => pair(exchange, record)));
  records.prepend(...pairs.slice(0, MAX_RECORDS));
  while (records.childElementCount > MAX_RECORDS) records.lastElementChild?.remove();
};

/** @param {Exchange} exchange */
const row = ({ method, path, status, sent, received, milliseconds }) => {
  const isSuccess = status > 0 && status < 400;
  return element(
    "tr",
    {},
    element("td", {}, `${method} ${path}`),
    element("td", { className: isSuccess ? "" : "bad" }, status ? String(status) : "no response"),
    element("td", {}, size(sent)),
    element("td", {}, size(received)),
    element("td", {}, duration(milliseconds)),
  );
};

/**
 * @param {Exchange} exchange
 * @param {import("./recording-fetch.js").ShownRecord} record
 */
const pair = ({ direction, method }, { collection, id, ciphertext, cleartext, isEncrypted }) => {
  const side = (/** @type {string} */ heading, /** @type {string} */ text) =>
    element("section", {}, element("p", { className: "whose" }, heading), element("pre", { tabIndex: 0, role: "group", "aria-label": heading }, text));
  const ciphertextHeading = direction === "sent" ? "The server gets" : "The server has";
  return element(
    "figure",
    { className: "pair" },
    element("figcaption", {}, `${direction === "sent" ? "Sent" : "Received"}: ${collection}/${id} (${method})`),
    element("div", {}, side(ciphertextHeading, ciphertext), side(isEncrypted ? "Your devices read" : "Not encrypted, as the protocol requires", cleartext)),
  );
};

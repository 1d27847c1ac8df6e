// The page's side of the worker: asks, and hears what happens.
// @ts-check

/** @typedef {import("./worker.js").Answers} Answers */
/** @typedef {import("./device.js").Events} Events */

/** @type {Map<number, { resolve: (value: unknown) => void, reject: (error: unknown) => void }>} */
const waiting = new Map();
/** @type {{ [Event in keyof Events]?: (details: Events[Event][]) => void }} */
const listeners = {};
let number = 0;

const worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });

/** @param {MessageEvent<import("./worker.js").Told>} event */
worker.onmessage = ({ data }) => {
  if ("event" in data) {
    listeners[data.event]?.(/** @type {never[]} */ (data.details));
    return;
  }
  const asked = waiting.get(data.number);
  waiting.delete(data.number);
  if (data.error) asked?.reject(Object.assign(new Error(data.error.message), data.error));
  else asked?.resolve(data.value);
};

worker.onerror = event => {
  const error = Object.assign(new Error(event.message || "the page's worker could not be loaded: load the page again"), { code: "worker" });
  for (const { reject } of waiting.values()) reject(error);
  waiting.clear();
};

/**
 * Asks the worker for something, by its name in `worker.js`.
 * @template {keyof Answers} What
 * @param {What} what
 * @param {Parameters<Answers[What]>} detail
 * @returns {ReturnType<Answers[What]>}
 */
export const ask = (what, ...[detail]) => {
  const answer = new Promise((resolve, reject) => {
    number += 1;
    waiting.set(number, { resolve, reject });
    worker.postMessage({ number, ask: what, detail });
  });
  return /** @type {ReturnType<Answers[What]>} */ (answer);
};

/**
 * Hears of all that happens of one kind.
 * @template {keyof Events} Event
 * @param {Event} event
 * @param {(details: Events[Event][]) => void} listener
 */
export const hear = (event, listener) => {
  Object.assign(listeners, { [event]: listener });
};

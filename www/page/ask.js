// The page's side of the worker: asks, and hears what happens.
// @ts-check

/** @type {Map<number, { resolve: (value: any) => void, reject: (error: unknown) => void }>} */
const waiting = new Map();
/** @type {Map<string, (details: any[]) => void>} */
const listeners = new Map();
let number = 0;

const worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });

worker.onmessage = ({ data }) => {
  if (data.event) {
    listeners.get(data.event)?.(data.details);
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
 * @param {string} what
 * @param {unknown} [detail]
 * @returns {Promise<any>}
 */
export const ask = (what, detail) =>
  new Promise((resolve, reject) => {
    number += 1;
    waiting.set(number, { resolve, reject });
    worker.postMessage({ number, ask: what, detail });
  });

/**
 * Hears of all that happens of one kind.
 * @param {string} event
 * @param {(details: any[]) => void} listener
 */
export const hear = (event, listener) => {
  listeners.set(event, listener);
};

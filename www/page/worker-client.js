// The page's connection to the worker: sends requests, and receives responses and events.
// @ts-check

/** @typedef {import("./worker.js").Handlers} Handlers */
/** @typedef {import("./device.js").Events} Events */

/** @type {Map<number, { resolve: (value: unknown) => void, reject: (error: unknown) => void }>} */
const pending = new Map();
/** @type {{ [Event in keyof Events]?: (details: Events[Event][]) => void }} */
const listeners = {};
let number = 0;

const worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });

/** @param {MessageEvent<import("./worker.js").WorkerMessage>} event */
worker.onmessage = ({ data }) => {
  if ("event" in data) {
    listeners[data.event]?.(/** @type {never[]} */ (data.details));
    return;
  }
  const request = pending.get(data.number);
  pending.delete(data.number);
  if (data.error) request?.reject(Object.assign(new Error(data.error.message), data.error));
  else request?.resolve(data.value);
};

worker.onerror = event => {
  const error = Object.assign(new Error(event.message || "the page's worker could not be loaded: reload the page"), { code: "worker" });
  for (const { reject } of pending.values()) reject(error);
  pending.clear();
};

/**
 * Calls a handler of the worker, by its name in `worker.js`.
 * @template {keyof Handlers} Name
 * @param {Name} name
 * @param {Parameters<Handlers[Name]>} detail
 * @returns {ReturnType<Handlers[Name]>}
 */
export const request = (name, ...[detail]) => {
  const response = new Promise((resolve, reject) => {
    number += 1;
    pending.set(number, { resolve, reject });
    worker.postMessage({ number, name, detail });
  });
  return /** @type {ReturnType<Handlers[Name]>} */ (response);
};

/**
 * Sets the listener for a kind of events.
 * @template {keyof Events} Event
 * @param {Event} event
 * @param {(details: Events[Event][]) => void} listener
 */
export const onEvent = (event, listener) => {
  Object.assign(listeners, { [event]: listener });
};

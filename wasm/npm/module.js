// The life of the WebAssembly module: not loaded yet, loaded, or stopped by a trap. After a trap nobody knows what its memory
// holds: nothing is called there any more, and every call says so.
// @ts-check
import { SelvedgeError } from "./errors.js";

let isLoaded = false;
/** @type {SelvedgeError | undefined} */
let trapped;
/**
 * What rejects the calls that wait for an answer.
 * @type {Set<(error: unknown) => void>}
 */
const waiting = new Set();
/** Calls from the program that are on the stack, and calls of the module. */
let [depth, inside] = [0, 0];
/** What the glue takes for the answer of a call that had none: no error. */
const NOTHING = /** @type {unknown[]} */ ([]);
/** Whether somebody waited when the module was stopped. */
let isTold = false;

/**
 * The module's exports, watched for traps. The glue calls this when the module is loaded.
 * @param {WebAssembly.Exports} exports
 */
export const watched = exports => {
  isLoaded = true;
  const entries = Object.entries(exports).map(([name, value]) => [name, typeof value === "function" ? watch(name, value) : value]);
  return Object.fromEntries(entries);
};

/** Throws unless the module can be called. */
export const ready = () => {
  if (trapped) throw trapped;
  if (!isLoaded) throw new SelvedgeError("not-loaded", "the module is not loaded: call init() first, and wait for it with await");
};

/** Whether the module was stopped by a trap. */
export const isStopped = () => trapped !== undefined;

/**
 * Calls the module for the program.
 * @template T
 * @param {() => T} work
 * @returns {T}
 */
export const call = work => {
  ready();
  depth += 1;
  try {
    return work();
  } finally {
    depth -= 1;
  }
};

/**
 * Likewise, for an answer that comes later: a trap rejects it.
 * @template T
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export const ask = work =>
  new Promise((resolve, reject) => {
    waiting.add(reject);
    const ended = () => waiting.delete(reject);
    try {
      call(work).then(resolve, reject).finally(ended);
    } catch (error) {
      ended();
      reject(error);
    }
  });

/**
 * @param {string} name
 * @param {Function} exported
 */
const watch = (name, exported) => (/** @type {unknown[]} */ ...args) => {
  if (trapped) {
    // Called by the host: a task that was queued before, or the garbage collector.
    if ((depth === 0 && inside === 0) || /_free$/.test(name)) return NOTHING;
    throw trapped;
  }
  inside += 1;
  try {
    return exported(...args);
  } catch (error) {
    if (!trapped) {
      if (!isTrap(error)) throw error;
      stop(error);
    }
    // Called by the host rather than by the program: those who wait have been told, and nobody else hears of it.
    if (isTold && depth === 0 && inside === 1) return NOTHING;
    throw trapped;
  } finally {
    inside -= 1;
  }
};

const stop = (/** @type {unknown} */ cause) => {
  trapped = new SelvedgeError(
    "crashed",
    "the module was stopped by an error of its own: load this page or start this program again; what was committed is kept",
    { cause },
  );
  isTold = waiting.size > 0;
  for (const reject of waiting) reject(trapped);
  waiting.clear();
};

/** Memory that is out of bounds, a panic, or a stack that is used up; each browser has its own class for the last one. */
const isTrap = (/** @type {any} */ error) =>
  error instanceof WebAssembly.RuntimeError || error instanceof RangeError || error?.name === "InternalError";

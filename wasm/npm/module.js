// The state of the WebAssembly module: not loaded yet, loaded, or stopped by a trap. After a trap the state of its memory is
// unknown: the module is not called again, and every call throws "crashed".
// @ts-check
import { SelvedgeError } from "./errors.js";

let isLoaded = false;
/** @type {SelvedgeError | undefined} */
let trapped;
/**
 * The reject functions of the pending calls.
 * @type {Set<(error: unknown) => void>}
 */
const pending = new Set();
/** Number of calls on the stack: by the program, and into the module. */
let [callsByProgram, callsIntoModule] = [0, 0];
/** A result that the glue reads as "no value, no error". */
const NO_RESULT = /** @type {unknown[]} */ ([]);
/** Whether the trap has rejected a pending call. */
let isReported = false;

/**
 * Wraps the module's exports to detect traps. The glue calls this when the module is loaded.
 * @param {WebAssembly.Exports} exports
 */
export const watched = exports => {
  isLoaded = true;
  const entries = Object.entries(exports).map(([name, value]) => [name, typeof value === "function" ? detectTraps(name, value) : value]);
  return Object.fromEntries(entries);
};

/** Throws unless the module can be called. */
export const ready = () => {
  if (trapped) throw trapped;
  if (!isLoaded) throw new SelvedgeError("not-loaded", "the module is not loaded: call init() first, and await it");
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
  callsByProgram += 1;
  try {
    return work();
  } finally {
    callsByProgram -= 1;
  }
};

/**
 * Calls an asynchronous function of the module; a trap rejects the promise.
 * @template T
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export const callAsync = work =>
  new Promise((resolve, reject) => {
    pending.add(reject);
    const ended = () => pending.delete(reject);
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
const detectTraps = (name, exported) => (/** @type {unknown[]} */ ...args) => {
  if (trapped) {
    // The host calls, for a task that was queued before the trap, or the garbage collector.
    if ((callsByProgram === 0 && callsIntoModule === 0) || /_free$/.test(name)) return NO_RESULT;
    throw trapped;
  }
  callsIntoModule += 1;
  try {
    return exported(...args);
  } catch (error) {
    if (!trapped) {
      if (!isTrap(error)) throw error;
      stop(error);
    }
    // The host calls, not the program: the pending calls are already rejected, and no caller would catch this error.
    if (isReported && callsByProgram === 0 && callsIntoModule === 1) return NO_RESULT;
    throw trapped;
  } finally {
    callsIntoModule -= 1;
  }
};

const stop = (/** @type {unknown} */ cause) => {
  trapped = new SelvedgeError(
    "crashed",
    "the module has stopped because of an internal error: reload this page or restart this program; committed data are kept",
    { cause },
  );
  isReported = pending.size > 0;
  for (const reject of pending) reject(trapped);
  pending.clear();
};

/** An access out of bounds, a panic, or a stack overflow; browsers have different classes for the last one. */
const isTrap = (/** @type {any} */ error) =>
  error instanceof WebAssembly.RuntimeError || error instanceof RangeError || error?.name === "InternalError";

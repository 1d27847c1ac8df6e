// Validates the arguments that a program passes to the package. Invalid ones are refused with a message before the module is
// called.
// @ts-check
import { SelvedgeError } from "./errors.js";

/** Maximum nesting depth of a record, the same as the module's. */
const MAX_DEPTH = 127;

/**
 * @param {string} message
 * @param {unknown} [cause]
 * @returns {never}
 */
export const refuse = (message, cause) => {
  throw new SelvedgeError("input", message, cause === undefined ? undefined : { cause });
};

/**
 * The kind of a value, for messages; never the value itself.
 * @param {unknown} value
 */
export const kindOf = value => {
  if (value === null || value === undefined) return String(value);
  if (typeof value !== "object") return typeof value === "bigint" ? "a BigInt" : `a ${typeof value}`;
  if (Array.isArray(value)) return "an array";
  const name = Object.getPrototypeOf(value)?.constructor?.name;
  if (!name || name === "Object") return "an object";
  return name === "Promise" ? "a Promise: wait for it with await" : `an object of the class ${name}`;
};

/**
 * @param {unknown} value
 * @param {string} what
 * @returns {string}
 */
export const text = (value, what) => (typeof value === "string" ? value : refuse(`${what} must be a text, not ${kindOf(value)}`));

/**
 * @param {unknown} value
 * @param {string} what
 * @returns {string[]}
 */
export const texts = (value, what) => {
  if (!Array.isArray(value)) return refuse(`${what} must be an array of texts, not ${kindOf(value)}`);
  return value.map((one, at) => text(one, `${what}[${at}]`));
};

/**
 * @param {unknown} value
 * @param {string} what
 * @returns {Function}
 */
export const callable = (value, what) => (typeof value === "function" ? value : refuse(`${what} must be a function, not ${kindOf(value)}`));

/**
 * @param {unknown} value
 * @param {string} what
 * @returns {Uint8Array}
 */
export const bytes = (value, what) => {
  // A Uint8Array of another realm (an iframe, a vm context) is accepted too.
  const isBytes = ArrayBuffer.isView(value) && Object.prototype.toString.call(value) === "[object Uint8Array]";
  return isBytes ? /** @type {Uint8Array} */ (value) : refuse(`${what} must be a Uint8Array, not ${kindOf(value)}`);
};

/**
 * An options object; an empty one if it is absent.
 * @param {unknown} value
 * @param {string} what
 * @returns {Record<string, unknown>}
 */
export const options = (value, what) => {
  if (value === undefined || value === null) return {};
  if (typeof value !== "object" || Array.isArray(value)) return refuse(`${what} must be an object, not ${kindOf(value)}`);
  return /** @type {Record<string, unknown>} */ (value);
};

/**
 * An optional member of an options object.
 * @template T
 * @param {Record<string, unknown>} given
 * @param {string} name
 * @param {(value: unknown, what: string) => T} check
 * @returns {T | undefined}
 */
export const optional = (given, name, check) => {
  const value = given[name];
  return value === undefined || value === null ? undefined : check(value, name);
};

/**
 * @param {unknown} value
 * @param {string} what
 */
export const truth = (value, what) => (typeof value === "boolean" ? value : refuse(`${what} must be true or false, not ${kindOf(value)}`));

/**
 * @param {any} value
 * @param {string} what
 * @returns {AbortSignal}
 */
export const signal = (value, what) =>
  typeof value?.aborted === "boolean" && typeof value.addEventListener === "function"
    ? value
    : refuse(`${what} must be an AbortSignal, not ${kindOf(value)}`);

/**
 * A duration in milliseconds; `Infinity` means without a limit.
 * @param {unknown} value
 * @param {string} what
 * @returns {number}
 */
export const milliseconds = (value, what) =>
  typeof value === "number" && value > 0 ? value : refuse(`${what} must be a number of milliseconds above 0, or Infinity, not ${typeof value === "number" ? value : kindOf(value)}`);

/**
 * An object that has all of these methods.
 * @param {any} value
 * @param {string} what
 * @param {string[]} methods
 */
export const withMethods = (value, what, methods) => {
  if (typeof value !== "object" || value === null) return refuse(`${what} must be an object with methods, not ${kindOf(value)}`);
  const missing = methods.filter(name => typeof value[name] !== "function");
  return missing.length ? refuse(`${what} lacks the methods ${missing.join(", ")}`) : value;
};

/**
 * The JSON text of a record. A member that is `undefined` counts as absent; every other value that JSON cannot represent is
 * refused instead of silently changed.
 * @param {unknown} record
 * @param {string} [what]
 * @param {{ isPatch?: boolean }} [how] in a patch `undefined` is refused, because it is ambiguous
 */
export const jsonOf = (record, what = "a record", { isPatch = false } = {}) => {
  if (!isPlain(record)) return refuse(`${what} must be an object, like {title: "milk"}, not ${kindOf(record)}`);
  try {
    if (isPatch) {
      const unclear = Object.keys(record).find(name => record[name] === undefined);
      if (unclear !== undefined) refuse(`${what}: ${unclear} is undefined: give null to remove the field, or leave it out`);
    }
    walk(record, what, "", []);
    return JSON.stringify(record);
  } catch (error) {
    if (error instanceof SelvedgeError) throw error;
    return refuse(`${what} cannot be read: one of its getters throws`, error);
  }
};

/**
 * @param {any} value
 * @param {string} what
 * @param {string} path names of fields, no values
 * @param {object[]} above the objects that contain this value
 */
const walk = (value, what, path, above) => {
  const no = (/** @type {string} */ why, /** @type {string} */ instead) => refuse(`${what}: ${path || "it"} ${why}: ${instead}`);
  switch (typeof value) {
    case "string":
      if (/\p{Surrogate}/u.test(value)) no("contains half of a surrogate pair", "make the text well-formed");
      return;
    case "boolean":
      return;
    case "number":
      if (!Number.isFinite(value)) no(`is ${value}`, "JSON has finite numbers only; give null or a text");
      return;
    case "object":
      break;
    case "undefined":
      return no("is undefined", "give null, or leave it out");
    default:
      return no(`is ${kindOf(value)}`, "give a value that JSON can represent, for example a text");
  }
  if (value === null) return;
  if (above.includes(value)) no("contains itself", "give an object without a cycle");
  if (above.length >= MAX_DEPTH) no(`is nested deeper than ${MAX_DEPTH} levels`, "reduce the nesting");
  above.push(value);
  if (Array.isArray(value)) {
    for (let at = 0; at < value.length; at += 1) walk(value[at], what, `${path}[${at}]`, above);
  } else if (isPlain(value)) {
    for (const name of Object.keys(value)) {
      if (/\p{Surrogate}/u.test(name)) no("has a name with half of a surrogate pair", "make the name well-formed");
      if (value[name] !== undefined) walk(value[name], what, path ? `${path}.${name}` : name, above);
    }
  } else {
    no(`is ${kindOf(value)}`, value instanceof Date ? "give date.toISOString() or date.getTime()" : "give a plain object, an array or a text");
  }
  above.pop();
};

/**
 * Whether a value is a plain object, as an object literal creates it, of this realm or another one.
 * @param {unknown} value
 * @returns {value is Record<string, unknown>}
 */
const isPlain = value => {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
};

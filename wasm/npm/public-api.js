// The module's classes and functions as programs call them: each validates its arguments and reports what is wrong with them
// before it calls the module. A value that the module does not expect would cause a trap there.
// @ts-check
import * as check from "./checks.js";
import { define } from "./collection.js";
import { SelvedgeError } from "./errors.js";
import * as glue from "./glue.js";
import { call, callAsync, isStopped, ready } from "./module.js";
import { reporting } from "./report.js";

export const { Client, Collection, KeyBundle, RecordIterator } = glue;

/** @typedef {(value: unknown, what: string) => unknown} Check */
/** @typedef {[what: string, check: Check]} Argument */

/**
 * Returns an object of the module, or throws if it has another class or is freed.
 * @param {any} object
 * @param {any} Class
 * @param {string} what
 */
export const alive = (object, Class, what) => {
  if (!(object instanceof Class)) check.refuse(`${what} must be a ${nameOf(Class)}, not ${check.kindOf(object)}`);
  if (!object.__wbg_ptr) throw new SelvedgeError("closed", `this ${nameOf(Class)} was freed: get another one`);
  return object;
};

const NAMES = new Map(Object.entries(glue).map(([name, value]) => [value, name]));
const nameOf = (/** @type {any} */ Class) => NAMES.get(Class) ?? Class.name;

/**
 * The arguments of a call, validated.
 * @param {Argument[]} wanted
 * @param {unknown[]} given
 */
const validated = (wanted, given) => wanted.map(([what, check], at) => check(given[at], what));

/**
 * Makes an object's methods validate their arguments.
 * @param {any} owner a class, for its static methods, or its prototype
 * @param {any} Class
 * @param {Record<string, Argument[]>} methods
 * @param {boolean} [isAsync] whether they return a promise
 */
const guard = (owner, Class, methods, isAsync = false) => {
  for (const [name, wanted] of Object.entries(methods)) {
    const original = owner[name];
    const isStatic = owner === Class;
    define(owner, name, /** @this {any} */ function (/** @type {unknown[]} */ ...given) {
      const work = () => {
        ready();
        if (!isStatic) alive(this, Class, `this of ${name}`);
        return original.apply(this, validated(wanted, given));
      };
      return isAsync ? callAsync(async () => call(work)) : call(work);
    });
  }
};

/** @param {any} Class */
const guardFree = Class => {
  const { free } = Class.prototype;
  define(Class.prototype, "free", /** @this {any} */ function () {
    if (this.__wbg_ptr && !isStopped()) free.call(this);
  });
  if (Symbol.dispose) define(Class.prototype, Symbol.dispose, Class.prototype.free);
};

/** @type {Argument} */
const KEYS = ["keys", (value, what) => alive(value, glue.KeyBundle, what)];
/** @type {Argument} */
const BYTES = ["bytes", check.bytes];
const textOf = (/** @type {string} */ what) => /** @type {Argument} */ ([what, check.text]);

for (const Class of [glue.Client, glue.Collection, glue.KeyBundle, glue.RecordDecoder, glue.RecordIterator, glue.Schedule]) guardFree(Class);

guard(glue.KeyBundle, glue.KeyBundle, {
  fromBytes: [BYTES],
  fromKsync: [textOf("ksync_b64url")],
  fromPair: [textOf("the encryption key"), textOf("the HMAC key")],
  deriveFromKb: [["kB", check.bytes]],
  make: [],
});
guard(glue.KeyBundle.prototype, glue.KeyBundle, { equals: [["the other keys", (value, what) => alive(value, glue.KeyBundle, what)]] });

guard(glue.Client.prototype, glue.Client, { collection: [textOf("a collection's name")] });
/** @type {(check: Check) => Check} */
const maybe = check => (value, what) => (value === undefined || value === null ? undefined : check(value, what));
guard(
  glue.Client.prototype,
  glue.Client,
  {
    sync: [["the options of sync", syncOptions]],
    status: [],
    close: [],
    conflicts: [["a collection's name", maybe(check.text)]],
    restore: [textOf("a collection's name"), textOf("an id"), ["a time", maybe(check.milliseconds)]],
  },
  true,
);

guard(glue.RecordDecoder.prototype, glue.RecordDecoder, { push: [["a chunk", check.bytes]], finish: [] }, true);

/** @type {Argument} */
const CLIENT = ["the client", (value, what) => alive(value, glue.Client, what)];
guard(glue.Schedule.prototype, glue.Schedule, { tell: [textOf("an event")], ended: [CLIENT], next: [], refusedUntil: [], toString: [] });

/**
 * @param {unknown} value
 * @param {string} what
 */
function syncOptions(value, what) {
  const given = check.options(value, what);
  check.optional(given, "collections", check.texts);
  check.optional(given, "signal", check.signal);
  check.optional(given, "isAskedFor", check.truth);
  const listener = check.optional(given, "onProgress", check.callable);
  return { ...given, onProgress: listener && reporting(/** @type {(...args: unknown[]) => unknown} */ (listener)) };
}

/** When to sync next: a state machine without a timer of its own. */
export class Schedule extends glue.Schedule {
  /** @param {string} [saved] the text of an earlier schedule */
  constructor(saved) {
    ready();
    super(saved === undefined || saved === null ? undefined : check.text(saved, "the text of a schedule"));
  }
}

/** Verifies and decrypts the records of a server's response as it arrives. */
export class RecordDecoder extends glue.RecordDecoder {
  /**
   * @param {import("./glue.js").KeyBundle} keys
   * @param {string} format
   * @param {boolean} asBytes
   */
  constructor(keys, format, asBytes) {
    ready();
    super(alive(keys, glue.KeyBundle, "keys"), check.text(format, "a format"), Boolean(asBytes));
  }
}

/**
 * @template {unknown[]} Args, Answer
 * @param {(...args: Args) => Answer} work
 * @param {...Argument} wanted
 * @returns {(...args: Args) => Answer}
 */
const guarded =
  (work, ...wanted) =>
  (...given) =>
    call(() => work(.../** @type {Args} */ (validated(wanted, given))));

/** @type {Argument} */
const ACCOUNT = ["an account", value => value];

export const accountServer = guarded(glue.accountServer, ACCOUNT);
export const joinCode = guarded(glue.joinCode, ACCOUNT);
export const syncKey = guarded(glue.syncKey, ACCOUNT);
export const decryptRecord = guarded(glue.decryptRecord, KEYS, textOf("a payload"), textOf("an id"));
export const encryptRecord = guarded(glue.encryptRecord, KEYS, ["a record", (value, what) => (check.jsonOf(value, what), value)]);

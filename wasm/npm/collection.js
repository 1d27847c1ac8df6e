// The records of one collection, as programs read and change them. They are passed to the module as JSON texts.
// @ts-check
import * as check from "./checks.js";
import { SelvedgeError } from "./errors.js";
import * as glue from "./glue.js";
import { call, callAsync } from "./module.js";
import { reporting } from "./report.js";

/** @typedef {{ id?: string, [field: string]: unknown }} Fields */

/**
 * Defines a method on an object as a class does: not enumerable.
 * @param {any} owner
 * @param {PropertyKey} name
 * @param {Function} value
 */
export const define = (owner, name, value) => Object.defineProperty(owner, name, { value, writable: true, configurable: true });

/**
 * Returns an object of the module, or throws if it has another class or is freed.
 * @param {any} object
 * @param {any} Class
 * @param {string} name
 */
const alive = (object, Class, name) => {
  if (!(object instanceof Class)) check.refuse(`${name} was called on ${check.kindOf(object)}: call it on an object of its class`);
  if (!object.__wbg_ptr) throw new SelvedgeError("closed", `this ${Class === glue.Collection ? "Collection" : "RecordIterator"} was freed: get another one`);
  return object;
};

/** The module's own methods, which the methods below replace on the prototype. */
const original = {
  list: glue.Collection.prototype.list,
  onChange: glue.Collection.prototype.onChange,
  name: /** @type {PropertyDescriptor} */ (Object.getOwnPropertyDescriptor(glue.Collection.prototype, "name")),
};

const ID = "an id";

/** The methods of a collection. Each copies its arguments immediately: later changes to them have no effect. */
const METHODS = {
  /** @this {any} @param {string} id */
  async get(id) {
    const text = await callOn(this, "get", it => it.getText(check.text(id, ID)));
    return text === undefined ? undefined : JSON.parse(text);
  },

  /** @this {any} @param {Fields} record */
  async put(record) {
    const [id] = await callOn(this, "put", it => it.putTexts([check.jsonOf(record)]));
    return id;
  },

  /** @this {any} @param {Fields[]} records */
  async putMany(records) {
    return callOn(this, "putMany", it => {
      if (!Array.isArray(records)) return check.refuse(`putMany takes an array of records, not ${check.kindOf(records)}`);
      const texts = records.map((record, at) => check.jsonOf(record, `record ${at}`));
      return texts.length ? it.putTexts(texts) : Promise.resolve([]);
    });
  },

  /** @this {any} @param {string} id @param {Fields} patch */
  async edit(id, patch) {
    return callOn(this, "edit", it => it.editText(check.text(id, ID), check.jsonOf(patch, "a patch", { isPatch: true })));
  },

  /** @this {any} @param {string} id @param {(record: Fields | undefined) => unknown} change */
  async update(id, change) {
    check.text(id, ID);
    check.callable(change, "the second argument of update");
    for (;;) {
      const seen = await callOn(this, "update", it => it.getText(id));
      const before = seen === undefined ? undefined : JSON.parse(seen);
      // The function gets its own copy, so that its changes can be compared with `before`.
      const after = await change(seen === undefined ? undefined : JSON.parse(seen));
      if (after === undefined) return before;
      const text = after === null ? undefined : check.jsonOf(after, "the changed record");
      const isDone = await callOn(this, "update", it => it.changeSeen(id, seen, text, text && before ? unchanged(before, JSON.parse(text)) : []));
      if (isDone) return text && { id, ...JSON.parse(text) };
    }
  },

  /** @this {any} @param {string} id */
  async delete(id) {
    return callOn(this, "delete", it => it.deleteIds([check.text(id, ID)]));
  },

  /** @this {any} @param {string[]} ids */
  async deleteMany(ids) {
    return callOn(this, "deleteMany", it => it.deleteIds(check.texts(ids, "ids")));
  },

  /** @this {any} */
  list() {
    return call(() => original.list.call(alive(this, glue.Collection, "list")));
  },

  /** @this {any} @param {(change: unknown) => unknown} listener */
  onChange(listener) {
    check.callable(listener, "the listener of onChange");
    const stop = call(() => original.onChange.call(alive(this, glue.Collection, "onChange"), reporting(listener)));
    return () => void call(() => /** @type {Function} */ (stop)());
  },
};

for (const [name, method] of Object.entries(METHODS)) define(glue.Collection.prototype, name, method);
Object.defineProperty(glue.Collection.prototype, "name", {
  configurable: true,
  /** @this {any} */
  get() {
    return call(() => original.name.get?.call(alive(this, glue.Collection, "name")));
  },
});

/**
 * Calls an asynchronous method of the module on a collection.
 * @param {any} collection
 * @param {string} name
 * @param {(collection: any) => Promise<any>} work
 */
const callOn = (collection, name, work) => callAsync(async () => call(() => work(alive(collection, glue.Collection, name))));

/**
 * The fields that a change left unchanged: their JSON text is kept, so that large numbers lose no digits.
 * @param {Record<string, unknown>} before
 * @param {Record<string, unknown>} after
 */
const unchanged = (before, after) =>
  Object.keys(after).filter(name => Object.hasOwn(before, name) && JSON.stringify(before[name]) === JSON.stringify(after[name]));

/** @type {WeakMap<object, Promise<unknown>>} The last call of each iterator: calls of one iterator run one after another. */
const lastCalls = new WeakMap();

/** @this {any} */
async function next() {
  const step = async () => {
    const text = await callAsync(async () => call(() => alive(this, glue.RecordIterator, "next").nextText()));
    return text === undefined ? { done: true, value: undefined } : { done: false, value: JSON.parse(text) };
  };
  const result = (lastCalls.get(this) ?? Promise.resolve()).then(step, step);
  lastCalls.set(this, result);
  return result;
}
define(glue.RecordIterator.prototype, "next", next);
define(glue.RecordIterator.prototype, Symbol.asyncIterator, /** @this {any} */ function () {
  return this;
});

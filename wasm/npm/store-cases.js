// The contract of a store as test cases, one per promise, for stores of your own. Each case needs an empty store.
//
//     import { storeCases } from "selvedge/store-cases";
//     for (const { name, run } of storeCases) test(name, () => run(new MyStore()));
// @ts-check
import data from "./store-cases-data.js";

/** @typedef {import("./selvedge.js").Store} Store */
/** @typedef {Record<string, any>} Step */

/** A case fails. */
class Broken extends Error {
  name = "Broken";
}

export const storeCases = data.cases.map(({ name, steps }) => ({
  name,
  /** @param {Store} store an empty store */
  run: async store => {
    const revisions = new Map();
    for (const [at, step] of steps.entries()) {
      try {
        await ACTIONS[step.do](store, step, revisions);
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        throw new Broken(`${name}, step ${at + 1} (${step.do}): ${message}`, { cause: error });
      }
    }
  },
}));

/** @type {Record<string, (store: Store, step: Step, revisions: Map<string, number>) => Promise<void>>} */
const ACTIONS = {
  commit: async (store, { commit, answer }, revisions) => equal(await store.commit(filled(commit, revisions)), answer),

  "put many": async (store, { collection, item, times }) => {
    const ids = Array.from({ length: times }, (_, at) => item.id + String(at).padStart(6, "0"));
    const writes = ids.map(id => ({ id, seen: null, becomes: { ...item, id } }));
    const part = { collection, sweep: null, writes, uploaded: [], state: null };
    equal(await store.commit({ parts: [part], global: null }), "done");
  },

  read: async (store, { collection, ids, answer }) => {
    const found = await store.read(collection, ids);
    equal(found.map(withoutRevision), filled(answer));
  },

  remember: async (store, { collection, id, as }, revisions) => {
    const [found] = await store.read(collection, [id]);
    if (!found) throw new Broken(`there is no ${id}`);
    revisions.set(as, found.revision);
  },

  compare: async (_, { are, revisions: names }, revisions) => {
    const compared = names.map((/** @type {string} */ name) => revisions.get(name));
    const isRight = {
      same: () => new Set(compared).size === 1,
      distinct: () => new Set(compared).size === compared.length,
      rising: () => compared.every((revision, at) => at === 0 || revision > compared[at - 1]),
    }[/** @type {"same" | "distinct" | "rising"} */ (are)];
    if (!isRight()) throw new Broken(`the revisions ${compared.join(", ")} are not ${are}`);
  },

  page: async (store, { collection, query, answer }) => {
    const page = await store.page(collection, query);
    equal(
      page.map(({ id }) => id),
      answer,
    );
  },

  duplicates: async (store, { collection, keys, answer }) => {
    const found = await store.duplicates(collection, keys);
    equal(
      found.map(({ id }) => id),
      answer,
    );
  },

  counts: async (store, { collection, answer }) => {
    const { live, pending } = await store.counts(collection);
    equal({ live, pending }, answer);
  },

  state: async (store, { collection, answer }) => equal((await store.state(collection)) ?? null, answer),
  global: async (store, { answer }) => equal((await store.global()) ?? null, answer),
  collections: async (store, { answer }) => equal(await store.collections(), answer),
};

/** @param {import("./selvedge.js").StoredItem | null} item */
const withoutRevision = item => {
  if (!item) return item;
  const { revision: _, ...rest } = item;
  return rest;
};

/**
 * A value of the cases, with repetitions expanded and names of revisions replaced by revisions.
 * @param {any} value
 * @param {Map<string, number>} [revisions]
 * @returns {any}
 */
const filled = (value, revisions, name = "") => {
  if (typeof value === "string" && (name === "seen" || name === "revision")) return revisions?.get(value);
  if (Array.isArray(value)) return value.map(one => filled(one, revisions));
  if (!value || typeof value !== "object") return value;
  if ("repeat" in value) return value.repeat.repeat(value.times);
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, filled(member, revisions, key)]));
};

/**
 * @param {unknown} found
 * @param {unknown} expected
 */
const equal = (found, expected) => {
  const [actual, wanted] = [found, expected].map(value => JSON.stringify(sorted(value)));
  if (actual !== wanted) throw new Broken(`${shortened(actual)} should be ${shortened(wanted)}`);
};

/**
 * A value with sorted members: their order has no meaning.
 * @param {unknown} value
 * @returns {unknown}
 */
const sorted = value => {
  if (Array.isArray(value)) return value.map(sorted);
  if (!value || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, member]) => [key, sorted(member)]));
};

/** @param {string | undefined} text */
const shortened = (text = "nothing") => (text.length > 300 ? `${text.slice(0, 300)}…` : text);

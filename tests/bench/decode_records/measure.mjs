// Measures several methods of decoding one body, alternately; the same code runs in Node and in a page.
// @ts-check
import { decode, importKeys } from "./plain.mjs";

/** Numbers of concurrently decoded records; the fastest one represents plain JavaScript. */
const DEGREES = [1, 8, 32, 128, 512, 4096];
const ROUNDS = 3;
/** Size of the chunks, as from the network. */
const CHUNK = 64 * 1024;

/** @param {Uint8Array[]} chunks */
const streamOf = chunks => {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at === chunks.length) return controller.close();
      controller.enqueue(chunks[at]);
      at += 1;
    },
  });
};

/**
 * Runs work as in a host without WebCrypto: the module does all of it.
 * @param {() => Promise<number>} work
 */
const withoutWebCrypto = async work => {
  Object.defineProperty(globalThis.crypto, "subtle", { value: undefined, configurable: true });
  try {
    return await work();
  } finally {
    delete (/** @type {any} */ (globalThis.crypto).subtle);
  }
};

/**
 * Measures all methods alternately, and keeps the best time of each: other load on the machine can only make a time longer.
 * @param {typeof import("../../../wasm/npm/selvedge.js")} selvedge
 * @param {{ body: Uint8Array, encryption: string, hmac: string, count: number }} sample
 * @returns {Promise<Record<string, number>>} milliseconds by method
 */
export const measure = async (selvedge, { body, encryption, hmac, count }) => {
  const plainKeys = await importKeys(encryption, hmac);
  const keys = selvedge.KeyBundle.fromPair(encryption, hmac);
  const chunks = Array.from({ length: Math.ceil(body.length / CHUNK) }, (_, n) => body.slice(n * CHUNK, (n + 1) * CHUNK));
  const ours = async (/** @type {"bytes" | "records"} */ as) => {
    let decoded = 0;
    for await (const batch of selvedge.decodeRecords(streamOf(chunks), keys, /** @type {any} */ ({ as }))) {
      if (batch.failed.length > 0) throw new Error(`${batch.failed.length} records failed`);
      decoded += (/** @type {any} */ (batch).records ?? /** @type {any} */ (batch).ends).length;
    }
    return decoded;
  };
  /** @type {Record<string, () => Promise<number>>} */
  const ways = {};
  for (const as of /** @type {const} */ (["bytes", "records"])) {
    for (const degree of DEGREES) ways[`plain ${as} ${degree}`] = async () => (await decode(body, plainKeys, as, degree)).length;
    ways[`rust ${as}`] = () => withoutWebCrypto(() => ours(as));
    ways[`host ${as}`] = () => ours(as);
  }
  /** @type {Record<string, number>} */
  const best = {};
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [name, way] of Object.entries(ways)) {
      const began = performance.now();
      const decoded = await way();
      const took = performance.now() - began;
      if (decoded !== count) throw new Error(`${name}: ${decoded} of ${count} records`);
      best[name] = Math.min(best[name] ?? Infinity, took);
    }
  }
  return best;
};

// Watches what goes over the wire: a fetch that passes everything on as it is, and tells what it saw.
//
// What it tells holds no secret: no header, no token, no key. Of the records in a body it shows the first few, each as the
// server sees it and as this device reads it.
// @ts-check
import { decryptRecord } from "../selvedge/selvedge.js";
import { firstObjects } from "./objects.js";

/**
 * A record as it passed.
 * @typedef {{ id: string, collection: string, ciphertext: string, cleartext: string, isSealed: boolean }} Passed
 */
/**
 * A request and its answer.
 * @typedef {{ number: number, method: string, path: string, status: number, sent: number, received: number,
 *   started: number, milliseconds: number, records: Passed[], direction: "sent" | "received" }} Exchange
 */

/** So many records of a body are shown. */
const SHOWN = 3;
/** So much of a body is looked into, and so much of a text is shown. */
const LOOKED_INTO = 64 * 1024;
const TEXT = 600;
/** Answers that never have a body, whatever stream a browser gives them. */
const EMPTY = [204, 205, 304];
const SECRET = "(the account's keys: never shown)";

/**
 * A fetch that is watched.
 * @param {typeof fetch} send
 * @param {import("./keys.js").Keys} keys
 * @param {(exchange: Exchange) => void} tell called when an answer has been read to its end
 * @returns {(request: Request) => Promise<Response>}
 */
export const watched = (send, keys, tell) => {
  let number = 0;
  return async request => {
    number += 1;
    const started = performance.now();
    const text = ["GET", "DELETE"].includes(request.method) ? "" : await request.clone().text();
    const target = targetOf(request.url);
    const seen = { number, method: request.method, path: target.path, started };
    const sent = new TextEncoder().encode(text).length;
    const end = (/** @type {number} */ status, /** @type {number} */ received, /** @type {string} */ answer) => {
      const direction = /** @type {"sent" | "received"} */ (text ? "sent" : "received");
      const records = status < 300 ? passed(target.parts, text || answer, keys) : [];
      tell({ ...seen, status, sent, received, milliseconds: performance.now() - started, records, direction });
    };
    const response = await send(request).catch(error => {
      end(0, 0, "");
      throw error;
    });
    if (!response.body || EMPTY.includes(response.status) || response.type === "opaqueredirect") {
      end(response.status, 0, "");
      return response;
    }
    const { status, statusText, headers, type } = response;
    const body = counting(response.body, (received, answer) => end(status, received, answer));
    const copy = new Response(body, { status, statusText, headers });
    // Whoever reads it must know how far its headers can be trusted.
    return Object.defineProperty(copy, "type", { value: type });
  };
};

/**
 * Passes bytes on, counts them, and keeps the first.
 * @param {ReadableStream<Uint8Array>} body
 * @param {(bytes: number, beginning: string) => void} end
 * @returns {ReadableStream<Uint8Array>}
 */
const counting = (body, end) => {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let [bytes, beginning] = [0, ""];
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await reader.read().catch(error => {
        end(bytes, beginning);
        throw error;
      });
      if (done) {
        end(bytes, beginning);
        controller.close();
        return;
      }
      if (beginning.length < LOOKED_INTO) beginning += decoder.decode(value.subarray(0, LOOKED_INTO), { stream: true });
      bytes += value.byteLength;
      controller.enqueue(value);
    },
    cancel(reason) {
      end(bytes, beginning);
      return reader.cancel(reason);
    },
  });
};

/**
 * What an address is about, without the user's number.
 * @param {string} address
 */
const targetOf = address => {
  const { pathname, search } = new URL(address);
  const path = /\/1\.5\/\d+\/(.*)$/.exec(pathname)?.[1] ?? pathname.slice(1);
  return { path: decoded(`${path}${search}`), parts: path.split("/").map(decoded) };
};

const decoded = (/** @type {string} */ text) => {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
};

/**
 * The first records of a body.
 * @param {string[]} parts of the path: `storage`, the collection, and for one record its id
 * @param {string} text
 * @param {import("./keys.js").Keys} keys
 * @returns {Passed[]}
 */
const passed = ([place, collection, own], text, keys) => {
  if (place !== "storage" || !collection) return [];
  const records = firstObjects(text.slice(0, LOOKED_INTO), SHOWN);
  return records.flatMap(record => {
    const { id, payload } = /** @type {{ id?: unknown, payload?: unknown }} */ (record);
    if (typeof payload !== "string") return [];
    // Alone in a body, a record may leave its id to the address.
    const name = typeof id === "string" ? id : (own ?? "");
    return [{ id: name, collection, ciphertext: cut(payload), ...opened(collection, name, payload, keys) }];
  });
};

/**
 * @param {string} collection
 * @param {string} id
 * @param {string} payload
 * @param {import("./keys.js").Keys} keys
 */
const opened = (collection, id, payload, keys) => {
  if (collection === "meta") return { cleartext: cut(payload), isSealed: false };
  try {
    if (collection === "crypto") {
      keys.learn(payload);
      return { cleartext: SECRET, isSealed: true };
    }
    const bundle = keys.of(collection);
    if (!bundle) return { cleartext: "(this page has not seen the keys yet)", isSealed: true };
    return { cleartext: cut(JSON.stringify(decryptRecord(bundle, payload, id), null, 1)), isSealed: true };
  } catch (error) {
    return { cleartext: `(cannot be read: ${/** @type {Error} */ (error).message})`, isSealed: true };
  }
};

const cut = (/** @type {string} */ text) => (text.length > TEXT ? `${text.slice(0, TEXT)}…` : text);

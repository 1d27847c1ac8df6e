// A fetch that forwards requests and responses unchanged, and reports them.
//
// A report contains no secret: no header, no token, no key. It contains the first records of a body, each as the server sees
// it and as this device reads it.
// @ts-check
import { decryptRecord } from "../selvedge/selvedge.js";
import { firstObjects } from "./json-prefix.js";

/**
 * A record of a body, for display.
 * @typedef {{ id: string, collection: string, ciphertext: string, cleartext: string, isEncrypted: boolean }} ShownRecord
 */
/**
 * A request and its response.
 * @typedef {{ number: number, method: string, path: string, status: number, sent: number, received: number,
 *   started: number, milliseconds: number, records: ShownRecord[], direction: "sent" | "received" }} Exchange
 */

/** Maximum number of records of a body that are shown. */
const MAX_RECORDS = 3;
/** Maximum number of characters of a body that are searched for records. */
const MAX_SEARCHED = 64 * 1024;
/** Maximum number of characters of a text that are shown. */
const MAX_TEXT = 600;
/** Statuses of responses without a body, although some browsers give them a stream. */
const WITHOUT_BODY = [204, 205, 304];
const SECRET = "(the account's keys: never shown)";

/**
 * Wraps a fetch.
 * @param {typeof fetch} send
 * @param {import("./keys.js").Keys} keys
 * @param {(exchange: Exchange) => void} onExchange called when a response has been read to its end
 * @returns {(request: Request) => Promise<Response>}
 */
export const recordingFetch = (send, keys, onExchange) => {
  let number = 0;
  return async request => {
    number += 1;
    const started = performance.now();
    const text = ["GET", "DELETE"].includes(request.method) ? "" : await request.clone().text();
    const target = targetOf(request.url);
    const common = { number, method: request.method, path: target.path, started };
    const sent = new TextEncoder().encode(text).length;
    const end = (/** @type {number} */ status, /** @type {number} */ received, /** @type {string} */ content) => {
      const direction = /** @type {"sent" | "received"} */ (text ? "sent" : "received");
      const records = status < 300 ? shownRecords(target.parts, text || content, keys) : [];
      onExchange({ ...common, status, sent, received, milliseconds: performance.now() - started, records, direction });
    };
    const response = await send(request).catch(error => {
      end(0, 0, "");
      throw error;
    });
    if (!response.body || WITHOUT_BODY.includes(response.status) || response.type === "opaqueredirect") {
      end(response.status, 0, "");
      return response;
    }
    const { status, statusText, headers, type } = response;
    const body = counting(response.body, (received, content) => end(status, received, content));
    const copy = new Response(body, { status, statusText, headers });
    // The module needs the type: it shows whether headers may be hidden.
    return Object.defineProperty(copy, "type", { value: type });
  };
};

/**
 * Forwards the bytes of a body, counts them, and records the beginning.
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
      if (beginning.length < MAX_SEARCHED) beginning += decoder.decode(value.subarray(0, MAX_SEARCHED), { stream: true });
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
 * The path of an address, without the user's number.
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
 * The first records of a body, for display.
 * @param {string[]} parts of the path: `storage`, the collection, and for one record its id
 * @param {string} text
 * @param {import("./keys.js").Keys} keys
 * @returns {ShownRecord[]}
 */
const shownRecords = ([area, collection, idInPath], text, keys) => {
  if (area !== "storage" || !collection) return [];
  const records = firstObjects(text.slice(0, MAX_SEARCHED), MAX_RECORDS);
  return records.flatMap(record => {
    const { id, payload } = /** @type {{ id?: unknown, payload?: unknown }} */ (record);
    if (typeof payload !== "string") return [];
    // The body of a single record may omit the id, which is in the path.
    const name = typeof id === "string" ? id : (idInPath ?? "");
    return [{ id: name, collection, ciphertext: cut(payload), ...decrypted(collection, name, payload, keys) }];
  });
};

/**
 * @param {string} collection
 * @param {string} id
 * @param {string} payload
 * @param {import("./keys.js").Keys} keys
 */
const decrypted = (collection, id, payload, keys) => {
  if (collection === "meta") return { cleartext: cut(payload), isEncrypted: false };
  try {
    if (collection === "crypto") {
      keys.read(payload);
      return { cleartext: SECRET, isEncrypted: true };
    }
    const bundle = keys.of(collection);
    if (!bundle) return { cleartext: "(the keys are not known yet)", isEncrypted: true };
    return { cleartext: cut(JSON.stringify(decryptRecord(bundle, payload, id), null, 1)), isEncrypted: true };
  } catch (error) {
    return { cleartext: `(cannot be read: ${/** @type {Error} */ (error).message})`, isEncrypted: true };
  }
};

const cut = (/** @type {string} */ text) => (text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text);

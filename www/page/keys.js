// The keys with which the page looks into the records that pass.
// @ts-check
import { decryptRecord, KeyBundle } from "../selvedge/selvedge.js";

/**
 * An encryption key and an HMAC key, in base64.
 * @typedef {[encryption: string, hmac: string]} Pair
 */

/** What is known of the account's keys: the one that seals `crypto/keys`, and what was read there. */
export class Keys {
  #sync;
  #sealed = "";
  /** @type {KeyBundle | undefined} */
  #default;
  /** @type {Map<string, KeyBundle>} */
  #own = new Map();

  /** @param {KeyBundle} sync */
  constructor(sync) {
    this.#sync = sync;
  }

  /** The payload of `crypto/keys` as the server has it; sealed, and so not a secret. */
  get sealed() {
    return this.#sealed;
  }

  /**
   * Reads the payload of `crypto/keys`.
   * @param {string} payload
   */
  learn(payload) {
    const read = /** @type {{ default?: Pair, collections?: Record<string, Pair> }} */ (
      /** @type {unknown} */ (decryptRecord(this.#sync, payload, "keys"))
    );
    const bundle = (/** @type {Pair} */ [encryption, hmac]) => KeyBundle.fromPair(encryption, hmac);
    if (read.default) this.#default = bundle(read.default);
    this.#own = new Map(Object.entries(read.collections ?? {}).map(([name, pair]) => [name, bundle(pair)]));
    this.#sealed = payload;
  }

  /**
   * Reads what was seen of `crypto/keys` earlier; it may be of another key by now.
   * @param {string} payload
   */
  recall(payload) {
    try {
      this.learn(payload);
    } catch {
      this.#sealed = "";
    }
  }

  /** @param {string} collection */
  of(collection) {
    return this.#own.get(collection) ?? this.#default;
  }
}

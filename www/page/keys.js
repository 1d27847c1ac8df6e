// The keys with which the page decrypts the records that it displays.
// @ts-check
import { decryptRecord, KeyBundle } from "../selvedge/selvedge.js";

/**
 * An encryption key and an HMAC key, in base64.
 * @typedef {[encryption: string, hmac: string]} Pair
 */

/** The account's keys: the one that encrypts `crypto/keys`, and those in there, once they are known. */
export class Keys {
  #sync;
  #encrypted = "";
  /** @type {KeyBundle | undefined} */
  #default;
  /** @type {Map<string, KeyBundle>} */
  #own = new Map();

  /** @param {KeyBundle} sync */
  constructor(sync) {
    this.#sync = sync;
  }

  /** The payload of `crypto/keys` as on the server; it is encrypted, so it is not a secret. */
  get encrypted() {
    return this.#encrypted;
  }

  /**
   * Reads the payload of `crypto/keys`.
   * @param {string} payload
   */
  read(payload) {
    const content = /** @type {{ default?: Pair, collections?: Record<string, Pair> }} */ (
      /** @type {unknown} */ (decryptRecord(this.#sync, payload, "keys"))
    );
    const bundle = (/** @type {Pair} */ [encryption, hmac]) => KeyBundle.fromPair(encryption, hmac);
    if (content.default) this.#default = bundle(content.default);
    this.#own = new Map(Object.entries(content.collections ?? {}).map(([name, pair]) => [name, bundle(pair)]));
    this.#encrypted = payload;
  }

  /**
   * Reads a stored payload of `crypto/keys`; ignores it if it was encrypted with another key.
   * @param {string} payload
   */
  tryRead(payload) {
    try {
      this.read(payload);
    } catch {
      this.#encrypted = "";
    }
  }

  /** @param {string} collection */
  of(collection) {
    return this.#own.get(collection) ?? this.#default;
  }
}

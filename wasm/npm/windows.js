// The other windows and workers of an origin that use the same records.
// @ts-check

/** The first change is told at once; those that follow so closely, in milliseconds, are told together. */
const PARCEL = 100;

/**
 * Tells the others which records have changed here, and hears of theirs. Only names of collections and ids pass, and nothing of
 * what a record holds.
 */
export class Windows {
  #channel;
  /** @type {Map<string, Set<string> | null>} What is still to be told; `null`: any record of the collection. */
  #waiting = new Map();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #pause;

  /** @param {string} name */
  constructor(name) {
    this.#channel = new BroadcastChannel(`selvedge:${name}`);
    // Of a Node process it is no reason to live on.
    /** @type {{ unref?: () => void }} */ (this.#channel).unref?.();
  }

  /**
   * @param {string} collection
   * @param {string[] | null} ids
   */
  tell(collection, ids) {
    const waiting = this.#waiting.get(collection);
    this.#waiting.set(collection, ids && waiting !== null ? new Set([...(waiting ?? []), ...ids]) : null);
    if (this.#pause === undefined) this.#send();
  }

  /** @param {(collection: unknown, ids: unknown) => void} listener */
  hear(listener) {
    this.#channel.onmessage = ({ data }) => {
      if (!Array.isArray(data)) return;
      for (const { collection, ids } of data) listener(collection, ids);
    };
  }

  close() {
    clearTimeout(this.#pause);
    this.#send();
    clearTimeout(this.#pause);
    this.#channel.close();
  }

  #send() {
    this.#pause = undefined;
    if (!this.#waiting.size) return;
    this.#channel.postMessage([...this.#waiting].map(([collection, ids]) => ({ collection, ids: ids && [...ids] })));
    this.#waiting.clear();
    this.#pause = setTimeout(() => this.#send(), PARCEL);
  }
}

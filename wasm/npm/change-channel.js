// Sends changes to the other windows and workers of an origin that use the same records, and receives theirs.
// @ts-check

/** The first change is sent immediately; changes within this time after it, in milliseconds, are sent together. */
const BATCH_INTERVAL = 100;

/**
 * A BroadcastChannel for the ids of changed records. A message contains names of collections and ids, never contents of records.
 */
export class ChangeChannel {
  #channel;
  /** @type {Map<string, Set<string> | null>} Changes that are not sent yet; `null`: any record of the collection. */
  #unsent = new Map();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {string} name */
  constructor(name) {
    this.#channel = new BroadcastChannel(`selvedge:${name}`);
    // An open channel does not keep a Node process running.
    /** @type {{ unref?: () => void }} */ (this.#channel).unref?.();
  }

  /**
   * @param {string} collection
   * @param {string[] | null} ids
   */
  publish(collection, ids) {
    const unsent = this.#unsent.get(collection);
    this.#unsent.set(collection, ids && unsent !== null ? new Set([...(unsent ?? []), ...ids]) : null);
    if (this.#timer === undefined) this.#send();
  }

  /** @param {(collection: unknown, ids: unknown) => void} listener */
  subscribe(listener) {
    this.#channel.onmessage = ({ data }) => {
      if (!Array.isArray(data)) return;
      for (const { collection, ids } of data) listener(collection, ids);
    };
  }

  close() {
    clearTimeout(this.#timer);
    this.#send();
    clearTimeout(this.#timer);
    this.#channel.close();
  }

  #send() {
    this.#timer = undefined;
    if (!this.#unsent.size) return;
    this.#channel.postMessage([...this.#unsent].map(([collection, ids]) => ({ collection, ids: ids && [...ids] })));
    this.#unsent.clear();
    this.#timer = setTimeout(() => this.#send(), BATCH_INTERVAL);
  }
}

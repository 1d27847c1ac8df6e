// Sends the module's requests by the program's fetch, and ends each of them by a signal or at its timeout, whether that fetch
// minds them or not.
// @ts-check

/** How long a server may say nothing, in milliseconds, unless the program says otherwise. */
export const TIMEOUT = 60_000;

/** The longest that a timer of a browser can wait. */
const LONGEST = 2 ** 31 - 1;

/**
 * What the module sends requests with. Nothing follows redirects, for the signature would not fit, and nothing is kept or told
 * of besides: no cookies, no cache, no referrer.
 * @param {(request: Request) => Promise<Response>} fetch
 * @param {number} timeout
 */
export const sender =
  (fetch, timeout) =>
  /**
   * @param {string} method
   * @param {string} url
   * @param {[string, string][]} headers
   * @param {Uint8Array<ArrayBuffer> | undefined} body
   * @param {(AbortSignal | undefined)[]} signals
   */
  async (method, url, headers, body, signals) => {
    const watch = new Watch(signals, timeout);
    const request = made(url, {
      method,
      headers,
      body,
      signal: watch.signal,
      credentials: "omit",
      cache: "no-store",
      redirect: "manual",
      referrerPolicy: "no-referrer",
    });
    try {
      return watch.body(await watch.during(() => fetch(request)));
    } catch (error) {
      watch.stop();
      throw error;
    }
  };

/**
 * @param {string} url
 * @param {RequestInit} init
 */
const made = (url, init) => {
  try {
    return new Request(url, init);
  } catch {
    // What a browser says of an address that it refuses names the address, and with it the user.
    throw new Error("the host refuses the address");
  }
};

/** One request: ends when a signal is given, or when nothing has come for too long. */
class Watch {
  #controller = new AbortController();
  #timeout;
  /** @type {AbortSignal[]} */
  #signals;
  /** @type {Error | undefined} */
  #ended;
  /** @type {(error: Error) => void} */
  #reject = () => {};
  /** @type {(() => void) | undefined} */
  #cancel;

  /**
   * @param {(AbortSignal | undefined)[]} signals
   * @param {number} timeout
   */
  constructor(signals, timeout) {
    this.#timeout = timeout;
    this.#signals = signals.filter(signal => signal !== undefined && signal !== null);
    for (const signal of this.#signals) signal.addEventListener("abort", this.#abort);
    this.#abort();
  }

  /** For the program's fetch. */
  get signal() {
    return this.#controller.signal;
  }

  /**
   * Waits for something, but no longer than the timeout.
   * @template T
   * @param {() => Promise<T>} work
   * @returns {Promise<T>}
   */
  during(work) {
    return new Promise((resolve, reject) => {
      if (this.#ended) return reject(this.#ended);
      this.#reject = reject;
      const timer = this.#timeout <= LONGEST ? globalThis.setTimeout?.(this.#expire, this.#timeout) : undefined;
      const over = () => {
        clearTimeout(timer);
        this.#reject = () => {};
      };
      new Promise(go => go(work())).then(
        answer => {
          over();
          resolve(/** @type {T} */ (answer));
        },
        error => {
          over();
          this.#abort();
          reject(this.#ended ?? error);
        },
      );
    });
  }

  /**
   * What a fetch answered, with a body that is watched too. What is no response is left for the module to judge.
   * @param {any} response
   */
  body(response) {
    const stream = response?.body;
    if (typeof stream?.getReader !== "function") {
      this.stop();
      return response;
    }
    const getReader = () => {
      const reader = stream.getReader();
      const cancel = () => {
        this.stop();
        return reader.cancel();
      };
      this.#cancel = () => void cancel().catch(() => {});
      const read = async () => {
        const chunk = await this.during(() => reader.read());
        if (chunk.done) this.stop();
        return chunk;
      };
      return { read, cancel };
    };
    const { type, status, headers } = response;
    return { type, status, headers, body: { getReader } };
  }

  /** Listens to no signal any more. */
  stop() {
    for (const signal of this.#signals) signal.removeEventListener("abort", this.#abort);
  }

  #abort = () => {
    const given = this.#signals.find(signal => signal.aborted);
    if (given) this.#end(named("AbortError", "the program stopped the sync"), given.reason);
  };

  #expire = () => {
    const error = named("TimeoutError", `nothing came for ${this.#timeout / 1000} s`);
    this.#end(error, error);
  };

  /**
   * @param {Error} error
   * @param {unknown} reason what the program's fetch is told
   */
  #end(error, reason) {
    if (this.#ended) return;
    this.#ended = error;
    this.#reject(error);
    this.#controller.abort(reason);
    this.#cancel?.();
    this.stop();
  }
}

/**
 * Of the name by which the module tells errors of a fetch apart; hosts without a DOM have no DOMException.
 * @param {string} name
 * @param {string} message
 */
const named = (name, message) => Object.assign(new Error(message), { name });

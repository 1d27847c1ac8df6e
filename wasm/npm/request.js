// Sends the module's requests with the program's fetch. A signal or the timeout ends a request, even if that fetch ignores its
// signal.
// @ts-check

/** Default of how long a server may send nothing, in milliseconds. */
export const TIMEOUT = 60_000;

/** Maximum delay of a timer, in milliseconds. */
const MAX_DELAY = 2 ** 31 - 1;

/**
 * Makes the function that the module sends requests with. It follows no redirects, because the signature would not match, and
 * uses no cookies, no cache and no referrer.
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
    const watchdog = new Watchdog(signals, timeout);
    const request = makeRequest(url, {
      method,
      headers,
      body,
      signal: watchdog.signal,
      credentials: "omit",
      cache: "no-store",
      redirect: "manual",
      referrerPolicy: "no-referrer",
    });
    try {
      return watchdog.watchBody(await watchdog.during(() => fetch(request)));
    } catch (error) {
      watchdog.stop();
      throw error;
    }
  };

/**
 * @param {string} url
 * @param {RequestInit} init
 */
const makeRequest = (url, init) => {
  try {
    return new Request(url, init);
  } catch {
    // The browser's own message contains the address, and with it the user.
    throw new Error("the host refuses the address");
  }
};

/** Watches one request: ends it on a signal, or when nothing arrives within the timeout. */
class Watchdog {
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

  /** The signal for the program's fetch. */
  get signal() {
    return this.#controller.signal;
  }

  /**
   * Waits for a promise, at most as long as the timeout.
   * @template T
   * @param {() => Promise<T>} work
   * @returns {Promise<T>}
   */
  during(work) {
    return new Promise((resolve, reject) => {
      if (this.#ended) return reject(this.#ended);
      this.#reject = reject;
      const timer = this.#timeout <= MAX_DELAY ? globalThis.setTimeout?.(this.#expire, this.#timeout) : undefined;
      const finish = () => {
        clearTimeout(timer);
        this.#reject = () => {};
      };
      new Promise(go => go(work())).then(
        result => {
          finish();
          resolve(/** @type {T} */ (result));
        },
        error => {
          finish();
          this.#abort();
          reject(this.#ended ?? error);
        },
      );
    });
  }

  /**
   * Wraps a response so that its body is watched too. A value that is not a response is returned as it is: the module refuses it.
   * @param {any} response
   */
  watchBody(response) {
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

  /** Removes the listeners from the signals. */
  stop() {
    for (const signal of this.#signals) signal.removeEventListener("abort", this.#abort);
  }

  #abort = () => {
    const given = this.#signals.find(signal => signal.aborted);
    if (given) this.#end(namedError("AbortError", "the program stopped the sync"), given.reason);
  };

  #expire = () => {
    const error = namedError("TimeoutError", `the server sent nothing for ${this.#timeout / 1000} s`);
    this.#end(error, error);
  };

  /**
   * @param {Error} error
   * @param {unknown} reason the abort reason for the program's fetch
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
 * An error with the name by which the module recognizes it; hosts without a DOM have no DOMException.
 * @param {string} name
 * @param {string} message
 */
const namedError = (name, message) => Object.assign(new Error(message), { name });

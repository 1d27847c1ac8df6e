// Reports an error that a listener of the program throws, on the console or by `reportError`. It affects neither the package
// nor the other listeners.
// @ts-check

const report = (/** @type {unknown} */ error) => {
  if (typeof globalThis.reportError === "function") globalThis.reportError(error);
  else console.error("selvedge: a listener threw an error:", error);
};

/**
 * Wraps a listener: reports its errors, and never throws.
 * @template {unknown[]} Args
 * @param {(...args: Args) => unknown} listener
 * @returns {(...args: Args) => void}
 */
export const reporting =
  listener =>
  (...args) => {
    try {
      const result = listener(...args);
      // An asynchronous listener throws later.
      if (result instanceof Promise) result.catch(report);
    } catch (error) {
      report(error);
    }
  };

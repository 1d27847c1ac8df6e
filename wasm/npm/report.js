// What a listener of the program throws is the program's own affair: it is reported where its developer looks, and disturbs
// neither the package nor the other listeners.
// @ts-check

const report = (/** @type {unknown} */ error) => {
  if (typeof globalThis.reportError === "function") globalThis.reportError(error);
  else console.error("selvedge: a listener has thrown an error:", error);
};

/**
 * A listener that never throws.
 * @template {unknown[]} Args
 * @param {(...args: Args) => unknown} listener
 * @returns {(...args: Args) => void}
 */
export const reporting =
  listener =>
  (...args) => {
    try {
      const answer = listener(...args);
      // One that is asynchronous throws later.
      if (answer instanceof Promise) answer.catch(report);
    } catch (error) {
      report(error);
    }
  };

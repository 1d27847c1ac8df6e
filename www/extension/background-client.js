// The pages' side of the background: asks it.
// @ts-check
import { api } from "./browser.js";

/** @typedef {import("./background.js").Answers} Answers */

/**
 * Asks the background for something, by its name in `background.js`. Everything there may be asked twice: a background
 * that was stopped on its way is started again, and asked again.
 * @template {keyof Answers} What
 * @param {What} what
 * @param {Parameters<Answers[What]>} detail
 * @returns {Promise<Awaited<ReturnType<Answers[What]>>>}
 */
export const ask = async (what, ...[detail]) => {
  const answer = (await send(what, detail)) ?? (await send(what, detail));
  if (!answer) throw Object.assign(new Error("the browser stopped this extension: try again"), { code: "stopped" });
  if ("error" in answer) throw Object.assign(new Error(answer.error.message), answer.error);
  return /** @type {Awaited<ReturnType<Answers[What]>>} */ (answer.value);
};

/**
 * @param {keyof Answers} what
 * @param {unknown} detail
 * @returns {Promise<import("./background.js").Reply | undefined>}
 */
const send = (what, detail) => api.runtime.sendMessage({ what, detail }).catch(() => undefined);

// The pages' side of the background: asks it, and watches what it keeps.
// @ts-check
import { api } from "./browser.js";

/**
 * Asks the background for something, by its name in `background.js`. Everything there may be asked twice: a background
 * that was stopped on its way is started again, and asked again.
 * @param {string} what
 * @param {unknown} [detail]
 * @returns {Promise<any>}
 */
export const ask = async (what, detail) => {
  const answer = (await send(what, detail)) ?? (await send(what, detail));
  if (!answer) throw Object.assign(new Error("the browser stopped this extension: try again"), { code: "stopped" });
  if (answer.error) throw Object.assign(new Error(answer.error.message), answer.error);
  return answer.value;
};

const send = (what, detail) => api.runtime.sendMessage({ what, detail }).catch(() => undefined);

/**
 * Calls a listener when any of these values changes, wherever it is kept.
 * @param {string[]} names
 * @param {() => void} listener
 */
export const watch = (names, listener) => {
  api.storage.onChanged.addListener(changes => {
    if (names.some(name => name in changes)) listener();
  });
};

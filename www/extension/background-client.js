// The pages' connection to the background.
// @ts-check
import { api } from "./browser.js";

/** @typedef {import("./background.js").Handlers} Handlers */

/**
 * Calls a handler of the background, by its name in `background.js`. If the browser stopped the background before it responded,
 * sends the request again: all handlers are idempotent.
 * @template {keyof Handlers} Name
 * @param {Name} name
 * @param {Parameters<Handlers[Name]>} detail
 * @returns {Promise<Awaited<ReturnType<Handlers[Name]>>>}
 */
export const request = async (name, ...[detail]) => {
  const reply = (await send(name, detail)) ?? (await send(name, detail));
  if (!reply) throw Object.assign(new Error("the browser stopped this extension: try again"), { code: "stopped" });
  if ("error" in reply) throw Object.assign(new Error(reply.error.message), reply.error);
  return /** @type {Awaited<ReturnType<Handlers[Name]>>} */ (reply.value);
};

/**
 * @param {keyof Handlers} name
 * @param {unknown} detail
 * @returns {Promise<import("./background.js").Reply | undefined>}
 */
const send = (name, detail) => api.runtime.sendMessage({ name, detail }).catch(() => undefined);

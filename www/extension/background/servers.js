// Which servers are asked: the one that a person allowed when the account was joined, and the one that it sends us on to.
// @ts-check
import { api } from "../browser.js";
import { keep } from "../kept.js";
import { patternOf } from "../servers.js";

/**
 * Sends a request. When a server cannot be reached that was never allowed, it is kept, so that the options can ask for it.
 * @param {Request} request
 */
export const asking = async request => {
  try {
    return await fetch(request);
  } catch (error) {
    const isAllowed = await api.permissions.contains({ origins: [patternOf(request.url)] });
    if (!isAllowed && !request.signal.aborted) await keep({ refused: new URL(request.url).origin });
    throw error;
  }
};

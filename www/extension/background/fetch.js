// Which servers are asked: the one that a person allowed when the account was joined, and the one that it sends us on to.
// @ts-check
import { api } from "../browser.js";
import { keep } from "../storage.js";
import { patternOf } from "../servers.js";

/** Gives the permissions back: without an account no server is asked. One that the manifest itself has cannot be given back. */
export const forgetServers = async () => {
  const { origins = [] } = await api.permissions.getAll();
  for (const origin of origins) await api.permissions.remove({ origins: [origin] }).catch(() => false);
};

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

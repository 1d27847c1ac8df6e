// Requests need the user's permission for their server: the account's server, and another one if that refers the device to it.
// @ts-check
import { api } from "../browser.js";
import { save } from "../storage.js";
import { patternOf } from "../permissions.js";

/** Removes the permissions when the account is left. A permission of the manifest itself cannot be removed. */
export const removePermissions = async () => {
  const { origins = [] } = await api.permissions.getAll();
  for (const origin of origins) await api.permissions.remove({ origins: [origin] }).catch(() => false);
};

/**
 * Sends a request. If it fails because the permission is missing, stores the server, so that the options can request the permission.
 * @param {Request} request
 */
export const fetchWithPermission = async request => {
  try {
    return await fetch(request);
  } catch (error) {
    const isAllowed = await api.permissions.contains({ origins: [patternOf(request.url)] });
    if (!isAllowed && !request.signal.aborted) await save({ refused: new URL(request.url).origin });
    throw error;
  }
};

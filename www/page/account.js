// The account of this page: made on the server that the page comes from, or joined, and kept in the browser until it is left.
// @ts-check

/** @typedef {import("../selvedge/selvedge.js").TokenServerCredentials} Credentials */

const DATABASE = "selvedge-page";
const KEPT = "kept";
/** How long the server may take to make an account, in milliseconds. */
const TIMEOUT = 60_000;
const KEY_BYTES = 64;
const FINGERPRINT_BYTES = 16;

/**
 * Makes an account on this page's own server.
 * @param {string} base the address of the page
 * @param {string} invitation empty where the server asks for none
 * @param {AbortSignal} signal
 * @returns {Promise<Credentials>}
 */
export const makeAccount = async (base, invitation, signal) => {
  const key = crypto.getRandomValues(new Uint8Array(KEY_BYTES));
  const digest = await crypto.subtle.digest("SHA-256", key);
  const kid = `${Date.now()}-${base64url(new Uint8Array(digest, 0, FINGERPRINT_BYTES))}`;
  const asked = invitation ? { kid, invitation } : { kid };
  const response = await fetch(new URL("1.0/accounts", base), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(asked),
    credentials: "omit",
    cache: "no-store",
    signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT)]),
  }).catch(cause => {
    if (signal.aborted) throw problem("cancelled", "joining was cancelled");
    throw problem("network", "the server cannot be reached", cause);
  });
  if (response.status === 403) {
    const message = invitation
      ? "this invitation has been used or has expired: ask for another one"
      : "this server asks for an invitation: whoever runs it prints one with `selvedge serve invite`";
    throw problem("uninvited", message);
  }
  if (response.status !== 201) throw problem("refused", `the server made no account (status ${response.status})`);
  /** @type {Pick<Credentials, "tokenserver_url" | "access_token">} */
  const { tokenserver_url, access_token } = await response.json();
  return { tokenserver_url, access_token, kid, ksync_b64url: base64url(key) };
};

/**
 * An error as the package's are.
 * @param {string} code
 * @param {string} message
 * @param {unknown} [cause]
 */
export const problem = (code, message, cause) => Object.assign(new Error(message, { cause }), { code });

const base64url = (/** @type {Uint8Array} */ bytes) => btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

/**
 * What this browser keeps for the page, by name: the account, and what it has seen of the account's sealed keys.
 * @param {string} name
 * @returns {Promise<unknown>}
 */
export const kept = async name => within("readonly", store => store.get(name));

/**
 * @param {string} name
 * @param {unknown} value
 */
export const keep = async (name, value) => {
  await within("readwrite", store => store.put(value, name));
};

/** Forgets all of it. */
export const forget = async () => {
  await within("readwrite", store => store.clear());
};

/**
 * @template T
 * @param {IDBTransactionMode} mode
 * @param {(store: IDBObjectStore) => IDBRequest<T>} act
 * @returns {Promise<T>}
 */
const within = async (mode, act) => {
  const database = await opened();
  try {
    return await new Promise((resolve, reject) => {
      const transaction = database.transaction(KEPT, mode, { durability: "strict" });
      const request = act(transaction.objectStore(KEPT));
      transaction.oncomplete = () => resolve(request.result);
      transaction.onabort = () => reject(unusable(transaction.error));
    });
  } finally {
    database.close();
  }
};

/** @returns {Promise<IDBDatabase>} */
const opened = () =>
  new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(KEPT);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(unusable(request.error));
  });

const unusable = (/** @type {DOMException | null} */ cause) => problem(cause?.name === "QuotaExceededError" ? "store-full" : "store", "this browser cannot keep the account", cause);

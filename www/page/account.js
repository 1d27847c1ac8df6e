// The account of this page: created on the page's own server, or joined, and stored in the browser until the user leaves it.
// @ts-check

/** @typedef {import("../selvedge/selvedge.js").TokenServerCredentials} Credentials */

const DATABASE = "selvedge-page";
const OBJECT_STORE = "kept";
/** Timeout of the creation of an account, in milliseconds. */
const TIMEOUT = 60_000;
const KEY_BYTES = 64;
const FINGERPRINT_BYTES = 16;

/**
 * Creates an account on this page's own server.
 * @param {string} base the address of the page
 * @param {string} invitation empty if the server requires none
 * @param {AbortSignal} signal
 * @returns {Promise<Credentials>}
 */
export const createAccount = async (base, invitation, signal) => {
  const key = crypto.getRandomValues(new Uint8Array(KEY_BYTES));
  const digest = await crypto.subtle.digest("SHA-256", key);
  const kid = `${Date.now()}-${base64url(new Uint8Array(digest, 0, FINGERPRINT_BYTES))}`;
  const content = invitation ? { kid, invitation } : { kid };
  const response = await fetch(new URL("1.0/accounts", base), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(content),
    credentials: "omit",
    cache: "no-store",
    signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT)]),
  }).catch(cause => {
    if (signal.aborted) throw problem("cancelled", "joining was cancelled");
    throw problem("network", "the server cannot be reached", cause);
  });
  if (response.status === 403) {
    const message = invitation
      ? "this invitation was used before or has expired: ask the server's administrator for a new one"
      : "this server requires an invitation: its administrator prints one with `selvedge serve invite`";
    throw problem("uninvited", message);
  }
  if (response.status !== 201) throw problem("refused", `the server did not create an account (status ${response.status}): try again later`);
  /** @type {Pick<Credentials, "tokenserver_url" | "access_token">} */
  const { tokenserver_url, access_token } = await response.json();
  return { tokenserver_url, access_token, kid, ksync_b64url: base64url(key) };
};

/**
 * An error with a code, like those of the package.
 * @param {string} code
 * @param {string} message
 * @param {unknown} [cause]
 */
export const problem = (code, message, cause) => Object.assign(new Error(message, { cause }), { code });

const base64url = (/** @type {Uint8Array} */ bytes) => btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

/**
 * Loads a value that the page has stored in this browser: the account, the last sync, or the account's encrypted keys.
 * @param {string} name
 * @returns {Promise<unknown>}
 */
export const load = async name => transact("readonly", store => store.get(name));

/**
 * @param {string} name
 * @param {unknown} value
 */
export const save = async (name, value) => {
  await transact("readwrite", store => store.put(value, name));
};

/** Deletes all stored values. */
export const clear = async () => {
  await transact("readwrite", store => store.clear());
};

/**
 * @template T
 * @param {IDBTransactionMode} mode
 * @param {(store: IDBObjectStore) => IDBRequest<T>} operation
 * @returns {Promise<T>}
 */
const transact = async (mode, operation) => {
  const database = await openDatabase();
  try {
    return await new Promise((resolve, reject) => {
      const transaction = database.transaction(OBJECT_STORE, mode, { durability: "strict" });
      const request = operation(transaction.objectStore(OBJECT_STORE));
      transaction.oncomplete = () => resolve(request.result);
      transaction.onabort = () => reject(storeError(transaction.error));
    });
  } finally {
    database.close();
  }
};

/** @returns {Promise<IDBDatabase>} */
const openDatabase = () =>
  new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(OBJECT_STORE);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(storeError(request.error));
  });

const storeError = (/** @type {DOMException | null} */ cause) => problem(cause?.name === "QuotaExceededError" ? "store-full" : "store", "this browser cannot store the account", cause);

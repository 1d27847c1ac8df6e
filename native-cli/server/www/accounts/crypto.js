// @ts-check
// The cryptography of a sign-in, by WebCrypto: the password and the keys stay on this page
// (docs/protocol/firefox-sync.md §1.2, §1.5, §1.7, §1.8).

const NAMESPACE = "identity.mozilla.com/picl/v1/";
const CLIENT_SALT = `${NAMESPACE}quickStretchV2:`;
/** @typedef {Uint8Array<ArrayBuffer>} Bytes */

export const OLDSYNC = "https://identity.mozilla.com/apps/oldsync";

const utf8 = (/** @type {string} */ text) => new TextEncoder().encode(text);

/** @param {Bytes} bytes */
export const toHex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

/** @param {string} hex */
export function fromHex(hex) {
  if (!/^([0-9a-f]{2})*$/.test(hex)) throw new TypeError("not hexadecimal");
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

/** @param {Bytes} bytes */
export function toBase64Url(bytes) {
  const text = btoa(String.fromCharCode(...bytes));
  return text.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/** @param {string} text */
export function fromBase64Url(text) {
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(binary, (char) => char.charCodeAt(0));
}

/** @param {Bytes} one @param {Bytes} other */
export function xor(one, other) {
  if (one.length !== other.length) throw new TypeError("different lengths");
  return one.map((byte, index) => byte ^ (other[index] ?? 0));
}

export const randomBytes = (/** @type {number} */ length) => crypto.getRandomValues(new Uint8Array(length));

export const makeClientSalt = () => CLIENT_SALT + toHex(randomBytes(16));

/** HKDF-SHA256 without a salt. @param {Bytes} secret @param {string} label @param {number} length */
export async function hkdf(secret, label, length) {
  const key = await crypto.subtle.importKey("raw", secret, "HKDF", false, ["deriveBits"]);
  const how = { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(32), info: utf8(NAMESPACE + label) };
  return new Uint8Array(await crypto.subtle.deriveBits(how, key, length * 8));
}

/** @param {string} password @param {string} salt @param {number} iterations */
async function stretch(password, salt, iterations) {
  const key = await crypto.subtle.importKey("raw", utf8(password), "PBKDF2", false, ["deriveBits"]);
  const how = { name: "PBKDF2", hash: "SHA-256", salt: utf8(salt), iterations };
  const stretched = new Uint8Array(await crypto.subtle.deriveBits(how, key, 256));
  return { authPW: await hkdf(stretched, "authPW", 32), unwrapBKey: await hkdf(stretched, "unwrapBkey", 32) };
}

/** Version 1: the salt is the e-mail address as it was registered. @param {string} password @param {string} email */
export const stretchV1 = (password, email) => stretch(password, `${NAMESPACE}quickStretch:${email}`, 1000);

/** Version 2: the salt is the account's, with or without its prefix. @param {string} password @param {string} salt */
export const stretchV2 = (password, salt) =>
  stretch(password, salt.startsWith(CLIENT_SALT) ? salt : CLIENT_SALT + salt, 650000);

/** The Bearer credentials of a token. @param {string} token @param {"sessionToken" | "keyFetchToken"} kind */
export async function credentials(token, kind) {
  const derived = await hkdf(fromHex(token), kind, 96);
  const prefix = kind === "sessionToken" ? "fxs_" : "fxk_";
  return { authorization: `Bearer ${prefix}${toHex(derived.slice(0, 32))}`, bundleKey: derived.slice(64) };
}

/** wrapKb of the reply to account/keys. Throws when its MAC is wrong. @param {Bytes} bundleKey @param {string} bundle */
export async function openBundle(bundleKey, bundle) {
  const bytes = fromHex(bundle);
  if (bytes.length !== 96) throw new TypeError("the key bundle has a wrong length");
  const derived = await hkdf(bundleKey, "account/keys", 96);
  const mac = await crypto.subtle.importKey("raw", derived.slice(0, 32), { name: "HMAC", hash: "SHA-256" }, false, ["verify"]);
  if (!(await crypto.subtle.verify("HMAC", mac, bytes.slice(64), bytes.slice(0, 64)))) {
    throw new TypeError("the key bundle's MAC is wrong");
  }
  return xor(bytes.slice(32, 64), derived.slice(64));
}

/** The key of Sync as a JWK. @param {Bytes} kB @param {number} rotated milliseconds */
export async function oldsyncKey(kB, rotated) {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", kB));
  const k = toBase64Url(await hkdf(kB, "oldsync", 64));
  return { kty: "oct", scope: OLDSYNC, k, kid: `${rotated}-${toBase64Url(hash.slice(0, 16))}` };
}

/** The content key of a JWE: Concat KDF over the shared secret. @param {Bytes} shared */
export async function concatKdf(shared) {
  const algorithm = utf8("A256GCM");
  // Round 1, Z, algorithm with its length, two empty parties, and the key's length in bits.
  const input = new Uint8Array([0, 0, 0, 1, ...shared, 0, 0, 0, algorithm.length, ...algorithm, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0]);
  return new Uint8Array(await crypto.subtle.digest("SHA-256", input));
}

/** Encrypts keys for the browser whose public key is `keys_jwk`. @param {string} keysJwk @param {object} keys */
export async function sealKeys(keysJwk, keys) {
  const { kty, crv, x, y } = JSON.parse(new TextDecoder().decode(fromBase64Url(keysJwk)));
  const curve = { name: "ECDH", namedCurve: "P-256" };
  const theirs = await crypto.subtle.importKey("jwk", { kty, crv, x, y }, curve, false, []);
  const ours = await crypto.subtle.generateKey(curve, true, ["deriveBits"]);
  const shared = await crypto.subtle.deriveBits({ name: "ECDH", public: theirs }, ours.privateKey, 256);
  const content = await crypto.subtle.importKey("raw", await concatKdf(new Uint8Array(shared)), "AES-GCM", false, ["encrypt"]);
  const epk = await crypto.subtle.exportKey("jwk", ours.publicKey);
  const header = { alg: "ECDH-ES", enc: "A256GCM", epk: { kty: epk.kty, crv: epk.crv, x: epk.x, y: epk.y } };
  const head = toBase64Url(utf8(JSON.stringify(header)));
  const iv = randomBytes(12);
  const how = { name: "AES-GCM", iv, additionalData: utf8(head) };
  const sealed = new Uint8Array(await crypto.subtle.encrypt(how, content, utf8(JSON.stringify(keys))));
  return [head, "", toBase64Url(iv), toBase64Url(sealed.slice(0, -16)), toBase64Url(sealed.slice(-16))].join(".");
}

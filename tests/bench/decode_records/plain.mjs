// The same task without a library: WebCrypto, with keys that are imported once, one record at a time.
// @ts-check

const utf8 = new TextEncoder();
const text = new TextDecoder("utf-8", { fatal: true });

/** @param {string} base64 */
const fromBase64 = "fromBase64" in Uint8Array
  ? (/** @type {string} */ base64) => /** @type {any} */ (Uint8Array).fromBase64(base64)
  : (/** @type {string} */ base64) => Uint8Array.from(atob(base64), character => character.charCodeAt(0));

/** @param {string} hex */
const fromHex = hex => {
  const bytes = new Uint8Array(hex.length / 2);
  for (let at = 0; at < bytes.length; at += 1) bytes[at] = parseInt(hex.slice(2 * at, 2 * at + 2), 16);
  return bytes;
};

/**
 * @param {string} encryption
 * @param {string} hmac
 */
export const importKeys = async (encryption, hmac) => ({
  aes: await crypto.subtle.importKey("raw", fromBase64(encryption), "AES-CBC", false, ["decrypt"]),
  hmac: await crypto.subtle.importKey("raw", fromBase64(hmac), { name: "HMAC", hash: "SHA-256" }, false, ["verify"]),
});

/**
 * Decodes one line: to the bytes of the cleartext, or to an object whose id is checked.
 * @param {string} line
 * @param {Awaited<ReturnType<typeof importKeys>>} keys
 * @param {"bytes" | "records"} as
 */
const open = async (line, keys, as) => {
  const envelope = JSON.parse(line);
  const payload = JSON.parse(envelope.payload);
  const isSound = await crypto.subtle.verify("HMAC", keys.hmac, fromHex(payload.hmac), utf8.encode(payload.ciphertext));
  if (!isSound) throw new Error(`${envelope.id} is damaged`);
  const algorithm = { name: "AES-CBC", iv: fromBase64(payload.IV) };
  const cleartext = await crypto.subtle.decrypt(algorithm, keys.aes, fromBase64(payload.ciphertext));
  if (as === "bytes") return new Uint8Array(cleartext);
  const record = JSON.parse(text.decode(cleartext));
  if (record.id !== envelope.id) throw new Error(`${envelope.id} contains another record`);
  return record;
};

/**
 * Decodes a body, with `degree` records at the same time.
 * @param {Uint8Array} body
 * @param {Awaited<ReturnType<typeof importKeys>>} keys
 * @param {"bytes" | "records"} as
 * @param {number} degree
 */
export const decode = async (body, keys, as, degree) => {
  const lines = text.decode(body).split("\n");
  if (lines.at(-1) === "") lines.pop();
  const opened = [];
  for (let at = 0; at < lines.length; at += degree) {
    opened.push(...(await Promise.all(lines.slice(at, at + degree).map(line => open(line, keys, as)))));
  }
  return opened;
};

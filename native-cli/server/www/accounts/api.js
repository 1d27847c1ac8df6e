// @ts-check
// The accounts API as these pages use it (docs/protocol/accounts-api.md §4, §5, §9).
import { OLDSYNC, credentials, makeClientSalt, oldsyncKey, openBundle, randomBytes, sealKeys, stretchV1, stretchV2, toHex, xor } from "./crypto.js";

/** A request that the server refused, or that it did not answer (errno 0). */
export class Refused extends Error {
  /** @param {number} errno @param {{ email?: string, retryAfter?: number, message?: string }} body */
  constructor(errno, body) {
    super(body.message ?? "");
    this.errno = errno;
    this.body = body;
  }
}

/** @typedef {{ email: string, uid: string, sessionToken: string, kB?: Uint8Array<ArrayBuffer> }} Session */

/** @param {string} prefix the server's path, and the functions of its API */
export function accounts(prefix) {
  /** @param {string} path @param {object | null} body @param {string} [authorization] */
  async function request(path, body, authorization) {
    /** @type {Record<string, string>} */
    const headers = {};
    if (authorization) headers["Authorization"] = authorization;
    if (body) headers["Content-Type"] = "application/json";
    let reply, value;
    try {
      const init = body ? { method: "POST", body: JSON.stringify(body) } : {};
      reply = await fetch(`${prefix}/v1/${path}`, { ...init, headers, credentials: "omit" });
      value = await reply.json();
    } catch {
      throw new Refused(0, {});
    }
    if (!reply.ok) throw new Refused(Number(value.errno) || 999, value);
    return value;
  }

  /** @param {Session} session */
  const bearer = async (session) => (await credentials(session.sessionToken, "sessionToken")).authorization;

  return {
    /** @param {string} email @param {string} password @param {string} invitation @returns {Promise<Session>} */
    async register(email, password, invitation) {
      const clientSalt = makeClientSalt();
      const [one, two] = await Promise.all([stretchV1(password, email), stretchV2(password, clientSalt)]);
      // Both versions wrap the same key, for clients that know only the first.
      const kB = randomBytes(32);
      const reply = await request("account/create", {
        email,
        authPW: toHex(one.authPW),
        wrapKb: toHex(xor(kB, one.unwrapBKey)),
        authPWVersion2: toHex(two.authPW),
        wrapKbVersion2: toHex(xor(kB, two.unwrapBKey)),
        clientSalt,
        ...(invitation ? { invitation } : {}),
      });
      return { email, uid: reply.uid, sessionToken: reply.sessionToken, kB };
    },

    /** @param {string} email @param {string} password @returns {Promise<Session>} */
    async signIn(email, password) {
      const status = await request("account/credentials/status", { email });
      const salt = status.clientSalt && !status.upgradeNeeded ? status.clientSalt : null;
      const attempt = async (/** @type {string} */ address) => {
        const stretched = salt ? await stretchV2(password, salt) : await stretchV1(password, address);
        const reply = await request("account/login?keys=true", { email: address, authPW: toHex(stretched.authPW), reason: "signin" });
        return { reply, stretched, address };
      };
      const done = await attempt(email).catch((error) => {
        // The salt is the address as it was registered; the server names it.
        const registered = error instanceof Refused && error.errno === 120 ? error.body.email : undefined;
        if (!registered || registered === email) throw error;
        return attempt(registered);
      });
      const { reply, stretched } = done;
      const fetching = await credentials(reply.keyFetchTokenVersion2 ?? reply.keyFetchToken, "keyFetchToken");
      const { bundle } = await request("account/keys", null, fetching.authorization);
      const kB = xor(await openBundle(fetching.bundleKey, bundle), stretched.unwrapBKey);
      return { email: done.address, uid: reply.uid, sessionToken: reply.sessionToken, kB };
    },

    /** A code for the browser, with the keys encrypted for it. @param {Session} session @param {URLSearchParams} query */
    async authorize(session, query) {
      const authorization = await bearer(session);
      const client_id = query.get("client_id") ?? "";
      const scope = query.get("scope") ?? "";
      /** @type {Record<string, string>} */
      const body = { client_id, scope, response_type: "code", state: query.get("state") ?? "" };
      for (const name of ["access_type", "code_challenge", "code_challenge_method"]) {
        const value = query.get(name);
        if (value) body[name] = value;
      }
      const jwk = query.get("keys_jwk");
      if (jwk && session.kB) {
        const data = await request("account/scoped-key-data", { client_id, scope }, authorization);
        const key = await oldsyncKey(session.kB, data[OLDSYNC].keyRotationTimestamp);
        body["keys_jwe"] = await sealKeys(jwk, { [OLDSYNC]: key });
      }
      return request("oauth/authorization", body, authorization);
    },

    /** @param {Session} session */
    status: async (session) => request("session/status", null, await bearer(session)),

    /** @param {Session} session */
    signOut: async (session) => request("session/destroy", {}, await bearer(session)),
  };
}

// The cryptography of the accounts server's pages against the protocol's vectors, and against Node's own implementation.
// @ts-check
import assert from "node:assert/strict";
import { createDecipheriv, createECDH, createHash, createHmac, hkdfSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import * as page from "../../native-cli/server/www/accounts/crypto.js";
import { choose, languages, texts } from "../../native-cli/server/www/accounts/messages.js";

const vectors = name => JSON.parse(readFileSync(new URL(`../vectors/${name}.json`, import.meta.url), "utf8"));

test("passwords are stretched as onepw says, in both versions", async () => {
  const { cases } = vectors("onepw");
  assert.deepEqual([...new Set(cases.map(one => one.version))].sort(), [1, 2]);
  for (const one of cases) {
    const salts = one.version === 1 ? [one.email] : [one.client_salt, one.client_salt_hex];
    assert.ok(salts.every(salt => typeof salt === "string"));
    for (const salt of salts) {
      const stretched = await (one.version === 1 ? page.stretchV1 : page.stretchV2)(one.password, salt);
      assert.equal(page.toHex(stretched.authPW), one.auth_pw, one.name);
      assert.equal(page.toHex(stretched.unwrapBKey), one.unwrap_bkey, one.name);
      if (one.wrap_kb) assert.equal(page.toHex(page.xor(page.fromHex(one.wrap_kb), stretched.unwrapBKey)), one.kb, one.name);
    }
  }
});

test("the key of Sync and its id are derived as the vectors say", async () => {
  const { oldsync } = vectors("scoped_keys");
  assert.ok(oldsync.length > 0);
  for (const one of oldsync) {
    const key = await page.oldsyncKey(page.fromHex(one.kb), one.key_rotation_timestamp_ms);
    assert.deepEqual(key, { kty: "oct", scope: one.scope, k: one.k, kid: one.kid });
  }
});

test("the content key of a JWE is the vectors' one", async () => {
  const { keys_jwe } = vectors("oauth_keys");
  assert.ok(keys_jwe.length > 0);
  for (const one of keys_jwe) {
    assert.equal(page.toHex(await page.concatKdf(page.fromHex(one.shared_secret_z))), one.content_key);
  }
});

test("another implementation opens the keys that the page seals", async () => {
  const { keys_jwe } = vectors("oauth_keys");
  const { private_jwk } = keys_jwe[0];
  const { d, ...open } = private_jwk;
  const keys = { [page.OLDSYNC]: { k: "ä" } };
  const jwe = await page.sealKeys(Buffer.from(JSON.stringify(open)).toString("base64url"), keys);
  const [head, wrapped, iv, sealed, tag] = jwe.split(".");
  assert.equal(wrapped, "");
  const header = JSON.parse(Buffer.from(head, "base64url").toString());
  assert.deepEqual([header.alg, header.enc, header.epk.d], ["ECDH-ES", "A256GCM", undefined]);
  const ecdh = createECDH("prime256v1");
  ecdh.setPrivateKey(Buffer.from(d, "base64url"));
  const point = Buffer.concat([Buffer.from([4]), Buffer.from(header.epk.x, "base64url"), Buffer.from(header.epk.y, "base64url")]);
  const info = Buffer.from("000000074132353647434d000000000000000000000100", "hex");
  const content = createHash("sha256").update(Buffer.from([0, 0, 0, 1])).update(ecdh.computeSecret(point)).update(info).digest();
  const decipher = createDecipheriv("aes-256-gcm", content, Buffer.from(iv, "base64url"));
  decipher.setAAD(Buffer.from(head)).setAuthTag(Buffer.from(tag, "base64url"));
  const text = Buffer.concat([decipher.update(Buffer.from(sealed, "base64url")), decipher.final()]).toString();
  assert.deepEqual(JSON.parse(text), keys);
});

test("a key bundle with a changed byte is refused", async () => {
  const bundleKey = new Uint8Array(32).fill(7);
  const info = "identity.mozilla.com/picl/v1/account/keys";
  const derived = Buffer.from(hkdfSync("sha256", bundleKey, Buffer.alloc(0), info, 96));
  const wrap = Buffer.alloc(32, 9);
  const plain = Buffer.concat([Buffer.alloc(32, 1), wrap]);
  const sealed = Buffer.from(page.xor(plain, derived.subarray(32)));
  const mac = createHmac("sha256", derived.subarray(0, 32)).update(sealed).digest();
  const bundle = Buffer.concat([sealed, mac]).toString("hex");
  assert.equal(page.toHex(await page.openBundle(bundleKey, bundle)), wrap.toString("hex"));
  const changed = (bundle[0] === "0" ? "1" : "0") + bundle.slice(1);
  await assert.rejects(page.openBundle(bundleKey, changed), /MAC/);
  await assert.rejects(page.openBundle(bundleKey, bundle.slice(2)), /length/);
});

test("each language has each text, and values are filled in", () => {
  for (const name of Object.keys(languages.en)) {
    const holes = text => (text.match(/\{\w+\}/g) ?? []).sort();
    assert.deepEqual(holes(languages.de[name] ?? "missing {x}"), holes(languages.en[name]), name);
  }
  for (const [preferred, language] of [[["de-AT"], "de"], [["fr", "de"], "de"], [["en-GB", "de"], "en"], [["fr"], "en"], [[], "en"]]) {
    assert.equal(choose(preferred), language);
  }
  assert.equal(texts("de")("signedInAs", { email: "a<b>" }), "Angemeldet als a<b>");
});

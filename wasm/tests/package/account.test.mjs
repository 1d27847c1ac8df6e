// The package's functions on an account.
import assert from "node:assert/strict";
import { test } from "node:test";
import { accountServer, decryptRecord, encryptRecord, joinCode, KeyBundle, open, syncKey } from "selvedge";

const account = {
  tokenserver_url: "https://sync.example.org:8443/1.0/sync/1.5",
  access_token: "a-secret-token",
  kid: "1700000000000-AAAAAAAAAAAAAAAAAAAAAA",
  ksync_b64url: Buffer.alloc(64, 7).toString("base64url"),
};

test("a join code, credentials and their JSON text give the same account", async () => {
  const code = joinCode(account);
  assert.match(code, /^selvedge1-/);
  assert.equal(joinCode(code), code);
  for (const form of [account, JSON.stringify(account), code]) {
    assert.equal(accountServer(form), "https://sync.example.org:8443");
    assert.ok(syncKey(form).equals(KeyBundle.fromKsync(account.ksync_b64url)));
    assert.equal((await open({ account: form })).constructor.name, "Client");
  }
  const payload = encryptRecord(syncKey(code), { id: "a", title: "milk" });
  assert.equal(decryptRecord(KeyBundle.fromKsync(account.ksync_b64url), payload, "a").title, "milk");
});

test("an invalid account is refused, and the message contains no secrets", () => {
  const wrong = [undefined, null, 7, "", "hello", `${joinCode(account)}x`, { ...account, ksync_b64url: "short-secret" }];
  for (const form of wrong) {
    for (const ask of [accountServer, joinCode, syncKey]) {
      assert.throws(() => ask(form), error => error.code === "input" && !/secret|hello/.test(error.message), String(form));
    }
  }
});

test("an account by a storage token has no join code", () => {
  const token = { api_endpoint: "https://sync.example.org/1.5/7", id: "i", key: "k", uid: 7, hashalg: "sha256", duration: 60 };
  const form = { ...token, ksync_b64url: account.ksync_b64url };
  assert.throws(() => joinCode(form), { code: "input", message: /token server/ });
  assert.equal(accountServer(form), token.api_endpoint);
});

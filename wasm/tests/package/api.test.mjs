// The public API of the package.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import * as selvedge from "selvedge";
import { declared, members } from "./declared-members.mjs";

const { KeyBundle, decryptRecord, encryptRecord, open } = selvedge;
const account = {
  tokenserver_url: "https://sync.example.org",
  access_token: "access-token",
  kid: "1700000000000-AAAAAAAAAAAAAAAAAAAAAA",
  ksync_b64url: Buffer.alloc(64, 1).toString("base64url"),
};

const thrown = call => {
  try {
    call();
  } catch (error) {
    return error;
  }
  assert.fail("nothing was thrown");
};

const rejected = promise => promise.then(() => assert.fail("nothing was thrown"), error => error);

test("import and require give the same objects", () => {
  const required = createRequire(import.meta.url)("selvedge");
  assert.equal(required.open, open);
  assert.equal(required.KeyBundle, KeyBundle);
});

test("records of other programs are decrypted", () => {
  const vectors = JSON.parse(readFileSync(`${process.env.SELVEDGE_ROOT}/tests/vectors/records.json`, "utf8"));
  const keys = ({ encryption_key, hmac_key }) => KeyBundle.fromBytes(Buffer.from(encryption_key + hmac_key, "hex"));
  let read = 0;
  for (const valid of vectors.valid.filter(({ envelope }) => envelope)) {
    const { ciphertext, IV, hmac } = valid;
    const record = decryptRecord(keys(valid), JSON.stringify({ ciphertext, IV, hmac }), valid.envelope.id);
    assert.deepEqual(record, JSON.parse(valid.cleartext), valid.name);
    read += 1;
  }
  assert.ok(read > 0);
  for (const invalid of vectors.invalid) {
    const error = thrown(() => decryptRecord(keys(invalid), invalid.payload, invalid.envelope_id));
    assert.equal(error.code, invalid.expect, invalid.name);
  }
});

test("a record is encrypted and decrypted", () => {
  const keys = KeyBundle.make();
  const record = { id: "7vO3Zcdu6V4I", title: "mílk 🥛", tags: ["a", null, { b: 0.5 }] };
  const payload = encryptRecord(keys, record);
  assert.deepEqual(Object.keys(JSON.parse(payload)), ["ciphertext", "IV", "hmac"]);
  assert.deepEqual(decryptRecord(keys, payload, record.id), record);
});

test("every error is an Error with a name and a code", async () => {
  const errors = [
    [thrown(() => KeyBundle.fromBytes(new Uint8Array(63))), "invalid-key"],
    [thrown(() => encryptRecord(KeyBundle.make(), { title: "no id" })), "input"],
    [thrown(() => encryptRecord(KeyBundle.make(), { id: "a", n: 1n })), "input"],
    [await rejected(open({})), "input"],
    [await rejected(open(undefined)), "input"],
    [await rejected(open({ account: "selvedge1-nonsense" })), "input"],
    [await rejected(open({ account: { ...account, ksync_b64url: "short" } })), "input"],
    [await rejected(open({ account, fetch: "no function" })), "input"],
  ];
  const client = await open({ account });
  const notes = client.collection("notes");
  errors.push(
    [thrown(() => client.collection("two words")), "input"],
    [thrown(() => client.collection("crypto")), "input"],
    [await rejected(notes.edit("none", {})), "no-such-record"],
    [await rejected(notes.delete("none")), "no-such-record"],
    [await rejected(notes.put({ id: "é" })), "input"],
    [await rejected(notes.put({ id: "a", deleted: true })), "input"],
    [await rejected(notes.get("")), "input"],
    [await rejected(client.sync({ collections: "notes" })), "input"],
    [await rejected(client.sync({ collections: ["two words"] })), "input"],
  );
  for (const [error, code] of errors) {
    assert.ok(error instanceof Error);
    assert.equal(error.name, "SelvedgeError");
    assert.equal(error.code, code, error.message);
    for (const secret of ["access-token", account.ksync_b64url]) assert.ok(!error.message.includes(secret));
  }
});

test("records are put, changed, listed and deleted", async () => {
  const client = await open({ account });
  const notes = client.collection("notes");
  assert.equal(notes.name, "notes");
  const id = await notes.put({ title: "milk", done: undefined });
  assert.match(id, /^[\w-]{12}$/);
  assert.deepEqual(await notes.get(id), { id, title: "milk" });
  await notes.edit(id, { title: null, done: true });
  assert.deepEqual(await notes.get(id), { id, done: true });
  for (let n = 0; n < 1200; n += 1) await notes.put({ id: `n${String(n).padStart(4, "0")}` });
  const ids = [];
  for await (const record of notes.list()) ids.push(record.id);
  assert.equal(ids.length, 1201);
  assert.deepEqual(ids, [...ids].sort());
  await notes.delete(id);
  assert.equal(await notes.get(id), undefined);
  assert.equal(await client.collection("others").get(id), undefined);
});

test("an edit leaves the other fields unchanged", async () => {
  const client = await open({ account });
  const notes = client.collection("notes");
  const id = await notes.put({ big: 1e300, nested: { a: [null] }, title: "a" });
  await notes.edit(id, { title: "b" });
  assert.deepEqual(await notes.get(id), { id, big: 1e300, nested: { a: [null] }, title: "b" });
});

test("the report has the members that its interface declares", async () => {
  const client = await open({ account, fetch: async () => new Response(null, { status: 500 }) });
  client.collection("notes");
  const report = await client.sync();
  assert.equal(report.ending, "stopped");
  assert.deepEqual(members(report), declared("SyncReport", ["consent"]));
  assert.deepEqual(members(report.error), declared("SyncProblem"));
});

// Two clients in JavaScript sync a collection through the real server.
import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryStore, open } from "selvedge";
import { declared, members } from "./declared-members.mjs";
import { createAccount, recordingFetch, startServer } from "./server.mjs";

const all = async collection => {
  const records = [];
  for await (const record of collection.list()) records.push(record);
  return records;
};

const synced = async (client, options) => {
  const report = await client.sync(options);
  assert.ok(["done", "nothing-to-do"].includes(report.ending), JSON.stringify(report));
  for (const { status } of report.collections) assert.equal(status, "ok", JSON.stringify(report));
  return report;
};

test("two clients sync one collection", async t => {
  const account = await createAccount(await startServer(t));
  const { seen, fetch } = recordingFetch();
  const a = await open({ account, fetch });
  const b = await open({ account: JSON.stringify(account) });
  const [notesA, notesB] = [a.collection("notes"), b.collection("notes")];

  const milk = await notesA.put({ title: "milk", done: false, count: 1 });
  const bread = await notesA.put({ id: "bread", title: "Brot 🥖" });
  assert.equal(bread, "bread");
  const first = await synced(a);
  assert.deepEqual(members(first.collections[0]), declared("CollectionReport", ["error"]));
  assert.deepEqual(members(first.collections[0].applied), declared("AppliedRecords"));
  assert.equal(first.freshStart, true);
  assert.equal(first.collections[0].sent, 2);

  const second = await synced(b, { collections: ["notes"] });
  assert.equal(second.collections[0].applied.added, 2);
  assert.deepEqual(await all(notesB), await all(notesA));
  assert.deepEqual(await notesB.get("bread"), { id: "bread", title: "Brot 🥖" });

  // Both edit one record, in different fields, and one deletes another.
  await notesA.edit(milk, { done: true });
  await notesB.edit(milk, { title: "oat milk", count: null });
  await notesB.delete("bread");
  await synced(a);
  await synced(b);
  await synced(a);
  assert.deepEqual(await notesA.get(milk), { id: milk, title: "oat milk", done: true });
  assert.equal(await notesA.get("bread"), undefined);
  assert.deepEqual(await all(notesB), await all(notesA));

  await synced(a);
  const last = await a.sync();
  assert.deepEqual([last.ending, last.requests], ["nothing-to-do", 1]);

  const wire = JSON.stringify(seen);
  assert.ok(wire.includes("ciphertext"));
  for (const secret of ["milk", "Brot", "title", account.ksync_b64url]) assert.ok(!wire.includes(secret), secret);
});

test("ten thousand records are synced", async t => {
  const account = await createAccount(await startServer(t));
  const a = await open({ account });
  const b = await open({ account });
  const many = a.collection("many");
  for (let n = 0; n < 10_000; n += 1) {
    await many.put({ id: `record${n}`, n, text: "x".repeat(50) });
  }
  assert.equal((await synced(a)).collections[0].sent, 10_000);
  b.collection("many");
  assert.equal((await synced(b)).collections[0].applied.added, 10_000);
  const records = await all(b.collection("many"));
  assert.equal(records.length, 10_000);
  assert.deepEqual(new Set(records.map(record => record.n)).size, 10_000);
});

test("a wrong key is refused and changes nothing", async t => {
  const account = await createAccount(await startServer(t));
  const a = await open({ account });
  await a.collection("notes").put({ title: "milk" });
  await synced(a);

  const { seen, fetch } = recordingFetch();
  const other = { ...account, ksync_b64url: Buffer.alloc(64, 7).toString("base64url") };
  const b = await open({ account: other, fetch });
  await b.collection("notes").put({ title: "bread" });
  const report = await b.sync();
  assert.equal(report.ending, "stopped");
  assert.equal(report.error.code, "wrong-key");
  assert.ok(seen.every(({ method }) => method === "GET"), "nothing was written");
});

test("a client runs one sync at a time", async t => {
  const account = await createAccount(await startServer(t));
  const client = await open({ account });
  await client.collection("notes").put({ title: "milk" });
  const [first, second] = await Promise.all([client.sync(), client.sync()]);
  assert.equal(first.ending, "done", JSON.stringify(first));
  assert.deepEqual([second.ending, second.error.code], ["blocked", "blocked"]);
  await synced(client);
});

test("a sync completes although its client is freed", async t => {
  const account = await createAccount(await startServer(t));
  const client = await open({ account });
  await client.collection("notes").put({ title: "milk" });
  const syncing = client.sync();
  client.free();
  assert.equal((await syncing).ending, "done");
});

/** Number of requests to the token server. */
const tokens = seen => seen.filter(({ path }) => path.startsWith("/1.0/")).length;

test("a restarted program uses the stored storage token, which is encrypted", async t => {
  const url = await startServer(t);
  const account = await createAccount(url);
  const store = new MemoryStore();
  const { seen, fetch } = recordingFetch();
  const first = await open({ account, store, fetch });
  await first.collection("notes").put({ title: "milk" });
  await synced(first);
  const [{ received }] = seen.filter(({ path }) => path.startsWith("/1.0/"));
  const { id, key } = JSON.parse(received);
  const kept = await store.global();
  for (const secret of [id, key, account.access_token]) assert.ok(!kept.includes(secret));
  await first.close();

  const again = await open({ account, store, fetch });
  await again.collection("notes").put({ title: "bread" });
  await synced(again);
  assert.equal(tokens(seen), 1, "the stored token is used");
  assert.equal((await again.status()).collections[0].records, 2);

  // A new token is requested if the old one is expired or belongs to other credentials.
  const { now } = Date;
  t.after(() => void (Date.now = now));
  Date.now = () => now() + 24 * 3_600_000;
  await synced(await open({ account, store, fetch }));
  assert.equal(tokens(seen), 2);
  Date.now = now;
  await (await open({ account: await createAccount(url), store, fetch, adopt: true })).sync();
  assert.equal(tokens(seen), 3);
});

test("a new storage token is requested if the server refuses the stored one, or if it is damaged", async t => {
  const account = await createAccount(await startServer(t));
  const store = new MemoryStore();
  const { seen, fetch } = recordingFetch();
  await synced(await open({ account, store, fetch }), { collections: ["notes"] });
  let refused = 0;
  const refusing = async request => {
    const isStorage = new URL(request.url).pathname.startsWith("/1.5/");
    if (!isStorage || refused++) return fetch(request);
    return new Response(null, { status: 401 });
  };
  const client = await open({ account, store, fetch: refusing });
  await client.collection("notes").put({ title: "milk" });
  await synced(client);
  assert.equal(tokens(seen), 2);

  const kept = await store.global();
  assert.match(kept, /\n\{"ciphertext":/);
  for (const damaged of [kept.replace(/"hmac":"../, '"hmac":"zz'), kept.replace(/\n.*/, "\n"), kept.replace(/\n.*/, "")]) {
    await store.commit({ parts: [], global: damaged });
    const before = tokens(seen);
    const next = await open({ account, store, fetch });
    await next.collection("notes").put({ title: "bread" });
    await synced(next);
    assert.equal(tokens(seen), before + 1);
    assert.equal(await store.global().then(text => text.split("\n").length), 2, "the new token is stored");
  }
});

// Two clients in JavaScript keep a collection in step through the real server.
import assert from "node:assert/strict";
import { test } from "node:test";
import { open } from "selvedge";
import { declared, members } from "./declared.mjs";
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

test("two clients keep one collection in step", async t => {
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

test("ten thousand records stream through", async t => {
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

test("another key is refused and changes nothing", async t => {
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

test("one sync of a client at a time", async t => {
  const account = await createAccount(await startServer(t));
  const client = await open({ account });
  await client.collection("notes").put({ title: "milk" });
  const [first, second] = await Promise.all([client.sync(), client.sync()]);
  assert.equal(first.ending, "done", JSON.stringify(first));
  assert.deepEqual([second.ending, second.error.code], ["blocked", "blocked"]);
  await synced(client);
});

test("a client that is freed in the middle of a sync ends it all the same", async t => {
  const account = await createAccount(await startServer(t));
  const client = await open({ account });
  await client.collection("notes").put({ title: "milk" });
  const syncing = client.sync();
  client.free();
  assert.equal((await syncing).ending, "done");
});

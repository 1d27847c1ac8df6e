// A store belongs to one account; the values that a sync replaces can be restored.
import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryStore, SelvedgeError, open } from "selvedge";
import { declared, members } from "./declared-members.mjs";
import { createAccount, startServer } from "./server.mjs";

const rejected = promise => promise.then(() => assert.fail("nothing was thrown"), error => error);

/** Two clients of one account that have the same note. */
async function pair(t) {
  const account = await createAccount(await startServer(t));
  const [a, b] = [await open({ account }), await open({ account })];
  const id = await a.collection("notes").put({ id: "milk", title: "milk" });
  await a.sync();
  b.collection("notes");
  await b.sync();
  return { a, b, id };
}

test("the records of one account do not go to another without consent", async t => {
  const server = await startServer(t);
  const [one, other] = [await createAccount(server), await createAccount(server)];
  const store = new MemoryStore();
  const first = await open({ account: one, store });
  await first.collection("notes").put({ title: "of one" });

  const error = await rejected(open({ account: other, store }));
  assert.ok(error instanceof SelvedgeError || error.name === "SelvedgeError");
  assert.equal(error.code, "other-account");
  const again = await open({ account: one, store });
  assert.equal((await again.sync()).ending, "done");

  const adopted = await open({ account: other, store, adopt: true });
  const report = await adopted.sync();
  assert.equal(report.collections.find(({ name }) => name === "notes").sent, 1);
  assert.equal((await rejected(open({ account: one, store }))).code, "other-account");
});

test("the losing value of a conflict is listed and can be restored", async t => {
  const { a, b, id } = await pair(t);
  await b.collection("notes").edit(id, { title: "oat milk" });
  await b.sync();
  await a.collection("notes").edit(id, { title: "rice milk" });
  const report = await a.sync();
  assert.equal(report.collections.find(({ name }) => name === "notes").replaced, 1);
  const kept = (await a.collection("notes").get(id)).title;
  const lost = kept === "rice milk" ? "oat milk" : "rice milk";
  const [conflict, ...more] = await a.conflicts("notes");
  assert.deepEqual([conflict.record.title, more.length], [lost, 0]);
  assert.deepEqual(members(conflict), declared("Conflict"));

  const restored = await a.restore("notes", id, conflict.at);
  assert.deepEqual(restored, conflict);
  assert.equal((await a.collection("notes").get(id)).title, lost);
  assert.deepEqual((await a.conflicts()).map(({ cause }) => cause)[0], "restore");
  await a.sync();
  await b.sync();
  assert.equal((await b.collection("notes").get(id)).title, lost);
  assert.equal((await rejected(a.restore("notes", "nothing"))).code, "input");
});

test("a record that another device deleted can be restored", async t => {
  const { a, b, id } = await pair(t);
  await b.collection("notes").delete(id);
  await b.sync();
  await a.sync();
  assert.equal(await a.collection("notes").get(id), undefined);
  assert.equal((await a.conflicts())[0].cause, "remote-deletion");
  await a.restore("notes", id);
  assert.equal((await a.collection("notes").get(id)).title, "milk");
  const { collections } = await a.status();
  assert.deepEqual(collections.map(({ name }) => name), ["notes"], "the journal is not listed as a collection");
});

test("a change that Firefox would not apply is refused", async t => {
  const client = await open({ account: await createAccount(await startServer(t)) });
  const error = await rejected(client.collection("bookmarks").put({ id: "k3Zb0dPqL1xA", type: "bookmark", parentid: "menu", bmkUri: "https://example.org/" }));
  assert.equal(error.code, "input");
  assert.match(error.message, /put both records together/);
});

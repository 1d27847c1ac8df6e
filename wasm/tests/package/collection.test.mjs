// Updates that depend on the current value, and several changes in one commit.
import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryStore, open } from "selvedge";

const account = {
  tokenserver_url: "https://sync.example.org",
  access_token: "access-token",
  kid: "1700000000000-AAAAAAAAAAAAAAAAAAAAAA",
  ksync_b64url: Buffer.alloc(64, 1).toString("base64url"),
};

const rejected = promise => promise.then(() => assert.fail("nothing was thrown"), error => error);

const notesOn = async store => (await open({ account, store })).collection("notes");

test("concurrent updates are all in the record", async () => {
  const store = new MemoryStore();
  const [a, b] = [await notesOn(store), await notesOn(store)];
  await a.put({ id: "one", count: 0 });
  let calls = 0;
  const increase = async record => {
    calls += 1;
    await new Promise(resolve => setImmediate(resolve));
    return { ...record, count: record.count + 1 };
  };
  await Promise.all(Array.from({ length: 10 }, (_, at) => [a, b][at % 2].update("one", increase)));
  assert.deepEqual(await a.get("one"), { id: "one", count: 10 });
  assert.ok(calls > 10, "some were called again");
});

test("an update creates, changes, keeps and deletes a record", async () => {
  const notes = await notesOn(new MemoryStore());
  assert.deepEqual(await notes.update("a", record => (assert.equal(record, undefined), { title: "milk" })), { id: "a", title: "milk" });
  assert.deepEqual(await notes.get("a"), { id: "a", title: "milk" });
  const changed = await notes.update("a", record => {
    record.title = "bread";
    record.gone = null;
    return record;
  });
  assert.deepEqual(changed, { id: "a", title: "bread", gone: null });
  assert.deepEqual(await notes.get("a"), changed, "a field may be null");
  assert.deepEqual(await notes.update("a", () => undefined), changed);
  assert.deepEqual(await notes.update("a", () => ({ title: "salt" })), { id: "a", title: "salt" });
  assert.equal(await notes.update("a", () => null), undefined);
  assert.equal(await notes.get("a"), undefined);
  assert.equal(await notes.update("a", () => null), undefined, "nothing to delete is no error");
});

test("an update that throws or returns an invalid record changes nothing", async () => {
  const notes = await notesOn(new MemoryStore());
  await notes.put({ id: "a", title: "milk" });
  const thrown = new Error("an error of the program");
  assert.equal(await rejected(notes.update("a", () => Promise.reject(thrown))), thrown);
  assert.equal((await rejected(notes.update("a", () => 7))).code, "input");
  assert.match((await rejected(notes.update("a", record => ({ ...record, id: "b" })))).message, /id/);
  assert.deepEqual(await notes.get("a"), { id: "a", title: "milk" });
});

test("fields that an update does not change stay the same, to the digit", async () => {
  const store = new MemoryStore();
  const notes = await notesOn(store);
  const cleartext = '{"id":"a","big":12345678901234567890,"exact":1.10,"title":"milk"}';
  const item = { id: "a", cleartext, base: "same", sent: "unknown", serverModified: 1, pending: "nothing" };
  await store.commit({ parts: [{ collection: "notes", sweep: null, writes: [{ id: "a", seen: null, becomes: item }], uploaded: [], state: null }], global: null });
  await notes.update("a", record => ({ ...record, title: "bread" }));
  const [kept] = await store.read("notes", ["a"]);
  assert.match(kept.cleartext, /"big":12345678901234567890/);
  assert.match(kept.cleartext, /"exact":1\.10/);
  assert.match(kept.cleartext, /"title":"bread"/);
});

test("putMany and deleteMany use one commit each, all or none", async () => {
  const store = new MemoryStore();
  let commits = 0;
  const commit = store.commit.bind(store);
  store.commit = given => ((commits += 1), commit(given));
  const notes = await notesOn(store);
  // Opening has bound the store to the account, which is a commit of its own.
  commits = 0;
  const changes = [];
  notes.onChange(({ ids }) => changes.push(ids.length));
  const ids = await notes.putMany([{ id: "a" }, { title: "milk" }, { id: "c" }]);
  assert.deepEqual([ids.length, ids[0], ids[2], commits], [3, "a", "c", 1]);
  assert.match(ids[1], /^[\w-]{12}$/);
  assert.deepEqual(await notes.putMany([]), []);

  for (const records of [[{ id: "d" }, { id: "é" }], [{ id: "d" }, { id: "d" }], [{ id: "d" }, { when: new Date() }]]) {
    assert.equal((await rejected(notes.putMany(records))).code, "input");
  }
  assert.equal(await notes.get("d"), undefined);

  const before = commits;
  assert.equal((await rejected(notes.deleteMany(["c", "none"]))).code, "no-such-record");
  assert.deepEqual((await notes.get("c")), { id: "c" });
  await notes.deleteMany(["c", "a", "a"]);
  assert.equal(commits, before + 1);
  assert.equal(await notes.get("a"), undefined);
  assert.equal((await rejected(notes.deleteMany([ids[1], ""]))).code, "input");
  assert.equal((await notes.get(ids[1])).title, "milk");
  await new Promise(resolve => setImmediate(resolve));
  assert.deepEqual(changes, [3, 2]);
});

test("concurrent calls of an iterator return each record once", async () => {
  const notes = await notesOn(new MemoryStore());
  await notes.putMany(Array.from({ length: 700 }, (_, at) => ({ id: `n${String(at).padStart(3, "0")}` })));
  const list = notes.list();
  const all = await Promise.all(Array.from({ length: 701 }, () => list.next()));
  assert.equal(new Set(all.slice(0, 700).map(({ value }) => value.id)).size, 700);
  assert.deepEqual(all[700], { done: true, value: undefined });
});

// A client beside its records: change events, progress, abort, close, locks, and the schedule.
import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryStore, Schedule, SelvedgeError, open } from "selvedge";
import { declared, members } from "./declared-members.mjs";
import { createAccount, startServer } from "./server.mjs";

const account = {
  tokenserver_url: "https://sync.example.org",
  access_token: "access-token",
  kid: "1700000000000-AAAAAAAAAAAAAAAAAAAAAA",
  ksync_b64url: Buffer.alloc(64, 1).toString("base64url"),
};

const rejected = promise => promise.then(() => assert.fail("nothing was thrown"), error => error);

/** Waits until the listeners are called, which happens after the call that changes a record. */
const listenersCalled = () => new Promise(resolve => setImmediate(resolve));

test("a change event has the ids and the origin", async t => {
  const server = await createAccount(await startServer(t));
  const [a, b] = [await open({ account: server }), await open({ account: server })];
  const changes = [];
  const unsubscribe = b.collection("notes").onChange(change => changes.push(change));
  b.collection("others").onChange(() => assert.fail("another collection did not change"));

  const own = await b.collection("notes").put({ title: "bread" });
  await listenersCalled();
  assert.deepEqual(changes.splice(0), [{ collection: "notes", ids: [own], origin: "here" }]);

  const ids = [await a.collection("notes").put({ title: "milk" }), await a.collection("notes").put({ title: "salt" })];
  await a.sync();
  await b.sync();
  await listenersCalled();
  const synced = changes.splice(0).filter(({ origin }) => origin === "sync");
  assert.deepEqual(synced.flatMap(change => change.ids).filter(id => id !== own).sort(), ids.sort());
  assert.ok(synced.length < ids.length + 1, "one commit is one call");
  assert.deepEqual(members(synced[0]), declared("Change"));

  unsubscribe();
  unsubscribe();
  await b.collection("notes").delete(own);
  await listenersCalled();
  assert.deepEqual(changes, []);
});

test("onChange refuses anything but a function", async () => {
  const client = await open({ account });
  assert.throws(() => client.collection("notes").onChange("no function"), { name: "SelvedgeError", code: "input" });
});

test("progress reports the stages of a sync, and the number of records", async t => {
  const client = await open({ account: await createAccount(await startServer(t)) });
  for (let n = 0; n < 250; n += 1) await client.collection("notes").put({ n });
  const seen = [];
  const report = await client.sync({ onProgress: progress => seen.push(progress) });
  assert.equal(report.ending, "done");
  const stages = seen.map(({ stage }) => stage);
  assert.deepEqual([stages[0], stages[1]], ["token", "info-collections"]);
  assert.ok(stages.includes("fresh-start") && stages.includes("collection"));
  const sent = seen.filter(progress => progress.sent !== undefined);
  assert.deepEqual([sent.at(-1).collection, sent.at(-1).sent], ["notes", 250]);
});

test("a progress listener that throws does not affect the sync", async t => {
  const client = await open({ account: await createAccount(await startServer(t)) });
  await client.collection("notes").put({ title: "milk" });
  const onProgress = () => {
    throw new Error("the program's own");
  };
  assert.equal((await client.sync({ onProgress })).ending, "done");
});

test("a signal stops a sync, and the next sync continues from there", async t => {
  const server = await createAccount(await startServer(t));
  const writer = await open({ account: server });
  for (const name of ["first", "second"]) await writer.collection(name).put({ title: name });
  const stopping = new AbortController();
  const onProgress = ({ stage, collection }) => stage === "collection" && collection === "second" && stopping.abort();
  const stopped = await writer.sync({ collections: ["first", "second"], signal: stopping.signal, onProgress });
  assert.deepEqual([stopped.ending, stopped.error?.code], ["stopped", "aborted"], JSON.stringify(stopped));
  const pending = async () => (await writer.status()).collections.map(({ name, pending }) => [name, pending]);
  assert.deepEqual(await pending(), [["first", 0], ["second", 1]]);

  const report = await writer.sync();
  assert.equal(report.ending, "done", JSON.stringify(report));
  const reader = await open({ account: server });
  const all = await reader.sync({ collections: ["first", "second"] });
  assert.deepEqual(all.collections.map(({ applied }) => applied.added), [1, 1]);
});

test("a sync with an aborted signal sends nothing", async () => {
  const fetch = () => assert.fail("no request is expected");
  const client = await open({ account, fetch });
  const report = await client.sync({ signal: AbortSignal.abort() });
  assert.deepEqual([report.ending, report.error.code], ["stopped", "aborted"]);
});

test("the status contains the counts, and until when the server asks clients to wait", async () => {
  const fetch = async () => new Response(null, { status: 503, headers: { "retry-after": "60" } });
  const client = await open({ account, fetch });
  await client.collection("notes").put({ title: "milk" });
  const before = await client.status();
  assert.deepEqual(members(before), declared("ClientStatus"));
  assert.deepEqual(before.collections, [{ name: "notes", records: 1, pending: 1, givenUp: 0 }]);
  assert.deepEqual([before.server, before.lastSync, before.retryAfter], [account.tokenserver_url, null, null]);
  const report = await client.sync();
  assert.equal((await client.status()).retryAfter, report.retryAfter);
});

test("a closed client refuses every call, and may be closed twice", async () => {
  let closed = 0;
  const store = Object.assign(new MemoryStore(), { close: () => void (closed += 1) });
  const client = await open({ account, store });
  const notes = client.collection("notes");
  const list = notes.list();
  notes.onChange(() => assert.fail("no listener is called after the close"));
  await Promise.all([client.close(), client.close()]);
  assert.equal(await client.close(), undefined);
  assert.equal(closed, 1);
  const calls = [
    () => client.collection("notes"),
    () => client.sync(),
    () => client.status(),
    () => notes.get("a"),
    () => notes.put({ title: "milk" }),
    () => notes.edit("a", {}),
    () => notes.delete("a"),
    () => notes.onChange(() => {}),
    () => list.next(),
  ];
  for (const call of calls) {
    const error = await rejected((async () => call())());
    assert.deepEqual([error instanceof SelvedgeError, error.code], [true, "closed"], String(call));
  }
});

for (const signal of [undefined, new AbortController().signal]) {
  test(`a close waits until a sync ${signal ? "with a signal" : "without a signal"} has stopped and the store is closed`, async () => {
    const events = [];
    const close = async () => {
      await new Promise(resolve => setTimeout(resolve, 20));
      events.push("the store is closed");
    };
    let requested = () => {};
    const isRequested = new Promise(resolve => void (requested = resolve));
    // A server that never responds: only the signal ends the request.
    const fetch = ({ signal }) =>
      new Promise((_, reject) => {
        requested();
        signal.addEventListener("abort", () => {
          events.push("the request is aborted");
          reject(signal.reason);
        });
      });
    const lock = async () => () => events.push("the lock is released");
    const client = await open({ account, store: Object.assign(new MemoryStore(), { close }), fetch, lock });
    const syncing = client.sync({ collections: ["notes"], signal });
    await isRequested;
    await client.close();
    events.push("closed");
    assert.deepEqual(events, ["the request is aborted", "the lock is released", "the store is closed", "closed"]);
    const report = await syncing;
    assert.deepEqual([report.ending, report.error.code], ["stopped", "aborted"], JSON.stringify(report));
  });
}

test("calls that began before the close complete", async () => {
  const store = new MemoryStore();
  const client = await open({ account, store });
  const notes = client.collection("notes");
  const puts = Array.from({ length: 20 }, (_, at) => notes.put({ id: `note-${at}` }));
  await client.close();
  assert.equal((await Promise.all(puts)).length, 20);
  assert.equal((await store.counts("notes")).live, 20);
});

test("the next client continues a sync that a close has stopped", async t => {
  const server = await createAccount(await startServer(t));
  const store = new MemoryStore();
  const first = await open({ account: server, store });
  for (const name of ["first", "second"]) await first.collection(name).put({ title: name });
  let closing;
  const onProgress = ({ stage, collection }) => {
    if (stage === "collection" && collection === "second") closing ??= first.close();
  };
  const report = await first.sync({ collections: ["first", "second"], onProgress });
  assert.deepEqual([report.ending, report.error.code], ["stopped", "aborted"]);
  await closing;
  const next = await open({ account: server, store });
  const { collections } = await next.sync({ collections: ["first", "second"] });
  assert.deepEqual(collections.map(({ sent }) => sent), [0, 1]);
});

test("a client that is closed during its sync sends no more requests", async () => {
  let requests = 0;
  const client = await open({
    account,
    fetch: async () => {
      requests += 1;
      client.close();
      return new Response("{}", { headers: { "x-weave-timestamp": "1.00" } });
    },
  });
  const report = await client.sync({ collections: ["notes"] });
  assert.equal(report.ending, "stopped");
  assert.equal(requests, 1);
});

test("a client without the lock does not sync, and a client with the lock releases it", async t => {
  const server = await createAccount(await startServer(t));
  const events = [];
  let isFree = false;
  const lock = async () => {
    events.push(isFree ? "acquired" : "refused");
    return isFree ? () => events.push("released") : null;
  };
  const client = await open({ account: server, lock });
  await client.collection("notes").put({ title: "milk" });
  const blocked = await client.sync();
  assert.deepEqual([blocked.ending, blocked.error.code, blocked.requests], ["blocked", "blocked", 0]);
  isFree = true;
  assert.equal((await client.sync()).ending, "done");
  assert.deepEqual(events, ["refused", "acquired", "released"]);
});

test("clients of the same name receive the ids of changed records, in few messages and without contents", async () => {
  const store = new MemoryStore();
  const [here, there] = await Promise.all([open({ account, store, name: "shared" }), open({ account, store, name: "shared" })]);
  const unrelated = await open({ account, store: new MemoryStore(), name: "other" });
  unrelated.collection("notes").onChange(() => assert.fail("another name is another store"));
  const channel = new BroadcastChannel("selvedge:shared");
  const messages = [];
  channel.onmessage = ({ data }) => messages.push(data);
  const received = new Set();
  const allReceived = new Promise(resolve => {
    there.collection("notes").onChange(({ collection, ids, origin }) => {
      assert.deepEqual([collection, origin], ["notes", "elsewhere"]);
      for (const id of ids) received.add(id);
      if (received.size === 500) resolve();
    });
  });
  const own = [];
  here.collection("notes").onChange(({ origin }) => own.push(origin));
  for (let at = 0; at < 500; at += 1) await here.collection("notes").put({ id: `note-${at}`, title: "milk" });
  await allReceived;
  assert.ok(messages.length < 50, `${messages.length} messages`);
  assert.ok(!JSON.stringify(messages).includes("milk"));
  assert.deepEqual(new Set(own), new Set(["here"]), "a client reports its own change once");
  await Promise.all([here.close(), there.close(), unrelated.close()]);
  channel.close();
});

test("a client publishes its changes before it closes", async () => {
  const store = new MemoryStore();
  const [here, there] = await Promise.all([open({ account, store, name: "closing" }), open({ account, store, name: "closing" })]);
  // An open channel keeps this process running.
  const channel = new BroadcastChannel("selvedge:closing");
  const received = [];
  const allReceived = new Promise(resolve => {
    there.collection("notes").onChange(({ ids }) => received.push(...ids) === 3 && resolve());
  });
  const notes = here.collection("notes");
  void [1, 2, 3].map(at => notes.put({ id: `note-${at}` }));
  await here.close();
  await allReceived;
  assert.deepEqual(received.sort(), ["note-1", "note-2", "note-3"]);
  await there.close();
  channel.close();
});

test("two clients on one store see the same records, and lose no edit", async () => {
  const store = new MemoryStore();
  const [a, b] = await Promise.all([open({ account, store }), open({ account, store })]);
  await a.collection("notes").put({ id: "one" });
  const edits = Array.from({ length: 20 }, (_, n) => [a, b][n % 2].collection("notes").edit("one", { [`n${n}`]: n }));
  await Promise.all(edits);
  assert.equal(Object.keys(await b.collection("notes").get("one")).length, 21);
});

test("an error of a store is the cause of the client's error, which has the matching code", async () => {
  const cases = [
    [new SelvedgeError("store-full", "no room"), "store-full", /no room/],
    [new DOMException("over", "QuotaExceededError"), "store-full", /no space left/],
    [Object.assign(new Error("wait"), { code: "store-busy" }), "store-busy", /another program/],
    [Object.assign(new Error("ask"), { code: "store-locked" }), "store-locked", /is locked/],
    [new DOMException("torn", "DataError"), "store-damaged", /damaged/],
    [new Error("on fire"), "store", /on fire/],
  ];
  for (const [thrown, code, words] of cases) {
    const store = Object.assign(new MemoryStore(), { commit: () => Promise.reject(thrown) });
    const client = await open({ account, store });
    const error = await rejected(client.collection("notes").put({ title: "milk" }));
    assert.ok(error instanceof SelvedgeError);
    assert.equal(error.cause, thrown);
    assert.equal(error.code, code);
    assert.match(error.message, words);
  }
});

test("an invalid result of a store gives \"store-damaged\"", async () => {
  const answers = [7, "text", [{}], [{ id: "a" }], [{ id: "b", revision: "1" }], null];
  for (const answer of answers) {
    const store = Object.assign(new MemoryStore(), { read: async () => answer });
    const client = await open({ account, store });
    const error = await rejected(client.collection("notes").get("a"));
    assert.match(error.message, /damaged/, JSON.stringify(answer));
    assert.equal(error.code, "store-damaged");
  }
  assert.equal((await rejected(open({ account, store: "no store" }))).code, "input");
});

test("a schedule gives the time of the next sync, and is restored from its text", () => {
  const schedule = new Schedule();
  schedule.tell("started");
  const first = schedule.next();
  assert.equal(first.next, "wait");
  assert.ok(first.until > Date.now() && first.until <= Date.now() + 15_000);
  schedule.tell("asked-for");
  assert.deepEqual(schedule.next(), { next: "sync", isAskedFor: true });
  assert.deepEqual(new Schedule(String(schedule)).next(), { next: "sync", isAskedFor: true });
  schedule.tell("began");
  assert.deepEqual(schedule.next(), { next: "running" });
  assert.throws(() => schedule.tell("bored"), { code: "input" });
  assert.equal(new Schedule("no schedule").refusedUntil(), undefined);
});

test("a schedule respects the server's Retry-After", async () => {
  const fetch = async () => new Response(null, { status: 503, headers: { "retry-after": "600" } });
  const client = await open({ account, fetch });
  const schedule = new Schedule();
  schedule.tell("began");
  const report = await client.sync({ collections: ["notes"] });
  schedule.ended(client);
  assert.ok(schedule.refusedUntil() >= report.retryAfter);
  schedule.tell("asked-for");
  const next = schedule.next();
  assert.deepEqual([next.next, next.until], ["wait", schedule.refusedUntil()]);
});

test("a schedule waits for the user when the credentials are refused", async () => {
  const client = await open({ account, fetch: async () => Response.json({ status: "invalid-credentials", errors: [] }, { status: 401 }) });
  const schedule = new Schedule();
  schedule.tell("began");
  const report = await client.sync({ collections: ["notes"] });
  assert.equal(report.outcome, "login-needed", JSON.stringify(report));
  schedule.ended(client);
  assert.deepEqual(schedule.next(), { next: "person" });
});

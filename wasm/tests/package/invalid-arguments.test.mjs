// Invalid arguments: every call returns a result or throws a SelvedgeError with a message, and the module keeps working.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import * as selvedge from "selvedge";

const { decodeRecords, decryptRecord, encryptRecord, KeyBundle, MemoryStore, open, Schedule, SelvedgeError } = selvedge;
const account = {
  tokenserver_url: "https://sync.example.org",
  access_token: "access-token",
  kid: "1700000000000-AAAAAAAAAAAAAAAAAAAAAA",
  ksync_b64url: Buffer.alloc(64, 1).toString("base64url"),
};
const packageUrl = new URL(".", import.meta.resolve("selvedge/package.json"));

/** Values of every kind; some of them are valid for some calls. */
const VALUES = [undefined, null, true, 5, -1, NaN, 10n, "", "text", Symbol("s"), () => {}, [], ["a"], {}, { id: "a" }, new Date(), new Map(), new Uint8Array(3), Promise.resolve("a"), /x/];

/** The result of a call: its value, or the error that it threw or rejected with. */
const outcome = async call => {
  try {
    return { value: await call() };
  } catch (error) {
    return { error };
  }
};

test("every function returns a result or throws a SelvedgeError for every kind of value", async () => {
  const client = await open({ account, fetch: async () => new Response(null, { status: 503 }) });
  const notes = client.collection("notes");
  const keys = KeyBundle.make();
  const schedule = new Schedule();
  const calls = [
    ["get", value => notes.get(value)],
    ["put", value => notes.put(value)],
    ["putMany", value => notes.putMany(value)],
    ["putMany of one", value => notes.putMany([value])],
    ["edit", value => notes.edit(value, {})],
    ["edit by", value => notes.edit("a", value)],
    ["update", value => notes.update(value, () => undefined)],
    ["update by", value => notes.update("a", value)],
    ["update to", value => notes.update("a", () => value)],
    ["delete", value => notes.delete(value)],
    ["deleteMany", value => notes.deleteMany(value)],
    ["deleteMany of one", value => notes.deleteMany([value])],
    ["onChange", value => notes.onChange(value)()],
    ["collection", value => client.collection(value)],
    ["sync", value => client.sync(value)],
    ...["collections", "signal", "onProgress", "isAskedFor"].map(name => [`sync ${name}`, value => client.sync({ [name]: value })]),
    ["open", value => open(value)],
    ...["account", "fetch", "store", "name", "deviceName", "lock", "timeout"].map(name => [
      `open ${name}`,
      async value => (await open({ account, store: new MemoryStore(), [name]: value })).close(),
    ]),
    ["fromBytes", value => KeyBundle.fromBytes(value)],
    ["fromKsync", value => KeyBundle.fromKsync(value)],
    ["fromPair", value => KeyBundle.fromPair(value, value)],
    ["deriveFromKb", value => KeyBundle.deriveFromKb(value)],
    ["equals", value => keys.equals(value)],
    ["encryptRecord", value => encryptRecord(value, { id: "a" })],
    ["encryptRecord of", value => encryptRecord(keys, value)],
    ["decryptRecord", value => decryptRecord(value, "payload", "a")],
    ["decryptRecord of", value => decryptRecord(keys, value, value)],
    ["Schedule", value => new Schedule(value).next()],
    ["tell", value => schedule.tell(value)],
    ["ended", value => schedule.ended(value)],
    ["RecordDecoder", value => new selvedge.RecordDecoder(value, value, value)],
    ["push", value => new selvedge.RecordDecoder(keys, "newlines", false).push(value)],
    ["decodeRecords", value => decodeRecords(value, value, value).next()],
    ["accountServer", value => selvedge.accountServer(value)],
    ["joinCode", value => selvedge.joinCode(value)],
    ["syncKey", value => selvedge.syncKey(value)],
  ];
  let refused = 0;
  for (const [name, call] of calls) {
    for (const value of VALUES) {
      const { error } = await outcome(() => call(value));
      if (error === undefined) continue;
      refused += 1;
      const context = `${name} with ${String(Object.prototype.toString.call(value))}: ${error?.stack}`;
      assert.ok(error instanceof SelvedgeError, context);
      assert.match(error.message, /\w+ \w+/, context);
      assert.notEqual(error.code, "crashed", context);
    }
  }
  assert.ok(refused > 400, String(refused));
  // The module still works afterwards.
  const id = await notes.put({ title: "milk" });
  assert.equal((await notes.get(id)).title, "milk");
});

test("a message contains the problem, but not the value", async () => {
  const notes = (await open({ account })).collection("notes");
  const rows = [
    [() => notes.get(5), /^an id must be a text, not a number$/],
    [() => notes.get(notes.put({ title: "milk" })), /^an id must be a text, not a Promise: wait for it with await$/],
    [() => notes.put("secret"), /^a record must be an object, like \{title: "milk"\}, not a string$/],
    [() => open({ account, timeout: 0 }), /^timeout must be a number of milliseconds above 0, or Infinity, not 0$/],
    [() => open({ account, store: { global() {} } }), /^store lacks the methods state, collections, counts, read, page, commit$/],
    [() => KeyBundle.fromBytes("secret"), /^bytes must be a Uint8Array, not a string$/],
  ];
  for (const [call, message] of rows) {
    const { error } = await outcome(call);
    assert.deepEqual([error?.name, error?.code], ["SelvedgeError", "input"], error?.stack);
    assert.match(error.message, message);
  }
});

test("values that JSON cannot represent are refused at any depth, and nothing of the record is stored", async () => {
  const store = new MemoryStore();
  const notes = (await open({ account, store })).collection("notes");
  const cycle = { id: "a", list: [] };
  cycle.list.push(cycle);
  const deep = JSON.parse(`{"a":${"[".repeat(200)}${"]".repeat(200)}}`);
  const sparse = [1, , 3];
  class Note {
    title = "milk";
  }
  const throwing = {
    get title() {
      throw new Error("the program's own");
    },
  };
  const rows = [
    [{ x: () => {} }, /x is a function/],
    [{ x: Symbol("s") }, /x is a symbol/],
    [{ x: 1n }, /x is a BigInt/],
    [{ x: NaN }, /x is NaN: JSON has finite numbers only/],
    [{ x: [1, -Infinity] }, /x\[1\] is -Infinity/],
    [{ x: { y: [{ z: new Map([["a", 1]]) }] } }, /x\.y\[0\]\.z is an object of the class Map/],
    [{ x: new Set() }, /class Set/],
    [{ x: new Date() }, /x is an object of the class Date: give date\.toISOString\(\)/],
    [{ x: /a/ }, /class RegExp/],
    [{ x: new Uint8Array(2) }, /class Uint8Array/],
    [{ x: new Error("e") }, /class Error/],
    [{ x: new Note() }, /class Note/],
    [new Note(), /record( 1)? must be an object.*class Note/],
    [{ x: [undefined] }, /x\[0\] is undefined/],
    [{ x: sparse }, /x\[1\] is undefined/],
    [{ x: "\ud83e" }, /x contains half of a surrogate pair/],
    [{ "\ud83e": 1 }, /half of a surrogate pair/],
    [cycle, /list\[0\] contains itself/],
    [deep, /nested deeper than 127 levels/],
    [throwing, /one of its getters throws/],
  ];
  for (const [record, message] of rows) {
    for (const call of [() => notes.put(record), () => notes.putMany([{ id: "fine" }, record]), () => notes.update("new", () => record)]) {
      const { error } = await outcome(call);
      assert.deepEqual([error?.name, error?.code], ["SelvedgeError", "input"], String(message));
      assert.match(error.message, message);
    }
  }
  const keys = KeyBundle.make();
  assert.throws(() => encryptRecord(keys, { id: "a", when: new Date() }), { code: "input", message: /class Date/ });
  assert.equal((await outcome(() => notes.put(throwing))).error.cause.message, "the program's own");
  assert.equal((await store.counts("notes")).live, 0);
  // Values that JSON can represent are accepted, also of another realm; a member that is undefined counts as absent.
  const other = Object.assign(Object.create(null), { id: "b", list: [null, true, 0.5, "é"], absent: undefined });
  assert.equal(await notes.put(other), "b");
  assert.deepEqual(await notes.get("b"), { id: "b", list: [null, true, 0.5, "é"] });
  // In an edit, undefined would be ambiguous.
  const { error } = await outcome(() => notes.edit("b", { list: undefined }));
  assert.match(error.message, /list is undefined: give null to remove the field, or leave it out/);
});

test("a freed object throws \"closed\", and may be freed twice", async () => {
  const client = await open({ account });
  const notes = client.collection("notes");
  const list = notes.list();
  const keys = KeyBundle.make();
  const schedule = new Schedule();
  for (const object of [client, notes, list, keys, schedule]) {
    object.free();
    object.free();
  }
  const calls = [
    () => client.collection("notes"), () => client.sync(), () => client.status(), () => client.close(),
    () => notes.name, () => notes.get("a"), () => notes.put({}), () => notes.list(), () => notes.onChange(() => {}),
    () => list.next(), () => keys.equals(keys), () => encryptRecord(keys, { id: "a" }), () => schedule.next(), () => schedule.ended(client),
  ];
  for (const call of calls) {
    const { error } = await outcome(call);
    assert.deepEqual([error?.name, error?.code], ["SelvedgeError", "closed"], String(call));
    assert.match(error.message, /was freed/);
  }
  const { get } = (await open({ account })).collection("notes");
  assert.equal((await outcome(() => get("a"))).error?.code, "input", "a method that is called without its object");
});

/** Runs a script in a Node process, with the build for browsers, and returns the lines that it printed. */
const run = script => {
  const beginning = `const { default: init, initSync, KeyBundle, MemoryStore, open, Schedule, encryptRecord } = await import(${JSON.stringify(String(new URL("selvedge.js", packageUrl)))});
    const account = ${JSON.stringify(account)};
    const wasm = ${JSON.stringify(fileURLToPath(new URL("selvedge.wasm", packageUrl)))};
    const code = async call => { try { await call(); return "none"; } catch (error) { return error.name + " " + error.code + " " + error.message; } };`;
  const ran = spawnSync(process.execPath, ["--input-type=module", "--eval", beginning + script], { encoding: "utf8" });
  assert.equal(ran.stderr, "");
  return ran.stdout.trim().split("\n");
};

test("before the module is loaded every call throws \"not-loaded\"", () => {
  const lines = run(`
    for (const call of [() => open({ account }), () => KeyBundle.make(), () => new Schedule(), () => encryptRecord({}, {})]) console.log(await code(call));
    console.log(await code(() => init({ module_or_path: new Uint8Array([1, 2, 3]) })));
    const { readFileSync } = await import("node:fs");
    initSync({ module: readFileSync(wasm) });
    console.log(await code(() => open({ account, store: new MemoryStore() })));`);
  assert.equal(lines.length, 6);
  for (const line of lines.slice(0, 4)) assert.match(line, /^SelvedgeError not-loaded .*call init\(\) first/);
  assert.match(lines[4], /^SelvedgeError not-loaded selvedge\.wasm could not be loaded: /);
  assert.equal(lines[5], "none");
});

test("after a trap every pending and later call rejects with \"crashed\"", () => {
  // A module without free memory stops with a trap.
  const lines = run(`
    const { readFileSync } = await import("node:fs");
    const { memory } = initSync({ module: readFileSync(wasm) });
    const never = () => new Promise(() => {});
    const client = await open({ account, store: Object.assign(new MemoryStore(), { read: never }) });
    const notes = client.collection("notes");
    const waiting = code(() => notes.get("a"));
    memory.grow(65536 - memory.buffer.byteLength / 65536);
    console.log(await code(() => notes.put({ text: "x".repeat(20_000_000) })));
    console.log(await waiting);
    for (const call of [() => notes.get("a"), () => KeyBundle.make(), () => client.collection("notes")]) console.log(await code(call));
    client.free();`);
  for (const line of lines) assert.match(line, /^SelvedgeError crashed .*restart this program/);
  assert.equal(lines.length, 5);
});

test("a listener that throws affects neither the others nor the program", async t => {
  const reported = t.mock.method(console, "error", () => {});
  const client = await open({ account });
  const notes = client.collection("notes");
  const received = [];
  notes.onChange(() => {
    throw new Error("an error of the first listener");
  });
  notes.onChange(async () => {
    throw new Error("an error of the second listener");
  });
  notes.onChange(({ ids }) => received.push(...ids));
  for (const id of ["a", "b"]) await notes.put({ id });
  await new Promise(resolve => setImmediate(resolve));
  assert.deepEqual(received, ["a", "b"]);
  assert.equal(reported.mock.callCount(), 4);
  assert.match(String(reported.mock.calls[0].arguments[1]), /of the (first|second) listener/);
});

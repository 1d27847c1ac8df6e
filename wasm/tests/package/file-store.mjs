// The FileStore: the contract of a store, several processes, and one device across runs. Needs a Node with SQLite.
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { FileStore, open, SelvedgeError } from "selvedge";
import { storeCases } from "selvedge/store-cases";
import { createAccount, startServer } from "./server.mjs";

const scratch = mkdtempSync(join(tmpdir(), "selvedge-file-store-"));
after(() => rmSync(scratch, { recursive: true, force: true }));
let number = 0;
const newPath = () => join(scratch, String((number += 1)), "notes.db");

for (const { name, run } of storeCases) {
  test(name, async () => {
    const store = new FileStore(newPath());
    await run(store);
    await store.close();
  });
}

test("committed data are persistent, and only the owner can read the file", async () => {
  const path = newPath();
  const store = await FileStore.open(path);
  await store.commit({ parts: [], global: "state" });
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.equal(statSync(`${path}-wal`).mode & 0o777, 0o600);
  await store.close();
  const again = new FileStore(path);
  assert.equal(await again.global(), "state");
  await again.close();
});

test("a closed store rejects with \"closed\", and may be closed twice", async () => {
  const store = await FileStore.open(newPath());
  await Promise.all([store.close(), store.close()]);
  await assert.rejects(store.global(), error => error instanceof SelvedgeError && error.code === "closed");
});

test("a file of the release before duplicate keys is brought up to date with everything in it", async () => {
  const path = join(scratch, `version-1-${(number += 1)}.db`);
  const { DatabaseSync } = process.getBuiltinModule("node:sqlite");
  const old = new DatabaseSync(path);
  old.exec(`
    CREATE TABLE items (
      collection TEXT NOT NULL, id TEXT NOT NULL, revision INTEGER NOT NULL, is_live INTEGER NOT NULL, is_pending INTEGER NOT NULL,
      item TEXT NOT NULL, PRIMARY KEY (collection, id)
    ) WITHOUT ROWID;
    CREATE INDEX pending ON items (collection, id) WHERE is_pending = 1;
    CREATE TABLE states (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    INSERT INTO states VALUES ('state/notes', '"state"'), ('revision', '"3"');
    PRAGMA user_version = 1;`);
  const item = { cleartext: "{}", base: "unknown", sent: "unknown", serverModified: 0, pending: { editedAt: 5 } };
  old.prepare("INSERT INTO items VALUES ('notes', 'a', 3, 1, 1, ?)").run(JSON.stringify(item));
  old.close();
  const store = await FileStore.open(path);
  assert.deepEqual(await store.read("notes", ["a"]), [{ id: "a", ...item, revision: 3 }]);
  assert.equal(await store.state("notes"), "state");
  const becomes = { id: "a", ...item, key: "x" };
  const writes = [{ id: "a", seen: 3, becomes }];
  const part = { collection: "notes", sweep: null, writes, uploaded: [], state: null };
  assert.equal(await store.commit({ parts: [part], global: null }), "done");
  assert.deepEqual(await store.duplicates("notes", ["x"]), [{ ...becomes, revision: 4 }]);
  await store.close();
});

test("a file of another program is refused and not changed", async () => {
  const rows = [
    [() => writeFileSync(path, "no database\n".repeat(100)), "store-damaged"],
    [async () => (await FileStore.open(path)).close().then(() => set("PRAGMA user_version = 9")), "store-busy"],
    [() => set("CREATE TABLE other (x)"), "store-damaged"],
  ];
  let path;
  const set = sql => {
    const { DatabaseSync } = process.getBuiltinModule("node:sqlite");
    const database = new DatabaseSync(path);
    database.exec(sql);
    database.close();
  };
  for (const [make, code] of rows) {
    path = join(scratch, `foreign-${(number += 1)}.db`);
    await make();
    const before = readFileSync(path);
    await assert.rejects(FileStore.open(path), error => error instanceof SelvedgeError && error.code === code);
    assert.deepEqual(readFileSync(path), before);
  }
  await assert.rejects(FileStore.open(scratch), { code: "store" });
});

const account = {
  tokenserver_url: "https://sync.example.org",
  access_token: "access-token",
  kid: "1700000000000-AAAAAAAAAAAAAAAAAAAAAA",
  ksync_b64url: Buffer.alloc(64, 1).toString("base64url"),
};

/** Runs a program in its own process. */
const program = text =>
  new Promise((resolve, reject) => {
    const args = ["--no-warnings", "--input-type=module", "--eval", `import { FileStore, open } from "selvedge";\n${text}`];
    execFile(process.execPath, args, { cwd: import.meta.dirname }, (error, stdout, stderr) => (error ? reject(new Error(stderr)) : resolve(stdout.trim())));
  });

test("several processes that change one record concurrently lose no change", async () => {
  const path = newPath();
  const first = await open({ account, store: new FileStore(path) });
  await first.collection("notes").put({ id: "one" });
  const edits = number => `
    const client = await open({ account: ${JSON.stringify(account)}, store: new FileStore(${JSON.stringify(path)}) });
    for (let at = 0; at < 20; at += 1) await client.collection("notes").edit("one", { ["${number}-" + at]: at });
    await client.close();`;
  await Promise.all([1, 2, 3].map(number => program(edits(number))));
  assert.equal(Object.keys(await first.collection("notes").get("one")).length, 61);
  await first.close();
});

test("one process syncs at a time, and a killed process releases the lock", async () => {
  const path = newPath();
  const text = `
    import { FileStore } from "selvedge";
    const release = await new FileStore(${JSON.stringify(path)}).lock();
    console.log(typeof release);
    setInterval(() => {}, 1000);`;
  const holder = spawn(process.execPath, ["--no-warnings", "--input-type=module", "--eval", text], { cwd: import.meta.dirname, stdio: ["ignore", "pipe", "inherit"] });
  assert.match(String(await new Promise(resolve => holder.stdout.once("data", resolve))), /function/);
  const client = await open({ account, store: new FileStore(path), fetch: async () => new Response(null, { status: 503 }) });
  const blocked = await client.sync({ collections: ["notes"] });
  assert.deepEqual([blocked.ending, blocked.error?.code, blocked.requests], ["blocked", "blocked", 0]);
  holder.kill("SIGKILL");
  await new Promise(resolve => holder.once("close", resolve));
  assert.equal((await client.sync({ collections: ["notes"] })).ending, "stopped");
  await client.close();
});

test("a script that runs repeatedly stays one device, and loses no edit that was not uploaded", async t => {
  const url = await startServer(t);
  const server = await createAccount(url);
  const path = newPath();
  const run = (edit, isOnline) => program(`
    const fetch = ${isOnline ? "undefined" : 'async () => { throw new TypeError("offline"); }'};
    const client = await open({ account: ${JSON.stringify(server)}, store: new FileStore(${JSON.stringify(path)}), fetch, deviceName: "cron" });
    await client.collection("notes").put(${JSON.stringify(edit)});
    const report = await client.sync();
    const [{ pending }] = (await client.status()).collections;
    console.log(report.ending, pending, report.clients.known);
    await client.close();`);
  assert.equal(await run({ id: "a", title: "milk" }, true), "done 0 0");
  assert.match(await run({ id: "b", title: "bread" }, false), /^stopped 1 /);
  assert.equal(await run({ id: "c", title: "salt" }, true), "done 0 1", "one device is known");
  const other = await open({ account: server });
  const report = await other.sync({ collections: ["notes"] });
  assert.equal(report.collections[0].applied.added, 3);
});

// The npm package in real browsers: its stores, in pages, workers and several windows.
// @ts-check
import assert from "node:assert/strict";
import { createReadStream, existsSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { BROWSERS, launch, program } from "./browsers.mjs";

/** @typedef {import("puppeteer-core").Page} Page */

const PACKAGE = fileURLToPath(new URL("../../wasm/pkg", import.meta.url));
const TYPES = { ".js": "text/javascript", ".wasm": "application/wasm", ".html": "text/html" };

/** Scripts of a program that uses the package. */
const SCRIPTS = {
  "/page.html": "<!doctype html><title>page</title>",
  "/worker.js": `
    import init, { open } from "/selvedge.js";
    onmessage = async ({ data: { account, name } }) => {
      await init();
      const client = await open({ account, name });
      const id = await client.collection("notes").put({ title: "milk" });
      const { title } = await client.collection("notes").get(id);
      await client.close();
      postMessage([id, title]);
    };`,
  "/service-worker.js": `
    import init, { open } from "/selvedge.js";
    self.addEventListener("message", event => {
      const [port] = event.ports;
      const work = async () => {
        await init();
        const client = await open(event.data);
        const id = await client.collection("notes").put({ title: "bread" });
        const { title } = await client.collection("notes").get(id);
        await client.close();
        port.postMessage([id, title]);
      };
      event.waitUntil(work().catch(error => port.postMessage(String(error))));
    });`,
};

const ACCOUNT = {
  tokenserver_url: "https://sync.example.org",
  access_token: "access-token",
  kid: "1700000000000-AAAAAAAAAAAAAAAAAAAAAA",
  ksync_b64url: Buffer.alloc(64, 1).toString("base64url"),
};

/** Puts a record in a dedicated worker, with a client of these options; resolves to its id and title. */
const inWorker = options =>
  new Promise((resolve, reject) => {
    const worker = new Worker("/worker.js", { type: "module" });
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = event => reject(new Error(event.message));
    worker.postMessage(options);
  });

/** Puts a record in the service worker. */
const inServiceWorker = async options => {
  await navigator.serviceWorker.register("/service-worker.js", { type: "module" });
  const { active } = await navigator.serviceWorker.ready;
  return new Promise(resolve => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = ({ data }) => resolve(data);
    active?.postMessage(options, [port2]);
  });
};

/** Serves the package and the scripts. */
const serve = async () => {
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? "/", "http://localhost").pathname;
    const file = join(PACKAGE, path);
    const isPackage = /^\/[\w-]+\.(js|wasm)$/.test(path) && existsSync(file);
    const type = TYPES[/** @type {keyof TYPES} */ (extname(path))] ?? "text/plain";
    response.setHeader("content-type", type);
    if (path in SCRIPTS) response.end(SCRIPTS[/** @type {keyof SCRIPTS} */ (path)]);
    else if (isPackage) createReadStream(file).pipe(response);
    else response.writeHead(404).end();
  });
  await new Promise(resolve => server.listen(0, "127.0.0.1", () => resolve(undefined)));
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  return { url: `http://localhost:${port}`, stop: () => server.close() };
};

for (const name of BROWSERS) {
  describe(name, { skip: program(name) ? false : `${name} is not installed` }, () => {
    /** @type {import("puppeteer-core").Browser} */
    let browser;
    /** @type {{ url: string, stop: () => void }} */
    let server;
    before(async () => {
      server = await serve();
      browser = await launch(name);
    });
    after(async () => {
      await browser?.close();
      server?.stop();
    });

    const openPage = async () => {
      const page = await browser.newPage();
      await page.goto(`${server.url}/page.html`);
      return page;
    };

    /**
     * Runs a function in a new page.
     * @template T, A
     * @param {(given: A) => Promise<T>} work
     * @param {A} [given]
     */
    const inPage = async (work, given) => {
      const page = await openPage();
      try {
        return await page.evaluate(/** @type {any} */ (work), given);
      } finally {
        await page.close();
      }
    };

    for (const store of ["IndexedDbStore", "MemoryStore"]) {
      test(`the ${store} passes the cases of a store's contract`, async () => {
        const { passed, broken } = await inPage(async store => {
          const [{ storeCases }, stores] = await Promise.all([import("/store-cases.js"), import("/selvedge.js")]);
          const broken = [];
          for (const { name, run } of storeCases) {
            const database = `case ${name}`;
            const tried = new stores[store](database);
            await run(tried).catch(error => broken.push(error.message));
            if (!(tried instanceof stores.IndexedDbStore)) continue;
            await tried.close();
            await stores.IndexedDbStore.delete(database);
          }
          return { passed: storeCases.length - broken.length, broken };
        }, store);
        assert.deepEqual(broken, []);
        assert.ok(passed > 30, String(passed));
      });
    }

    test("records persist after the page is closed", async () => {
      const put = async account => {
        const { default: init, open } = await import("/selvedge.js");
        await init();
        const client = await open({ account, name: "lasting" });
        return client.collection("notes").put({ title: "milk" });
      };
      const id = await inPage(put, ACCOUNT);
      const get = async ([account, id]) => {
        const { default: init, open } = await import("/selvedge.js");
        await init();
        const client = await open({ account, name: "lasting" });
        return [await client.collection("notes").get(id), await client.status()];
      };
      const [record, status] = await inPage(get, [ACCOUNT, id]);
      assert.deepEqual(record, { id, title: "milk" });
      assert.deepEqual(status.collections, [{ name: "notes", records: 1, pending: 1, givenUp: 0 }]);
    });

    test("two windows that edit one record concurrently lose no edit", async () => {
      const pages = await Promise.all([openPage(), openPage()]);
      const start = async (page, number) =>
        page.evaluate(
          async ([account, number]) => {
            const { default: init, open } = await import("/selvedge.js");
            await init();
            const client = await open({ account, name: "shared" });
            const notes = client.collection("notes");
            if (number === 0) await notes.put({ id: "one" });
            globalThis.work = async () => {
              for (let at = 0; at < 25; at += 1) await notes.edit("one", { [`${number}-${at}`]: at });
              return notes.get("one");
            };
          },
          [ACCOUNT, number],
        );
      for (const [number, page] of pages.entries()) await start(page, number);
      await Promise.all(pages.map(page => page.evaluate(() => globalThis.work())));
      const [page] = pages;
      const record = await page.evaluate(() => globalThis.work());
      assert.equal(Object.keys(record).length, 51);
      for (const page of pages) await page.close();
    });

    test("only one window syncs at a time", async () => {
      const pages = await Promise.all([openPage(), openPage()]);
      const open = page =>
        page.evaluate(async account => {
          const { default: init, open } = await import("/selvedge.js");
          await init();
          globalThis.requests = 0;
          const fetch = () => {
            globalThis.requests += 1;
            return new Promise(resolve => (globalThis.answer = () => resolve(new Response(null, { status: 503 }))));
          };
          globalThis.client = await open({ account, fetch, name: "locked" });
        }, ACCOUNT);
      for (const page of pages) await open(page);
      const [first, second] = pages;
      await first.evaluate(() => void (globalThis.syncing = globalThis.client.sync({ collections: ["notes"] })));
      await first.waitForFunction(() => globalThis.requests === 1, { polling: 50 });
      const blocked = await second.evaluate(() => globalThis.client.sync({ collections: ["notes"] }));
      assert.deepEqual([blocked.ending, blocked.error?.code, blocked.requests], ["blocked", "blocked", 0]);
      assert.equal(await second.evaluate(() => globalThis.requests), 0);
      const ended = await first.evaluate(() => (globalThis.answer(), globalThis.syncing));
      assert.equal(ended.ending, "stopped");
      // The lock is released after the sync, and when a window is closed during its sync. Other windows get it a moment later.
      const isTried = wanted => (void globalThis.client.sync({ collections: ["notes"] }), globalThis.requests === wanted);
      await second.waitForFunction(isTried, { polling: 50 }, 1);
      await second.close();
      await first.waitForFunction(isTried, { polling: 50 }, 2);
      await first.close();
    });

    test("clients with stores of the program and without a name do not share a lock", async () => {
      const results = await inPage(async account => {
        const { default: init, MemoryStore, open } = await import("/selvedge.js");
        await init();
        let requests = 0;
        const fetch = () => {
          requests += 1;
          return new Promise(resolve => setTimeout(() => resolve(new Response(null, { status: 503 })), 100));
        };
        const clients = await Promise.all([0, 1].map(() => open({ account, fetch, store: new MemoryStore() })));
        const reports = await Promise.all(clients.map(client => client.sync({ collections: ["notes"] })));
        return [requests, ...reports.map(report => report.ending)];
      }, ACCOUNT);
      assert.deepEqual(results, [2, "stopped", "stopped"]);
    });

    test("a database of a newer program is refused, and a database in use is not deleted", async () => {
      const codes = await inPage(async () => {
        const { IndexedDbStore } = await import("/selvedge.js");
        const opened = (database, version) =>
          new Promise((resolve, reject) => {
            const request = indexedDB.open(database, version);
            request.onsuccess = () => resolve(request.result);
            request.onerror = () => reject(request.error);
          });
        const code = promise => promise.then(() => "none", error => error.code);
        const codes = [];
        (await opened("newer", 7)).close();
        codes.push(await code(new IndexedDbStore("newer").global()));
        // The store closes when a newer program upgrades the database, and later calls reject with the reason.
        const store = await IndexedDbStore.open("taken-over");
        (await opened("taken-over", 7)).close();
        codes.push(await code(store.global()));
        // A program that keeps its connection open.
        const held = await opened("held", 1);
        codes.push(await code(IndexedDbStore.delete("held")));
        held.close();
        return codes;
      });
      assert.deepEqual(codes, ["store-busy", "store-busy", "store-busy"]);
    });

    for (const isWithLocks of [true, false]) {
      test(`a deletion is refused while another window has unsent records, and loses none ${isWithLocks ? "" : "in a browser without locks"}`, async () => {
        const name = `in-use-${isWithLocks}`;
        const [first, second] = await Promise.all([openPage(), openPage()]);
        for (const page of [first, second]) {
          if (!isWithLocks) await page.evaluate(() => Object.defineProperty(navigator, "locks", { value: undefined }));
        }
        const start = async ([account, name]) => {
          const { default: init, open } = await import("/selvedge.js");
          await init();
          globalThis.client ??= await open({ account, name });
          return globalThis.client.collection("notes").put({ id: "unsent", title: "milk" });
        };
        const deletion = async name => {
          const { IndexedDbStore } = await import("/selvedge.js");
          return IndexedDbStore.delete(name).then(() => "deleted", ({ code }) => code);
        };
        await first.evaluate(start, [ACCOUNT, name]);
        assert.equal(await second.evaluate(deletion, name), "store-busy");
        assert.equal(await second.evaluate(deletion, name), "store-busy", "also at the second try");
        const read = () => first.evaluate(async () => [await globalThis.client.collection("notes").get("unsent"), await globalThis.client.status()]);
        const [record, status] = await read();
        assert.deepEqual(record, { id: "unsent", title: "milk" }, "the other window still works");
        assert.equal(status.collections[0].pending, 1);
        // A refused deletion is not performed later, when the other window is closed.
        await first.close();
        const left = await second.evaluate(async name => {
          const { IndexedDbStore } = await import("/selvedge.js");
          const store = await IndexedDbStore.open(name);
          const [item] = await store.read("notes", ["unsent"]);
          await store.close();
          return item?.cleartext;
        }, name);
        assert.deepEqual(JSON.parse(left ?? "null"), { id: "unsent", title: "milk" });
        // A browser releases the lock of a closed window a moment later.
        const isDeleted = async name => {
          const { IndexedDbStore } = await import("/selvedge.js");
          return IndexedDbStore.delete(name).then(() => true, () => false);
        };
        await second.waitForFunction(isDeleted, { polling: 50 }, name);
        const names = await second.evaluate(async () => (await indexedDB.databases()).map(({ name }) => name));
        assert.ok(!names.includes(name), names.join());
        await second.close();
      });
    }

    test("the next program that opens the database completes an interrupted deletion", async () => {
      const items = await inPage(async () => {
        const { IndexedDbStore } = await import("/selvedge.js");
        await new Promise((resolve, reject) => {
          const request = indexedDB.open("cut-off", Number.MAX_SAFE_INTEGER);
          request.onsuccess = () => (request.result.close(), resolve(undefined));
          request.onerror = () => reject(request.error);
        });
        const store = await IndexedDbStore.open("cut-off");
        const collections = await store.collections();
        await store.close();
        return collections;
      });
      assert.deepEqual(items, []);
    });

    test("a database of the release before duplicate keys is brought up to date with everything in it", async () => {
      const found = await inPage(async () => {
        const { IndexedDbStore } = await import("/selvedge.js");
        const old = await new Promise((resolve, reject) => {
          const request = indexedDB.open("version-1", 1);
          request.onupgradeneeded = () => {
            const items = request.result.createObjectStore("items", { keyPath: ["collection", "id"] });
            items.createIndex("waiting", ["waiting", "id"]);
            items.createIndex("gone", "gone");
            request.result.createObjectStore("states");
          };
          request.onsuccess = () => resolve(request.result);
          request.onerror = () => reject(request.error);
        });
        const item = { id: "a", cleartext: "{}", base: "unknown", sent: "unknown", serverModified: 0, pending: { editedAt: 5 } };
        const transaction = old.transaction(["items", "states"], "readwrite");
        transaction.objectStore("items").put({ ...item, revision: 3, collection: "notes", waiting: "notes" });
        transaction.objectStore("states").put("state", "state/notes");
        transaction.objectStore("states").put(3, "revision");
        await new Promise(resolve => (transaction.oncomplete = resolve));
        old.close();
        const store = await IndexedDbStore.open("version-1");
        const before = [await store.read("notes", ["a"]), await store.state("notes"), await store.counts("notes")];
        const writes = [{ id: "a", seen: 3, becomes: { ...item, key: "x" } }];
        const part = { collection: "notes", sweep: null, writes, uploaded: [], state: null };
        await store.commit({ parts: [part], global: null });
        const duplicates = await store.duplicates("notes", ["x"]);
        await store.close();
        return [...before, duplicates];
      });
      const item = { id: "a", cleartext: "{}", base: "unknown", sent: "unknown", serverModified: 0, pending: { editedAt: 5 } };
      assert.deepEqual(found, [[{ ...item, revision: 3 }], "state", { live: 1, pending: 1 }, [{ ...item, key: "x", revision: 4 }]]);
    });

    test("a store closes after its transactions have ended, and can be deleted then", async () => {
      const results = await inPage(async () => {
        const { IndexedDbStore } = await import("/selvedge.js");
        const store = await IndexedDbStore.open("closing-store");
        const commits = Promise.all([1, 2, 3].map(at => store.commit({ parts: [], global: `state ${at}` })));
        await Promise.all([store.close(), store.close()]);
        await IndexedDbStore.delete("closing-store");
        return commits;
      });
      assert.deepEqual(results, ["done", "done", "done"]);
    });

    test("a closed store rejects with \"closed\", and may be closed twice", async () => {
      const code = await inPage(async () => {
        const { IndexedDbStore, SelvedgeError } = await import("/selvedge.js");
        const store = await IndexedDbStore.open("closed");
        await Promise.all([store.close(), store.close()]);
        return store.global().then(() => "none", error => error instanceof SelvedgeError && error.code);
      });
      assert.equal(code, "closed");
    });

    test("a full disk gives \"store-full\", and nothing of the commit is stored", { skip: name === "firefox" && "Firefox has no command to set the quota" }, async () => {
      const page = await browser.newPage();
      // An origin without stored data.
      const origin = server.url.replace("localhost", "full.localhost");
      await page.goto(`${origin}/page.html`);
      const tools = await page.createCDPSession();
      await tools.send("Storage.overrideQuotaForOrigin", { origin, quotaSize: 1 << 20 });
      const result = await page.evaluate(async account => {
        const { default: init, open } = await import("/selvedge.js");
        await init();
        const client = await open({ account, name: "full" });
        const text = Array.from({ length: 1 << 16 }, () => Math.random().toString(36)).join("");
        const put = client.collection("notes").put({ id: "large", text: text + text + text + text });
        const { name, code, cause } = await put.then(() => ({ code: "none" }), error => error);
        return { name, code, cause: cause?.code, status: await client.status() };
      }, ACCOUNT);
      await tools.send("Storage.overrideQuotaForOrigin", { origin });
      await page.close();
      assert.deepEqual([result.name, result.cause], ["SelvedgeError", "store-full"], JSON.stringify(result));
      assert.deepEqual(result.status.collections, []);
    });

    test("a store whose data the browser has evicted continues empty", { skip: name === "firefox" && "Firefox has no command to evict data" }, async () => {
      const page = await openPage();
      const tools = await page.createCDPSession();
      const put = () =>
        page.evaluate(async () => {
          const { IndexedDbStore } = await import("/selvedge.js");
          globalThis.store ??= new IndexedDbStore("evicted");
          const before = await globalThis.store.global();
          await globalThis.store.commit({ parts: [], global: "state" });
          return [before ?? null, await globalThis.store.global()];
        });
      assert.deepEqual(await put(), [null, "state"]);
      assert.deepEqual(await put(), ["state", "state"]);
      await tools.send("Storage.clearDataForOrigin", { origin: server.url, storageTypes: "indexeddb" });
      assert.deepEqual(await put(), [null, "state"]);
      await page.close();
    });

    test("a dedicated worker stores records", async () => {
      const [, title] = await inPage(inWorker, { account: ACCOUNT, name: "from-a-worker" });
      assert.equal(title, "milk");
    });

    const withoutModules = name === "firefox" && "Firefox does not support modules in service workers; the extension's background is tested";

    test("a service worker stores records", { skip: withoutModules }, async () => {
      const [, title] = await inPage(inServiceWorker, { account: ACCOUNT, name: "from-a-service-worker" });
      assert.equal(title, "bread");
    });

    test("a window receives the changes of another window and its workers", async () => {
      const [listening, changing] = await Promise.all([openPage(), openPage()]);
      const options = { account: ACCOUNT, name: "received" };
      const start = async options => {
        const { default: init, open } = await import("/selvedge.js");
        await init();
        globalThis.notes = (await open(options)).collection("notes");
        globalThis.received = [];
        globalThis.notes.onChange(change => globalThis.received.push(change));
      };
      for (const page of [listening, changing]) await page.evaluate(start, options);
      const changed = await changing.evaluate(() => globalThis.notes.put({ title: "milk" }));
      const ids = [changed, (await changing.evaluate(inWorker, options))[0]];
      if (!withoutModules) ids.push((await changing.evaluate(inServiceWorker, options))[0]);
      await listening.waitForFunction(
        wanted => new Set(globalThis.received.flatMap(({ ids }) => ids)).size === wanted,
        { polling: 50, timeout: 10_000 },
        ids.length,
      );
      const received = await listening.evaluate(() => globalThis.received);
      assert.deepEqual(received.flatMap(({ ids }) => ids).sort(), [...ids].sort());
      assert.deepEqual(new Set(received.map(({ origin }) => origin)), new Set(["elsewhere"]));
      assert.deepEqual(received.map(({ collection }) => collection), received.map(() => "notes"));
      const title = await listening.evaluate(async id => (await globalThis.notes.get(id)).title, changed);
      assert.equal(title, "milk", "the changed record can already be read");
      const own = await changing.evaluate(id => globalThis.received.filter(({ ids }) => ids.includes(id)), changed);
      assert.deepEqual(own.map(({ origin }) => origin), ["here"], "a client reports its own change once");
      for (const page of [listening, changing]) await page.close();
    });

    test("after a close the database can be deleted, even if a sync was running", async () => {
      const results = await inPage(async account => {
        const { default: init, IndexedDbStore, open } = await import("/selvedge.js");
        await init();
        let requested;
        const isRequested = new Promise(resolve => (requested = resolve));
        const fetch = ({ signal }) =>
          new Promise((_, reject) => {
            signal.addEventListener("abort", () => reject(signal.reason));
            requested();
          });
        const client = await open({ account, fetch, name: "closing" });
        const notes = client.collection("notes");
        const syncing = client.sync();
        await isRequested;
        const puts = Promise.all([1, 2, 3].map(at => notes.put({ id: `note-${at}` })));
        await Promise.all([client.close(), client.close()]);
        await IndexedDbStore.delete("closing");
        const { ending, error } = await syncing;
        const code = await notes.get("note-1").then(() => "none", ({ name, code }) => `${name} ${code}`);
        return [ending, error?.code, (await puts).length, code, (await indexedDB.databases()).some(({ name }) => name === "closing")];
      }, ACCOUNT);
      assert.deepEqual(results, ["stopped", "aborted", 3, "SelvedgeError closed", false]);
    });
  });
}

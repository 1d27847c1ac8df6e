// The npm package in real browsers: its stores keep every promise, in pages, workers and several windows at once.
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

/** Scripts that the package's user writes. */
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

/** Has a dedicated worker put a record with a client of these options, and answers its id and title. */
const inWorker = options =>
  new Promise((resolve, reject) => {
    const worker = new Worker("/worker.js", { type: "module" });
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = event => reject(new Error(event.message));
    worker.postMessage(options);
  });

/** Likewise the service worker. */
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
  describe(name, { skip: program(name) ? false : `there is no ${name}` }, () => {
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

    const opened = async () => {
      const page = await browser.newPage();
      await page.goto(`${server.url}/page.html`);
      return page;
    };

    /**
     * Does something in a page of its own.
     * @template T, A
     * @param {(given: A) => Promise<T>} work
     * @param {A} [given]
     */
    const within = async (work, given) => {
      const page = await opened();
      try {
        return await page.evaluate(/** @type {any} */ (work), given);
      } finally {
        await page.close();
      }
    };

    for (const store of ["IndexedDbStore", "MemoryStore"]) {
      test(`the ${store} keeps every promise of a store`, async () => {
        const { passed, broken } = await within(async store => {
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

    test("what was put is there after the page has gone", async () => {
      const put = async account => {
        const { default: init, open } = await import("/selvedge.js");
        await init();
        const client = await open({ account, name: "lasting" });
        return client.collection("notes").put({ title: "milk" });
      };
      const id = await within(put, ACCOUNT);
      const get = async ([account, id]) => {
        const { default: init, open } = await import("/selvedge.js");
        await init();
        const client = await open({ account, name: "lasting" });
        return [await client.collection("notes").get(id), await client.status()];
      };
      const [record, status] = await within(get, [ACCOUNT, id]);
      assert.deepEqual(record, { id, title: "milk" });
      assert.deepEqual(status.collections, [{ name: "notes", records: 1, pending: 1, givenUp: 0 }]);
    });

    test("two windows that edit one record at once lose neither edit", async () => {
      const pages = await Promise.all([opened(), opened()]);
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

    test("one window syncs at a time", async () => {
      const pages = await Promise.all([opened(), opened()]);
      const open = page =>
        page.evaluate(async account => {
          const { default: init, open } = await import("/selvedge.js");
          await init();
          globalThis.asked = 0;
          const fetch = () => {
            globalThis.asked += 1;
            return new Promise(resolve => (globalThis.answer = () => resolve(new Response(null, { status: 503 }))));
          };
          globalThis.client = await open({ account, fetch, name: "locked" });
        }, ACCOUNT);
      for (const page of pages) await open(page);
      const [first, second] = pages;
      await first.evaluate(() => void (globalThis.syncing = globalThis.client.sync({ collections: ["notes"] })));
      await first.waitForFunction(() => globalThis.asked === 1, { polling: 50 });
      const blocked = await second.evaluate(() => globalThis.client.sync({ collections: ["notes"] }));
      assert.deepEqual([blocked.ending, blocked.error?.code, blocked.requests], ["blocked", "blocked", 0]);
      assert.equal(await second.evaluate(() => globalThis.asked), 0);
      const ended = await first.evaluate(() => (globalThis.answer(), globalThis.syncing));
      assert.equal(ended.ending, "stopped");
      // The lock is free again, and so is the lock of a window that is closed in the middle of its sync. Other windows see it
      // a moment later.
      const isTried = most => (void globalThis.client.sync({ collections: ["notes"] }), globalThis.asked === most);
      await second.waitForFunction(isTried, { polling: 50 }, 1);
      await second.close();
      await first.waitForFunction(isTried, { polling: 50 }, 2);
      await first.close();
    });

    test("clients with stores of their own and no name do not wait for each other", async () => {
      const asked = await within(async account => {
        const { default: init, MemoryStore, open } = await import("/selvedge.js");
        await init();
        let asked = 0;
        const fetch = () => {
          asked += 1;
          return new Promise(resolve => setTimeout(() => resolve(new Response(null, { status: 503 })), 100));
        };
        const clients = await Promise.all([0, 1].map(() => open({ account, fetch, store: new MemoryStore() })));
        const reports = await Promise.all(clients.map(client => client.sync({ collections: ["notes"] })));
        return [asked, ...reports.map(report => report.ending)];
      }, ACCOUNT);
      assert.deepEqual(asked, [2, "stopped", "stopped"]);
    });

    test("a database of a newer program is refused, and one that is in use is not deleted", async () => {
      const codes = await within(async () => {
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
        // The store steps aside when a newer program wants to change the database, and says so.
        const store = await IndexedDbStore.open("taken-over");
        (await opened("taken-over", 7)).close();
        codes.push(await code(store.global()));
        // A program that holds on to its connection.
        const held = await opened("held", 1);
        codes.push(await code(IndexedDbStore.delete("held")));
        held.close();
        return codes;
      });
      assert.deepEqual(codes, ["store-busy", "store-busy", "store-busy"]);
    });

    for (const isWithLocks of [true, false]) {
      test(`a deletion is refused while another window has unsent records, and loses none ${isWithLocks ? "" : "where the browser has no locks"}`, async () => {
        const name = `in-use-${isWithLocks}`;
        const [first, second] = await Promise.all([opened(), opened()]);
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
        assert.equal(await second.evaluate(deletion, name), "store-busy", "also when it is tried again");
        const read = () => first.evaluate(async () => [await globalThis.client.collection("notes").get("unsent"), await globalThis.client.status()]);
        const [record, status] = await read();
        assert.deepEqual(record, { id: "unsent", title: "milk" }, "the other window goes on");
        assert.equal(status.collections[0].pending, 1);
        // A refused deletion is not carried out later, when the other window is closed without a word.
        await first.close();
        const left = await second.evaluate(async name => {
          const { IndexedDbStore } = await import("/selvedge.js");
          const store = await IndexedDbStore.open(name);
          const [item] = await store.read("notes", ["unsent"]);
          await store.close();
          return item?.cleartext;
        }, name);
        assert.deepEqual(JSON.parse(left ?? "null"), { id: "unsent", title: "milk" });
        // A browser gives the lock of a closed window back a moment later.
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

    test("a deletion that was cut off half-way is ended by the next program that opens the database", async () => {
      const items = await within(async () => {
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

    test("a store is closed when its transactions have ended, and can be deleted then", async () => {
      const said = await within(async () => {
        const { IndexedDbStore } = await import("/selvedge.js");
        const store = await IndexedDbStore.open("closing-store");
        const commits = Promise.all([1, 2, 3].map(at => store.commit({ parts: [], global: `state ${at}` })));
        await Promise.all([store.close(), store.close()]);
        await IndexedDbStore.delete("closing-store");
        return commits;
      });
      assert.deepEqual(said, ["done", "done", "done"]);
    });

    test("a closed store says so, and closing twice is closing once", async () => {
      const code = await within(async () => {
        const { IndexedDbStore, SelvedgeError } = await import("/selvedge.js");
        const store = await IndexedDbStore.open("closed");
        await Promise.all([store.close(), store.close()]);
        return store.global().then(() => "none", error => error instanceof SelvedgeError && error.code);
      });
      assert.equal(code, "closed");
    });

    test("a full disk is told as such, and nothing of the commit is kept", { skip: name === "firefox" && "its quota cannot be set" }, async () => {
      const page = await browser.newPage();
      // An origin that has nothing yet.
      const origin = server.url.replace("localhost", "full.localhost");
      await page.goto(`${origin}/page.html`);
      const tools = await page.createCDPSession();
      await tools.send("Storage.overrideQuotaForOrigin", { origin, quotaSize: 1 << 20 });
      const told = await page.evaluate(async account => {
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
      assert.deepEqual([told.name, told.cause], ["SelvedgeError", "store-full"], JSON.stringify(told));
      assert.deepEqual(told.status.collections, []);
    });

    test("a store whose data the browser has taken away goes on empty", { skip: name === "firefox" && "it cannot be told to" }, async () => {
      const page = await opened();
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

    test("a dedicated worker keeps records", async () => {
      const [, title] = await within(inWorker, { account: ACCOUNT, name: "from-a-worker" });
      assert.equal(title, "milk");
    });

    const withoutModules = name === "firefox" && "it has no modules in service workers; the extension's background is tested";

    test("a service worker keeps records", { skip: withoutModules }, async () => {
      const [, title] = await within(inServiceWorker, { account: ACCOUNT, name: "from-a-service-worker" });
      assert.equal(title, "bread");
    });

    test("a window hears of what another window and its workers change", async () => {
      const [listening, changing] = await Promise.all([opened(), opened()]);
      const options = { account: ACCOUNT, name: "heard" };
      const start = async options => {
        const { default: init, open } = await import("/selvedge.js");
        await init();
        globalThis.notes = (await open(options)).collection("notes");
        globalThis.heard = [];
        globalThis.notes.onChange(change => globalThis.heard.push(change));
      };
      for (const page of [listening, changing]) await page.evaluate(start, options);
      const changed = await changing.evaluate(() => globalThis.notes.put({ title: "milk" }));
      const ids = [changed, (await changing.evaluate(inWorker, options))[0]];
      if (!withoutModules) ids.push((await changing.evaluate(inServiceWorker, options))[0]);
      await listening.waitForFunction(
        many => new Set(globalThis.heard.flatMap(({ ids }) => ids)).size === many,
        { polling: 50, timeout: 10_000 },
        ids.length,
      );
      const heard = await listening.evaluate(() => globalThis.heard);
      assert.deepEqual(heard.flatMap(({ ids }) => ids).sort(), [...ids].sort());
      assert.deepEqual(new Set(heard.map(({ origin }) => origin)), new Set(["elsewhere"]));
      assert.deepEqual(heard.map(({ collection }) => collection), heard.map(() => "notes"));
      const title = await listening.evaluate(async id => (await globalThis.notes.get(id)).title, changed);
      assert.equal(title, "milk", "what is heard of is there already");
      const own = await changing.evaluate(id => globalThis.heard.filter(({ ids }) => ids.includes(id)), changed);
      assert.deepEqual(own.map(({ origin }) => origin), ["here"], "nobody hears of a change twice");
      for (const page of [listening, changing]) await page.close();
    });

    test("when a close is over the database can be deleted, also if a sync was under way", async () => {
      const said = await within(async account => {
        const { default: init, IndexedDbStore, open } = await import("/selvedge.js");
        await init();
        let asked;
        const isAsked = new Promise(resolve => (asked = resolve));
        const fetch = ({ signal }) =>
          new Promise((_, reject) => {
            signal.addEventListener("abort", () => reject(signal.reason));
            asked();
          });
        const client = await open({ account, fetch, name: "closing" });
        const notes = client.collection("notes");
        const syncing = client.sync();
        await isAsked;
        const puts = Promise.all([1, 2, 3].map(at => notes.put({ id: `note-${at}` })));
        await Promise.all([client.close(), client.close()]);
        await IndexedDbStore.delete("closing");
        const { ending, error } = await syncing;
        const code = await notes.get("note-1").then(() => "none", ({ name, code }) => `${name} ${code}`);
        return [ending, error?.code, (await puts).length, code, (await indexedDB.databases()).some(({ name }) => name === "closing")];
      }, ACCOUNT);
      assert.deepEqual(said, ["stopped", "aborted", 3, "SelvedgeError closed", false]);
    });
  });
}

// Failures of the network and their reports. The fetch functions here simulate networks.
import assert from "node:assert/strict";
import { test } from "node:test";
import { open } from "selvedge";

const account = {
  api_endpoint: "https://sync.example.org/1.5/7",
  id: "token-id",
  key: "token-key",
  uid: 7,
  hashalg: "sha256",
  duration: 3600,
  ksync_b64url: Buffer.alloc(64, 1).toString("base64url"),
};

const report = async fetch => {
  const client = await open({ account, fetch });
  client.collection("notes");
  return client.sync();
};

test("a request is a Request, signed, without cookies, cache and redirects", async () => {
  let seen;
  await report(async request => {
    seen = request;
    return new Response(null, { status: 503 });
  });
  assert.ok(seen instanceof Request);
  assert.equal(seen.method, "GET");
  assert.equal(seen.url, "https://sync.example.org/1.5/7/info/collections");
  assert.match(seen.headers.get("authorization"), /^Hawk id="token-id", /);
  assert.deepEqual([seen.credentials, seen.cache, seen.redirect], ["omit", "no-store", "manual"]);
  assert.equal(seen.referrerPolicy, "no-referrer");
});

test("a network error has the host's message, without secrets", async () => {
  const broken = new TypeError("fetch failed", { cause: new Error("connect ECONNREFUSED 127.0.0.1:1") });
  const result = await report(() => Promise.reject(broken));
  assert.deepEqual([result.ending, result.error.code], ["stopped", "network"]);
  assert.match(result.error.message, /ECONNREFUSED/);
  for (const secret of ["token-id", "token-key", "/1.5/7", account.ksync_b64url]) {
    assert.ok(!JSON.stringify(result).includes(secret), secret);
  }
});

test("a fetch that throws synchronously is a network error", async () => {
  const result = await report(() => {
    throw new Error("no");
  });
  assert.deepEqual([result.ending, result.error.code], ["stopped", "network"]);
});

test("an abort and a timeout have different messages", async () => {
  const aborted = await report(() => Promise.reject(new DOMException("enough", "AbortError")));
  assert.match(aborted.error.message, /stopped/);
  const late = await report(() => Promise.reject(new DOMException("late", "TimeoutError")));
  assert.match(late.error.message, /did not answer in time/);
});

/** A body that never continues. */
const hanging = () => new ReadableStream({ pull: () => new Promise(() => {}) });
const HEADERS = { "x-last-modified": "1.00", "x-weave-timestamp": "2.00" };

/** Fetches that never end and ignore their signal: before the response, and in the middle of the body. */
const HANGING = {
  "a server that never responds": () => new Promise(() => {}),
  "a body that never continues": async () => new Response(hanging(), { headers: HEADERS }),
};

for (const [what, fetch] of Object.entries(HANGING)) {
  test(`${what} is aborted after 60 seconds, or after the option timeout`, async t => {
    for (const [timeout, waited] of [[undefined, 60_000], [5, 5]]) {
      t.mock.timers.enable({ apis: ["setTimeout"] });
      let requested;
      const isRequested = new Promise(resolve => (requested = resolve));
      const client = await open({ account, timeout, fetch: request => (requested(request), fetch()) });
      const syncing = client.sync({ collections: ["notes"] });
      const { signal } = await isRequested;
      await new Promise(resolve => setImmediate(resolve));
      t.mock.timers.tick(waited - 1);
      assert.equal(signal.aborted, false);
      t.mock.timers.tick(1);
      const result = await syncing;
      t.mock.timers.reset();
      assert.deepEqual([result.ending, result.error.code], ["stopped", "network"]);
      assert.match(result.error.message, /did not answer in time/);
      assert.equal(signal.aborted, true, "the fetch's signal is aborted too");
    }
  });

  test(`${what} is aborted by a signal, with the code "aborted" for any reason`, async () => {
    for (const reason of [undefined, new DOMException("late", "TimeoutError"), new Error("an error of the program"), "a text"]) {
      const controller = new AbortController();
      const client = await open({ account, fetch: () => (setImmediate(() => controller.abort(reason)), fetch()) });
      const result = await client.sync({ collections: ["notes"], signal: controller.signal });
      assert.deepEqual([result.ending, result.error.code], ["stopped", "aborted"]);
    }
  });
}

test("a signal of AbortSignal.timeout gives \"aborted\" too", async () => {
  const client = await open({ account, fetch: () => new Promise(() => {}) });
  const result = await client.sync({ collections: ["notes"], signal: AbortSignal.timeout(1) });
  assert.deepEqual([result.ending, result.error.code], ["stopped", "aborted"]);
});

test("listeners of a signal are removed after each sync", async () => {
  const { signal } = new AbortController();
  let listening = 0;
  const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)];
  signal.addEventListener = (...args) => ((listening += 1), add(...args));
  signal.removeEventListener = (...args) => ((listening -= 1), remove(...args));
  const client = await open({ account, fetch: async () => new Response("not found", { status: 404 }) });
  for (let n = 0; n < 5; n += 1) await client.sync({ collections: ["notes"], signal });
  await new Promise(resolve => setImmediate(resolve));
  assert.ok(listening <= 0, String(listening));
});

test("a result that is not a Response is a network error", async () => {
  for (const answer of [undefined, null, 7, {}, { status: 200 }, { status: 200, headers: 7 }]) {
    const result = await report(async () => answer);
    assert.deepEqual([result.ending, result.error.code], ["stopped", "network"], JSON.stringify(answer));
    assert.match(result.error.message, /did not answer with a Response/);
  }
});

test("a body may arrive in chunks of one byte", async () => {
  let calls = 0;
  const result = await report(async () => {
    calls += 1;
    if (calls > 1) return new Response(null, { status: 503 });
    const bytes = new TextEncoder().encode("{}");
    const body = new ReadableStream({
      start(controller) {
        for (const byte of bytes) controller.enqueue(Uint8Array.of(byte));
        controller.close();
      },
    });
    return new Response(body, { headers: { "x-last-modified": "1.00", "x-weave-timestamp": "2.00" } });
  });
  assert.equal(result.bytesReceived >= 2, true, JSON.stringify(result));
  assert.ok(calls > 1, "the first response was accepted");
});

test("a truncated body is a network error", async () => {
  const headers = { "content-length": "100", "x-last-modified": "1.00", "x-weave-timestamp": "2.00" };
  const short = await report(async () => new Response("{}", { headers }));
  assert.deepEqual([short.ending, short.error.code], ["stopped", "network"]);
  assert.match(short.error.message, /98 bytes are missing/);
  const broken = await report(async () => {
    const body = new ReadableStream({
      pull() {
        throw new TypeError("terminated");
      },
    });
    return new Response(body, { headers });
  });
  assert.match(broken.error.message, /cut in the middle.*terminated/);
});

test("a Retry-After stops the sync, and the report contains its time", async () => {
  const before = Date.now();
  const result = await report(async () => new Response(null, { status: 503, headers: { "retry-after": "60" } }));
  assert.deepEqual([result.ending, result.error.code], ["stopped", "wait"]);
  assert.ok(result.retryAfter >= before + 60_000 && result.retryAfter <= Date.now() + 61_000, String(result.retryAfter));
});

test("a redirect is not followed", async () => {
  let calls = 0;
  const result = await report(async () => {
    calls += 1;
    return new Response(null, { status: 302, headers: { location: "https://elsewhere.example/" } });
  });
  assert.equal(calls, 1);
  assert.equal(result.ending, "stopped");
});

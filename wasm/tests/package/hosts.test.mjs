// The package outside of Node: in a bundle, and in a host without a DOM and without Node's globals.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const packageUrl = new URL(".", import.meta.resolve("selvedge/package.json"));
const account = {
  tokenserver_url: "https://sync.example.org",
  access_token: "access-token",
  kid: "1700000000000-AAAAAAAAAAAAAAAAAAAAAA",
  ksync_b64url: Buffer.alloc(64, 1).toString("base64url"),
};

test("a bundler uses the build for browsers, and the bundle works", async () => {
  const text = readFileSync(new URL("bundle.mjs", import.meta.url), "utf8");
  assert.doesNotMatch(text, /node:fs/);
  const { run } = await import("./bundle.mjs");
  assert.equal(await run(readFileSync(new URL("selvedge.wasm", packageUrl)), account), "milk");
});

test("the package works in a host without a DOM and without Node's globals", () => {
  const script = `
    import { readFileSync } from "node:fs";
    const module = readFileSync(${JSON.stringify(fileURLToPath(new URL("selvedge.wasm", packageUrl)))});
    const { log } = console;
    // Node creates these at their first use, with the globals that are deleted below.
    const answer = new Response(null, { status: 503 });
    void new Request("https://sync.example.org", { method: "POST", body: new Uint8Array(1) }).headers;
    for (const name of ["process", "Buffer", "navigator", "BroadcastChannel", "performance", "setImmediate"]) delete globalThis[name];
    const { initSync, open, KeyBundle, encryptRecord, decryptRecord } = await import(${JSON.stringify(String(new URL("selvedge.js", packageUrl)))});
    initSync({ module });
    const client = await open({ account: ${JSON.stringify(account)}, fetch: async () => answer });
    const id = await client.collection("notes").put({ title: "milk" });
    const report = await client.sync();
    const keys = KeyBundle.make();
    const { title } = decryptRecord(keys, encryptRecord(keys, await client.collection("notes").get(id)), id);
    log(title, report.ending, report.error.code);`;
  const ran = spawnSync(process.execPath, ["--input-type=module", "--eval", script], { encoding: "utf8" });
  assert.equal(ran.stdout.trim(), "milk stopped wait", ran.stderr);
});

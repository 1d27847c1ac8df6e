// The package away from Node: in one file of a bundler's, and where there is neither a DOM nor anything of Node's.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const place = new URL(".", import.meta.resolve("selvedge/package.json"));
const account = {
  tokenserver_url: "https://sync.example.org",
  access_token: "access-token",
  kid: "1700000000000-AAAAAAAAAAAAAAAAAAAAAA",
  ksync_b64url: Buffer.alloc(64, 1).toString("base64url"),
};

test("a bundler takes the build for browsers, and what it makes of it works", async () => {
  const text = readFileSync(new URL("bundle.mjs", import.meta.url), "utf8");
  assert.doesNotMatch(text, /node:fs/);
  const { run } = await import("./bundle.mjs");
  assert.equal(await run(readFileSync(new URL("selvedge.wasm", place)), account), "milk");
});

test("a host without a DOM and without Node's globals will do", () => {
  const script = `
    import { readFileSync } from "node:fs";
    const module = readFileSync(${JSON.stringify(fileURLToPath(new URL("selvedge.wasm", place)))});
    const { log } = console;
    // Node makes these when they are first used, of what is taken away below.
    const answer = new Response(null, { status: 503 });
    void new Request("https://sync.example.org", { method: "POST", body: new Uint8Array(1) }).headers;
    for (const name of ["process", "Buffer", "navigator", "BroadcastChannel", "performance", "setImmediate"]) delete globalThis[name];
    const { initSync, open, KeyBundle, encryptRecord, decryptRecord } = await import(${JSON.stringify(String(new URL("selvedge.js", place)))});
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

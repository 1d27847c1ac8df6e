// Runs the examples of the package's README.
import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { joinCode, open } from "selvedge";
import { createAccount, startServer } from "./server.mjs";

const readme = readFileSync(new URL("README.md", import.meta.resolve("selvedge/package.json")), "utf8");
const examples = [...readme.matchAll(/^```js\n([^]*?)^```$/gm)].map(([, text]) => text);

const PLAIN = {
  tokenserver_url: "https://sync.example.org",
  access_token: "access-token",
  kid: "1700000000000-AAAAAAAAAAAAAAAAAAAAAA",
  ksync_b64url: Buffer.alloc(64, 1).toString("base64url"),
};

/** Runs an example in its own process. */
const run = (name, text, node = process.execPath) => {
  const file = new URL(name, import.meta.url);
  writeFileSync(file, text);
  // The variable is for the tests of this test runner, not for an example that starts its own.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  return new Promise((resolve, reject) => {
    execFile(node, [fileURLToPath(file)], { env, cwd: fileURLToPath(new URL(".", import.meta.url)) }, (error, stdout, stderr) => {
      if (error) reject(new Error(stdout + stderr));
      else resolve(stdout);
    });
  });
};

test("the first example uploads a record", async t => {
  const account = await createAccount(await startServer(t));
  const [first] = examples;
  assert.match(first, /selvedge1-…/);
  await run("readme-first.mjs", first.replace("selvedge1-…", joinCode(account)));
  const other = await open({ account });
  const report = await other.sync({ collections: ["notes"] });
  assert.equal(report.collections[0].applied.added, 1);
});

/** The example that contains these words. */
const example = words => {
  const found = examples.filter(text => text.includes(words));
  assert.equal(found.length, 1, words);
  return found[0];
};

test("the example of a store's tests passes", async () => {
  assert.match(await run("readme-stores.mjs", example("storeCases")), /^# fail 0$/m);
});

test("the example of a FileStore keeps its records between runs", async t => {
  const account = await createAccount(await startServer(t));
  const text = example("new FileStore").replace("selvedge1-…", joinCode(account));
  for (const suffix of ["", "-wal", "-shm", "-sync-lock"]) rmSync(new URL(`notes.db${suffix}`, import.meta.url), { force: true });
  const node = process.getBuiltinModule?.("node:sqlite") ? process.execPath : process.env.SELVEDGE_NODE_WITH_SQLITE;
  for (const _ of [1, 2]) await run("readme-file.mjs", text, node);
  const other = await open({ account });
  const report = await other.sync({ collections: ["notes"] });
  assert.deepEqual([report.collections[0].applied.added, report.clients.known], [2, 1], "one device wrote both");
});

test("the commands for esbuild make a program that finds its module", async () => {
  const commands = [...readme.matchAll(/^    ((?:npx|cp) .*)$/gm)].map(([, command]) => command);
  assert.equal(commands.length, 2);
  const place = fileURLToPath(new URL(".", import.meta.url));
  const loading = examples.find(text => text.includes("await init()")).replace(/ \/\/ .*$/m, "");
  const body = `console.log((await open({ account: ${JSON.stringify(PLAIN)} })).constructor.name);\n`;
  writeFileSync(join(place, "app.js"), loading + body);
  mkdirSync(join(place, "dist"), { recursive: true });
  for (const command of commands) {
    const [program, ...args] = command.replace("npx esbuild", process.env.SELVEDGE_ESBUILD).split(" ");
    const ran = spawnSync(program, args, { cwd: place, encoding: "utf8" });
    assert.equal(ran.status, 0, ran.stderr);
  }
  // Node's fetch cannot read files: replace it, because a browser can fetch the file from a server.
  const fetching = 'import { readFileSync } from "node:fs"; globalThis.fetch = async url => new Response(readFileSync(new URL(url)), { headers: { "content-type": "application/wasm" } });';
  writeFileSync(join(place, "dist", "run.mjs"), `${fetching}\nawait import("./app.js");\n`);
  const ran = spawnSync(process.execPath, [join(place, "dist", "run.mjs")], { encoding: "utf8" });
  assert.match(ran.stdout, /Client/, ran.stderr);
});

test("the example of types compiles", () => {
  const [, text] = /^```ts\n([^]*?)^```$/m.exec(readme);
  const place = fileURLToPath(new URL(".", import.meta.url));
  writeFileSync(join(place, "readme.mts"), text);
  const modules = join(process.env.SELVEDGE_ROOT, "wasm", "node_modules");
  const options = ["--strict", "--noEmit", "--target", "es2022", "--module", "nodenext", "--types", "node", "--typeRoots", join(modules, "@types")];
  const ran = spawnSync(process.execPath, [join(modules, "typescript-5", "bin", "tsc"), ...options, "readme.mts"], { cwd: place, encoding: "utf8" });
  assert.equal(ran.stdout, "");
  assert.equal(ran.status, 0);
});

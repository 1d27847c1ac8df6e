// The examples of the package's README run as they stand there.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { joinCode, open } from "selvedge";
import { createAccount, startServer } from "./server.mjs";

const readme = readFileSync(new URL("README.md", import.meta.resolve("selvedge/package.json")), "utf8");
const examples = [...readme.matchAll(/^```js\n([^]*?)^```$/gm)].map(([, text]) => text);

/** Runs an example as a program of its own. */
const run = (name, text) => {
  const file = new URL(name, import.meta.url);
  writeFileSync(file, text);
  // What the test runner tells its own tests is not for the tests of an example.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [fileURLToPath(file)], { env }, (error, stdout, stderr) => {
      if (error) reject(new Error(stdout + stderr));
      else resolve(stdout);
    });
  });
};

test("the first example keeps a record on the server", async t => {
  const account = await createAccount(await startServer(t));
  const [first] = examples;
  assert.match(first, /selvedge1-…/);
  await run("readme-first.mjs", first.replace("selvedge1-…", joinCode(account)));
  const other = await open({ account });
  const report = await other.sync({ collections: ["notes"] });
  assert.equal(report.collections[0].applied.added, 1);
});

test("the example of a store's tests passes", async () => {
  assert.match(await run("readme-stores.mjs", examples.at(-1)), /^# fail 0$/m);
});

// The examples of the package's README run as they stand there.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { joinCode, open } from "selvedge";
import { createAccount, startServer } from "./server.mjs";

const readme = readFileSync(new URL("README.md", import.meta.resolve("selvedge/package.json")), "utf8");
const examples = [...readme.matchAll(/^```js\n([^]*?)^```$/gm)].map(([, text]) => text);

/** Runs an example as a program of its own. */
const run = async (name, text) => {
  const file = new URL(name, import.meta.url);
  writeFileSync(file, text);
  await import(file);
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

test("the example of a store's tests passes", () => run("readme-stores.mjs", examples.at(-1)));

// TypeScript checks the JavaScript of page and extension, with the types in its comments.
// @ts-check
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const WWW = fileURLToPath(new URL("../../www", import.meta.url));
const TSC = fileURLToPath(new URL("../../wasm/node_modules/typescript/bin/tsc", import.meta.url));

/** The scripts of page and extension, without the package in `selvedge`, which has its own tests. */
const scripts = ["../native-cli/server/www/accounts", "page", "shared", "extension"].flatMap(directory =>
  readdirSync(join(WWW, directory), { recursive: true, withFileTypes: true })
    .filter(({ name, parentPath }) => name.endsWith(".js") && !parentPath.endsWith("selvedge"))
    .map(({ name, parentPath }) => join(parentPath, name)),
);

/** @param {...string} options */
const tsc = (...options) => {
  const { status, stdout, stderr } = spawnSync(TSC, ["--project", join(WWW, "jsconfig.json"), ...options], { encoding: "utf8" });
  return { status, output: stdout + stderr };
};

test("page and extension have no errors in TypeScript's strict mode", () => {
  const { status, output } = tsc();
  assert.equal(output, "");
  assert.equal(status, 0);
});

test("every script is checked", () => {
  const read = new Set(tsc("--listFilesOnly").output.split("\n").map(line => line.trim()));
  assert.ok(scripts.length > 30, String(scripts.length));
  assert.deepEqual(scripts.filter(script => !read.has(script)).map(script => relative(WWW, script)), []);
});

test("no script uses the type any or disables checks", () => {
  const escapes = /@\w+ \{[^\n]*\bany\b|@ts-(?:ignore|nocheck|expect-error)/;
  const found = scripts.flatMap(script =>
    readFileSync(script, "utf8")
      .split("\n")
      .filter(line => escapes.test(line))
      .map(line => `${relative(WWW, script)}: ${line.trim()}`),
  );
  assert.deepEqual(found, []);
});

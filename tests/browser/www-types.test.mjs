// The JavaScript of page and extension says what it takes and gives, and TypeScript finds it to be so.
// @ts-check
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const WWW = fileURLToPath(new URL("../../www", import.meta.url));
const TSC = fileURLToPath(new URL("../../wasm/node_modules/typescript/bin/tsc", import.meta.url));

/** Scripts of people's: those in `selvedge` are the package, whose types are tested with it. */
const scripts = ["page", "shared", "extension"].flatMap(place =>
  readdirSync(join(WWW, place), { recursive: true, withFileTypes: true })
    .filter(({ name, parentPath }) => name.endsWith(".js") && !parentPath.endsWith("selvedge"))
    .map(({ name, parentPath }) => join(parentPath, name)),
);

/** @param {...string} options */
const tsc = (...options) => {
  const { status, stdout, stderr } = spawnSync(TSC, ["--project", join(WWW, "jsconfig.json"), ...options], { encoding: "utf8" });
  return { status, said: stdout + stderr };
};

test("page and extension are sound in TypeScript's strictest reading", () => {
  const { status, said } = tsc();
  assert.equal(said, "");
  assert.equal(status, 0);
});

test("no script is left out of that", () => {
  const read = new Set(tsc("--listFilesOnly").said.split("\n").map(line => line.trim()));
  assert.ok(scripts.length > 30, String(scripts.length));
  assert.deepEqual(scripts.filter(script => !read.has(script)).map(script => relative(WWW, script)), []);
});

test("no script opts out of it by a type that is anything", () => {
  const escapes = /@\w+ \{[^\n]*\bany\b|@ts-(?:ignore|nocheck|expect-error)/;
  const found = scripts.flatMap(script =>
    readFileSync(script, "utf8")
      .split("\n")
      .filter(line => escapes.test(line))
      .map(line => `${relative(WWW, script)}: ${line.trim()}`),
  );
  assert.deepEqual(found, []);
});

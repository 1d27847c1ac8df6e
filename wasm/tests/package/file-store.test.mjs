// The FileStore needs a Node with SQLite: its tests run in one; a Node without it gets an error.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { FileStore } from "selvedge";

const hasSqlite = process.getBuiltinModule?.("node:sqlite") !== undefined;

test("in a Node without SQLite the error contains the required version", { skip: hasSqlite && "this Node has SQLite" }, async () => {
  assert.throws(() => new FileStore("notes.db"), { name: "SelvedgeError", code: "unsupported", message: /Node 22\.13 or later; this is Node / });
  await assert.rejects(FileStore.open("notes.db"), { code: "unsupported" });
});

test("the tests of the FileStore pass in a Node with SQLite", () => {
  const program = hasSqlite ? process.execPath : process.env.SELVEDGE_NODE_WITH_SQLITE;
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const ran = spawnSync(program, ["--test", "--test-reporter=tap", fileURLToPath(new URL("file-store.mjs", import.meta.url))], { encoding: "utf8", env });
  assert.match(ran.stdout, /^# fail 0$/m, ran.stdout + ran.stderr);
  assert.ok(Number(/^# pass (\d+)$/m.exec(ran.stdout)?.[1]) > 35, ran.stdout);
});

// The contract of a store, in Node. The IndexedDbStore is tested in browsers, because Node has no IndexedDB.
import assert from "node:assert/strict";
import { test } from "node:test";
import { IndexedDbStore, MemoryStore } from "selvedge";
import { storeCases } from "selvedge/store-cases";

for (const { name, run } of storeCases) test(name, () => run(new MemoryStore()));

test("there are cases, and a store that stores nothing fails them", async () => {
  assert.ok(storeCases.length > 30);
  class Forgetful extends MemoryStore {
    commit() {
      return Promise.resolve("done");
    }
  }
  const results = await Promise.allSettled(storeCases.map(({ run }) => run(new Forgetful())));
  const broken = results.filter(({ status }) => status === "rejected");
  assert.ok(broken.length > 25, String(broken.length));
  assert.match(broken[0].reason.message, /^an_\w+, step \d+ \(\w+\): .* should be /);
});

test("without IndexedDB its store rejects with a SelvedgeError", async () => {
  const error = await new IndexedDbStore("none").global().then(() => undefined, error => error);
  assert.equal(error?.name, "SelvedgeError");
});

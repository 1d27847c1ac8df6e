// Decrypting many records of a server's response.
import assert from "node:assert/strict";
import { test } from "node:test";
import { KeyBundle, decodeRecords, encryptRecord } from "selvedge";

const keys = KeyBundle.make();
const bso = (record, modified = 1.5) => JSON.stringify({ id: record.id, modified, payload: encryptRecord(keys, record) });

/** A stream of chunks of one size. */
const streamOf = (text, size = text.length) => {
  const bytes = new TextEncoder().encode(text);
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= bytes.length) return controller.close();
      controller.enqueue(bytes.slice(at, (at += size)));
    },
  });
};

const collected = async batches => {
  const [records, failed] = [[], []];
  for await (const batch of batches) {
    assert.equal(batch.records.length, batch.modified.length);
    records.push(...batch.records);
    failed.push(...batch.failed);
  }
  return { records, failed };
};

const rejected = promise => promise.then(() => assert.fail("nothing was thrown"), error => error);

test("records are decoded from chunks of every size, in both formats", async () => {
  const records = [{ id: "a", title: "mílk 🥛" }, { id: "b", list: [1, null] }, { id: "c" }];
  const lines = records.map(record => `${bso(record)}\n`).join("");
  const array = `[${records.map(record => bso(record)).join(",")}]`;
  for (const size of [1, 7, 64, 100_000]) {
    assert.deepEqual((await collected(decodeRecords(streamOf(lines, size), keys))).records, records);
    assert.deepEqual((await collected(decodeRecords(streamOf(array, size), keys, { format: "array" }))).records, records);
  }
});

test("a record that cannot be decrypted is reported, and the others are decoded", async () => {
  const foreign = JSON.stringify({ id: "b", modified: 2, payload: encryptRecord(KeyBundle.make(), { id: "b" }) });
  const text = [bso({ id: "a" }), foreign, '{"id":"c"}', bso({ id: "d" })].join("\n");
  const { records, failed } = await collected(decodeRecords(streamOf(`${text}\n`), keys));
  assert.deepEqual(records, [{ id: "a" }, { id: "d" }]);
  assert.deepEqual(failed.sort((a, b) => (a.id < b.id ? -1 : 1)), [
    { id: "b", code: "hmac-mismatch" },
    { id: "c", code: "malformed-payload" },
  ]);
});

test("records as bytes are the same records", async () => {
  const batches = [];
  const stream = streamOf(`${bso({ id: "a", n: 1 })}\n${bso({ id: "b" })}\n`);
  for await (const batch of decodeRecords(stream, keys, { as: "bytes" })) batches.push(batch);
  const [batch] = batches;
  const texts = [...batch.ends].map((end, at) => batch.cleartexts.subarray(at ? batch.ends[at - 1] : 0, end));
  assert.deepEqual(texts.map(text => JSON.parse(new TextDecoder().decode(text))), [{ id: "a", n: 1 }, { id: "b" }]);
});

test("a truncated body is an error", async () => {
  const text = `[${bso({ id: "a" })},{"id":"b"`;
  const error = await rejected(collected(decodeRecords(streamOf(text), keys, { format: "array" })));
  assert.deepEqual([error.name, error.code], ["SelvedgeError", "answer"]);
});

test("a loop that ends early cancels the body, and reads at most one batch ahead", async () => {
  const chunk = new TextEncoder().encode(Array.from({ length: 500 }, (_, n) => `${bso({ id: `n${n}` })}\n`).join(""));
  let [pulled, isCancelled] = [0, false];
  const stream = new ReadableStream(
    {
      pull(controller) {
        pulled += 1;
        controller.enqueue(chunk.slice());
      },
      cancel: () => void (isCancelled = true),
    },
    { highWaterMark: 0 },
  );
  let records = 0;
  for await (const batch of decodeRecords(stream, keys)) {
    records += batch.records.length;
    break;
  }
  assert.ok(records > 0 && isCancelled);
  assert.ok(pulled * 500 - records <= 500, `${pulled} chunks for ${records} records`);
});

// The modules of page and extension that need no browser: addresses, entries, messages, and reading of bodies.
// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";
import { firstObjects } from "../../www/page/json-prefix.js";
import { stageOf, Stages } from "../../www/page/stages.js";
import { addressOf, byNewest, entryFor, entryOf, idOf, matches, tagsOf } from "../../www/shared/reading-list.js";
import { counted, summaryOf, messageOf } from "../../www/shared/user-messages.js";
import { ago, duration, size } from "../../www/shared/format.js";

test("a web address is normalized, and other texts are refused", () => {
  const rows = [
    ["https://example.org", "https://example.org/"],
    [" HTTPS://Example.ORG:443/a?b#c ", "https://example.org/a?b#c"],
    ["example.org/a", "https://example.org/a"],
    ["localhost:8080/a", "https://localhost:8080/a"],
    ["http://[::1]/", "http://[::1]/"],
    ["https://bücher.example/", "https://xn--bcher-kva.example/"],
    ["", undefined],
    ["javascript:alert(1)", undefined],
    ["data:text/html,x", undefined],
    ["file:///etc/passwd", undefined],
    ["about:blank", undefined],
    ["two words", undefined],
  ];
  for (const [text, address] of rows) assert.equal(addressOf(text), address, text);
});

test("an address has the same id on every device", async () => {
  const id = await idOf("https://example.org/");
  // The first twelve bytes of its SHA-256, computed independently: printf %s https://example.org/ | sha256sum
  assert.equal(id, Buffer.from("8198d1bac40a1033653a78e48800cefc9e6b974ff075c66e5548b5c1e145a2b0", "hex").subarray(0, 12).toString("base64url"));
  const a = await entryFor("https://example.org/", { title: " a ", tags: ["x"] });
  const b = await entryFor("https://example.org/");
  assert.equal(a.id, b.id);
  assert.deepEqual([a.title, b.title, a.read, a.tags], ["a", "example.org", false, ["x"]]);
});

test("a record of another program is an entry if it has a valid address", () => {
  const rows = [
    [{ id: "a", url: "https://example.org/" }, { id: "a", url: "https://example.org/", title: "example.org", note: "", tags: [], read: false, added: 0 }],
    [{ id: "a", url: "https://example.org/", title: 7, note: null, tags: ["x", 7], read: "yes", added: "now" }, { id: "a", url: "https://example.org/", title: "example.org", note: "", tags: ["x"], read: false, added: 0 }],
    [{ id: "a", url: "javascript:alert(1)" }, undefined],
    [{ id: "a" }, undefined],
  ];
  for (const [record, entry] of rows) assert.deepEqual(entryOf(record), entry, JSON.stringify(record));
});

test("a search matches all of its words, in any field", () => {
  const entry = { id: "a", url: "https://example.org/looms", title: "How a Loom works", note: "edges", tags: ["weaving"], read: false, added: 1 };
  const rows = /** @type {const} */ ([["", true], ["loom", true], ["EDGES weaving", true], ["example looms", true], ["loom silk", false]]);
  for (const [search, isFound] of rows) assert.equal(matches(entry, search), isFound, search);
  assert.deepEqual(tagsOf(" a, b,,a , "), ["a", "b"]);
  assert.deepEqual([{ ...entry, added: 2, id: "c" }, { ...entry, id: "b" }, entry].sort(byNewest).map(({ id }) => id), ["c", "a", "b"]);
});

test("the first objects of a truncated body are found", () => {
  const rows = [
    ["", []],
    ["[]", []],
    ['[{"a":1},{"b":{"c":"}"}}]', [{ a: 1 }, { b: { c: "}" } }]],
    ['{"a":1}\n{"a":2}\n{"a":3}\n', [{ a: 1 }, { a: 2 }]],
    ['{"a":"\\"}{"}', [{ a: '"}{' }]],
    ['{"a":1}{"b":', [{ a: 1 }]],
    ["{nonsense}}{", []],
    ["0.5", []],
  ];
  for (const [text, objects] of rows) assert.deepEqual(firstObjects(/** @type {string} */ (text), 2), objects, String(text));
});

test("each request belongs to a stage", () => {
  const rows = [
    ["GET", "1.0/sync/1.5", "token"],
    ["GET", "info/collections", "check for changes"],
    ["GET", "info/configuration", "limits"],
    ["PUT", "storage/meta/global", "meta/global"],
    ["GET", "storage/crypto/keys", "keys"],
    ["POST", "storage/clients?batch=true", "devices"],
    ["GET", "storage/readinglist?full=1", "download readinglist"],
    ["POST", "storage/readinglist?batch=true", "upload readinglist"],
    ["DELETE", "storage/readinglist/abc", "upload readinglist"],
  ];
  for (const [method, path, stage] of rows) assert.equal(stageOf({ method, path }), stage, path);
});

test("the stages contain the whole time of a sync", () => {
  const stages = new Stages(100);
  const exchange = { number: 1, method: "GET", status: 200, sent: 1, received: 10, records: [], direction: /** @type {const} */ ("received") };
  stages.add({ ...exchange, path: "info/collections", started: 105, milliseconds: 20 });
  stages.add({ ...exchange, path: "storage/readinglist", started: 130, milliseconds: 50 });
  stages.add({ ...exchange, path: "storage/readinglist", started: 190, milliseconds: 10 });
  const all = stages.end(230);
  assert.deepEqual(all, [
    { name: "check for changes", network: 20, work: 10, sent: 1, received: 10, requests: 1 },
    { name: "download readinglist", network: 60, work: 40, sent: 2, received: 20, requests: 2 },
  ]);
  assert.equal(all.reduce((sum, { network, work }) => sum + network + work, 0), 130);
  assert.deepEqual(new Stages(0).end(7), []);
});

test("a known code has its message, and an unknown code the error's message", () => {
  assert.match(messageOf({ code: "signed-out", message: "x" }), /Join again/);
  assert.match(messageOf({ code: "wait", retryAfter: Date.now() + 1000 }), /until .*\d.*\.$/);
  assert.equal(messageOf({ code: "wait" }), "The server asks this device to wait for a while.");
  assert.equal(messageOf({ code: "new-word", message: "this is new" }), "This is new.");
  assert.equal(messageOf({}), "An unknown error has occurred.");
});

test("the result of a sync has one message", () => {
  const collection = { name: "readinglist", status: "ok", applied: { added: 2, changed: 1, deleted: 0, merged: 0 }, sent: 4, failed: 0 };
  const report = /** @type {any} */ ({ ending: "done", retryAfter: null, collections: [collection] });
  const nothing = { ...collection, applied: { added: 0, changed: 0, deleted: 0, merged: 0 }, sent: 0 };
  const rows = [
    [report, /^Synced: 3 changes received, 4 sent\.$/],
    [{ ...report, collections: [nothing] }, /^Synced: no changes\.$/],
    [{ ...report, collections: [{ ...nothing, failed: 1 }] }, /1 entry could not be read\.$/],
    [{ ...report, collections: [{ ...nothing, error: { code: "over-quota", message: "" } }] }, /quota on the server/],
    [{ ...report, ending: "stopped", error: { code: "network", message: "" } }, /cannot be reached/],
    [{ ...report, ending: "logged-out" }, /signed this one out/],
    [{ ...report, ending: "cut-short" }, /asks this device to wait/],
  ];
  for (const [given, expected] of rows) assert.match(summaryOf(given), expected);
});

test("numbers, times and sizes are formatted for users", () => {
  assert.deepEqual([counted(1, "page"), counted(2, "page"), counted(2, "entry", "entries")], ["1 page", "2 pages", "2 entries"]);
  assert.deepEqual([size(999), size(1000), size(2_500_000)], ["999 B", "1 kB", "2.5 MB"]);
  assert.deepEqual([duration(999.4), duration(1500)], ["999 ms", "1.5 s"]);
  const rows = /** @type {const} */ ([[0, "just now"], [-30_000, "30 seconds ago"], [-3_600_000, "1 hour ago"], [-86_400_000, "yesterday"], [7_200_000, "in 2 hours"]]);
  for (const [shift, expected] of rows) assert.equal(ago(1e12 + shift, 1e12), expected);
});

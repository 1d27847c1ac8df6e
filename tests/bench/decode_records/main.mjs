// Decodes 20,000 records in Node, Chromium and Firefox, or in the hosts given as arguments, and prints the speed relative to
// plain JavaScript.
// @ts-check
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import * as selvedge from "../../../wasm/pkg/node.js";
import { BROWSERS, launch, program } from "../../browser/browsers.mjs";
import { measure } from "./measure.mjs";

const COUNT = 20_000;
const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const TYPES = { ".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm" };

/** Minimum speed of each method relative to plain JavaScript. */
const BOUNDS = {
  chromium: { "rust bytes": 3.5, "rust records": 2.5, "host bytes": 5, "host records": 3.5 },
  firefox: { "rust bytes": 4, "rust records": 2.5, "host bytes": 6, "host records": 3.5 },
};

/** A body with one bookmark of about 518 bytes per line. */
const sample = () => {
  const bytes = () => Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString("base64");
  const [encryption, hmac] = [bytes(), bytes()];
  const keys = selvedge.KeyBundle.fromPair(encryption, hmac);
  const lines = [];
  for (let n = 0; n < COUNT; n += 1) {
    const id = `bookmark${String(n).padStart(4, "0")}`;
    const record = {
      id,
      type: "bookmark",
      parentid: "toolbar",
      parentName: "Bookmarks Toolbar",
      title: `A page about weaving, the ${n}th of many: how a loom keeps its edges straight`,
      bmkUri: `https://example.org/articles/${n}/how-a-loom-keeps-its-edges-straight?from=reading-list&page=${n % 17}`,
      tags: ["weaving", "looms", `shelf ${n % 100}`],
      dateAdded: 1_700_000_000_000 + n,
      description: "Warp and weft, shuttle and reed; what a selvedge is for, and why cloth without one frays at its sides, as every weaver finds out once.",
    };
    lines.push(JSON.stringify({ id, modified: 1_700_000_000 + n / 100, payload: selvedge.encryptRecord(keys, record) }));
  }
  return { body: new Uint8Array(Buffer.from(lines.join("\n") + "\n")), encryption, hmac, count: COUNT };
};

/**
 * Serves the repository's files and the body on 127.0.0.1, which browsers treat as a secure context.
 * @param {Uint8Array} body
 */
const serve = body =>
  new Promise(resolve => {
    const server = createServer(async (request, response) => {
      const path = new URL(request.url ?? "/", "http://localhost").pathname;
      if (path === "/") return void response.setHeader("Content-Type", "text/html").end("<!doctype html><title>bench</title>");
      if (path === "/body") return void response.end(body);
      try {
        response.setHeader("Content-Type", TYPES[extname(path)] ?? "application/octet-stream");
        response.end(await readFile(join(ROOT, path)));
      } catch {
        response.writeHead(404).end();
      }
    });
    server.listen(0, "127.0.0.1", () => {
      const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
      resolve({ url: `http://127.0.0.1:${port}`, stop: () => server.close() });
    });
  });

/**
 * @param {"chromium" | "firefox"} name
 * @param {ReturnType<typeof sample>} records
 * @param {string} url
 * @returns {Promise<Record<string, number>>}
 */
const inBrowser = async (name, { encryption, hmac, count }, url) => {
  const browser = await launch(name);
  try {
    const page = await browser.newPage();
    page.setDefaultTimeout(0);
    await page.goto(url);
    return await page.evaluate(
      async (encryption, hmac, count) => {
        // @ts-expect-error: URLs of this server
        const [{ measure }, selvedge] = await Promise.all([import("/tests/bench/decode_records/measure.mjs"), import("/wasm/pkg/selvedge.js")]);
        await selvedge.default();
        const body = new Uint8Array(await (await fetch("/body")).arrayBuffer());
        return measure(selvedge, { body, encryption, hmac, count });
      },
      encryption,
      hmac,
      count,
    );
  } finally {
    await browser.close();
  }
};

let failed = 0;

/**
 * Prints the figures of one host, and compares them with the bounds.
 * @param {string} host
 * @param {Record<string, number>} times
 */
const print = (host, times) => {
  console.log(`\n${host}: microseconds per record (speed relative to plain JavaScript)`);
  const of = (/** @type {string} */ way) => (1000 * times[way]) / COUNT;
  for (const as of ["bytes", "records"]) {
    const plain = Object.keys(times).filter(way => way.startsWith(`plain ${as} `));
    const best = plain.reduce((a, b) => (times[a] < times[b] ? a : b));
    const degrees = plain.map(way => `${of(way).toFixed(1)} by ${way.split(" ").at(-1)}`);
    console.log(`  ${as.padEnd(8)} plain JavaScript       ${of(best).toFixed(2).padStart(6)}   (${degrees.join(", ")})`);
    for (const [kind, called] of [["rust", "Rust alone"], ["host", "AES of the host"]]) {
      const way = `${kind} ${as}`;
      const ratio = times[best] / times[way];
      const bound = BOUNDS[host]?.[way];
      const verdict = bound === undefined ? "" : ratio >= bound ? `PASS: at least ${bound}` : `FAIL: at least ${bound}`;
      if (verdict.startsWith("FAIL")) failed += 1;
      console.log(`  ${as.padEnd(8)} ${called.padEnd(22)} ${of(way).toFixed(2).padStart(6)}   ${ratio.toFixed(2)}x  ${verdict}`);
    }
  }
};

const only = process.argv.slice(2);
const isSelected = (/** @type {string} */ host) => only.length === 0 || only.includes(host);
const records = sample();
console.log(`${COUNT} records, ${(records.body.length / COUNT).toFixed(0)} bytes each on the wire`);
if (isSelected("node")) print("node", await measure(selvedge, records));
const { url, stop } = await serve(records.body);
for (const name of BROWSERS.filter(isSelected)) {
  if (program(name)) print(name, await inBrowser(name, records, url));
  else console.log(`\n${name}: skipped, it is not installed`);
}
stop();
process.exitCode = failed > 0 ? 1 : 0;

// Runs the examples of the package's README that need a browser.
// @ts-check
import assert from "node:assert/strict";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { extensionPage, launch } from "./browsers.mjs";
import { Device, serve } from "./selvedge.mjs";

const PACKAGE = fileURLToPath(new URL("../../wasm/pkg", import.meta.url));

test("chromium: the extension of the README stores a note and syncs it", async t => {
  const readme = readFileSync(join(PACKAGE, "README.md"), "utf8");
  const blocks = [...readme.matchAll(/^```(\w+)\n([^]*?)^```$/gm)];
  const manifest = blocks.find(([, kind]) => kind === "json")?.[2] ?? "";
  const background = blocks.find(([, , text]) => text.includes("chrome.runtime"))?.[2] ?? "";
  const directory = mkdtempSync(join(tmpdir(), "selvedge-readme-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  mkdirSync(join(directory, "selvedge"));
  for (const name of readdirSync(PACKAGE).filter(name => /\.js$|^selvedge\.wasm$/.test(name))) {
    cpSync(join(PACKAGE, name), join(directory, "selvedge", name));
  }
  writeFileSync(join(directory, "manifest.json"), manifest.replace("https://sync.example.org/*", "http://127.0.0.1/*"));
  writeFileSync(join(directory, "background.js"), background);
  writeFileSync(join(directory, "page.html"), "<!doctype html><title>page</title>");

  const server = await serve(t);
  const cli = new Device(t);
  const code = cli.run("account", "create", "--server", server.url).trim();
  const browser = await launch("chromium", { extension: directory });
  t.after(() => browser.close());
  const page = await extensionPage("chromium", browser, "page.html");
  const answer = await page.evaluate(async account => {
    await chrome.storage.local.set({ account });
    return chrome.runtime.sendMessage({ title: "milk" });
  }, code);
  assert.equal(answer.ending, "done", JSON.stringify(answer));
  cli.sync("notes");
  assert.deepEqual(cli.records("notes").map(({ id, title }) => [id, title]), [[answer.id, "milk"]]);
});

// The Rust tests, compiled to WebAssembly, in each kind of context that a browser has.
// @ts-check
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { basename } from "node:path";
import { after, before, describe, test } from "node:test";
import { BROWSERS, launch, program } from "./browsers.mjs";

const [runner, command] = JSON.parse(process.env.SELVEDGE_WASM_RUNNER ?? "[]");
const modules = JSON.parse(process.env.SELVEDGE_WASM_TESTS ?? "[]");

const CONTEXTS = {
  "a page": "WASM_BINDGEN_USE_BROWSER",
  "a dedicated worker": "WASM_BINDGEN_USE_DEDICATED_WORKER",
  "a service worker": "WASM_BINDGEN_USE_SERVICE_WORKER",
};

/**
 * Serves a module with the page that runs its tests.
 * @param {string} module
 * @param {string} variable the environment variable that selects the context
 */
const serve = (module, variable) =>
  new Promise((resolve, reject) => {
    const server = spawn(runner, [command, module], {
      env: { ...process.env, [variable]: "1", NO_HEADLESS: "1", WASM_BINDGEN_TEST_ADDRESS: "127.0.0.1:0" },
      stdio: ["ignore", "pipe", "inherit"],
    });
    let output = "";
    server.stdout.on("data", chunk => {
      output += chunk;
      const found = /available at (http:\S+)/.exec(output);
      if (found) resolve({ url: found[1], stop: () => server.kill() });
    });
    server.on("exit", () => reject(new Error(`the runner does not serve ${module}: ${output}`)));
  });

test("there are tests to run", () => assert.ok(modules.length >= 3));

for (const name of BROWSERS) {
  describe(name, { skip: program(name) ? false : `${name} is not installed` }, () => {
    /** @type {import("puppeteer-core").Browser} */
    let browser;
    before(async () => void (browser = await launch(name)));
    after(() => browser?.close());

    for (const [context, variable] of Object.entries(CONTEXTS)) {
      for (const module of modules) {
        test(`${basename(module).replace(/-[0-9a-f]+\.wasm$/, "")} in ${context}`, async () => {
          const server = await serve(module, variable);
          const page = await browser.newPage();
          try {
            await page.goto(server.url);
            const output = await page.waitForFunction(
              () => {
                const text = document.querySelector("#output")?.textContent ?? "";
                return /test result: |error: /i.test(text) && text;
              },
              { timeout: 300_000 },
            );
            const text = String(await output.jsonValue());
            const counts = /test result: ok\. (\d+) passed; 0 failed/.exec(text);
            assert.ok(counts && Number(counts[1]) > 0, text);
          } finally {
            await page.close();
            server.stop();
          }
        });
      }
    }
  });
}

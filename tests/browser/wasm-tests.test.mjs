// The tests that are Rust, compiled to WebAssembly, in every kind of place that a browser has for it.
// @ts-check
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { basename } from "node:path";
import { after, before, describe, test } from "node:test";
import { BROWSERS, launch, program } from "./browsers.mjs";

const [runner, command] = JSON.parse(process.env.SELVEDGE_WASM_RUNNER ?? "[]");
const modules = JSON.parse(process.env.SELVEDGE_WASM_TESTS ?? "[]");

const PLACES = {
  "a page": "WASM_BINDGEN_USE_BROWSER",
  "a dedicated worker": "WASM_BINDGEN_USE_DEDICATED_WORKER",
  "a service worker": "WASM_BINDGEN_USE_SERVICE_WORKER",
};

/**
 * Serves a module with the page that runs its tests.
 * @param {string} module
 * @param {string} place The variable that names where they run.
 */
const serve = (module, place) =>
  new Promise((resolve, reject) => {
    const server = spawn(runner, [command, module], {
      env: { ...process.env, [place]: "1", NO_HEADLESS: "1", WASM_BINDGEN_TEST_ADDRESS: "127.0.0.1:0" },
      stdio: ["ignore", "pipe", "inherit"],
    });
    let said = "";
    server.stdout.on("data", chunk => {
      said += chunk;
      const found = /available at (http:\S+)/.exec(said);
      if (found) resolve({ url: found[1], stop: () => server.kill() });
    });
    server.on("exit", () => reject(new Error(`it does not serve ${module}: ${said}`)));
  });

test("there are tests to run", () => assert.ok(modules.length >= 3));

for (const name of BROWSERS) {
  describe(name, { skip: program(name) ? false : `there is no ${name}` }, () => {
    /** @type {import("puppeteer-core").Browser} */
    let browser;
    before(async () => void (browser = await launch(name)));
    after(() => browser?.close());

    for (const [place, variable] of Object.entries(PLACES)) {
      for (const module of modules) {
        test(`${basename(module).replace(/-[0-9a-f]+\.wasm$/, "")} in ${place}`, async () => {
          const server = await serve(module, variable);
          const page = await browser.newPage();
          try {
            await page.goto(server.url);
            const said = await page.waitForFunction(
              () => {
                const text = document.querySelector("#output")?.textContent ?? "";
                return /test result: |error: /i.test(text) && text;
              },
              { timeout: 300_000 },
            );
            const text = String(await said.jsonValue());
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

// The extension in real browsers: it keeps a reading list in step with the other browser and the program, whatever becomes of
// its background.
// @ts-check
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { BROWSERS } from "./browsers.mjs";
import { article, Extended, fill, says, shows, sync } from "./extension.mjs";
import { Device, serve } from "./selvedge.mjs";

const AXE = readFileSync(fileURLToPath(import.meta.resolve("axe-core/axe.min.js")), "utf8");
const COLLECTION = "readinglist";
const MANY = 5000;
const BACK = true;

const temporary = mkdtempSync(join(tmpdir(), "selvedge-extension-shots-"));
const artifacts = process.env.SELVEDGE_ARTIFACTS ?? temporary;
mkdirSync(artifacts, { recursive: true });
after(() => rmSync(temporary, { recursive: true, force: true }));

const account = async t => {
  const server = await serve(t);
  const cli = new Device(t);
  return { cli, code: cli.run("account", "create", "--server", server.url).trim() };
};

const entry = (at, more = {}) => ({
  id: `entry-${at}`, url: `https://example.org/${at}`, title: `Page ${at}`, note: "", tags: [], read: false, added: 1_700_000_000_000 + at, ...more,
});

test("two browsers and the program keep one reading list in step", async t => {
  const { cli, code } = await account(t);
  const [chromium, firefox] = await Promise.all(BROWSERS.map(name => Extended.launch(t, name)));
  for (const browser of [chromium, firefox]) await (await browser.join(code)).close();
  const url = await article(t, "The selvedge of a cloth");

  // The page in front is saved from the popup, in both browsers: that is one entry.
  const popups = [];
  for (const { browser } of [chromium, firefox]) {
    const tab = await browser.newPage();
    await tab.goto(url);
    const popup = await (browser === chromium.browser ? chromium : firefox).popup();
    await tab.bringToFront();
    await popup.reload({ waitUntil: [] });
    await popup.waitForFunction(() => document.getElementById("save-what")?.textContent?.includes("selvedge"), { polling: 50 });
    await popup.$eval("#save", save => /** @type {HTMLButtonElement} */ (save).click());
    await says(popup, "Saved “The selvedge of a cloth”");
    popups.push(popup);
  }
  const [inChromium, inFirefox] = popups;
  await sync(inChromium);
  await sync(inFirefox);
  cli.sync();
  const [saved, ...others] = cli.records(COLLECTION);
  assert.deepEqual(others, []);
  assert.deepEqual([saved.url, saved.title, saved.read], [url, "The selvedge of a cloth", false]);
  assert.match(saved.id, /^[\w-]{16}$/);

  // Each changes something else, and all have all of it.
  cli.feed(JSON.stringify({ note: "Ask about the loom", colour: "indigo" }), "records", "edit", COLLECTION, saved.id);
  cli.sync();
  await inChromium.$eval('[data-act="mark"]', mark => /** @type {HTMLInputElement} */ (mark).click());
  await inChromium.waitForSelector(".entry.read");
  await sync(inChromium);
  await sync(inFirefox);
  await inFirefox.waitForSelector(".entry.read .note");
  cli.sync();
  const [merged] = cli.records(COLLECTION);
  assert.deepEqual([merged.note, merged.colour, merged.read], ["Ask about the loom", "indigo", true]);

  // What one deletes is gone from all, and can be taken back before.
  await inFirefox.$eval('[data-act="delete"]', button => /** @type {HTMLButtonElement} */ (button).click());
  await says(inFirefox, "Deleted");
  await inFirefox.$eval("#undo", undo => /** @type {HTMLButtonElement} */ (undo).click());
  await shows(inFirefox, ["The selvedge of a cloth"]);
  await inFirefox.$eval('[data-act="delete"]', button => /** @type {HTMLButtonElement} */ (button).click());
  await shows(inFirefox, []);
  await sync(inFirefox);
  await sync(inChromium);
  await shows(inChromium, []);
  cli.sync();
  assert.deepEqual(cli.records(COLLECTION), []);
  assert.deepEqual([...chromium.wrong, ...firefox.wrong], []);
});

test(`a sync of ${MANY.toLocaleString("en")} records goes on from its last commit when the worker is killed in the middle`, async t => {
  const { cli, code } = await account(t);
  const records = Array.from({ length: MANY }, (_, at) => JSON.stringify(entry(at, { note: "n".repeat(2000) })));
  cli.feed(records.join("\n"), "records", "put", COLLECTION);
  cli.sync();
  const extended = await Extended.launch(t, "chromium");
  const workers = await serviceWorkers(extended);

  // As soon as something is committed, the worker is killed.
  const options = await extended.join(code);
  while ((await committed(options)) === 0) await new Promise(resolve => setTimeout(resolve, 10));
  await workers.stop();
  const before = await committed(options);
  assert.ok(before > 0 && before < MANY, `the worker was killed with ${before} of ${MANY} records`);

  // Nobody asks for anything: the alarm alone starts the worker again.
  await options.waitForFunction(
    async () => (await chrome.storage.local.get("last")).last?.isDone,
    { polling: 200, timeout: 90_000 },
  );
  assert.equal(await committed(options), MANY);
  const { last } = await options.evaluate(() => chrome.storage.local.get("last"));
  const received = Number(/([\d.,]+) changes? received/.exec(last.said)?.[1].replace(/\D/g, ""));
  t.diagnostic(`killed with ${before} of ${MANY} records; ${received} came afterwards`);
  assert.equal(received, MANY - before, "what was committed does not come again");
  const popup = await extended.popup();
  await popup.waitForSelector(".entry");
  assert.match(await popup.$eval("#count", count => count.textContent ?? ""), /5[,.\s]?000/);
  assert.deepEqual(extended.wrong, []);
});

test("an account that its server does not know is told of and not kept", async t => {
  const { url } = await serve(t);
  const extended = await Extended.launch(t, "chromium");
  const page = await extended.page("options.html");
  await page.waitForSelector("#account", { visible: true });
  await page.type("#account", "selvedge1-nothing");
  await page.waitForFunction(() => document.getElementById("server-hint")?.textContent?.includes("no join code"));
  await page.click("#join-button");
  await says(page, "Paste a join code");

  const key = randomBytes(64);
  const fingerprint = createHash("sha256").update(key).digest().subarray(0, 16).toString("base64url");
  const credentials = { tokenserver_url: `${url}/1.0/sync/1.5`, access_token: "nobody", kid: `1-${fingerprint}`, ksync_b64url: key.toString("base64url") };
  await fill(page, "#account", JSON.stringify(credentials));
  await page.waitForFunction(() => document.getElementById("server-hint")?.textContent?.includes("127.0.0.1"));
  await page.click("#join-button");
  await says(page, "no longer knows this device");
  assert.deepEqual(await page.evaluate(() => chrome.storage.local.get()), {});
  assert.equal(await page.$eval("#join", join => join.checkVisibility()), true);
});

for (const name of BROWSERS) {
  test(`${name}: everything can be done by keys alone`, async t => {
    const { cli, code } = await account(t);
    cli.feed([1, 2].map(at => JSON.stringify(entry(at))).join("\n"), "records", "put", COLLECTION);
    cli.sync();
    const extended = await Extended.launch(t, name);
    await (await extended.join(code)).close();
    const popup = await extended.popup();
    await shows(popup, ["Page 1", "Page 2"]);
    await popup.bringToFront();

    await reach(popup, "#other summary");
    await popup.keyboard.press("Enter");
    await reach(popup, "#add-url");
    await popup.keyboard.type("example.org/by-keys");
    await popup.keyboard.press("Enter");
    await says(popup, "Saved “example.org”");
    await reach(popup, "#search");
    await popup.keyboard.type("by-keys");
    await shows(popup, ["example.org"]);
    await reach(popup, '[data-act="edit"]');
    await popup.keyboard.press("Enter");
    await popup.waitForSelector("#edit[open]");
    await reach(popup, "#edit-tags");
    await popup.keyboard.type("weaving, cloth");
    await popup.keyboard.press("Enter");
    await popup.waitForSelector(".entry .tag");
    await reach(popup, '[data-act="mark"]', BACK);
    await popup.keyboard.press(" ");
    await popup.waitForSelector(".entry.read");
    await reach(popup, "#sync", BACK);
    await popup.keyboard.press("Enter");
    await says(popup, "In step");
    cli.sync();
    const made = cli.records(COLLECTION).find(({ url }) => url === "https://example.org/by-keys");
    assert.deepEqual([made?.tags, made?.read], [["weaving", "cloth"], true]);
    await reach(popup, '[data-act="delete"]');
    await popup.keyboard.press("Enter");
    await shows(popup, []);
    const focused = await popup.evaluate(() => document.activeElement?.id);
    assert.equal(focused, "search", "the focus is somewhere when its entry is gone");
    assert.deepEqual(extended.wrong, []);
  });

  test(`${name}: popup and options are accessible in light and dark, joined or not`, async t => {
    const { cli, code } = await account(t);
    const shown = [
      entry(1, { title: "How a selvedge keeps a cloth from fraying", note: "The part on the loom", tags: ["weaving", "cloth"], added: Date.now() - 3_600_000 }),
      entry(2, { url: "https://www.example.net/sync", title: "The life of a sync", read: true, added: Date.now() - 86_400_000 }),
      entry(3, { title: "A page with quite a long title that does not fit on one line of the popup", added: Date.now() - 90_000_000 }),
    ];
    cli.feed(shown.map(one => JSON.stringify(one)).join("\n"), "records", "put", COLLECTION);
    cli.sync();
    const extended = await Extended.launch(t, name);
    const fresh = await extended.page("popup.html");
    await fresh.setViewport({ width: 400, height: 600 });
    await fresh.waitForSelector("#join", { visible: true });
    await accessible(fresh, `${name}-popup-fresh`);
    const unjoined = await extended.page("options.html");
    await unjoined.waitForSelector("#join", { visible: true });
    await accessible(unjoined, `${name}-options-fresh`);
    const options = await extended.join(code);
    const popup = await extended.popup();
    await shows(popup, shown.map(({ title }) => title));
    await accessible(popup, `${name}-popup`);
    await popup.$eval('[data-act="edit"]', edit => /** @type {HTMLButtonElement} */ (edit).click());
    await popup.waitForSelector("#edit[open]");
    await accessible(popup, `${name}-popup-edit`);
    await accessible(options, `${name}-options`);
    assert.deepEqual(extended.wrong, []);
  });
}

test("leaving the account keeps the list or removes it, as it was chosen", async t => {
  const { cli, code } = await account(t);
  cli.feed(JSON.stringify(entry(1)), "records", "put", COLLECTION);
  cli.sync();
  const extended = await Extended.launch(t, "chromium");
  const options = await extended.join(code);
  await (await extended.popup()).close();
  for (const [choice, left] of /** @type {const} */ ([["keep", 1], ["remove", 0]])) {
    await options.bringToFront();
    await options.click(`input[value="${choice}"]`);
    await options.click("#leave-form button");
    await options.waitForSelector("#join", { visible: true });
    assert.deepEqual(await options.evaluate(() => chrome.storage.local.get()), {}, "nothing of the account is left");
    assert.equal(await committed(options), left);
    if (left) {
      await fill(options, "#account", code);
      await options.waitForFunction(() => document.getElementById("server-hint")?.textContent?.includes("127.0.0.1"));
      await options.click("#join-button");
      await options.waitForSelector("#device", { visible: true });
      const popup = await extended.popup();
      await shows(popup, ["Page 1"]);
      await popup.close();
    }
  }
  cli.sync();
  assert.equal(cli.records(COLLECTION).length, 1, "the server and the other devices keep theirs");
});

/** What stops the extension's service worker as the browser does. */
const serviceWorkers = async extended => {
  const page = await extended.browser.newPage();
  const client = await page.createCDPSession();
  await client.send("ServiceWorker.enable");
  return {
    stop: async () => {
      const worker = await extended.browser.waitForTarget(target => target.type() === "service_worker");
      const gone = new Promise(resolve => extended.browser.on("targetdestroyed", target => target === worker && resolve(undefined)));
      await client.send("ServiceWorker.stopAllWorkers");
      await gone;
    },
  };
};

/** How many records the database of the extension holds. */
const committed = page =>
  page.evaluate(
    () =>
      new Promise((resolve, reject) => {
        const open = indexedDB.open("selvedge-readinglist");
        open.onerror = () => reject(open.error);
        open.onsuccess = () => {
          const database = open.result;
          if (!database.objectStoreNames.contains("items")) {
            database.close();
            return resolve(0);
          }
          const count = database.transaction("items").objectStore("items").count();
          count.onsuccess = () => {
            database.close();
            resolve(count.result);
          };
        };
      }),
  );

/** Goes by Tab until this has the focus, forth or back; not around, for there the browser's own controls are. */
const reach = async (page, selector, isBack = false) => {
  if (isBack) await page.keyboard.down("Shift");
  for (let press = 0; press < 60; press += 1) {
    if (await page.evaluate(selector => document.hasFocus() && document.activeElement?.matches(selector), selector)) {
      if (isBack) await page.keyboard.up("Shift");
      return;
    }
    await page.keyboard.press("Tab");
  }
  assert.fail(`Tab does not lead to ${selector}`);
};

/** Looks for what keeps people out, in light and in dark, and keeps a picture of each. */
const accessible = async (page, name) => {
  await page.bringToFront();
  for (const scheme of ["light", "dark"]) {
    await setScheme(page, scheme);
    await page.screenshot({ path: join(artifacts, `extension-${name}-${scheme}.png`) });
    // Pages of an extension run no foreign script but by the test's own hand.
    await page.evaluate(AXE);
    const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
    const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
    assert.deepEqual(found, [], `${name} in ${scheme}`);
  }
};

const setScheme = (page, scheme) =>
  page.evaluate(scheme => void (document.documentElement.style.colorScheme = scheme), scheme);

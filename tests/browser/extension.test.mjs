// The extension in real browsers: it syncs a reading list with another browser and the program, even if its background is
// stopped.
// @ts-check
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { BROWSERS } from "./browsers.mjs";
import { ExtensionBrowser, fill, serveArticle, showsMessage, showsTitles, sync } from "./extension.mjs";
import { Device, serve } from "./selvedge.mjs";

const AXE = readFileSync(fileURLToPath(import.meta.resolve("axe-core/axe.min.js")), "utf8");
const COLLECTION = "readinglist";
const MANY = 5000;
const BACK = true;

const temporary = mkdtempSync(join(tmpdir(), "selvedge-extension-shots-"));
const artifacts = process.env.SELVEDGE_ARTIFACTS ?? temporary;
mkdirSync(artifacts, { recursive: true });
after(() => rmSync(temporary, { recursive: true, force: true }));

const [UNREAD, ALARM] = [[23, 96, 91, 255], [163, 38, 28, 255]];

/** A server, a device of a new account there, and the account's join code. */
const account = async (t, host = "127.0.0.1") => {
  const server = await serve(t, [], `${host}:0`);
  const cli = new Device(t);
  return { server, cli, code: cli.run("account", "create", "--server", server.url).trim() };
};

const entry = (at, more = {}) => ({
  id: `entry-${at}`, url: `https://example.org/${at}`, title: `Page ${at}`, note: "", tags: [], read: false, added: 1_700_000_000_000 + at, ...more,
});

test("two browsers and the program sync one reading list", async t => {
  const { cli, code } = await account(t);
  const [chromium, firefox] = await Promise.all(BROWSERS.map(name => ExtensionBrowser.launch(t, name)));
  for (const browser of [chromium, firefox]) await (await browser.join(code)).close();
  const url = await serveArticle(t, "The selvedge of a cloth");

  // The current page is saved in the popups of both browsers: this makes one entry.
  const popups = [];
  for (const { browser } of [chromium, firefox]) {
    const tab = await browser.newPage();
    await tab.goto(url);
    const popup = await (browser === chromium.browser ? chromium : firefox).popup();
    await tab.bringToFront();
    await popup.reload({ waitUntil: [] });
    await popup.waitForFunction(() => document.getElementById("save-what")?.textContent?.includes("selvedge"), { polling: 50 });
    await popup.$eval("#save", save => /** @type {HTMLButtonElement} */ (save).click());
    await showsMessage(popup, "Saved “The selvedge of a cloth”");
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

  // Each device changes another field, and all devices get all changes.
  cli.feed(JSON.stringify({ note: "Ask about the loom", colour: "indigo" }), "records", "edit", COLLECTION, saved.id);
  cli.sync();
  await inChromium.$eval('[data-action="mark"]', mark => /** @type {HTMLInputElement} */ (mark).click());
  await inChromium.waitForSelector(".entry.read");
  await sync(inChromium);
  await sync(inFirefox);
  await inFirefox.waitForSelector(".entry.read .note");
  cli.sync();
  const [merged] = cli.records(COLLECTION);
  assert.deepEqual([merged.note, merged.colour, merged.read], ["Ask about the loom", "indigo", true]);

  // A deletion is synced to all devices; before that it can be undone.
  await inFirefox.$eval('[data-action="delete"]', button => /** @type {HTMLButtonElement} */ (button).click());
  await showsMessage(inFirefox, "Deleted");
  await inFirefox.$eval("#undo", undo => /** @type {HTMLButtonElement} */ (undo).click());
  await showsTitles(inFirefox, ["The selvedge of a cloth"]);
  await inFirefox.$eval('[data-action="delete"]', button => /** @type {HTMLButtonElement} */ (button).click());
  await showsTitles(inFirefox, []);
  await sync(inFirefox);
  await sync(inChromium);
  await showsTitles(inChromium, []);
  cli.sync();
  assert.deepEqual(cli.records(COLLECTION), []);
  assert.deepEqual([...chromium.errors, ...firefox.errors], []);
});

test(`a sync of ${MANY.toLocaleString("en")} records continues from its last commit after the worker is killed`, async t => {
  const { cli, code } = await account(t);
  const records = Array.from({ length: MANY }, (_, at) => JSON.stringify(entry(at, { note: "n".repeat(2000) })));
  cli.feed(records.join("\n"), "records", "put", COLLECTION);
  cli.sync();
  const extended = await ExtensionBrowser.launch(t, "chromium");
  const workers = await serviceWorkers(extended);

  // Kill the worker after the first commit.
  const options = await extended.join(code);
  while ((await committed(options)) === 0) await new Promise(resolve => setTimeout(resolve, 10));
  await workers.stop();
  const before = await committed(options);
  assert.ok(before > 0 && before < MANY, `the worker was killed with ${before} of ${MANY} records`);

  // No page sends a request: the alarm starts the worker again.
  await options.waitForFunction(
    async () => (await chrome.storage.local.get("last")).last?.isDone,
    { polling: 200, timeout: 90_000 },
  );
  assert.equal(await committed(options), MANY);
  const { last } = await options.evaluate(() => chrome.storage.local.get("last"));
  const received = Number(/([\d.,]+) changes? received/.exec(last.said)?.[1].replace(/\D/g, ""));
  t.diagnostic(`killed with ${before} of ${MANY} records; ${received} received afterwards`);
  assert.equal(received, MANY - before, "committed records are not received again");
  const popup = await extended.popup();
  await popup.waitForSelector(".entry");
  assert.match(await popup.$eval("#count", count => count.textContent ?? ""), /5[,.\s]?000/);
  assert.deepEqual(extended.errors, []);
});

test("an account that its server does not know is refused and not stored", async t => {
  const { url } = await serve(t);
  const extended = await ExtensionBrowser.launch(t, "chromium");
  const page = await extended.page("options.html");
  await page.waitForSelector("#account", { visible: true });
  await page.type("#account", "selvedge1-nothing");
  await page.waitForFunction(() => document.getElementById("server-hint")?.textContent?.includes("not a complete join code"));
  await page.click("#join-button");
  await hasText(page, "#account-problem", "Paste a join code or credentials first.");

  const key = randomBytes(64);
  const fingerprint = createHash("sha256").update(key).digest().subarray(0, 16).toString("base64url");
  const credentials = { tokenserver_url: `${url}/1.0/sync/1.5`, access_token: "unknown", kid: `1-${fingerprint}`, ksync_b64url: key.toString("base64url") };
  await fill(page, "#account", JSON.stringify(credentials));
  await page.waitForFunction(() => document.getElementById("server-hint")?.textContent?.includes("127.0.0.1"));
  await page.click("#join-button");
  await hasText(page, "#account-problem", "The server no longer knows this device. Join again with a new code.");
  assert.deepEqual(await page.evaluate(() => chrome.storage.local.get()), {});
  assert.equal(await page.$eval("#join", join => join.checkVisibility()), true);
});

for (const name of BROWSERS) {
  test(`${name}: everything can be done with the keyboard`, async t => {
    const { cli, code } = await account(t);
    cli.feed([1, 2].map(at => JSON.stringify(entry(at))).join("\n"), "records", "put", COLLECTION);
    cli.sync();
    const extended = await ExtensionBrowser.launch(t, name);
    await (await extended.join(code)).close();
    const popup = await extended.popup();
    await showsTitles(popup, ["Page 1", "Page 2"]);
    await popup.bringToFront();

    await reach(popup, "#other summary");
    await popup.keyboard.press("Enter");
    await reach(popup, "#add-url");
    await popup.keyboard.type("example.org/by-keys");
    await popup.keyboard.press("Enter");
    await showsMessage(popup, "Saved “example.org”");
    await reach(popup, "#search");
    await popup.keyboard.type("by-keys");
    await showsTitles(popup, ["example.org"]);
    await reach(popup, '[data-action="edit"]');
    await popup.keyboard.press("Enter");
    await popup.waitForSelector("#edit[open]");
    await reach(popup, "#edit-tags");
    await popup.keyboard.type("weaving, cloth");
    await popup.keyboard.press("Enter");
    await popup.waitForSelector(".entry .tag");
    await reach(popup, '[data-action="mark"]', BACK);
    await popup.keyboard.press(" ");
    await popup.waitForSelector(".entry.read");
    await reach(popup, "#sync", BACK);
    await popup.keyboard.press("Enter");
    await showsMessage(popup, "Synced:");
    cli.sync();
    const made = cli.records(COLLECTION).find(({ url }) => url === "https://example.org/by-keys");
    assert.deepEqual([made?.tags, made?.read], [["weaving", "cloth"], true]);
    await reach(popup, '[data-action="delete"]');
    await popup.keyboard.press("Enter");
    await showsTitles(popup, []);
    const focused = await popup.evaluate(() => document.activeElement?.id);
    assert.equal(focused, "search", "the focus moves to the search field when its entry is deleted");
    assert.deepEqual(extended.errors, []);
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
    const extended = await ExtensionBrowser.launch(t, name);
    const fresh = await extended.page("popup.html");
    await fresh.setViewport({ width: 400, height: 600 });
    await fresh.waitForSelector("#join", { visible: true });
    await accessible(fresh, `${name}-popup-fresh`);
    const unjoined = await extended.page("options.html");
    await unjoined.waitForSelector("#join", { visible: true });
    await accessible(unjoined, `${name}-options-fresh`);
    const options = await extended.join(code);
    const popup = await extended.popup();
    await showsTitles(popup, shown.map(({ title }) => title));
    await accessible(popup, `${name}-popup`);
    await popup.$eval('[data-action="edit"]', edit => /** @type {HTMLButtonElement} */ (edit).click());
    await popup.waitForSelector("#edit[open]");
    await accessible(popup, `${name}-popup-edit`);
    await accessible(options, `${name}-options`);
    assert.deepEqual(extended.errors, []);
  });
}

test("leaving the account keeps or removes the list, as chosen", async t => {
  const { cli, code } = await account(t);
  cli.feed(JSON.stringify(entry(1)), "records", "put", COLLECTION);
  cli.sync();
  const extended = await ExtensionBrowser.launch(t, "chromium");
  const options = await extended.join(code);
  await (await extended.popup()).close();
  for (const [choice, left] of /** @type {const} */ ([["keep", 1], ["remove", 0]])) {
    await leave(options, choice);
    const kept = left ? { adopt: true } : {};
    assert.deepEqual(await options.evaluate(() => chrome.storage.local.get()), kept, "the account's values are removed");
    assert.equal(await committed(options), left);
    if (left) {
      await extended.joinIn(options, code, "127.0.0.1");
      await options.waitForSelector("#device", { visible: true });
      const popup = await extended.popup();
      await showsTitles(popup, ["Page 1"]);
      await popup.close();
    }
  }
  cli.sync();
  assert.equal(cli.records(COLLECTION).length, 1, "the server and the other devices keep the list");
});

for (const name of BROWSERS) {
  test(`${name}: the badge counts unread pages, and shows when the user has to act`, async t => {
    const { cli, code, server } = await account(t);
    cli.feed([1, 2].map(at => JSON.stringify(entry(at))).join("\n"), "records", "put", COLLECTION);
    cli.sync();
    const extended = await ExtensionBrowser.launch(t, name);
    const options = await extended.join(code);
    await badge(options, "2", UNREAD, "Reading list: 2 pages to read");
    const popup = await extended.popup();
    await popup.waitForSelector('[data-action="mark"]');
    await popup.$eval('[data-action="mark"]', mark => /** @type {HTMLInputElement} */ (mark).click());
    await badge(options, "1", UNREAD, "Reading list: 1 page to read");

    // An unreachable server needs no action of the user: the schedule retries.
    await server.stop();
    await popup.$eval("#sync", button => /** @type {HTMLButtonElement} */ (button).click());
    await showsMessage(popup, "The server cannot be reached.");
    await badge(options, "1", UNREAD, "Reading list: 1 page to read");

    // A server that no longer knows this device does, and the popup shows the remedy.
    await serve(t, [], new URL(server.url).host);
    await popup.waitForSelector("#sync:not(:disabled)");
    await popup.$eval("#sync", button => /** @type {HTMLButtonElement} */ (button).click());
    const message = "The server no longer knows this device. Join again with a new code.";
    await showsMessage(popup, message);
    await badge(options, "!", ALARM, `Reading list: ${message}`);

    await leave(options, "keep");
    await badge(options, "", UNREAD, "Reading list: nothing to read");
  });

  test(`${name}: the popup stops a long sync, and the next one continues`, async t => {
    const { cli, code } = await account(t);
    const extended = await ExtensionBrowser.launch(t, name);
    const options = await extended.join(code);
    await (await extended.popup()).close();
    const records = Array.from({ length: MANY }, (_, at) => JSON.stringify(entry(at, { note: "n".repeat(2000) })));
    cli.feed(records.join("\n"), "records", "put", COLLECTION);
    cli.sync();
    const popup = await extended.popup();
    await popup.waitForSelector("#sync:not(:disabled)", { visible: true });
    await popup.$eval("#sync", button => /** @type {HTMLButtonElement} */ (button).click());
    await popup.waitForSelector("#stop", { visible: true });
    while ((await committed(options)) === 0) await new Promise(resolve => setTimeout(resolve, 10));
    await popup.$eval("#stop", button => /** @type {HTMLButtonElement} */ (button).click());
    await showsMessage(popup, "The sync was stopped. Completed changes are kept.");
    await popup.waitForSelector("#syncing", { hidden: true });
    const before = await committed(options);
    assert.ok(before > 0 && before < MANY, `it was stopped with ${before} of ${MANY} records`);
    // The sync stays stopped: the next one starts at its scheduled time.
    assert.match(await popup.$eval("#last", last => last.textContent ?? ""), /Next in \d+ minutes?/);

    await popup.$eval("#sync", button => /** @type {HTMLButtonElement} */ (button).click());
    await showsMessage(popup, "Synced:");
    assert.equal(await committed(options), MANY);
    const received = await popup.$eval("#status", status => Number(/([\d.,]+) changes? received/.exec(status.textContent ?? "")?.[1].replace(/\D/g, "")));
    t.diagnostic(`${name}: stopped with ${before} of ${MANY} records; ${received} received afterwards`);
    assert.equal(received, MANY - before, "committed records are not received again");
    assert.deepEqual(extended.errors, []);
  });

  test(`${name}: the popup immediately shows changes of another window`, async t => {
    const { cli, code } = await account(t);
    cli.feed(JSON.stringify(entry(1)), "records", "put", COLLECTION);
    cli.sync();
    const extended = await ExtensionBrowser.launch(t, name);
    await (await extended.join(code)).close();
    const [first, second] = [await extended.popup(), await extended.popup()];
    await showsTitles(first, ["Page 1"]);
    await second.waitForSelector('[data-action="mark"]');
    await second.$eval('[data-action="mark"]', mark => /** @type {HTMLInputElement} */ (mark).click());
    await first.waitForSelector(".entry.read", { timeout: 5000 });
    await second.$eval('[data-action="delete"]', button => /** @type {HTMLButtonElement} */ (button).click());
    await showsTitles(first, []);
    assert.deepEqual(extended.errors, []);
  });
}

test("firefox: joining requests the permission for the server, and leaving removes it", async t => {
  const extended = await ExtensionBrowser.launch(t, "firefox");
  const page = await extended.page("options.html");
  const origins = () => page.evaluate(async () => (await globalThis.browser.permissions.getAll()).origins);
  for (const host of ["127.0.0.1", "127.0.0.2"]) {
    assert.deepEqual(await origins(), []);
    await extended.joinIn(page, (await account(t, host)).code, host);
    await page.waitForSelector("#device", { visible: true });
    assert.deepEqual(await origins(), [`http://${host}/*`]);
    assert.match(await page.$eval("#server", server => server.textContent ?? ""), new RegExp(`^${host}:`));
    await leave(page, "remove");
  }
  assert.deepEqual(await origins(), []);
  assert.deepEqual(extended.errors, []);
});

// Headless Chromium cannot show its permission prompt: the test replaces the API, denies the permission and checks the request.
test("chromium: joining requests the permission for the server, and without it nothing is stored", async t => {
  const extended = await ExtensionBrowser.launch(t, "chromium");
  const page = await extended.join((await account(t)).code);
  await leave(page, "remove");
  await page.evaluate(() => {
    globalThis.requested = [];
    chrome.permissions.request = async permission => (globalThis.requested.push(permission), false);
  });
  await extended.joinIn(page, (await account(t, "127.0.0.2")).code, "127.0.0.2");
  await page.waitForFunction(() => document.getElementById("account-problem")?.textContent?.startsWith("Without the permission"));
  assert.deepEqual(await page.evaluate(() => globalThis.requested), [{ origins: ["http://127.0.0.2/*"] }]);
  assert.deepEqual(await page.evaluate(() => chrome.storage.local.get()), {});
  assert.deepEqual(extended.errors, []);
});

// A test cannot click Firefox's toolbar: there the popup is tested in a tab, with the permission for the page's server.
test("chromium: a click on the extension's button gives the popup access to the current page", async t => {
  const { cli, code } = await account(t);
  const extended = await ExtensionBrowser.launch(t, "chromium");
  await (await extended.join(code)).close();
  const url = (await serveArticle(t, "A page of another server")).replace("127.0.0.1", "localhost");
  const front = await extended.browser.newPage();
  await front.goto(url);
  const inTab = await extended.popup();
  await front.bringToFront();
  await inTab.reload({ waitUntil: [] });
  await hasText(inTab, "#save-what", "The current tab is not a web page.");
  await inTab.close();

  const popup = await extended.clickButton(front);
  await hasText(popup, "#save-what", "A page of another server");
  await popup.click("#save");
  await showsMessage(popup, "Saved “A page of another server”");
  await hasText(popup, "#save", "This page is saved");
  await sync(popup);
  cli.sync();
  assert.deepEqual(cli.records(COLLECTION).map(({ url, title }) => [url, title]), [[url, "A page of another server"]]);
  assert.deepEqual(extended.errors, []);
});

test("chromium: joining can be cancelled, and the account is not stored", async t => {
  // A server that accepts every request and never responds.
  const hanging = createServer(() => {});
  await new Promise(resolve => hanging.listen(0, "127.0.0.1", () => resolve(undefined)));
  t.after(() => (hanging.closeAllConnections(), hanging.close()));
  const { port } = /** @type {import("node:net").AddressInfo} */ (hanging.address());
  const credentials = { tokenserver_url: `http://127.0.0.1:${port}/1.0/sync/1.5`, access_token: "a", kid: `1-${"A".repeat(22)}`, ksync_b64url: "A".repeat(86) };
  const extended = await ExtensionBrowser.launch(t, "chromium");
  const page = await extended.page("options.html");
  await extended.joinIn(page, JSON.stringify(credentials), "127.0.0.1");
  await page.waitForSelector("#stop", { visible: true });
  await hasText(page, "#stop", "Cancel");
  await page.click("#stop");
  await page.waitForFunction(() => document.getElementById("account-problem")?.textContent?.startsWith("Joining was cancelled."));
  await page.screenshot({ path: join(artifacts, "extension-cancelled.png") });
  assert.deepEqual(await page.evaluate(() => chrome.storage.local.get()), {});
  assert.equal(await page.$eval("#join", join => join.checkVisibility()), true);
});

for (const name of BROWSERS) {
  test(`${name}: the popup deletes entries with quotes in their ids`, async t => {
    const { cli, code } = await account(t);
    const ids = ["a\"b", "c'd", "e\\f]"];
    cli.feed(ids.map((id, at) => JSON.stringify({ ...entry(at), id })).join("\n"), "records", "put", COLLECTION);
    cli.sync();
    const extended = await ExtensionBrowser.launch(t, name);
    await (await extended.join(code)).close();
    const popup = await extended.popup();
    for (let left = ids.length; left > 0; left -= 1) {
      await popup.waitForFunction(left => document.querySelectorAll(".entry").length === left, { polling: 50 }, left);
      await popup.$eval('[data-action="delete"]', button => /** @type {HTMLButtonElement} */ (button).click());
      await showsMessage(popup, "Deleted");
    }
    await showsTitles(popup, []);
    assert.deepEqual(extended.errors, []);
  });
}

/** A handle that stops the extension's service worker, as the browser does. */
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

/** Waits until an element has this text; also in a page in the background. */
const hasText = (page, selector, words) =>
  page.waitForFunction(([selector, words]) => document.querySelector(selector)?.textContent === words, { polling: 50 }, [selector, words]);

/** Leaves the account with the options page. */
const leave = async (options, choice) => {
  await options.bringToFront();
  await options.click(`input[value="${choice}"]`);
  await options.click("#leave-form button");
  await options.waitForSelector("#join", { visible: true });
};

/** Waits until the badge has a text and a colour, and the button has a title. */
const badge = async (page, ...wanted) => {
  const isShown = async wanted => {
    const { action } = globalThis.browser ?? chrome;
    const shown = [await action.getBadgeText({}), [...(await action.getBadgeBackgroundColor({}))], await action.getTitle({})];
    globalThis.badge = JSON.stringify(shown);
    return globalThis.badge === wanted;
  };
  await page.waitForFunction(isShown, { polling: 50, timeout: 15_000 }, JSON.stringify(wanted)).catch(async cause => {
    throw new Error(`the badge is ${await page.evaluate(() => globalThis.badge)}`, { cause });
  });
};

/** Number of records in the database of the extension. */
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

/** Presses Tab, or Shift and Tab, until an element has the focus. It does not wrap around: the browser's own controls follow. */
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

/** Checks the accessibility in light and dark mode, and saves a screenshot of each. */
const accessible = async (page, name) => {
  await page.bringToFront();
  for (const scheme of ["light", "dark"]) {
    await setScheme(page, scheme);
    await page.screenshot({ path: join(artifacts, `extension-${name}-${scheme}.png`) });
    // Pages of an extension do not load other scripts: the test injects this one.
    await page.evaluate(AXE);
    const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
    const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
    assert.deepEqual(found, [], `${name} in ${scheme}`);
  }
};

const setScheme = (page, scheme) =>
  page.evaluate(scheme => void (document.documentElement.style.colorScheme = scheme), scheme);

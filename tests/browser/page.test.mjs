// The page of `selvedge serve --www` in real browsers, used by mouse and keyboard; the program is the other device.
// @ts-check
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, request } from "node:http";
import { tmpdir } from "node:os";
import { join as joinPath } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { BROWSERS, launch } from "./browsers.mjs";
import { Device, serve } from "./selvedge.mjs";

const AXE = readFileSync(fileURLToPath(import.meta.resolve("axe-core/axe.min.js")), "utf8");
const WWW = fileURLToPath(new URL("../../www", import.meta.url));

const temporary = mkdtempSync(joinPath(tmpdir(), "selvedge-page-"));
const artifacts = process.env.SELVEDGE_ARTIFACTS ?? joinPath(temporary, "artifacts");
mkdirSync(artifacts, { recursive: true });
after(() => rmSync(temporary, { recursive: true, force: true }));

const COLLECTION = "readinglist";

/** Opens a page, and collects its errors. */
const openPage = async (browser, url) => {
  const page = await browser.newPage();
  const errors = [];
  page.on("pageerror", error => errors.push(String(error)));
  page.on("console", message => message.type() === "error" && errors.push(message.text()));
  await page.setViewport({ width: 1280, height: 900 });
  await page.goto(url);
  return { page, errors };
};

const text = (page, selector) => page.$eval(selector, element => element.textContent.trim());
const showsMessage = (page, words) =>
  page.waitForFunction(words => document.getElementById("status").textContent.includes(words), {}, words);
const titles = page => page.$$eval("#entries .entry a", links => links.map(link => link.textContent));

/** Clicks an element when it is visible and enabled. */
const click = async (page, selector) => (await page.waitForSelector(`${selector}:not(:disabled)`, { visible: true })).click();

const fill = async (page, selector, words) => {
  await page.$eval(selector, field => {
    field.value = "";
  });
  await page.type(selector, words);
};

const join = async (page, code) => {
  await page.waitForSelector("#join-code", { visible: true });
  await fill(page, "#join-code", code);
  await page.keyboard.press("Enter");
  await page.waitForSelector("#add-url", { visible: true });
};

const sync = async page => {
  await click(page, "#sync");
  await showsMessage(page, "Synced:");
};

for (const name of BROWSERS) {
  test(`${name}: the page and the program sync one list, and the network requests contain ciphertext`, async t => {
    const server = await serve(t, ["--www", WWW]);
    const cli = new Device(t);
    const code = cli.run("account", "create", "--server", server.url).trim();
    const browser = await launch(name);
    t.after(() => browser.close());
    const { page, errors } = await openPage(browser, server.url);

    await join(page, code);
    await fill(page, "#add-url", "example.org/selvedge");
    await click(page, "#add-form summary");
    await fill(page, "#add-title", "The selvedge of a cloth");
    await fill(page, "#add-tags", "weaving, cloth");
    await fill(page, "#add-note", "Ask about the loom");
    await page.keyboard.press("Tab");
    await page.focus("#add-url");
    await page.keyboard.press("Enter");
    await showsMessage(page, "Added");
    await sync(page);

    cli.run("sync", COLLECTION);
    const [record] = cli.records(COLLECTION);
    assert.deepEqual([record.url, record.title, record.note, record.tags, record.read], [
      "https://example.org/selvedge", "The selvedge of a cloth", "Ask about the loom", ["weaving", "cloth"], false,
    ]);
    assert.match(record.id, /^[A-Za-z0-9_-]{16}$/);

    // A change by the program arrives; a field that the page does not know stays unchanged.
    cli.feed(JSON.stringify({ title: "Selvedges", colour: "indigo" }), "records", "edit", COLLECTION, record.id);
    cli.sync();
    await sync(page);
    assert.deepEqual(await titles(page), ["Selvedges"]);

    // With the keyboard only: to the entry, its dialog, and back.
    await page.focus('[data-action="mark"]');
    await page.keyboard.press(" ");
    await page.waitForSelector(".entry.read");
    assert.equal(await page.evaluate(() => document.activeElement?.getAttribute("data-action")), "mark", "the focus stays");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await page.waitForSelector("#edit[open]");
    await fill(page, "#edit-note", "The loom is known");
    await page.focus("#edit-title");
    await page.keyboard.press("Enter");
    await showsMessage(page, "Saved");
    await sync(page);
    cli.sync();
    const [edited] = cli.records(COLLECTION);
    assert.deepEqual([edited.note, edited.read, edited.colour, edited.title], ["The loom is known", true, "indigo", "Selvedges"]);

    await checkRequests(page, code);
    await checkCharts(page);

    // Search, delete, undo, delete.
    await fill(page, "#search", "nothing like it");
    await page.waitForFunction(() => !document.querySelector(".entry"));
    await fill(page, "#search", "LOOM cloth");
    await page.waitForSelector(".entry");
    await click(page, '[data-action="delete"]');
    await showsMessage(page, "Deleted");
    await click(page, "#undo");
    await showsMessage(page, "Restored");
    await page.waitForSelector(".entry");
    await click(page, '[data-action="delete"]');
    await showsMessage(page, "Deleted");
    await sync(page);
    cli.sync();
    assert.deepEqual(cli.records(COLLECTION), []);
    assert.deepEqual(errors, []);
  });
}

for (const name of BROWSERS) {
  test(`${name}: an account created in the page is stored, joined by its code, and left`, async t => {
    const server = await serve(t, ["--www", WWW]);
    const browser = await launch(name);
    t.after(() => browser.close());
    const { page, errors } = await openPage(browser, server.url);
    await click(page, "#make-form button");
    await page.waitForSelector("#add-url", { visible: true });
    await fill(page, "#add-url", "https://example.org/kept");
    await page.keyboard.press("Enter");
    await showsMessage(page, "Added");

    // Account and entry survive a reload, and unsent changes are uploaded after it.
    await page.reload();
    await page.waitForSelector(".entry");
    await showsMessage(page, "Synced:");
    await click(page, "#show-code");
    await page.waitForFunction(() => document.getElementById("code").value.startsWith("selvedge1-"));
    const code = await page.$eval("#code", field => field.value);
    const cli = new Device(t);
    cli.feed(code, "account", "join", "-");
    cli.sync();
    assert.deepEqual(cli.records(COLLECTION).map(({ url }) => url), ["https://example.org/kept"]);
    assert.match(cli.run("clients", "list"), /Web page/);

    // A window shows changes of another one without a sync.
    const other = await openPage(browser, server.url);
    await other.page.waitForSelector(".entry");
    await showsMessage(other.page, "Synced:");
    await other.page.click('[data-action="mark"]');
    await page.bringToFront();
    await page.waitForSelector(".entry.read");

    await click(page, "#leave");
    await page.waitForSelector("#leaving[open]");
    await page.keyboard.press("Escape");
    assert.deepEqual(await titles(page), ["example.org"], "Escape does not leave the account");
    await click(page, "#leave");
    await click(page, "#leaving .danger");
    await page.waitForSelector("#join-code", { visible: true });
    const databases = await page.evaluate(async () => (await indexedDB.databases()).map(({ name }) => name));
    assert.ok(!databases.includes("selvedge-page-list"), databases.join());
    cli.sync();
    assert.equal(cli.records(COLLECTION).length, 1, "the other devices keep the list");
    await other.page.bringToFront();
    await other.page.waitForSelector("#join-code", { visible: true });
    assert.deepEqual([...errors, ...other.errors], []);
  });
}

const checkRequests = async (page, code) => {
  const pairs = await page.$$eval(".pair", pairs =>
    pairs.map(pair => ({
      caption: pair.querySelector("figcaption").textContent,
      sealed: pair.querySelectorAll("pre")[0].textContent,
      open: pair.querySelectorAll("pre")[1].textContent,
    })),
  );
  const sent = pairs.find(({ caption }) => caption.startsWith("Sent: readinglist/"));
  assert.ok(sent, JSON.stringify(pairs));
  assert.match(sent.open, /"note": "The loom is known"/);
  assert.match(sent.sealed, /"ciphertext"/);
  for (const word of ["loom", "cloth", "example", "indigo", "title"]) assert.ok(!sent.sealed.includes(word), word);
  const requests = await page.$$eval("#requests tr", rows => rows.map(row => row.textContent));
  assert.ok(requests.some(row => /POST storage\/readinglist.*200/.test(row)), requests.join("\n"));
  const all = await page.$eval("body", body => body.innerText);
  assert.ok(!all.includes("Bearer") && !all.includes("Hawk") && !all.includes(code), "no secret is shown");
};

const checkCharts = async page => {
  const charts = await page.$$eval("svg.chart[role=img]", charts =>
    charts.map(chart => ({ title: chart.querySelector("title").textContent, description: chart.querySelector("desc").textContent })),
  );
  assert.deepEqual(charts.map(({ title }) => title), ["Time of each stage", "Bytes of each stage"]);
  assert.match(charts[1].description, /upload readinglist: \d/);
  const numbers = await page.$$eval("#last table tbody tr", rows => rows.length);
  assert.ok(numbers >= 2, "a table contains the numbers too");
};

for (const name of BROWSERS) {
  test(`${name}: without its server the page works, and shows the problem and the remedy`, async t => {
    const server = await serve(t, ["--www", WWW]);
    const browser = await launch(name);
    t.after(() => browser.close());
    const { page } = await openPage(browser, server.url);
    await click(page, "#make-form button");
    await page.waitForSelector("#add-url", { visible: true });
    await sync(page);
    await server.stop();
    await fill(page, "#add-url", "https://example.org/offline");
    await page.keyboard.press("Enter");
    await showsMessage(page, "Added");
    await page.waitForSelector(".entry");
    await click(page, "#sync");
    await page.waitForFunction(() => document.getElementById("problem").textContent === "The server cannot be reached. Check the connection and sync again.");
    assert.equal(await text(page, "#remedy"), "Sync again");
    const requestCount = () => page.$$eval("#requests tr", rows => rows.length);
    const before = await requestCount();
    await click(page, "#remedy");
    await page.waitForFunction(before => document.querySelectorAll("#requests tr").length > before, {}, before);
    await page.waitForFunction(() => document.getElementById("problem").textContent.startsWith("The server cannot be reached."));
    await page.screenshot({ path: joinPath(artifacts, `page-offline-${name}.png`) });
    assert.match(await text(page, "#requests tr"), /no response/);
    assert.equal(await text(page, "#pending"), "1 change to send.");
    assert.match(await text(page, "#last"), /cannot be reached/);
  });
}

for (const name of BROWSERS) {
  test(`${name}: joining can be cancelled, and a problem is shown beside its field with the remedy`, async t => {
    const server = await serve(t, ["--www", WWW, "--allow-origin", "*"]);
    const cli = new Device(t);
    const code = cli.run("account", "create", "--server", server.url).trim();
    cli.feed(JSON.stringify({ id: "one", url: "https://example.org/one", title: "One" }), "records", "put", COLLECTION);
    cli.sync();
    // A proxy forwards requests for the page; it accepts all other requests and never responds to them.
    const hanging = createServer((incoming, outgoing) => {
      if (incoming.url.startsWith("/1.")) return;
      request(server.url + incoming.url, { headers: incoming.headers }, response => {
        outgoing.writeHead(response.statusCode, response.headers);
        response.pipe(outgoing);
      }).end();
    });
    await new Promise(resolve => hanging.listen(0, "127.0.0.1", () => resolve(undefined)));
    t.after(() => (hanging.closeAllConnections(), hanging.close()));
    const proxy = `http://127.0.0.1:${hanging.address().port}`;
    const browser = await launch(name);
    t.after(() => browser.close());
    const { page } = await openPage(browser, proxy);
    const problem = field => text(page, `#${field}-problem`);
    const databases = () => page.evaluate(async () => (await indexedDB.databases()).map(({ name }) => name));

    await page.waitForSelector("#join-code", { visible: true });
    await fill(page, "#join-code", "selvedge1-nonsense");
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => document.getElementById("join-code-problem").textContent !== "");
    assert.equal(await page.evaluate(() => document.activeElement?.id), "join-code");
    await page.type("#join-code", "x");
    assert.equal(await problem("join-code"), "", "the problem disappears when the field is changed");

    const credentials = { tokenserver_url: `${proxy}/1.0/sync/1.5`, access_token: "a", kid: `1-${"A".repeat(22)}`, ksync_b64url: "A".repeat(86) };
    await fill(page, "#join-code", JSON.stringify(credentials));
    await page.keyboard.press("Enter");
    await page.waitForSelector("#stop", { visible: true });
    assert.equal(await text(page, "#stop"), "Cancel");
    await page.screenshot({ path: joinPath(artifacts, `page-joining-${name}.png`) });
    await click(page, "#stop");
    await page.waitForFunction(() => document.getElementById("join-code-problem").textContent !== "");
    assert.equal(await problem("join-code"), "Joining was cancelled. The account is not stored in this browser. Try again");
    assert.ok(!(await databases()).includes("selvedge-page-list"));
    await page.screenshot({ path: joinPath(artifacts, `page-cancelled-${name}.png`) });

    await join(page, code);
    await showsMessage(page, "This browser has joined the account.");
    await fill(page, "#add-url", "no address");
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => document.getElementById("add-url-problem").textContent.includes("This is not the address of a web page"));
    assert.equal(await page.$eval("#add-url", field => field.getAttribute("aria-invalid")), "true");
    await page.screenshot({ path: joinPath(artifacts, `page-field-${name}.png`) });
  });

  test(`${name}: entries with quotes in their ids can be edited and deleted`, async t => {
    const server = await serve(t, ["--www", WWW]);
    const cli = new Device(t);
    const code = cli.run("account", "create", "--server", server.url).trim();
    const ids = ["a\"b", "c'd", "e\\f]", "g"];
    cli.feed(ids.map((id, at) => JSON.stringify({ id, url: `https://example.org/${at}`, title: `Page ${at}`, added: 9 - at })).join("\n"), "records", "put", COLLECTION);
    cli.sync();
    const browser = await launch(name);
    t.after(() => browser.close());
    const { page, errors } = await openPage(browser, server.url);
    await join(page, code);
    for (let at = 0; at < ids.length; at += 1) {
      await page.waitForFunction(left => document.querySelectorAll(".entry").length === left, {}, ids.length - at);
      await click(page, '[data-action="mark"]');
      await page.waitForSelector(".entry.read");
      await click(page, '[data-action="delete"]');
      await showsMessage(page, `Deleted “Page ${at}”`);
    }
    await sync(page);
    cli.sync();
    assert.deepEqual(cli.records(COLLECTION), []);
    assert.deepEqual(errors, []);
  });
}

/** The accessibility violations that axe-core finds in the current page. */
const violations = async page => {
  await page.evaluate(AXE);
  const found = await page.evaluate(async () => {
    const { violations } = await globalThis.axe.run(document);
    return violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(node => node.html).join(" ").slice(0, 500)}`);
  });
  return found;
};

/** Realistic entries. */
const SAVED = [
  { url: "https://example.org/looms", title: "How a loom finds its edge", note: "The part about selvedges is near the end.", tags: ["weaving"] },
  { url: "https://example.com/a/very/long/address/that/has/to/be/broken/somewhere?with=parameters", title: "A title that is long enough to need a second line on a telephone, and perhaps a third", tags: ["long", "reading", "weekend"] },
  { url: "https://example.net/", title: "Größe, 尺寸, מידה", read: true },
];

for (const name of BROWSERS) {
  test(`${name}: axe-core finds no violation, in light and dark, wide and narrow`, async t => {
    const server = await serve(t, ["--www", WWW]);
    const cli = new Device(t);
    const code = cli.run("account", "create", "--server", server.url).trim();
    const entries = SAVED.map((entry, at) => ({ id: `entry-${at}`, note: "", tags: [], read: false, added: Date.now() - at * 86_400_000, ...entry }));
    cli.feed(entries.map(entry => JSON.stringify(entry)).join("\n"), "records", "put", COLLECTION);
    cli.sync();
    const browser = await launch(name);
    t.after(() => browser.close());
    const { page } = await openPage(browser, server.url);
    const check = async what => {
      await page.screenshot({ path: joinPath(artifacts, `page-${what}-${name}.png`), fullPage: true });
      assert.deepEqual(await violations(page), [], what);
    };

    await page.waitForSelector("#join-code", { visible: true });
    await check("join");
    await fill(page, "#join-code", "selvedge1-nonsense");
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => document.getElementById("join-code-problem").textContent.endsWith("."));
    assert.equal(await page.$eval("#join-code", field => field.getAttribute("aria-invalid")), "true");
    await check("refused");
    await join(page, code);
    await page.waitForSelector(".entry");
    // A change, so that the requests contain a record of the list.
    await page.click('[data-action="mark"]');
    await page.waitForSelector(".entry.read");
    await sync(page);
    await page.waitForSelector(".pair");
    await page.click("#last summary");
    await check("light");
    await page.setViewport({ width: 360, height: 740 });
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(width <= 360, `the page is ${width} wide`);
    await check("narrow");
    await page.setViewport({ width: 1280, height: 900 });
    await page.click('[data-action="edit"]');
    await page.waitForSelector("#edit[open]");
    await check("edit");
    await page.keyboard.press("Escape");
    if (name === "chromium") {
      await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: "dark" }]);
      await check("dark");
      await page.setViewport({ width: 360, height: 740 });
      await check("dark-narrow");
    }
  });
}

const MANY = 20_000;

for (const name of BROWSERS) {
  test(`${name}: the page responds while it syncs ${MANY.toLocaleString("en")} records`, async t => {
    const server = await serve(t, ["--www", WWW]);
    const cli = new Device(t);
    const code = cli.run("account", "create", "--server", server.url).trim();
    const entry = at => ({ id: `entry-${at}`, url: `https://example.org/${at}`, title: `Page ${at}`, note: "n".repeat(at % 200), tags: ["many"], read: at % 3 === 0, added: 1_700_000_000_000 + at });
    cli.feed(Array.from({ length: MANY }, (_, at) => JSON.stringify(entry(at))).join("\n"), "records", "put", COLLECTION);
    cli.sync();
    const browser = await launch(name);
    t.after(() => browser.close());
    const { page, errors } = await openPage(browser, server.url);
    await join(page, code);
    await page.waitForSelector("#blocking-time");
    const blocking = await page.$eval("#blocking-time", element => ({ ...element.dataset }));
    const longest = blocking.exact === "true" && blocking.longest === "0" ? "under 50" : Number(blocking.longest).toFixed(0);
    t.diagnostic(`${name}: longest block of the main thread in a sync of ${MANY} records: ${longest} ms; maximum delay of a timer: ${Number(blocking.late).toFixed(0)} ms`);
    assert.match(await text(page, "#count"), /20[,.\s]?000 pages/);
    assert.equal((await titles(page)).length, 50);
    await fill(page, "#search", "page 19999");
    await page.waitForFunction(() => document.querySelectorAll(".entry").length === 1);
    assert.deepEqual(errors, []);
  });
}

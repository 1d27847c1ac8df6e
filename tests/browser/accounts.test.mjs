// The pages of the accounts server in real browsers: registration, sign-in, and the messages to Firefox.
// @ts-check
import assert from "node:assert/strict";
import { createHash, generateKeyPairSync } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { BROWSERS, launch } from "./browsers.mjs";
import { Device, serve } from "./selvedge.mjs";

const AXE = readFileSync(fileURLToPath(import.meta.resolve("axe-core/axe.min.js")), "utf8");
const PASSWORD = "correct horse battery";
const temporary = mkdtempSync(join(tmpdir(), "selvedge-accounts-"));
const artifacts = process.env.SELVEDGE_ARTIFACTS ?? join(temporary, "artifacts");
mkdirSync(artifacts, { recursive: true });
after(() => rmSync(temporary, { recursive: true, force: true }));

/** @param {import("puppeteer-core").Browser} browser @param {string} url */
const open = async (browser, url) => {
  const page = await browser.newPage();
  await page.goto(url);
  await page.waitForSelector("body[data-ready]");
  return page;
};

/** Fills in the form by keyboard. @param {import("puppeteer-core").Page} page @param {Record<string, string>} fields */
const send = async (page, fields) => {
  for (const [id, words] of Object.entries(fields)) {
    await page.focus(`#${id}`);
    await page.$eval(`#${id}`, field => {
      if (field instanceof HTMLInputElement) field.value = "";
    });
    await page.keyboard.type(words);
  }
  await page.keyboard.press("Enter");
};

/** @param {import("puppeteer-core").Page} page @param {string} selector */
const shows = async (page, selector) => {
  await page.waitForFunction(selector => document.querySelector(selector)?.textContent, {}, selector);
  return page.$eval(selector, one => one.textContent ?? "");
};

/** @param {import("puppeteer-core").Page} page */
const checkAccess = async page => {
  await page.evaluate(AXE);
  const found = await page.evaluate("axe.run(document).then(({ violations }) => violations.map(({ id, nodes }) => id + ' ' + nodes.map(({ target }) => target)))");
  assert.deepEqual(found, []);
};

for (const name of BROWSERS) {
  test(`${name}: an account of the page signs in again and with the program`, async t => {
    const server = await serve(t, ["--registration", "open"]);
    const browser = await launch(name);
    t.after(() => browser.close());
    /** @type {string[]} */
    const elsewhere = [];
    const page = await open(browser, server.url);
    page.on("request", request => {
      const { protocol, origin } = new URL(request.url());
      if (protocol !== "data:" && origin !== new URL(server.url).origin) elsewhere.push(request.url());
    });
    /** @type {string[]} */
    const bodies = [];
    // WebDriver BiDi does not have the bodies of Firefox's requests.
    if (name === "chromium") page.on("request", request => bodies.push(request.postData() ?? ""));
    await checkAccess(page);
    await page.screenshot({ path: join(artifacts, `accounts-${name}-sign-in.png`), fullPage: true });

    await page.click("#other");
    // A name with markup is shown as text.
    const email = "<img/src=x/onerror=alert(1)>@example.org";
    await send(page, { email, password: PASSWORD, repeated: `${PASSWORD}!` });
    assert.match(await shows(page, "#error"), /differ/);
    await page.screenshot({ path: join(artifacts, `accounts-${name}-register.png`), fullPage: true });
    await checkAccess(page);
    await send(page, { repeated: PASSWORD });
    assert.ok((await shows(page, "#who")).includes(email));
    assert.equal(await page.$("#who img"), null);
    await page.screenshot({ path: join(artifacts, `accounts-${name}-account.png`), fullPage: true });
    await checkAccess(page);

    await page.goto(`${server.url}/settings`);
    await page.waitForSelector("body[data-ready]");
    assert.ok((await shows(page, "#who")).includes(email), "the tab stays signed in");
    await page.click("#sign-out");
    assert.match(await shows(page, "#status"), /signed out/);

    await send(page, { email, password: "not the password" });
    assert.match(await shows(page, "#error"), /wrong/);
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: "dark" }]).catch(() => undefined);
    await page.screenshot({ path: join(artifacts, `accounts-${name}-dark.png`), fullPage: true });
    await checkAccess(page);
    await send(page, { password: PASSWORD });
    assert.ok((await shows(page, "#who")).includes(email));
    assert.deepEqual(elsewhere, []);
    if (name === "chromium") assert.ok(bodies.some(body => body.includes("authPW")), "the bodies were read");
    assert.ok(!bodies.join().includes(PASSWORD), "no request has the password");

    const cli = new Device(t);
    cli.feed(`${PASSWORD}\n`, "account", "login", email, "--accounts", server.url, "--password-stdin");
    cli.feed(JSON.stringify({ id: "AAAAAAAAAAAA", note: "from the program" }), "records", "put", "readinglist");
    cli.run("sync", "readinglist");
    const other = new Device(t);
    other.feed(`${PASSWORD}\n`, "account", "login", email, "--accounts", server.url, "--password-stdin");
    other.run("sync", "readinglist");
    assert.equal(other.records("readinglist")[0]?.["note"], "from the program");
  });
}

test("chromium: a registration needs an invitation, unless it is open", async t => {
  const server = await serve(t, ["--registration", "invite", "--data", join(temporary, "invite")]);
  const browser = await launch("chromium");
  t.after(() => browser.close());
  const page = await open(browser, `${server.url}/#invitation=none`);
  await send(page, { email: "ann@example.org", password: PASSWORD, repeated: PASSWORD });
  assert.match(await shows(page, "#error"), /invitation/);

  const invitation = new Device(t).run("serve", "invite", "--data", join(temporary, "invite")).trim();
  await page.goto(`${server.url}/signup#invitation=${invitation}`);
  await page.waitForSelector("body[data-ready]");
  await send(page, { email: "ann@example.org", password: PASSWORD, repeated: PASSWORD });
  assert.match(await shows(page, "#who"), /ann@example.org/);
});

test("chromium: no other page frames these pages", async t => {
  const server = await serve(t, ["--registration", "open"]);
  const hostile = createServer((_, reply) => reply.setHeader("content-type", "text/html").end(`<iframe src="${server.url}/"></iframe>`));
  await new Promise(resolve => hostile.listen(0, "127.0.0.1", () => resolve(null)));
  t.after(() => hostile.close());
  const browser = await launch("chromium");
  t.after(() => browser.close());
  const page = await browser.newPage();
  const { port } = /** @type {import("node:net").AddressInfo} */ (hostile.address());
  await page.goto(`http://127.0.0.1:${port}/`);
  const frame = page.frames()[1];
  assert.ok(frame);
  assert.equal(await frame.$("#form"), null);
  const { headers } = await fetch(`${server.url}/`);
  assert.equal(headers.get("x-frame-options"), "DENY");
});

/** The query with which Firefox opens the page, and what opens the keys. */
const flow = () => {
  const { publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const jwk = publicKey.export({ format: "jwk" });
  return new URLSearchParams({
    context: "oauth_webchannel_v1",
    entrypoint: "fxa_app_menu",
    action: "email",
    service: "sync",
    client_id: "5882386c6d801776",
    response_type: "code",
    access_type: "offline",
    scope: "https://identity.mozilla.com/apps/oldsync profile",
    state: "the-state",
    code_challenge: createHash("sha256").update("verifier").digest("base64url"),
    code_challenge_method: "S256",
    keys_jwk: Buffer.from(JSON.stringify(jwk)).toString("base64url"),
  });
};

/** Takes the place of the browser around the page: records each message, and answers it. */
const listen = () => {
  /** @type {{ command: string, data: Record<string, unknown> }[]} */
  const messages = [];
  Object.assign(window, { messages });
  addEventListener("WebChannelMessageToChrome", event => {
    const { id, message } = JSON.parse(/** @type {CustomEvent} */ (event).detail);
    messages.push({ command: message.command, data: message.data });
    const answer = { id, message: { command: message.command, messageId: message.messageId, data: { ok: true } } };
    // Answers to other messages, and of other channels, mean nothing.
    for (const detail of [{ ...answer, id: "other" }, { id, message: { messageId: "0", data: { error: "no" } } }, answer]) {
      dispatchEvent(new CustomEvent("WebChannelMessageToContent", { detail }));
    }
  });
};

test("chromium: the page gives the browser around it the session, then the code", async t => {
  const server = await serve(t, ["--registration", "open"]);
  const browser = await launch("chromium");
  t.after(() => browser.close());
  const page = await browser.newPage();
  await page.evaluateOnNewDocument(listen);
  /** @type {Record<string, string>} */
  let authorization = {};
  // Only the code is not the server's: it must carry the browser's challenge and state, and the sealed keys.
  await page.setRequestInterception(true);
  page.on("request", request => {
    if (!request.url().endsWith("/v1/oauth/authorization")) return request.continue();
    authorization = JSON.parse(request.postData() ?? "");
    return request.respond({ contentType: "application/json", body: JSON.stringify({ code: "the-code", state: "the-state" }) });
  });
  const query = flow();
  await page.goto(`${server.url}/?${query}`);
  await page.waitForSelector("body[data-ready]");
  await page.click("#other");
  await send(page, { email: "ann@example.org", password: PASSWORD, repeated: PASSWORD });
  await page.waitForSelector('#status[data-state="connected"]');
  await page.screenshot({ path: join(artifacts, "accounts-connected.png"), fullPage: true });
  await checkAccess(page);

  for (const name of ["client_id", "scope", "state", "access_type", "code_challenge", "code_challenge_method"]) {
    assert.equal(authorization[name], query.get(name), name);
  }
  assert.equal(authorization["keys_jwe"]?.split(".").length, 5);
  const messages = /** @type {{ command: string, data: Record<string, unknown> }[]} */ (await page.evaluate("messages"));
  assert.deepEqual(messages.map(({ command }) => command), ["fxaccounts:can_link_account", "fxaccounts:login", "fxaccounts:oauth_login"]);
  const [link, login, oauth] = messages.map(({ data }) => data);
  assert.equal(link?.["email"], "ann@example.org");
  assert.match(String(login?.["sessionToken"]), /^[0-9a-f]{64}$/);
  assert.deepEqual([login?.["uid"], login?.["verified"]], [link?.["uid"], false]);
  assert.deepEqual(login?.["services"], { sync: { offeredEngines: [], declinedEngines: [] } });
  assert.deepEqual(oauth, { code: "the-code", state: "the-state" });
  assert.ok(!JSON.stringify(messages).includes(PASSWORD));
});

// The extension in a real browser, for tests.
// @ts-check
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { extensionPage, launch } from "./browsers.mjs";

/** @typedef {import("node:test").TestContext} TestContext */
/** @typedef {import("puppeteer-core").Page} Page */
/** @typedef {"chromium" | "firefox"} Name */

const EXTENSION = fileURLToPath(new URL("../../www/extension", import.meta.url));

/** Timeout of waits, in milliseconds. */
const TIMEOUT = 60_000;

/** A browser with the extension, for the duration of a test. */
export class ExtensionBrowser {
  #name;
  /** @type {string[]} Errors in the extension's pages. */
  errors = [];

  /**
   * @param {TestContext} t
   * @param {Name} name
   */
  static async launch(t, name) {
    const directory = mkdtempSync(join(tmpdir(), "selvedge-extension-"));
    const extension = join(directory, "extension");
    cpSync(EXTENSION, extension, { recursive: true });
    if (name === "chromium") grant(extension);
    // With this preference Firefox grants permissions without a prompt; Chromium has no such setting.
    const browser = await launch(name, { extension, preferences: { "extensions.webextOptionalPermissionPrompts": false } });
    t.after(async () => {
      await browser.close();
      rmSync(directory, { recursive: true, force: true });
    });
    return new ExtensionBrowser(name, browser);
  }

  /**
   * @param {Name} name
   * @param {import("puppeteer-core").Browser} browser
   */
  constructor(name, browser) {
    this.#name = name;
    this.browser = browser;
  }

  /**
   * Opens a page of the extension in a tab.
   * @param {string} path
   */
  async page(path) {
    const page = await extensionPage(this.#name, this.browser, path);
    page.setDefaultTimeout(TIMEOUT);
    page.on("pageerror", error => this.errors.push(String(error)));
    page.on("console", message => message.type() === "error" && this.errors.push(message.text()));
    return page;
  }

  /**
   * Joins an account with the options page, and returns that page.
   * @param {string} code
   */
  async join(code) {
    const page = await this.page("options.html");
    await this.joinIn(page, code, "127.0.0.1");
    await page.waitForSelector("#device", { visible: true });
    return page;
  }

  /**
   * Pastes an account into the options page, and clicks "Join" when the page shows the account's server.
   * @param {Page} page
   * @param {string} code
   * @param {string} host
   */
  async joinIn(page, code, host) {
    await page.waitForSelector("#account", { visible: true });
    await fill(page, "#account", code);
    await page.waitForFunction(
      host => document.getElementById("server-hint")?.textContent?.includes(`on ${host}`),
      { polling: 50 },
      host,
    );
    await page.bringToFront();
    await page.click("#join-button");
  }

  async popup() {
    const page = await this.page("popup.html");
    await page.setViewport({ width: 400, height: 600 });
    await page.waitForSelector("#device", { visible: true });
    return page;
  }

  /**
   * Clicks the extension's button on a page, and returns the popup. Only Chromium supports this.
   * @param {Page} front
   */
  async clickButton(front) {
    const [extension] = (await this.browser.extensions()).values();
    await front.bringToFront();
    const opened = this.browser.waitForTarget(target => target.url().endsWith("/popup.html"), { timeout: TIMEOUT });
    await extension.triggerAction(front);
    const popup = await (await opened).asPage();
    await popup.waitForSelector("#device", { visible: true });
    return popup;
  }
}

/** Grants a copy of the extension the permission for 127.0.0.1: a test cannot answer Chromium's prompt. */
const grant = extension => {
  const path = join(extension, "manifest.json");
  const manifest = JSON.parse(readFileSync(path, "utf8"));
  writeFileSync(path, JSON.stringify({ ...manifest, host_permissions: ["http://127.0.0.1/*"] }));
};

/**
 * Starts a server with one page to save, and stops it after the test.
 * @param {TestContext} t
 * @param {string} title
 */
export const serveArticle = async (t, title) => {
  const server = createServer((_request, response) => {
    response.setHeader("content-type", "text/html; charset=utf-8");
    response.end(`<!doctype html><title>${title}</title><p>An article.`);
  });
  await new Promise(resolve => server.listen(0, "127.0.0.1", () => resolve(undefined)));
  t.after(() => server.close());
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  return `http://127.0.0.1:${port}/article`;
};

/**
 * Waits until the page shows a message.
 * @param {Page} page
 * @param {string} words
 */
export const showsMessage = async (page, words) => {
  const isShown = words => document.getElementById("messages")?.textContent?.includes(words);
  await page.waitForFunction(isShown, { polling: 50 }, words).catch(async cause => {
    const shown = await page.$eval("#messages", messages => messages.textContent?.replace(/\s+/g, " ").trim());
    throw new Error(`the page shows “${shown}” instead of “${words}”`, { cause });
  });
};

/**
 * Waits until the list has exactly these titles, in any order.
 * @param {Page} page
 * @param {string[]} wanted
 */
export const showsTitles = (page, wanted) =>
  page.waitForFunction(
    wanted => JSON.stringify([...document.querySelectorAll("#entries .entry a")].map(link => link.textContent).sort()) === wanted,
    { polling: 50 },
    JSON.stringify([...wanted].sort()),
  );

/**
 * Syncs with the popup's button.
 * @param {Page} page
 */
export const sync = async page => {
  await page.waitForSelector("#sync:not(:disabled)", { visible: true });
  await page.$eval("#status", status => void (status.textContent = ""));
  await page.$eval("#sync", button => /** @type {HTMLButtonElement} */ (button).click());
  await showsMessage(page, "Synced:");
};

/**
 * Pastes a text into a field.
 * @param {Page} page
 * @param {string} selector
 * @param {string} text
 */
export const fill = (page, selector, text) =>
  page.$eval(
    selector,
    (field, text) => {
      /** @type {HTMLTextAreaElement} */ (field).value = text;
      field.dispatchEvent(new InputEvent("input", { bubbles: true }));
    },
    text,
  );

// The extension in a real browser, for tests: loaded, joined, and driven through its pages.
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

/** A test that waits longer than this has failed. */
const TIMEOUT = 60_000;

/** A browser with the extension, for as long as a test. */
export class Extended {
  #name;
  /** @type {string[]} What went wrong in the extension's pages. */
  wrong = [];

  /**
   * @param {TestContext} t
   * @param {Name} name
   */
  static async launch(t, name) {
    const place = mkdtempSync(join(tmpdir(), "selvedge-extension-"));
    const extension = join(place, "extension");
    cpSync(EXTENSION, extension, { recursive: true });
    if (name === "chromium") grant(extension);
    // Firefox grants what is asked for in a click without its question; Chromium has no such switch.
    const browser = await launch(name, { extension, preferences: { "extensions.webextOptionalPermissionPrompts": false } });
    t.after(async () => {
      await browser.close();
      rmSync(place, { recursive: true, force: true });
    });
    return new Extended(name, browser);
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
   * A page of the extension's, in a tab.
   * @param {string} path
   */
  async page(path) {
    const page = await extensionPage(this.#name, this.browser, path);
    page.setDefaultTimeout(TIMEOUT);
    page.on("pageerror", error => this.wrong.push(String(error)));
    page.on("console", message => message.type() === "error" && this.wrong.push(message.text()));
    return page;
  }

  /**
   * Joins an account as a person does, and answers the options page.
   * @param {string} code
   */
  async join(code) {
    const page = await this.page("options.html");
    await this.joinIn(page, code, "127.0.0.1");
    await page.waitForSelector("#device", { visible: true });
    return page;
  }

  /**
   * Pastes an account into the options page and clicks, as soon as the page has told its server.
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
   * The popup as the browser opens it for a click on the extension's button while a page is in front. Only Chromium lets a test
   * click there.
   * @param {Page} front
   */
  async clicked(front) {
    const [extension] = (await this.browser.extensions()).values();
    await front.bringToFront();
    const opened = this.browser.waitForTarget(target => target.url().endsWith("/popup.html"), { timeout: TIMEOUT });
    await extension.triggerAction(front);
    const popup = await (await opened).asPage();
    await popup.waitForSelector("#device", { visible: true });
    return popup;
  }
}

/** Lets a copy of the extension talk with this machine outright: nobody can answer Chromium's question in a test. */
const grant = extension => {
  const path = join(extension, "manifest.json");
  const manifest = JSON.parse(readFileSync(path, "utf8"));
  writeFileSync(path, JSON.stringify({ ...manifest, host_permissions: ["http://127.0.0.1/*"] }));
};

/**
 * Starts a server of one page to save, and ends it with the test.
 * @param {TestContext} t
 * @param {string} title
 */
export const article = async (t, title) => {
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
 * Waits until the page says something.
 * @param {Page} page
 * @param {string} words
 */
export const says = async (page, words) => {
  const isSaid = words => document.getElementById("told")?.textContent?.includes(words);
  await page.waitForFunction(isSaid, { polling: 50 }, words).catch(async cause => {
    const told = await page.$eval("#told", told => told.textContent?.replace(/\s+/g, " ").trim());
    throw new Error(`the page does not say “${words}” but “${told}”`, { cause });
  });
};

/**
 * Waits until exactly these pages are shown, in any order.
 * @param {Page} page
 * @param {string[]} wanted
 */
export const shows = (page, wanted) =>
  page.waitForFunction(
    wanted => JSON.stringify([...document.querySelectorAll("#entries .entry a")].map(link => link.textContent).sort()) === wanted,
    { polling: 50 },
    JSON.stringify([...wanted].sort()),
  );

/**
 * Syncs by the popup's button.
 * @param {Page} page
 */
export const sync = async page => {
  await page.waitForSelector("#sync:not(:disabled)", { visible: true });
  await page.$eval("#status", status => void (status.textContent = ""));
  await page.$eval("#sync", button => /** @type {HTMLButtonElement} */ (button).click());
  await says(page, "In step");
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

// Starts real browsers, headless, with a new profile and without requests to servers other than the test's.
// @ts-check
import { existsSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import puppeteer from "puppeteer-core";

/** @typedef {import("puppeteer-core").Browser} Browser */

/** The browsers that the tests drive. */
export const BROWSERS = /** @type {const} */ (["chromium", "firefox"]);

const CANDIDATES = {
  chromium: [process.env.SELVEDGE_CHROMIUM, "chromium", "chromium-browser", "google-chrome"],
  firefox: [process.env.SELVEDGE_FIREFOX, "firefox-esr", "firefox"],
};

/** Settings that prevent a browser's own background requests. */
const QUIET_CHROMIUM = [
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-default-apps",
  "--disable-quic",
  "--disable-sync",
  "--no-first-run",
];

const QUIET_FIREFOX = {
  "app.normandy.enabled": false,
  "app.update.enabled": false,
  "browser.safebrowsing.malware.enabled": false,
  "browser.safebrowsing.phishing.enabled": false,
  "browser.shell.checkDefaultBrowser": false,
  "datareporting.policy.dataSubmissionEnabled": false,
  "dom.push.connection.enabled": false,
  "extensions.getAddons.cache.enabled": false,
  "extensions.systemAddon.update.enabled": false,
  "extensions.update.enabled": false,
  "network.captive-portal-service.enabled": false,
  "network.connectivity-service.enabled": false,
  "services.settings.server": "data:,#remote-settings-dummy/v1",
  "toolkit.telemetry.enabled": false,
};

/**
 * The path of a browser's program; `undefined` if it is not installed.
 * @param {"chromium" | "firefox"} name
 */
export const program = name => {
  const directories = (process.env.PATH ?? "").split(delimiter);
  return CANDIDATES[name]
    .flatMap(candidate => (candidate ? [candidate, ...directories.map(directory => join(directory, candidate))] : []))
    .find(path => path.includes("/") && existsSync(path));
};

/** The address of an extension in a Firefox that these tests start; by default it is random. */
const FIREFOX_UUID = "5e1ed9e0-0000-4000-8000-000000000000";

/**
 * Starts a browser.
 * @param {"chromium" | "firefox"} name
 * @param {{ extension?: string, profile?: string, preferences?: Record<string, unknown> }} [options] the directory of an extension to
 *   load, the directory of a persistent profile, and preferences of Firefox
 * @returns {Promise<Browser>}
 */
export const launch = async (name, { extension, profile, preferences } = {}) => {
  const executablePath = program(name);
  if (!executablePath) throw new Error(`${name} is not installed: install it, or set SELVEDGE_${name.toUpperCase()} to its path`);
  const common = { executablePath, headless: true, userDataDir: profile, protocolTimeout: 120_000 };
  if (name === "chromium") {
    const sandbox = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
    return puppeteer.launch({
      ...common,
      args: [...QUIET_CHROMIUM, ...sandbox],
      enableExtensions: extension ? [extension] : false,
      pipe: Boolean(extension),
    });
  }
  const id = extension && JSON.parse(readFileSync(join(extension, "manifest.json"), "utf8")).browser_specific_settings.gecko.id;
  const uuids = id ? { "extensions.webextensions.uuids": JSON.stringify({ [id]: FIREFOX_UUID }) } : {};
  const browser = await puppeteer.launch({
    ...common,
    browser: "firefox",
    // Tests need this to access an extension's pages.
    args: ["--remote-allow-system-access"],
    extraPrefsFirefox: { ...QUIET_FIREFOX, ...uuids, ...preferences },
  });
  if (extension) await browser.installExtension(extension);
  return browser;
};

/**
 * Opens a page of the loaded extension in a tab.
 * @param {"chromium" | "firefox"} name
 * @param {Browser} browser
 * @param {string} path
 * @returns {Promise<import("puppeteer-core").Page>}
 */
export const extensionPage = async (name, browser, path) => {
  const page = await browser.newPage();
  const url = new URL(path, await extensionOrigin(name, browser)).href;
  // Firefox sends no load event for such a page.
  await page.goto(url, { waitUntil: [] });
  await page.waitForFunction(url => location.href === url && document.readyState === "complete", {}, url);
  return page;
};

const extensionOrigin = async (name, browser) => {
  if (name === "firefox") return `moz-extension://${FIREFOX_UUID}/`;
  const target = await browser.waitForTarget(target => target.url().startsWith("chrome-extension://"));
  return new URL("/", target.url()).href;
};

// The program selvedge for tests: a server on a free local port, and devices.
// @ts-check
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** @typedef {import("node:test").TestContext} TestContext */

const PROGRAM = process.env.SELVEDGE;
/** Maximum size of the program's output. */
const MAX_OUTPUT = 256 * 1024 * 1024;

const program = () => {
  if (!PROGRAM) throw new Error("SELVEDGE must be the path of the program selvedge: run `cargo xtask browsers`");
  return PROGRAM;
};

/**
 * Starts a server, in memory if the options name no directory, and stops it after the test.
 * @param {TestContext} t
 * @param {string[]} [options]
 * @param {string} [address]
 */
export const serve = async (t, options = [], address = "127.0.0.1:0") => {
  const data = options.includes("--data") ? [] : ["--data", ":memory:"];
  const args = ["serve", "--listen", address, ...data, ...options];
  const server = spawn(program(), args, { stdio: ["ignore", "ignore", "pipe"] });
  const ended = new Promise(resolve => server.once("close", resolve));
  const stop = () => {
    server.kill("SIGTERM");
    return ended;
  };
  t.after(stop);
  /** @type {string} */
  const url = await new Promise((resolve, reject) => {
    let log = "";
    server.stderr.setEncoding("utf8").on("data", text => {
      log += text;
      const listening = /listening on (\S+)/.exec(log)?.[1];
      if (listening) resolve(listening);
    });
    server.once("error", reject);
    void ended.then(() => reject(new Error(`selvedge serve ended before it listened: ${log}`)));
  });
  return { url, stop };
};

/** A device: a data directory of its own, which is deleted after the test. */
export class Device {
  #home = mkdtempSync(join(tmpdir(), "selvedge-device-"));

  /** @param {TestContext} t */
  constructor(t) {
    t.after(() => rmSync(this.#home, { recursive: true, force: true }));
  }

  /** @param {...string} args */
  run(...args) {
    return this.feed("", ...args);
  }

  /**
   * @param {string} input
   * @param {...string} args
   */
  feed(input, ...args) {
    const options = /** @type {const} */ ({ input, encoding: "utf8", maxBuffer: MAX_OUTPUT });
    const ran = spawnSync(program(), ["--data-dir", this.#home, ...args], options);
    if (ran.status !== 0) throw new Error(`selvedge ${args[0]} ended with ${ran.status}: ${ran.stderr}`);
    return ran.stdout;
  }

  /** @param {string} collection */
  sync(collection = "readinglist") {
    return JSON.parse(this.run("sync", "--json", collection));
  }

  /**
   * @param {string} collection
   * @returns {Record<string, any>[]}
   */
  records(collection) {
    const lines = this.run("records", "list", collection, "--format", "jsonl").trim();
    return lines ? lines.split("\n").map(line => JSON.parse(line)) : [];
  }
}

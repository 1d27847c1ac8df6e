// A gate before a server: what it answers passes, until the gate is closed in the middle of it.
// @ts-check
import { connect, createServer } from "node:net";

export class Gate {
  #left = Infinity;
  /** @type {Set<import("node:net").Socket>} */
  #held = new Set();

  /**
   * Opens one, for as long as a test.
   * @param {import("node:test").TestContext} t
   * @param {string} url that of the server
   */
  static async open(t, url) {
    const gate = new Gate();
    const server = createServer(client => gate.#pass(client, Number(new URL(url).port)));
    await new Promise(resolve => server.listen(0, "127.0.0.1", () => resolve(undefined)));
    t.after(() => server.close());
    const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
    gate.url = `http://127.0.0.1:${port}`;
    return gate;
  }

  /** Where clients find the server through it. */
  url = "";

  /**
   * Lets so many more bytes of answers pass, and then none.
   * @param {number} bytes
   */
  closeAfter(bytes) {
    this.#left = bytes;
  }

  /** Lets everything pass again. */
  reopen() {
    this.#left = Infinity;
    for (const upstream of this.#held) upstream.resume();
    this.#held.clear();
  }

  /**
   * @param {import("node:net").Socket} client
   * @param {number} port
   */
  #pass(client, port) {
    const upstream = connect(port, "127.0.0.1");
    const end = () => {
      client.destroy();
      upstream.destroy();
      this.#held.delete(upstream);
    };
    client.on("data", bytes => upstream.write(bytes)).on("close", end).on("error", end);
    upstream.on("close", end).on("error", end);
    upstream.on("data", bytes => {
      client.write(bytes);
      this.#left -= bytes.length;
      if (this.#left > 0) return;
      upstream.pause();
      this.#held.add(upstream);
    });
  }
}

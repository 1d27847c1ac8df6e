// What a sync spent its time and its bytes on, by what its requests were for.
// @ts-check

/** @typedef {import("./wire.js").Exchange} Exchange */
/**
 * A stage: milliseconds while a request was under way, milliseconds of work between, and bytes each way.
 * @typedef {{ name: string, network: number, work: number, sent: number, received: number, requests: number }} Stage
 */

/**
 * What a request is for.
 * @param {{ method: string, path: string }} request
 */
export const stageOf = ({ method, path }) => {
  const [place, collection, id] = path.replace(/\?.*/s, "").split("/");
  if (place === "1.0") return "token";
  if (place === "info") return collection === "configuration" ? "limits" : "what is new";
  if (collection === "meta") return "meta/global";
  if (collection === "crypto") return "keys";
  if (collection === "clients") return "devices";
  const isRead = method === "GET";
  return `${isRead ? "download" : "upload"} ${collection}${id && isRead ? " again" : ""}`;
};

/** Adds up a sync's stages, in the order in which they began. */
export class Stages {
  /** @type {Map<string, Stage>} */
  #stages = new Map();
  #last = { name: "token", end: 0 };

  /** @param {number} started by the clock of the exchanges */
  constructor(started) {
    this.#last.end = started;
  }

  /** @param {Exchange} exchange */
  add(exchange) {
    const name = stageOf(exchange);
    const stage = this.#of(name);
    // Work before the first request is that request's; later it belongs to what has just been read.
    const before = this.#stages.size === 1 && stage.requests === 0 ? stage : this.#of(this.#last.name);
    before.work += Math.max(0, exchange.started - this.#last.end);
    stage.network += exchange.milliseconds;
    stage.sent += exchange.sent;
    stage.received += exchange.received;
    stage.requests += 1;
    this.#last = { name, end: exchange.started + exchange.milliseconds };
  }

  /**
   * All of them, when the sync has ended.
   * @param {number} ended
   * @returns {Stage[]}
   */
  end(ended) {
    if (!this.#stages.size) return [];
    this.#of(this.#last.name).work += Math.max(0, ended - this.#last.end);
    return [...this.#stages.values()];
  }

  /** @param {string} name */
  #of(name) {
    const known = this.#stages.get(name);
    if (known) return known;
    const fresh = { name, network: 0, work: 0, sent: 0, received: 0, requests: 0 };
    this.#stages.set(name, fresh);
    return fresh;
  }
}

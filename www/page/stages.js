// The time and the bytes of a sync, by the purpose of its requests.
// @ts-check

/** @typedef {import("./recording-fetch.js").Exchange} Exchange */
/**
 * A stage: milliseconds of waiting for the network, milliseconds of processing, and bytes in each direction.
 * @typedef {{ name: string, network: number, work: number, sent: number, received: number, requests: number }} Stage
 */

/**
 * The stage of a request.
 * @param {{ method: string, path: string }} request
 */
export const stageOf = ({ method, path }) => {
  const [area, collection, id] = path.replace(/\?.*/s, "").split("/");
  if (area === "1.0") return "token";
  if (area === "info") return collection === "configuration" ? "limits" : "check for changes";
  if (collection === "meta") return "meta/global";
  if (collection === "crypto") return "keys";
  if (collection === "clients") return "devices";
  const isRead = method === "GET";
  return `${isRead ? "download" : "upload"} ${collection}${id && isRead ? " again" : ""}`;
};

/** Sums up the stages of a sync, in the order of their first requests. */
export class Stages {
  /** @type {Map<string, Stage>} */
  #stages = new Map();
  #last = { name: "token", end: 0 };

  /** @param {number} started when the sync started, by the clock of the exchanges */
  constructor(started) {
    this.#last.end = started;
  }

  /** @param {Exchange} exchange */
  add(exchange) {
    const name = stageOf(exchange);
    const stage = this.#of(name);
    // Processing before the first request belongs to that request; later processing belongs to the previous response.
    const before = this.#stages.size === 1 && stage.requests === 0 ? stage : this.#of(this.#last.name);
    before.work += Math.max(0, exchange.started - this.#last.end);
    stage.network += exchange.milliseconds;
    stage.sent += exchange.sent;
    stage.received += exchange.received;
    stage.requests += 1;
    this.#last = { name, end: exchange.started + exchange.milliseconds };
  }

  /**
   * All stages of the completed sync.
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
    const stage = { name, network: 0, work: 0, sent: 0, received: 0, requests: 0 };
    this.#stages.set(name, stage);
    return stage;
  }
}

// Starts the real server, `selvedge serve`, for a test: in memory, on a free local port.
import { spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";

/** Starts a server, and stops it after the test `t`. Resolves to its URL. */
export async function startServer(t) {
  const program = process.env.SELVEDGE;
  if (!program) throw new Error("SELVEDGE must name the program selvedge: run `cargo xtask test`");
  const server = spawn(program, ["serve", "--listen", "127.0.0.1:0", "--data", ":memory:"], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  const ended = new Promise(resolve => server.once("close", resolve));
  t.after(() => {
    server.kill("SIGTERM");
    return ended;
  });
  return new Promise((resolve, reject) => {
    let log = "";
    server.stderr.setEncoding("utf8").on("data", text => {
      log += text;
      const url = /listening on (\S+)/.exec(log)?.[1];
      if (url) resolve(url);
    });
    server.once("error", reject);
    ended.then(() => reject(new Error(`selvedge serve ended before it listened: ${log}`)));
  });
}

/** Creates an account as `selvedge account create` does, and returns its credentials. */
export async function createAccount(url) {
  const key = randomBytes(64);
  const fingerprint = createHash("sha256").update(key).digest().subarray(0, 16).toString("base64url");
  const kid = `${Date.now()}-${fingerprint}`;
  const response = await fetch(`${url}/1.0/accounts`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ kid }),
  });
  if (response.status !== 201) throw new Error(`the account was not created: ${response.status} ${await response.text()}`);
  return { ...(await response.json()), kid, ksync_b64url: key.toString("base64url") };
}

/** A fetch that records each request's method, path and body, and each response's body. */
export function recordingFetch() {
  const seen = [];
  const recording = async request => {
    const sent = await request.clone().text();
    const response = await fetch(request);
    const received = await response.clone().text();
    seen.push({ method: request.method, path: new URL(request.url).pathname, status: response.status, sent, received });
    return response;
  };
  return { seen, fetch: recording };
}

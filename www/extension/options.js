// The options page: join an account, show its state, leave it.
// @ts-check
import { request } from "./background-client.js";
import { api } from "./browser.js";
import { remove, watch } from "./storage.js";
import { runAction, button, input, setRemedy, showStatus } from "./messages.js";
import { sinceLast, stageOf } from "./sync-status.js";
import init, { accountServer } from "./selvedge/selvedge.js";
import { patternOf } from "./permissions.js";
import { showConsent } from "./shared/consent.js";
import { byId } from "./shared/dom.js";
import { showFieldProblem, clearFieldProblem } from "./shared/fields.js";

const form = (/** @type {string} */ id) => /** @type {HTMLFormElement} */ (byId(id));
const text = () => /** @type {HTMLTextAreaElement} */ (byId("account"));

/** Maximum size of a credentials file. */
const MAX_BYTES = 64 * 1024;

/** The server of the entered account; empty while the input is invalid. */
let server = "";

// Joining.

const checkAccount = async () => {
  server = "";
  const account = text().value.trim();
  let hint = "";
  if (account) {
    await init();
    try {
      server = accountServer(account);
      hint = `This account is on ${new URL(server).host}. The browser will ask you to allow the extension to connect to it.`;
    } catch {
      hint = "This is not a complete join code or credentials yet: paste all of it.";
    }
  }
  byId("server-hint").textContent = hint;
};

text().oninput = () => void runAction(checkAccount);

input("file").onchange = () =>
  runAction(async () => {
    const [file] = input("file").files ?? [];
    if (!file) return;
    if (file.size > MAX_BYTES) throw Object.assign(new Error(`this file has ${file.size} bytes; a file with an account has at most ${MAX_BYTES}: choose another one`), { code: "input" });
    text().value = await file.text();
    input("file").value = "";
    await checkAccount();
  });

const retry = () => form("join-form").requestSubmit();

form("join-form").onsubmit = event => {
  event.preventDefault();
  if (!server) return showFieldProblem("account", { code: "input", message: "paste a join code or credentials first" });
  clearFieldProblem("account");
  // Browsers show the permission prompt only while they handle a click: nothing may be awaited before.
  const allowed = api.permissions.request({ origins: [patternOf(server)] });
  void runAction(async () => {
    if (!(await allowed)) return showFieldProblem("account", { code: "stopped", message: "without the permission the extension cannot connect to the server: join again and allow it" }, retry);
    const detail = { account: text().value.trim(), deviceName: input("device-name").value.trim() };
    button("join-button").disabled = true;
    showStatus("Joining…");
    try {
      await request("join", detail);
      form("join-form").reset();
      server = "";
      byId("server-hint").textContent = "";
      await draw();
      showStatus("This browser has joined the account.");
      button("sync").focus();
    } catch (error) {
      showStatus("");
      showFieldProblem("account", /** @type {Error} */ (error), retry);
    } finally {
      button("join-button").disabled = false;
    }
  });
};

const nameOfThisBrowser = () => {
  const browser = navigator.userAgent.includes("Firefox/") ? "Firefox" : "Chromium";
  const system = ["Android", "Linux", "Mac", "Windows"].find(name => navigator.userAgent.includes(name));
  return system ? `${browser} on ${system}` : browser;
};

// The account.

const draw = async () => {
  const { account, progress } = await request("status");
  byId("join").hidden = Boolean(account);
  byId("device").hidden = !account;
  byId("syncing").hidden = !progress;
  byId("progress").textContent = progress ? stageOf(progress) : "";
  button("stop").textContent = account ? "Stop" : "Cancel";
  button("sync").disabled = Boolean(progress);
  showConsent(byId("consent"), account?.needsConsent, () => void runAction(() => request("sync")));
  if (!account) return;
  const { server, deviceName, last, refused } = account;
  byId("name").textContent = deviceName ?? "";
  byId("server").textContent = new URL(server).host;
  byId("last").textContent = [sinceLast(account), progress ? "" : last?.said].filter(Boolean).join(" ");
  byId("refused").hidden = !refused;
  if (!refused) return;
  byId("refused-what").textContent = `The account's server refers this device to ${refused}. The extension needs your permission to connect to it.`;
  button("allow").onclick = () => {
    const allowed = api.permissions.request({ origins: [patternOf(refused)] });
    void runAction(async () => {
      if (!(await allowed)) return;
      await remove("refused");
      await request("sync");
    });
  };
};

button("sync").onclick = () => runAction(() => request("sync"));
button("stop").onclick = () => runAction(() => request("stop"));
setRemedy("sync", () => void runAction(() => request("sync")));
setRemedy("leave", () => byId("leave-title").scrollIntoView());

form("leave-form").onsubmit = event => {
  event.preventDefault();
  const isKeepingList = new FormData(form("leave-form")).get("data") === "keep";
  void runAction(async () => {
    await request("leave", { isKeepingList });
    form("leave-form").reset();
    await draw();
    showStatus(isKeepingList ? "The account is removed; the list stays in this browser." : "The account and its list are removed from this browser.");
    text().focus();
  });
};

watch(["progress", "last", "joined", "schedule", "refused"], () => void runAction(draw));

input("device-name").defaultValue = nameOfThisBrowser();
await runAction(draw);

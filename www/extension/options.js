// The options: join an account, see how it syncs, leave it.
// @ts-check
import { ask } from "./ask.js";
import { api } from "./browser.js";
import { forget, watch } from "./storage.js";
import { act, button, input, offer, say } from "./page.js";
import { sinceLast, stageOf } from "./sync-status.js";
import init, { accountServer } from "./selvedge/selvedge.js";
import { patternOf } from "./servers.js";
import { showConsent } from "./shared/consent.js";
import { byId } from "./shared/dom.js";
import { complainAt, settle } from "./shared/fields.js";

const form = (/** @type {string} */ id) => /** @type {HTMLFormElement} */ (byId(id));
const text = () => /** @type {HTMLTextAreaElement} */ (byId("account"));

/** A credentials file is no longer than this. */
const MAX_BYTES = 64 * 1024;

/** The server of the account that is typed in, as far as it is one. */
let server = "";

// Joining.

const look = async () => {
  server = "";
  const account = text().value.trim();
  let said = "";
  if (account) {
    await init();
    try {
      server = accountServer(account);
      said = `This account is on ${new URL(server).host}. The browser will ask you to let the extension talk with it.`;
    } catch {
      said = "This is no join code and no credentials yet: paste all of it.";
    }
  }
  byId("server-hint").textContent = said;
};

text().oninput = () => void act(look);

input("file").onchange = () =>
  act(async () => {
    const [file] = input("file").files ?? [];
    if (!file) return;
    if (file.size > MAX_BYTES) throw Object.assign(new Error("this file is too large to hold an account"), { code: "input" });
    text().value = await file.text();
    input("file").value = "";
    await look();
  });

const again = () => form("join-form").requestSubmit();

form("join-form").onsubmit = event => {
  event.preventDefault();
  if (!server) return complainAt("account", { code: "input", message: "paste a join code or credentials first" });
  settle("account");
  // Browsers ask only while they handle a click: nothing may be awaited before.
  const allowed = api.permissions.request({ origins: [patternOf(server)] });
  void act(async () => {
    if (!(await allowed)) return complainAt("account", { code: "stopped", message: "without the permission the server cannot be asked: join again and allow it" }, again);
    const detail = { account: text().value.trim(), deviceName: input("device-name").value.trim() };
    button("join-button").disabled = true;
    say("Joining…");
    try {
      await ask("join", detail);
      form("join-form").reset();
      server = "";
      byId("server-hint").textContent = "";
      await draw();
      say("This browser is a device of the account now.");
      button("sync").focus();
    } catch (error) {
      say("");
      complainAt("account", /** @type {Error} */ (error), again);
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
  const { account, progress } = await ask("status");
  byId("join").hidden = Boolean(account);
  byId("device").hidden = !account;
  byId("syncing").hidden = !progress;
  byId("progress").textContent = progress ? stageOf(progress) : "";
  button("stop").textContent = account ? "Stop" : "Cancel";
  button("sync").disabled = Boolean(progress);
  showConsent(byId("consent"), account?.needsConsent, () => void act(() => ask("sync")));
  if (!account) return;
  const { server, deviceName, last, refused } = account;
  byId("name").textContent = deviceName ?? "";
  byId("server").textContent = new URL(server).host;
  byId("last").textContent = [sinceLast(account), progress ? "" : last?.said].filter(Boolean).join(" ");
  byId("refused").hidden = !refused;
  if (!refused) return;
  byId("refused-what").textContent = `The account's server sends this device on to ${refused}, which it may not talk with yet.`;
  button("allow").onclick = () => {
    const allowed = api.permissions.request({ origins: [patternOf(refused)] });
    void act(async () => {
      if (!(await allowed)) return;
      await forget("refused");
      await ask("sync");
    });
  };
};

button("sync").onclick = () => act(() => ask("sync"));
button("stop").onclick = () => act(() => ask("stop"));
offer("sync", () => void act(() => ask("sync")));
offer("leave", () => byId("leave-title").scrollIntoView());

form("leave-form").onsubmit = event => {
  event.preventDefault();
  const isKeepingList = new FormData(form("leave-form")).get("data") === "keep";
  void act(async () => {
    await ask("leave", { isKeepingList });
    form("leave-form").reset();
    await draw();
    say(isKeepingList ? "The account is forgotten; the list stays here." : "The account and its list are gone from this browser.");
    text().focus();
  });
};

watch(["progress", "last", "joined", "schedule", "refused"], () => void act(draw));

input("device-name").defaultValue = nameOfThisBrowser();
await act(draw);

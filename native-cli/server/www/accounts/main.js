// @ts-check
// The page of the accounts server: sign-in and registration, for Firefox or for this tab, and how Firefox is set up.
import { Refused, accounts } from "./api.js";
import { ask, tell } from "./browser.js";
import { choose, texts } from "./messages.js";

const MIN_PASSWORD = 8;
const KEPT = "selvedge-session";

const query = new URLSearchParams(location.search);
/** Whether Firefox opened this page and waits for a sign-in. */
const isForFirefox = query.get("context") === "oauth_webchannel_v1";
const prefix = document.body.dataset["prefix"] ?? "";
const server = accounts(prefix);
const language = choose(navigator.languages);
const text = texts(language);

/** @template {HTMLElement} T @param {string} id @param {new () => T} kind @returns {T} */
function element(id, kind) {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new TypeError(`no ${id}`);
  return found;
}

const page = {
  title: element("title", HTMLElement), intro: element("intro", HTMLElement), status: element("status", HTMLElement),
  error: element("error", HTMLElement), form: element("form", HTMLFormElement), email: element("email", HTMLInputElement),
  password: element("password", HTMLInputElement), registration: element("registration", HTMLElement),
  repeated: element("repeated", HTMLInputElement), invitation: element("invitation", HTMLInputElement),
  submit: element("submit", HTMLButtonElement), other: element("other", HTMLButtonElement),
  account: element("account", HTMLElement), who: element("who", HTMLElement), signOut: element("sign-out", HTMLButtonElement),
  setup: element("setup", HTMLElement),
};

let isRegistering = false;
/** @type {import("./api.js").Session | null} */
let current = null;

function showForm() {
  page.title.textContent = document.title = text(isRegistering ? "register" : "signIn");
  page.submit.textContent = text(isRegistering ? "register" : "signIn");
  page.other.textContent = text(isRegistering ? "toSignIn" : "toRegister");
  page.registration.hidden = !isRegistering;
  page.repeated.required = isRegistering;
  page.password.autocomplete = isRegistering ? "new-password" : "current-password";
  page.account.hidden = true;
  page.form.hidden = false;
}

/** @param {import("./api.js").Session} session */
function showAccount(session) {
  current = session;
  page.form.hidden = true;
  page.title.textContent = document.title = "Selvedge";
  page.who.textContent = text("signedInAs", { email: session.email });
  page.account.hidden = false;
}

/** A sentence for what went wrong. @param {unknown} error */
function explain(error) {
  if (error instanceof Sentence) return error.message;
  if (!(error instanceof Refused)) return text("refusedByBrowser", { origin: location.origin + prefix });
  switch (error.errno) {
    case 0: return text("offline");
    case 101: return text("exists");
    case 102: case 103: case 120: return text("wrong");
    case 114: return text("throttled", { seconds: error.body.retryAfter ?? 60 });
    case 202: case 207: return text("closed");
    default: return text("failed", { errno: error.errno });
  }
}

/** An error whose message is a text of this page. */
class Sentence extends Error {}

/** Gives Firefox the session first, then the code with its keys. @param {import("./api.js").Session} session */
async function connect(session) {
  const { email, uid, sessionToken } = session;
  const allowed = await ask("can_link_account", { email, uid });
  if (allowed && allowed.ok === false) throw new Sentence(text("merge"));
  const { code } = await server.authorize(session, query);
  const services = { sync: { offeredEngines: [], declinedEngines: [] } };
  const login = await ask("login", { email, uid, sessionToken, verified: false, services });
  if (!login) throw new Sentence(text("refusedByBrowser", { origin: location.origin + prefix }));
  await ask("oauth_login", { code, state: query.get("state") });
  page.form.hidden = true;
  page.title.textContent = document.title = "Selvedge";
  page.status.textContent = text("connected");
  page.status.dataset["state"] = "connected";
}

async function submit() {
  const email = page.email.value.trim();
  const password = page.password.value;
  if (isRegistering && password.length < MIN_PASSWORD) throw new Sentence(text("short"));
  if (isRegistering && password !== page.repeated.value) throw new Sentence(text("different"));
  page.status.textContent = text("working");
  const session = isRegistering
    ? await server.register(email, password, page.invitation.value.trim())
    : await server.signIn(email, password);
  page.password.value = page.repeated.value = "";
  if (isForFirefox) return connect(session);
  page.status.textContent = isRegistering ? text("registered") : "";
  sessionStorage.setItem(KEPT, JSON.stringify({ email: session.email, uid: session.uid, sessionToken: session.sessionToken }));
  showAccount(session);
}

page.form.addEventListener("submit", async (event) => {
  event.preventDefault();
  page.error.textContent = page.status.textContent = "";
  page.submit.disabled = true;
  try {
    await submit();
  } catch (error) {
    page.status.textContent = "";
    page.error.textContent = explain(error);
  } finally {
    page.submit.disabled = false;
  }
});

page.other.addEventListener("click", () => {
  isRegistering = !isRegistering;
  page.error.textContent = "";
  showForm();
  page.email.focus();
});

page.signOut.addEventListener("click", async () => {
  if (!current) return;
  page.error.textContent = "";
  try {
    await server.signOut(current);
  } catch (error) {
    // 110: the server ended the session already.
    if (!(error instanceof Refused) || error.errno !== 110) {
      page.error.textContent = explain(error);
      return;
    }
  }
  sessionStorage.removeItem(KEPT);
  tell("logout", { uid: current.uid });
  current = null;
  page.status.textContent = text("signedOut");
  showForm();
});

/** The files that set the two preferences. */
function offerFiles() {
  const origin = location.origin + prefix;
  const values = [["identity.fxaccounts.autoconfig.uri", JSON.stringify(origin)]];
  if (location.protocol === "http:") values.push(["identity.fxaccounts.allowHttp", "true"]);
  const lines = (/** @type {string} */ call) => values.map(([name, value]) => `${call}("${name}", ${value});\n`).join("");
  // Firefox skips the first line of mozilla.cfg.
  const files = {
    "user-js": lines("user_pref"),
    autoconfig: 'pref("general.config.filename", "mozilla.cfg");\npref("general.config.obscure_value", 0);\n',
    cfg: `// Firefox Sync on ${origin}\n${lines("defaultPref")}`,
  };
  for (const [id, content] of Object.entries(files)) {
    element(id, HTMLAnchorElement).href = `data:text/javascript;charset=utf-8,${encodeURIComponent(content)}`;
  }
  page.intro.textContent = text("intro");
  page.setup.hidden = false;
}

/** The session of this tab, or of the Firefox around it; null when there is none or it ended. */
async function findSession() {
  const kept = sessionStorage.getItem(KEPT);
  const status = kept || !query.has("context") ? null : await ask("fxa_status", { service: "sync", context: query.get("context"), isPairing: false });
  const found = kept ? JSON.parse(kept) : status?.signedInUser;
  if (!found?.sessionToken) return null;
  return server.status(found).then(() => found, () => null);
}

async function start() {
  document.documentElement.lang = language;
  for (const one of document.querySelectorAll("[data-text]")) {
    one.textContent = text(/** @type {import("./messages.js").Message} */ (/** @type {HTMLElement} */ (one).dataset["text"]));
  }
  if (!window.isSecureContext) {
    page.error.textContent = text("insecure");
    return;
  }
  // After the `#`, an invitation is in no request and no log.
  const invitation = new URLSearchParams(location.hash.slice(1)).get("invitation");
  page.invitation.value = invitation ?? "";
  page.email.value = query.get("email") ?? "";
  isRegistering = invitation !== null || location.pathname.endsWith("/signup");
  if (!isForFirefox) offerFiles();
  const isSignIn = query.get("action") === "email" || query.has("code_challenge");
  const session = isSignIn ? null : await findSession();
  if (session) showAccount(session);
  else showForm();
  document.body.dataset["ready"] = "true";
}

start();

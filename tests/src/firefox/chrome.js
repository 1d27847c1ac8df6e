// The functions that tests call in Firefox. This script runs in the browser window with full privileges, and defines
// `window.selvedge`. It replaces only the signed-in user: Hawk, crypto, engines and merging are Firefox's own.

const load = (address) => ChromeUtils.importESModule(address);
const { Weave } = load("resource://services-sync/main.sys.mjs");
const { Observers } = load("resource://services-common/observers.sys.mjs");
const { PlacesUtils } = load("resource://gre/modules/PlacesUtils.sys.mjs");
const { FormHistory } = load("resource://gre/modules/FormHistory.sys.mjs");
const { formAutofillStorage } = load("resource://autofill/FormAutofillStorage.sys.mjs");
const { extensionStorageSync } = load("resource://gre/modules/ExtensionStorageSync.sys.mjs");
const { getFxAccountsSingleton } = load("resource://gre/modules/FxAccounts.sys.mjs");

const SCOPE = "https://identity.mozilla.com/apps/oldsync";
const wait = (millis) => new Promise((resolve) => window.setTimeout(resolve, millis));

async function until(what, claim, millis = 60000) {
  for (const end = Date.now() + millis; Date.now() < end; await wait(25)) {
    const found = await claim();
    if (found) return found;
  }
  throw new Error(`${what} did not happen within ${millis} ms`);
}

/** The observer notifications of the syncs since the last `outcome`, by sync. Firefox starts some syncs by itself. */
let syncs = [];
const text = (thing) => String(thing?.message ?? thing);

function listen() {
  const on = (topic, listener) =>
    Observers.add(`weave:${topic}`, (subject, name) => {
      if (topic === "service:sync:start") syncs.push({ ended: null, errors: [], applied: {}, uploaded: {}, problems: {} });
      else if (syncs.length) listener(syncs.at(-1), subject, name);
    });
  on("service:sync:start");
  on("engine:sync:error", (record, error, name) => record.errors.push(`${name}: ${text(error)}`));
  on("engine:sync:applied", (record, counts, name) => (record.applied[name] = sum(record.applied[name], counts)));
  on("engine:sync:uploaded", (record, counts, name) => (record.uploaded[name] = sum(record.uploaded[name], counts)));
  on("engine:validate:finish", (record, result, name) => {
    const found = (result?.problems ?? []).filter(({ count }) => count > 0);
    record.problems[name] = found.map(({ name: problem, count }) => `${problem}: ${count}`);
  });
  on("engine:validate:error", (record, error, name) => record.errors.push(`validating ${name}: ${text(error)}`));
  on("service:sync:error", (record, error) => {
    record.errors.push(`sync: ${text(error)}`);
    record.ended ??= "error";
  });
  on("service:sync:finish", (record) => (record.ended ??= "finish"));
}

function sum(counts = {}, more) {
  const total = { ...counts };
  for (const [name, count] of Object.entries(more)) {
    if (typeof count === "number") total[name] = (total[name] ?? 0) + count;
  }
  return total;
}

/** Replaces the account: the user, the key, the OAuth token, the devices, and no push. */
function replaceSignedInUser({ uid, scopedKey, accessToken, deviceId, deviceName }) {
  const accounts = getFxAccountsSingleton();
  const user = { uid, email: "reader@example.org", verified: true, displayName: null };
  const key = { ...scopedKey, scope: SCOPE };
  const replace = (object, members) => {
    for (const [name, value] of Object.entries(members)) {
      Object.defineProperty(object, name, { value, configurable: true, writable: true });
    }
  };
  replace(accounts, {
    getSignedInUser: async () => ({ ...user }),
    hasLocalSession: async () => true,
    getOAuthToken: async () => accessToken,
    getOAuthTokenAndKey: async () => ({ token: accessToken, key }),
    removeCachedOAuthToken: async () => {},
    notifyDevices: async () => {},
    updateDeviceRegistration: async () => {},
  });
  replace(accounts.keys, {
    canGetKeyForScope: async () => true,
    hasKeysForScope: async () => true,
    getKeyForScope: async () => key,
  });
  const device = { id: deviceId, name: deviceName, type: "desktop", isCurrentDevice: true };
  replace(accounts.device, {
    getLocalId: async () => deviceId,
    getLocalName: () => deviceName,
    getLocalType: () => "desktop",
    refreshDeviceList: async () => true,
    recentDeviceList: [device],
  });
  replace(accounts.commands, { pollDeviceCommands: async () => {} });
}

/**
 * Leaves the start of syncs to the tests: by itself, Firefox also syncs some seconds after a change. Two such syncs within one
 * second lose a command until the next sync: it compares the times of its client's record in whole seconds.
 */
function syncOnlyWhenAsked() {
  Object.defineProperty(Weave.Service.scheduler, "syncThreshold", { get: () => Infinity, set() {}, configurable: true });
}

const idle = () => until("the end of the sync", () => !Weave.Service.locked && syncs.every(({ ended }) => ended));

/** The combined result of all syncs since the last call. */
function outcome() {
  const { login, service, sync, engines } = Weave.Status;
  const all = { syncs: syncs.length, errors: [], applied: {}, uploaded: {}, problems: {} };
  for (const record of syncs) {
    if (record.ended !== "finish") all.errors.push(`ended: ${record.ended}`);
    all.errors.push(...record.errors);
    for (const what of ["applied", "uploaded"]) {
      for (const [name, counts] of Object.entries(record[what])) all[what][name] = sum(all[what][name], counts);
    }
    for (const [name, problems] of Object.entries(record.problems)) {
      all.problems[name] = [...(all.problems[name] ?? []), ...problems];
    }
  }
  syncs = [];
  return { ...all, status: { login, service, sync, engines: { ...engines } } };
}

/** Signs in, and returns the result of the first sync, which Firefox starts by itself. */
async function signIn(account) {
  await Weave.Service.promiseInitialized;
  replaceSignedInUser(account);
  syncOnlyWhenAsked();
  listen();
  await Weave.Service.configure();
  await until("the first sync", () => syncs.length > 0);
  await idle();
  return outcome();
}

/** Opens the page of the accounts server as the menu does, with nothing replaced, and returns the tab's URL. */
async function openSignIn() {
  await Weave.Service.promiseInitialized;
  syncOnlyWhenAsked();
  listen();
  await gSync.openFxAEmailFirstPage("fxa_app_menu");
  const address = () => gBrowser.currentURI.spec;
  await until("the page", () => address().startsWith("http") && !gBrowser.selectedTab.hasAttribute("busy"));
  return address();
}

/** Waits for the first sync after a sign-in by the page; returns its result and the signed-in user. */
async function signedIn() {
  await until("the first sync", () => syncs.length > 0, 150000);
  await idle();
  const { email, verified } = await getFxAccountsSingleton().getSignedInUser();
  return { user: { email, verified }, ...outcome() };
}

async function sync() {
  await idle();
  const before = syncs.length;
  await Weave.Service.sync({ why: "user" });
  await until("the sync", () => syncs.length > before);
  await idle();
  return outcome();
}

const bookmarks = {
  add: (bookmark) => PlacesUtils.bookmarks.insert(bookmark).then(({ guid }) => guid),
  change: (bookmark) => PlacesUtils.bookmarks.update(bookmark).then(() => {}),
  remove: (guid) => PlacesUtils.bookmarks.remove(guid).then(() => {}),
  tag: (url, tags) => PlacesUtils.tagging.tagURI(Services.io.newURI(url), tags),
  keyword: (url, keyword) => PlacesUtils.keywords.insert({ url, keyword }).then(() => {}),
  async all() {
    const tree = await PlacesUtils.promiseBookmarksTree("", { includeItemIds: false });
    const rows = {};
    const walk = (item, parent) => {
      rows[item.guid] = {
        parent,
        index: item.index,
        title: item.title ?? "",
        ...(item.uri && { url: item.uri }),
        ...(item.tags && { tags: item.tags.split(",").sort() }),
        ...(item.keyword && { keyword: item.keyword }),
      };
      for (const child of item.children ?? []) walk(child, item.guid);
    };
    walk(tree, null);
    return rows;
  },
};

const login = ({ origin, action = null, realm = null, username, password }) => {
  const made = Cc["@mozilla.org/login-manager/loginInfo;1"].createInstance(Ci.nsILoginInfo);
  made.init(origin, action, realm, username, password, "", "");
  return made;
};
const guid = (found) => found.QueryInterface(Ci.nsILoginMetaInfo).guid;
const logins = async () => Services.logins.getAllLogins();
const findLogin = async (id) => {
  const found = (await logins()).find((one) => guid(one) === id);
  if (!found) throw new Error(`there is no login ${id}`);
  return found;
};

const passwords = {
  add: (of) => Services.logins.addLoginAsync(login(of)).then(guid),
  async change(id, fields) {
    const old = await findLogin(id);
    const changed = old.clone();
    Object.assign(changed, fields);
    await Services.logins.modifyLoginAsync(old, changed);
  },
  async remove(id) {
    await Services.logins.removeLoginAsync(await findLogin(id));
  },
  async all() {
    const rows = (await logins()).map((one) => [
      guid(one),
      { origin: one.origin, username: one.username, password: one.password },
    ]);
    return Object.fromEntries(rows);
  },
};

const history = {
  async add(url, title, ago = 0) {
    const date = new Date(Date.now() - ago);
    const page = await PlacesUtils.history.insert({ url, title, visits: [{ date, transition: 1 }] });
    return page.guid;
  },
  async addMany(base, count) {
    const visits = [{ date: new Date(), transition: 1 }];
    const pages = Array.from({ length: count }, (_, n) => ({ url: base + n, title: `Page ${n}`, visits }));
    await PlacesUtils.history.insertMany(pages);
  },
  remove: (url) => PlacesUtils.history.remove(url),
  async all() {
    const db = await PlacesUtils.promiseDBConnection();
    const rows = await db.execute(
      "SELECT guid, url, title FROM moz_places p WHERE EXISTS (SELECT 1 FROM moz_historyvisits WHERE place_id = p.id)",
    );
    const pages = rows.map((row) => [
      row.getResultByName("guid"),
      { url: row.getResultByName("url"), title: row.getResultByName("title") },
    ]);
    return Object.fromEntries(pages);
  },
};

const forms = {
  add: (fieldname, value) => FormHistory.update({ op: "add", fieldname, value }).then(() => {}),
  remove: (fieldname, value) => FormHistory.update({ op: "remove", fieldname, value }).then(() => {}),
  async all() {
    const rows = await FormHistory.search(["guid", "fieldname", "value"], {});
    return Object.fromEntries(rows.map(({ guid: id, fieldname, value }) => [id, { name: fieldname, value }]));
  },
};

const addresses = {
  async add(address) {
    await formAutofillStorage.initialize();
    return formAutofillStorage.addresses.add(address);
  },
  async all() {
    await formAutofillStorage.initialize();
    const rows = await formAutofillStorage.addresses.getAll();
    return Object.fromEntries(rows.map((row) => [row.guid, row]));
  },
};

/** The values of an extension in `storage.sync`, without the extension. */
const extension = {
  set: (id, items) => extensionStorageSync.set({ id }, items, {}).then(() => {}),
  get: (id) => extensionStorageSync.get({ id }, null, {}),
};

const prefs = {
  set: (name, value) => Services.prefs.setBoolPref(name, value),
  get: (name) => Services.prefs.getBoolPref(name, null),
};

const tabs = {
  async open(url) {
    const tab = gBrowser.addTrustedTab(url);
    gBrowser.selectedTab = tab;
    await until("the tab", () => tab.linkedBrowser.currentURI.spec === url && !tab.hasAttribute("busy"));
  },
};

/** Pages from and to the other devices of a signed-in account. */
const sentPages = {
  /** Asks the accounts server, as Firefox does from time to time, and waits until the page is open. */
  async receive(url) {
    await getFxAccountsSingleton().commands.pollDeviceCommands();
    await until("the sent page", () => gBrowser.tabs.some((tab) => tab.linkedBrowser.currentURI.spec === url));
  },
  async send(name, url) {
    const { device, commands } = getFxAccountsSingleton();
    await device.refreshDeviceList({ ignoreCached: true });
    const target = device.recentDeviceList.find((one) => one.name === name);
    if (!target) throw new Error(`Firefox does not know ${name}`);
    const { failed } = await commands.sendTab.send([target], { title: "Sent", url });
    if (failed.length) throw failed[0].error;
  },
};

const clients = {
  localId: () => Weave.Service.clientsEngine.localID,
  others: () =>
    Weave.Service.clientsEngine.remoteClients.map(({ id, name, type }) => ({ id, name, type })),
  command: (command, args, id) => Weave.Service.clientsEngine.sendCommand(command, args, id),
};

const engines = {
  /** Whether an engine is enabled, and its last sync: 0 after a reset. */
  async state(name) {
    const engine = Weave.Service.engineManager.get(name);
    return { enabled: engine.enabled, lastSync: await engine.getLastSync() };
  },
  enabled: () => Weave.Service.engineManager.getEnabled().map(({ name }) => name),
};

const all = { signIn, openSignIn, signedIn, sync, bookmarks, passwords, history, forms, addresses, extension, prefs, tabs, sentPages, clients, engines };

/** Calls `noun.verb` or `verb` with these arguments. */
window.selvedge = (name, args) => {
  const [first, second] = name.split(".");
  const call = second ? all[first]?.[second] : all[first];
  if (typeof call !== "function") throw new Error(`there is no ${name}`);
  return call(...args);
};

// A strict TypeScript program: valid uses of the package, and uses that the types must refuse.
import init, {
  IndexedDbStore,
  KeyBundle,
  MemoryStore,
  Schedule,
  SelvedgeError,
  accountServer,
  decodeRecords,
  decryptRecord,
  encryptRecord,
  initSync,
  joinCode,
  open,
  syncKey,
} from "selvedge";
import type {
  Change,
  Client,
  ClientStatus,
  Collection,
  NextSync,
  Store,
  StoreCommit,
  StoreQuery,
  StoredItem,
  SyncProgress,
  SyncRecord,
  SyncReport,
} from "selvedge";
import { storeCases } from "selvedge/store-cases";

export async function use(bytes: Uint8Array): Promise<string[]> {
  await init({ module_or_path: new URL("https://example.org/selvedge.wasm") });
  initSync({ module: new ArrayBuffer(8) });
  const client: Client = await open({
    account: "selvedge1-code",
    fetch: async request => new Response(request.url),
  });
  const notes: Collection = client.collection("notes");
  const id: string = await notes.put({ title: "milk", tags: ["a", 1, null] });
  await notes.edit(id, { title: null });
  const found: SyncRecord | undefined = await notes.get(id);
  const ids: string[] = found ? [found.id] : [];
  for await (const record of notes.list()) ids.push(record.id);
  await notes.delete(id);

  const report: SyncReport = await client.sync({ collections: ["notes"] });
  const until: number | null = report.retryAfter;
  for (const { name, status, failedIn } of report.collections) ids.push(name, status, failedIn[0]?.reason ?? "");
  try {
    const keys = KeyBundle.fromBytes(bytes);
    const payload: string = encryptRecord(keys, { id, title: "milk" });
    ids.push(decryptRecord(keys, payload, id).id);
    keys.free();
  } catch (thrown) {
    if (!(thrown instanceof SelvedgeError)) throw thrown;
    ids.push(thrown.code, String(thrown.retryAfter ?? until));
  }
  return ids;
}

/** A store of the program. */
class Own implements Store {
  readonly #inner = new MemoryStore();
  global(): Promise<string | undefined> {
    return this.#inner.global();
  }
  state(collection: string): Promise<string | undefined> {
    return this.#inner.state(collection);
  }
  collections(): Promise<string[]> {
    return this.#inner.collections();
  }
  counts(collection: string): Promise<{ live: number; pending: number }> {
    return this.#inner.counts(collection);
  }
  read(collection: string, ids: string[]): Promise<(StoredItem | null)[]> {
    return this.#inner.read(collection, ids);
  }
  page(collection: string, query: StoreQuery): Promise<StoredItem[]> {
    return this.#inner.page(collection, query);
  }
  duplicates(collection: string, keys: string[]): Promise<StoredItem[]> {
    return this.#inner.duplicates(collection, keys);
  }
  commit(commit: StoreCommit): Promise<"done" | "stale"> {
    return this.#inner.commit(commit);
  }
}

export async function useAll(body: ReadableStream<Uint8Array>, signal: AbortSignal): Promise<string[]> {
  const words: string[] = [accountServer("selvedge1-code"), joinCode("selvedge1-code")];
  for (const { name, run } of storeCases) {
    await run(new Own());
    words.push(name);
  }
  const stores: Store[] = [new Own(), new MemoryStore(), new IndexedDbStore("notes"), await IndexedDbStore.open()];
  const client = await open({ account: "selvedge1-code", store: stores[0]!, name: "work", deviceName: "Anna's laptop" });
  const unsubscribe: () => void = client.collection("notes").onChange((change: Change) => {
    const origin: "here" | "sync" | "elsewhere" = change.origin;
    words.push(origin, ...(change.ids ?? []));
  });
  const onProgress = ({ stage, collection, sent }: SyncProgress): void => void words.push(stage, collection ?? "", String(sent ?? 0));
  await client.sync({ signal, onProgress, isAskedFor: false });
  const status: ClientStatus = await client.status();
  for (const { name, pending } of status.collections) words.push(name, String(pending));
  const schedule = new Schedule("kept");
  schedule.tell("online" === words[0] ? "network-back" : "active");
  schedule.ended(client);
  const next: NextSync = schedule.next();
  if (next.next === "wait") words.push(new Date(next.until).toISOString());
  const keys: KeyBundle = syncKey("selvedge1-code");
  for await (const { records, modified, failed } of decodeRecords(body, keys, { format: "array" })) {
    for (const [at, record] of records.entries()) words.push(record.id, String(modified[at]));
    for (const { id, code } of failed) words.push(id, code);
  }
  for await (const { cleartexts, ends } of decodeRecords(body, keys, { as: "bytes" })) words.push(String(cleartexts.length + ends.length));
  unsubscribe();
  const closed: Promise<void> = client.close();
  await closed;
  await IndexedDbStore.delete("notes");
  return words;
}

export function misuse(client: Client, keys: KeyBundle): void {
  // @ts-expect-error: an account is needed
  void open({});
  // @ts-expect-error: a record has an id
  encryptRecord(keys, { title: "milk" });
  // @ts-expect-error: JSON cannot represent a function
  void client.collection("notes").put({ title: () => "milk" });
  // @ts-expect-error: keys cannot be exported
  void keys.toBytes();
  // @ts-expect-error: a schedule accepts only its events
  new Schedule().tell("bored");
  // @ts-expect-error: a store has all methods
  void open({ account: "selvedge1-code", store: { global: async () => null } });
  // @ts-expect-error: endings are a closed set
  void client.sync().then(report => report.ending === "finished");
}

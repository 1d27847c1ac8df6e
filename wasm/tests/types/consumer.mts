// A strict consumer: what it may write, and what the types keep it from.
import init, { KeyBundle, decryptRecord, encryptRecord, initSync, open } from "selvedge";
import type { Client, Collection, SelvedgeError, SyncRecord, SyncReport } from "selvedge";

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
    const error = thrown as SelvedgeError;
    ids.push(error.code, String(error.retryAfter ?? until));
  }
  return ids;
}

export function misuse(client: Client, keys: KeyBundle): void {
  // @ts-expect-error: an account is needed
  void open({});
  // @ts-expect-error: a record has an id
  encryptRecord(keys, { title: "milk" });
  // @ts-expect-error: a function is no JSON
  void client.collection("notes").put({ title: () => "milk" });
  // @ts-expect-error: keys do not come out
  void keys.toBytes();
  // @ts-expect-error: endings are a closed set
  void client.sync().then(report => report.ending === "finished");
}

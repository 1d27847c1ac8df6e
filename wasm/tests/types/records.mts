// Records with a program's own types: valid uses, and uses that the types must refuse.
import { FileStore, open } from "selvedge";
import type { Client, Collection, JsonValue, SyncRecord } from "selvedge";

interface Note {
  title: string;
  done?: boolean;
  tags: string[];
  place?: { name: string; at: [number, number] } | null;
}

interface Whole {
  id: string;
  count: number;
}

type Plain = { title: string };

export async function typed(client: Client): Promise<string[]> {
  const notes: Collection<Note> = client.collection<Note>("notes");
  const note: Note = { title: "milk", tags: [] };
  const id: string = await notes.put(note);
  const ids: string[] = await notes.putMany([note, { title: "bread", tags: ["a"], done: true }]);
  await notes.put({ id: "own", title: "salt", tags: [], place: { name: "home", at: [1, 2] } });
  await notes.edit(id, { done: null, title: "oat milk" });
  const found: (Note & { id: string }) | undefined = await notes.get(id);
  const changed = await notes.update(id, now => (now ? { ...now, done: true } : note));
  await notes.update(id, async () => null);
  await notes.update(id, () => undefined);
  for await (const { id, title } of notes.list()) ids.push(id, title);
  const deleted: void = await notes.deleteMany(ids);

  const whole = client.collection<Whole>("whole");
  await whole.put({ id: "a", count: 1 });
  await whole.put({ count: 1 });
  const one: Whole | undefined = await whole.get("a");

  // Without a type any record is accepted: one of an interface, of a type alias, or of any JSON object.
  const any: Collection = client.collection("any");
  const plain: Plain = { title: "milk" };
  const json: { [field: string]: JsonValue } = { title: "milk" };
  await any.put(note);
  await any.put(plain);
  await any.put(json);
  await any.edit("a", { done: null });
  const record: SyncRecord | undefined = await any.get("a");
  return [found?.title ?? "", changed?.id ?? "", String(one?.count), record?.id ?? "", String(deleted)];
}

export async function misuse(client: Client): Promise<void> {
  const notes = client.collection<Note>("notes");
  const any = client.collection("any");
  // @ts-expect-error: the title is missing
  await notes.put({ tags: [] });
  // @ts-expect-error: notes have no colour
  await notes.put({ title: "milk", tags: [], colour: "indigo" });
  // @ts-expect-error: a title is a text
  await notes.edit("a", { title: 7 });
  // @ts-expect-error: JSON has no Date
  await any.put({ when: new Date() });
  // @ts-expect-error: JSON has no Map, however deep
  await any.put({ deep: { map: new Map<string, string>() } });
  // @ts-expect-error: JSON has no BigInt
  await any.put({ big: 1n });
  // @ts-expect-error: a record is an object
  await any.put("milk");
  // @ts-expect-error: an id is a text
  await any.get(5);
  // @ts-expect-error: an update returns a record
  await notes.update("a", () => ({ title: 7 }));
  // @ts-expect-error: a timeout is a number
  await open({ account: "selvedge1-code", timeout: "60 s" });
}

export const durable = (account: string): Promise<Client> => open({ account, store: new FileStore("data/notes.db") });

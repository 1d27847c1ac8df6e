// A program that a bundler packs into one file; it loads the module itself.
import init, { initSync, MemoryStore, open } from "selvedge";

export { init };

/** Puts and reads a record, with the bytes of the module. */
export async function run(module, account) {
  initSync({ module });
  const client = await open({ account, store: new MemoryStore() });
  const id = await client.collection("notes").put({ title: "milk" });
  return (await client.collection("notes").get(id)).title;
}

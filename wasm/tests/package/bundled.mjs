// What a program is that a bundler makes one file of: it brings the module itself.
import init, { initSync, MemoryStore, open } from "selvedge";

export { init };

/** Puts and reads a record with a module that the program has found. */
export async function run(module, account) {
  initSync({ module });
  const client = await open({ account, store: new MemoryStore() });
  const id = await client.collection("notes").put({ title: "milk" });
  return (await client.collection("notes").get(id)).title;
}

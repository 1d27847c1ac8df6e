// The entry for Node: the module is read from the file beside this one, so that there is nothing to wait for.
import { readFileSync } from "node:fs";
import { initSync } from "./selvedge.js";

initSync({ module: readFileSync(new URL("./selvedge.wasm", import.meta.url)) });

export { FileStore } from "./file-store.js";
export * from "./selvedge.js";
export { default } from "./selvedge.js";

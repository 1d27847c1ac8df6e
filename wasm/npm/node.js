// The entry point for Node: loads the module synchronously from the file in this directory, so that `init` is not needed.
import { readFileSync } from "node:fs";
import { initSync } from "./selvedge.js";

initSync({ module: readFileSync(new URL("./selvedge.wasm", import.meta.url)) });

export { FileStore } from "./file-store.js";
export * from "./selvedge.js";
export { default } from "./selvedge.js";

// Writes compressed copies of the page's files beside them; `selvedge serve --www` sends these: node compress.mjs DIRECTORY
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const [, , directory] = process.argv;
const COMPRESSED = /\.(br|gz)$/;
const COMPRESSIBLE = /\.(html|css|js|svg|wasm)$/;
/** The browser loads the extension from its directory, not from a server. */
const EXCLUDED = "extension";

const files = readdirSync(directory, { recursive: true, withFileTypes: true })
  .filter(entry => entry.isFile())
  .map(({ name, parentPath }) => join(parentPath, name))
  .filter(path => relative(directory, path).split(sep)[0] !== EXCLUDED);

for (const path of files.filter(path => COMPRESSED.test(path))) rmSync(path);
for (const path of files.filter(path => COMPRESSIBLE.test(path))) {
  const bytes = readFileSync(path);
  const compressed = {
    br: brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length } }),
    gz: gzipSync(bytes, { level: 9 }),
  };
  for (const [suffix, content] of Object.entries(compressed)) if (content.length < bytes.length) writeFileSync(`${path}.${suffix}`, content);
}

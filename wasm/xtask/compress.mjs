// Writes the compressed forms of the page's files beside them, which `selvedge serve --www` sends: node compress.mjs DIRECTORY
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const [, , place] = process.argv;
const COMPRESSED = /\.(br|gz)$/;
const WORTH_IT = /\.(html|css|js|svg|wasm)$/;
/** The extension is loaded from its own directory, by no server. */
const LEFT_OUT = "extension";

const files = readdirSync(place, { recursive: true, withFileTypes: true })
  .filter(entry => entry.isFile())
  .map(({ name, parentPath }) => join(parentPath, name))
  .filter(path => relative(place, path).split(sep)[0] !== LEFT_OUT);

for (const path of files.filter(path => COMPRESSED.test(path))) rmSync(path);
for (const path of files.filter(path => WORTH_IT.test(path))) {
  const bytes = readFileSync(path);
  const forms = {
    br: brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length } }),
    gz: gzipSync(bytes, { level: 9 }),
  };
  for (const [ending, form] of Object.entries(forms)) if (form.length < bytes.length) writeFileSync(`${path}.${ending}`, form);
}

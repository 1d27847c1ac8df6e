// Decrypts many records of a server's response, for programs with their own protocol.
// @ts-check
import { RecordDecoder } from "./public-api.js";
import * as check from "./checks.js";

/**
 * Verifies and decrypts records as they arrive. Memory depends on the size of a batch, not of the body; a loop that ends early
 * cancels the body.
 * @param {ReadableStream<Uint8Array>} stream
 * @param {import("./glue.js").KeyBundle} keys
 * @param {{ format?: "newlines" | "array", as?: "records" | "bytes" }} [options]
 */
export async function* decodeRecords(stream, keys, options) {
  const given = check.options(options, "the options of decodeRecords");
  const format = check.optional(given, "format", check.text) ?? "newlines";
  const as = check.optional(given, "as", check.text) ?? "records";
  if (as !== "records" && as !== "bytes") check.refuse("the option as is \"records\" or \"bytes\"");
  check.withMethods(stream, "the body", ["getReader"]);
  const decoder = new RecordDecoder(keys, format, as === "bytes");
  const reader = stream.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      yield* done ? await decoder.finish() : await decoder.push(value);
      if (done) return;
    }
  } finally {
    decoder.free();
    await reader.cancel().catch(() => {});
  }
}

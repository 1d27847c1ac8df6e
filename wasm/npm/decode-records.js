// Many records of a server's answer, for those who bring their own protocol.
// @ts-check
import { RecordDecoder } from "./glue.js";

/**
 * Verifies and decrypts records as they arrive. Memory depends on the batch, never on the body; a reader that stops early ends
 * the body.
 * @param {ReadableStream<Uint8Array>} stream
 * @param {import("./glue.js").KeyBundle} keys
 * @param {{ format?: "newlines" | "array", as?: "records" | "bytes" }} [options]
 */
export async function* decodeRecords(stream, keys, { format = "newlines", as = "records" } = {}) {
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

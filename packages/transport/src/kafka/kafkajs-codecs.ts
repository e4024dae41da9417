import { promisify } from "node:util";
import { zstdCompress, zstdDecompress } from "node:zlib";
import all, { CompressionTypes } from "kafkajs";

type Compressed = { readonly buffer: Buffer };

// kafkajs brings gzip alone, and a batch that it cannot read stops a member for ever. No named import of the codecs: Node
// does not see this one in a CommonJS module.
Object.assign(all.CompressionCodecs, {
  [CompressionTypes.ZSTD]: () => ({
    compress: ({ buffer }: Compressed) => promisify(zstdCompress)(buffer),
    decompress: promisify(zstdDecompress),
  }),
  // Others write these two; here nothing does.
  [CompressionTypes.Snappy]: () => ({ decompress: decompressSnappy }),
  [CompressionTypes.LZ4]: () => ({
    decompress: async (bytes: Buffer) => (await import("@platformatic/wasm-utils")).lz4Decompress(bytes),
  }),
});

const framed = Buffer.from("\x82SNAPPY\0", "latin1");
const frameHeaderBytes = 16;

/** Either one block, as librdkafka writes it, or the frame of Java's clients: blocks with their length before each. */
async function decompressSnappy(bytes: Buffer): Promise<Buffer> {
  const { snappyDecompress } = await import("@platformatic/wasm-utils");
  if (!bytes.subarray(0, framed.length).equals(framed)) return snappyDecompress(bytes);
  const blocks: Buffer[] = [];
  for (let at = frameHeaderBytes; at < bytes.length; ) {
    const end = at + 4 + bytes.readInt32BE(at);
    blocks.push(snappyDecompress(bytes.subarray(at + 4, end)));
    at = end;
  }
  return Buffer.concat(blocks);
}

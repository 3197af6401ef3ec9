/** Snappy as Kafka uses it: blocks in the framing of the Java library snappy-java, and on reading also one bare block. */

import type { CompressionCodec } from "./compression.ts";
import { seenTable } from "./matching.ts";
import { decompressBlock, headOf, malformed } from "./snappy_block.ts";
import { compressBlock, sizeMax } from "./snappy_compress.ts";

/** The magic bytes, then the version and the oldest version that can read it, both 1 (`org.xerial.snappy.SnappyCodec`). */
const FRAMING = Uint8Array.of(0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1);
/** Readers ignore the versions, so only the magic bytes tell the framing. */
const MAGIC_LENGTH = 8;
/** Bytes of plain text in a block, as snappy-java writes by default. */
const BLOCK = 32 * 1024;
/** Bytes of the length in front of a block. */
const LENGTH_BYTES = 4;

/** Compresses with Kafka's framing; reads that and the bare format. */
export const snappy: CompressionCodec = {
  compress(bytes: Uint8Array): Uint8Array {
    const blocks = Math.ceil(bytes.length / BLOCK);
    const out = new Uint8Array(FRAMING.length + blocks * (LENGTH_BYTES + sizeMax(Math.min(BLOCK, bytes.length))));
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const outView = new DataView(out.buffer);
    const seen = seenTable(Math.min(BLOCK, bytes.length));
    out.set(FRAMING);
    let to = FRAMING.length;
    for (let at = 0; at < bytes.length; at += BLOCK) {
      const from = to + LENGTH_BYTES;
      to = compressBlock(bytes, view, at, Math.min(at + BLOCK, bytes.length), out, from, seen);
      outView.setInt32(from - LENGTH_BYTES, to - from);
    }
    return out.subarray(0, to);
  },
  /** Nothing is made before all blocks have said how long they are. */
  decompress(bytes: Uint8Array, limit: number): Uint8Array {
    const blocks = blocksOf(bytes);
    let size = 0;
    for (const { length } of blocks) size = checkLimit(size + length, limit);
    const out = new Uint8Array(size);
    const view = new DataView(out.buffer);
    let to = 0;
    for (const { at, end, length } of blocks) decompressBlock(bytes, at, end, out, view, to, to += length);
    return out;
  },
};

function startsFraming(bytes: Uint8Array, at: number): boolean {
  if (bytes.length - at < FRAMING.length) return false;
  for (let i = 0; i < MAGIC_LENGTH; i++) if (bytes[at + i] !== FRAMING[i]) return false;
  return true;
}

/** Where a block's elements lie, and how long it says that they are when decompressed. */
interface Block {
  readonly at: number;
  readonly end: number;
  readonly length: number;
}

/** The bare block, or the blocks of a framed stream, or of several that were joined, which snappy-java reads too. */
function blocksOf(bytes: Uint8Array): Block[] {
  if (!startsFraming(bytes, 0)) return [{ ...headOf(bytes, 0, bytes.length), end: bytes.length }];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const blocks: Block[] = [];
  let at = 0;
  while (at < bytes.length) {
    if (startsFraming(bytes, at)) {
      at += FRAMING.length;
      continue;
    }
    const left = bytes.length - at - 4;
    if (left < 0) throw malformed(`${left + 4} bytes are left where a block's length should be`);
    const length = view.getInt32(at);
    if (length < 1 || length > left) throw malformed(`a block says that it has ${length} bytes, and ${left} are left`);
    const end = at + 4 + length;
    blocks.push({ ...headOf(bytes, at + 4, end), end });
    at = end;
  }
  return blocks;
}

function checkLimit(size: number, limit: number): number {
  if (size > limit) throw malformed(`decompressed it would be ${size} bytes or more, and ${limit} are allowed`);
  return size;
}

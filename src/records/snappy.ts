/** Snappy as Kafka uses it: blocks in the framing of the Java library snappy-java, and on reading also one bare block. */

import { compress } from "snappyjs";
import type { CompressionCodec } from "./compression.ts";
import { decompressBlock, headOf, malformed } from "./snappy_block.ts";

const compressBlock: (bytes: Uint8Array) => Uint8Array = compress;

/** The magic bytes, then the version and the oldest version that can read it, both 1 (`org.xerial.snappy.SnappyCodec`). */
const FRAMING = Uint8Array.of(0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1);
/** Readers ignore the versions, so only the magic bytes tell the framing. */
const MAGIC_LENGTH = 8;
/** Bytes of plain text in a block, as snappy-java writes by default. */
const BLOCK = 32 * 1024;

/** Compresses with Kafka's framing; reads that and the bare format. */
export const snappy: CompressionCodec = {
  compress(bytes: Uint8Array): Uint8Array {
    const blocks: Uint8Array[] = [];
    let size = FRAMING.length;
    for (let at = 0; at < bytes.length; at += BLOCK) {
      const block = compressBlock(plain(bytes.subarray(at, at + BLOCK)));
      blocks.push(block);
      size += 4 + block.length;
    }
    const framed = new Uint8Array(size);
    const view = new DataView(framed.buffer);
    framed.set(FRAMING);
    let at = FRAMING.length;
    for (const block of blocks) {
      view.setInt32(at, block.length);
      framed.set(block, at + 4);
      at += 4 + block.length;
    }
    return framed;
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

/** A view that is a plain Uint8Array: for a Node Buffer snappyjs would answer with a Buffer. */
function plain(bytes: Uint8Array): Uint8Array {
  return bytes.constructor === Uint8Array ? bytes : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}

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

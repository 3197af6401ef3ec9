/** Snappy as Kafka uses it: blocks in the framing of the Java library snappy-java, and on reading also one bare block. */

import { compress, uncompress } from "snappyjs";
import { brokerError, errorNumbers } from "../base/error_codes.ts";
import { KafkaError } from "../base/errors.ts";
import type { CompressionCodec } from "./compression.ts";

const compressBlock: (bytes: Uint8Array) => Uint8Array = compress;
const uncompressBlock: (bytes: Uint8Array, limit: number) => Uint8Array = uncompress;

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
  decompress(bytes: Uint8Array, limit: number): Uint8Array {
    let size = 0;
    let count = 0;
    for (const block of blocksOf(bytes)) {
      size = checkLimit(size + plainLength(block), limit);
      checkBlock(block);
      count++;
    }
    const joined = count === 1 ? undefined : new Uint8Array(size);
    let at = 0;
    for (const block of blocksOf(bytes)) {
      const part = uncompressBlock(block, limit);
      if (joined === undefined) return part;
      joined.set(part, at);
      at += part.length;
    }
    return joined!;
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

/** The bare block, or the blocks of a framed stream, or of several that were joined, which snappy-java reads too. */
function* blocksOf(bytes: Uint8Array): Iterable<Uint8Array> {
  if (!startsFraming(bytes, 0)) {
    yield plain(bytes);
    return;
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
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
    at += 4 + length;
    yield plain(bytes.subarray(at - length, at));
  }
}

/** How long a block says that it is when decompressed. */
function plainLength(block: Uint8Array): number {
  let length = 0;
  let unit = 1;
  for (let at = 0; at < 5 && at < block.length; at++) {
    const byte = block[at]!;
    length += (byte & 127) * unit;
    if (byte < 128) return length;
    unit *= 128;
  }
  throw malformed("a block does not start with its length");
}

function checkLimit(size: number, limit: number): number {
  if (size > limit) throw malformed(`decompressed it would be ${size} bytes or more, and ${limit} are allowed`);
  return size;
}

/**
 * Walks over a block's elements without copying anything: each lies inside, refers to what is there already, and together
 * they give the length that the block starts with. snappyjs alone would accept the lengths' contradictions, and with a
 * literal of 2 GB or more it goes backwards and may never end.
 */
function checkBlock(block: Uint8Array): void {
  const length = plainLength(block);
  let at = 0;
  while (block[at]! > 127) at++;
  at++;
  let out = 0;
  while (at < block.length) {
    const tag = block[at++]!;
    const kind = tag & 3;
    let size = (tag >>> 2) + 1;
    if (kind === 0) {
      if (size > 60) {
        const width = size - 60;
        size = littleEndian(block, at, width) + 1;
        at += width;
      }
      at += size;
    } else {
      if (kind === 1) size = ((tag >>> 2) & 7) + 4;
      const width = kind === 3 ? 4 : kind;
      let distance = littleEndian(block, at, width);
      if (kind === 1) distance += (tag >>> 5) << 8;
      at += width;
      if (distance < 1 || distance > out) throw malformed("a copy reaches behind the start of its block");
    }
    out += size;
    if (at > block.length) throw malformed("an element leaves its block");
    if (out > length) break;
  }
  if (out !== length) throw malformed(`a block says that it holds ${length} bytes, and its elements do not give that`);
}

/** Up to four bytes as an unsigned number, the first the lowest; what is past the end counts as 0. */
function littleEndian(bytes: Uint8Array, at: number, width: number): number {
  let value = 0;
  for (let i = width - 1; i >= 0; i--) value = value * 256 + (bytes[at + i] ?? 0);
  return value;
}

function malformed(why: string): KafkaError {
  return new KafkaError(brokerError(errorNumbers.CORRUPT_MESSAGE), `malformed snappy: ${why}`);
}

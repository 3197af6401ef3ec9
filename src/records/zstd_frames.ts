/** Where zstd's frames lie (RFC 8878): platforms are asked to decompress one at a time, since some stop behind the first, and some at a torn one. */

import { brokerError, errorNumbers } from "../base/error_codes.ts";
import { KafkaError } from "../base/errors.ts";
import { joined } from "./joined.ts";

/** What a frame begins with, and one to be skipped, but for its lowest four bits. */
const MAGIC = 0xfd2fb528, MAGIC_SKIPPABLE = 0x184d2a50;
/** The bits of a frame's descriptor. */
const SINGLE_SEGMENT = 32, RESERVED = 8, CHECKSUM = 4;
/** Bytes of a dictionary's id and of the content's size, by the descriptor's bits for each. */
const DICTIONARY_BYTES = [0, 1, 2, 4] as const;
const SIZE_BYTES = [0, 2, 4, 8] as const;
/** Kinds of blocks: one byte stands for as many as the block's size says, and one kind that there is not. */
const REPEATED = 1, NO_KIND = 3;
const BLOCK_HEAD = 3;

/** A frame, and what it says that it holds. */
interface ZstdFrame {
  /** Its bytes, as a view. */
  readonly bytes: Uint8Array;
  /** How many bytes it holds, if it says so. */
  readonly contentSize: number | undefined;
}

/** All frames by `one`, which decompresses a single one to at most so many bytes; what would be more than `limit` bytes is refused. */
export function unzstd(
  bytes: Uint8Array,
  limit: number,
  one: (frame: Uint8Array, limit: number) => Uint8Array,
): Uint8Array {
  let size = 0;
  const pieces = zstdFrames(bytes).map(({ bytes: frame, contentSize }) => {
    checkLimit(size + (contentSize ?? 0), limit);
    const piece = one(frame, limit - size);
    if (contentSize !== undefined && piece.length !== contentSize) {
      throw malformed(`a frame says that it holds ${contentSize} bytes, and holds ${piece.length}`);
    }
    size += piece.length;
    checkLimit(size, limit);
    return piece;
  });
  return joined(pieces);
}

/** The frames without those to be skipped; `CORRUPT_MESSAGE` where one is torn, or something else stands there, or there is none. */
function zstdFrames(bytes: Uint8Array): ZstdFrame[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const frames: ZstdFrame[] = [];
  for (let at = 0; at < bytes.length;) {
    if (at + 8 > bytes.length) throw torn();
    const magic = view.getUint32(at, true);
    if (magic === MAGIC) {
      const { end, contentSize } = frameAt(view, at + 4);
      frames.push({ bytes: bytes.subarray(at, end), contentSize });
      at = end;
    } else if ((magic & ~15) === MAGIC_SKIPPABLE) at = inside(view, at + 8 + view.getUint32(at + 4, true));
    else throw malformed(`no frame begins with ${magic.toString(16)}`);
  }
  if (frames.length === 0) throw malformed("there is no frame");
  return frames;
}

/** Where the frame ends whose descriptor lies at a position. */
function frameAt(view: DataView, at: number): { end: number; contentSize: number | undefined } {
  const descriptor = view.getUint8(at++);
  if (descriptor & RESERVED) throw malformed("a bit that means nothing is set in a frame's descriptor");
  const isSingle = (descriptor & SINGLE_SEGMENT) !== 0;
  const sizeBits = descriptor >>> 6;
  if (!isSingle) at++;
  at += DICTIONARY_BYTES[descriptor & 3]!;
  const sizeBytes = sizeBits === 0 && isSingle ? 1 : SIZE_BYTES[sizeBits]!;
  inside(view, at + sizeBytes + BLOCK_HEAD);
  const contentSize = sizeBytes === 0 ? undefined : sizeAt(view, at, sizeBytes);
  at += sizeBytes;
  for (;;) {
    inside(view, at + BLOCK_HEAD);
    const head = view.getUint16(at, true) | view.getUint8(at + 2) << 16;
    const kind = head >>> 1 & 3;
    if (kind === NO_KIND) throw malformed("a block is of a kind that there is not");
    at = inside(view, at + BLOCK_HEAD + (kind === REPEATED ? 1 : head >>> 3));
    if (head & 1) break;
  }
  return { end: inside(view, at + (descriptor & CHECKSUM ? 4 : 0)), contentSize };
}

/** The content's size in one, two (from 256 on), four or eight bytes; rounded beyond 2^53. */
function sizeAt(view: DataView, at: number, width: number): number {
  if (width === 1) return view.getUint8(at);
  if (width === 2) return view.getUint16(at, true) + 256;
  const low = view.getUint32(at, true);
  return width === 4 ? low : low + view.getUint32(at + 4, true) * 0x100000000;
}

function inside(view: DataView, end: number): number {
  if (end > view.byteLength) throw torn();
  return end;
}

function torn(): KafkaError {
  return malformed("the bytes end inside a frame");
}

function checkLimit(size: number, limit: number): void {
  if (size > limit) throw malformed(`decompressed it would be ${size} bytes or more, and ${limit} are allowed`);
}

function malformed(why: string): KafkaError {
  return new KafkaError(brokerError(errorNumbers.CORRUPT_MESSAGE), `malformed zstd: ${why}`);
}

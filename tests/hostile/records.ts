/** Records whose bytes lie, with a checksum that tells, or with one that is right all the same. */

import { crc32 } from "../../src/bytes/crc32.ts";
import { crc32c } from "../../src/bytes/crc32c.ts";
import { BATCH, ENTRY, MESSAGE } from "../../src/records/layout.ts";
import type { Chance } from "../../src/testing/chance.ts";

const INT32 = [-2147483648, -2, -1, 0, 1, 2, 127, 65_536, 1_000_000, 2147483647];
/** Decompressed, what a bomb is made of. */
const BOMB_BYTES = 16 * 1024 * 1024;

/** A copy of what a partition's fetch brought, changed in some place. */
export function mutatedRecords(records: Uint8Array, chance: Chance): Uint8Array {
  if (records.length < ENTRY.magic + 1) return chance.bytes(chance.below(100));
  const bytes = records.slice();
  switch (chance.below(8)) {
    case 0:
      return bytes.subarray(0, chance.below(bytes.length));
    case 1:
      return flipped(bytes, chance, 0);
    case 2: // twice the same, or the second half before the first
      return joined(chance.once(2) ? [bytes, bytes] : [bytes.subarray(bytes.length >> 1), bytes]);
    case 3:
      return joined([bytes, chance.bytes(1 + chance.below(80))]);
    case 4:
      return snappyBomb(bytes);
    default:
      return withHeadOrBody(bytes, chance);
  }
}

/** One field of the first entry's head, or some bytes behind it; half of the time its checksum is right again. */
function withHeadOrBody(bytes: Uint8Array, chance: Chance): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const isNew = bytes[ENTRY.magic] === 2 && bytes.length >= BATCH.head;
  if (chance.once(2)) flipped(bytes, chance, isNew ? BATCH.head : MESSAGE.timestamp);
  else if (isNew) mutateHead(view, chance);
  else view.setInt32(chance.pick([0, 4, 8, 16, 22]), chance.pick(INT32));
  if (chance.once(2)) correctCrc(bytes, view);
  return bytes;
}

function mutateHead(view: DataView, chance: Chance): void {
  const field = chance.pick([
    "offset",
    "length",
    "magic",
    "attributes",
    "lastOffsetDelta",
    "recordCount",
    "producerId",
  ]);
  switch (field) {
    case "offset":
      view.setInt32(chance.pick([0, 4]), chance.pick(INT32));
      return;
    case "length":
      view.setInt32(ENTRY.length, chance.pick([...INT32, view.getInt32(ENTRY.length) + 1, BATCH.head - ENTRY.head]));
      return;
    case "magic":
      view.setInt8(ENTRY.magic, chance.pick([-1, 0, 1, 3, 127]));
      return;
    case "attributes":
      view.setInt16(BATCH.attributes, chance.pick([1, 2, 3, 4, 5, 7, 8, 16, 32, 48, -1]));
      return;
    case "producerId":
      view.setInt32(BATCH.producerId, chance.pick(INT32));
      return;
    case "lastOffsetDelta":
    case "recordCount": {
      const at = BATCH[field];
      view.setInt32(at, chance.pick([...INT32, view.getInt32(at) + 1, view.getInt32(at) - 1]));
    }
  }
}

/** Makes the checksum of the first entry right. */
function correctCrc(bytes: Uint8Array, view: DataView): void {
  const end = ENTRY.head + view.getInt32(ENTRY.length);
  if (end < ENTRY.head || end > bytes.length) return;
  if (bytes[ENTRY.magic] === 2) {
    if (end >= BATCH.head) view.setUint32(BATCH.crc, crc32c(bytes.subarray(0, end), BATCH.attributes));
  } else if (end >= MESSAGE.timestamp) view.setUint32(MESSAGE.crc, crc32(bytes, ENTRY.magic, end));
}

/** A batch that says of itself that it holds sixteen megabytes in a few bytes, and does: a run of one letter. */
function snappyBomb(like: Uint8Array): Uint8Array {
  const block: number[] = [];
  for (let left = BOMB_BYTES; left > 0; left = Math.floor(left / 128)) block.push(left % 128 + (left >= 128 ? 128 : 0));
  block.push(0, 0x61); // the letter itself
  const copies = Math.floor((BOMB_BYTES - 1) / 64);
  const bytes = new Uint8Array(BATCH.head + block.length + 3 * copies + 3);
  bytes.set(like.subarray(0, Math.min(BATCH.head, like.length)));
  bytes.set(block, BATCH.head);
  let at = BATCH.head + block.length;
  for (let i = 0; i < copies; i++, at += 3) bytes.set([63 << 2 | 2, 1, 0], at);
  bytes.set([((BOMB_BYTES - 1) % 64 - 1) << 2 | 2, 1, 0], at);
  const view = new DataView(bytes.buffer);
  view.setInt32(ENTRY.length, bytes.length - ENTRY.head);
  bytes[ENTRY.magic] = 2;
  view.setInt16(BATCH.attributes, 2);
  correctCrc(bytes, view);
  return bytes;
}

/** Flips up to eight bits from a position on, in place. */
export function flipped(bytes: Uint8Array, chance: Chance, from: number): Uint8Array {
  if (bytes.length <= from) return bytes;
  for (let count = 1 + chance.below(8); count > 0; count--) {
    bytes[from + chance.below(bytes.length - from)]! ^= 1 << chance.below(8);
  }
  return bytes;
}

/** The pieces as one. */
export function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

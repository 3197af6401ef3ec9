/** The head of lz4's frames, and the wrong checksum that Kafka before 0.10 gave it and asked for (KAFKA-3160, `KafkaLZ4BlockOutputStream`). */

import { xxh32 } from "../bytes/xxh32.ts";

/** What a frame begins with, the lowest byte first. */
export const FRAME_MAGIC = 0x184d2204;
/** The bits of a frame's flags. The version, in the highest two, is 1. */
export const FLAG = {
  independent: 32,
  blockChecksum: 16,
  contentSize: 8,
  contentChecksum: 4,
  reserved: 2,
  dictionary: 1,
} as const;
/** Where a frame's flags lie, behind the magic number. */
export const FLAGS_AT = 4;

/** The checksum of what lies from `start` up to it. */
export function headChecksum(bytes: Uint8Array, start: number, end: number): number {
  return xxh32(bytes, start, end) >>> 8 & 0xff;
}

/** A frame as a message of magic 0 has it: its head's checksum covers the magic number too. */
export function legacyHead(frame: Uint8Array): Uint8Array {
  return withChecksum(frame, 0);
}

/** A frame out of a message of magic 0 as everybody else writes it, whichever checksum its head has: Java's reader does not compare it there. */
export function rightHead(frame: Uint8Array): Uint8Array {
  return withChecksum(frame, FLAGS_AT);
}

/** A copy with the checksum from `start` on, if it has another one; what is no frame stays as it is. */
function withChecksum(frame: Uint8Array, start: number): Uint8Array {
  const flags = frame[FLAGS_AT] ?? 0;
  const at = FLAGS_AT + 2 + (flags & FLAG.contentSize ? 8 : 0) + (flags & FLAG.dictionary ? 4 : 0);
  if (at >= frame.length || (frame[0]! | frame[1]! << 8 | frame[2]! << 16 | frame[3]! << 24) !== FRAME_MAGIC) {
    return frame;
  }
  const checksum = headChecksum(frame, start, at);
  if (frame[at] === checksum) return frame;
  const copy = frame.slice();
  copy[at] = checksum;
  return copy;
}

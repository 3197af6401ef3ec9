/** Where the parts of batches and messages lie in their bytes, and what the bits of their attributes mean. */

/** The head of a record batch, magic 2 (`org.apache.kafka.common.record.DefaultRecordBatch`). */
export const BATCH = {
  leaderEpoch: 12,
  crc: 17,
  attributes: 21,
  lastOffsetDelta: 23,
  baseTimestamp: 27,
  maxTimestamp: 35,
  producerId: 43,
  producerEpoch: 51,
  baseSequence: 53,
  recordCount: 57,
  head: 61,
} as const;

/** A message of magic 0 or 1 in its entry of a set (`org.apache.kafka.common.record.LegacyRecord`); 0 has no timestamp. */
export const MESSAGE = { crc: 12, attributes: 17, timestamp: 18 } as const;

/** What every entry begins with, whatever its magic: an offset, then the length of what follows the length. */
export const ENTRY = { length: 8, head: 12, magic: 16 } as const;

/** The bits of attributes beside the compression; messages know only the first. */
export const ATTRIBUTES = { appendTime: 8, transactional: 16, control: 32 } as const;

/** Where a message's key begins with its length. */
export function messageHead(magic: number): number {
  return magic === 0 ? MESSAGE.timestamp : MESSAGE.timestamp + 8;
}

/** Bytes of an entry whose message has neither key nor value. */
export function messageSizeMin(magic: number): number {
  return messageHead(magic) + 8;
}

/** The int64 at a position, rounded where it is beyond 2^53. */
export function int64At(view: DataView, at: number): number {
  return view.getInt32(at) * 0x100000000 + view.getUint32(at + 4);
}

/** Writes a safe integer as an int64. */
export function setInt64(view: DataView, at: number, value: number): void {
  view.setInt32(at, Math.floor(value / 0x100000000));
  view.setUint32(at + 4, value >>> 0);
}

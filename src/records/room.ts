/** What both builders need of their buffer: room in it, and the checks of what is to be written. */

import { KafkaError } from "../base/errors.ts";
import type { BufferSource, Bytes, RecordInput } from "./record.ts";
import { textSizeMax } from "./text.ts";

/** Bytes that a builder starts with when nothing is said. */
export const CAPACITY = 4096;

/** What a builder has that gave its buffer back. */
export const NO_BYTES: Uint8Array = new Uint8Array(0);

/** Memory of its own for everybody. */
export const freshMemory: BufferSource = { take: (atLeast) => new Uint8Array(atLeast), give: () => {} };

/** The buffer if there is room for so many more bytes, else a copy of it, twice as large or more; the old one is given back. */
export function withRoom(buffers: BufferSource, bytes: Uint8Array, used: number, more: number): Uint8Array {
  if (used + more <= bytes.length) return bytes;
  const larger = buffers.take(Math.max(bytes.length * 2, used + more));
  larger.set(bytes.subarray(0, used));
  buffers.give(bytes);
  return larger;
}

/** Bytes that a key or a value takes at most. */
export function bytesSizeMax(bytes: Bytes | null): number {
  if (bytes === null) return 0;
  return typeof bytes === "string" ? textSizeMax(bytes) : bytes.length;
}

/** Copies bytes into place; a loop is faster for a few. */
export function putRaw(target: Uint8Array, at: number, bytes: Uint8Array): number {
  const length = bytes.length;
  if (length > 12) target.set(bytes, at);
  else for (let i = 0; i < length; i++) target[at + i] = bytes[i]!;
  return at + length;
}

/** Refuses a timestamp that the formats cannot hold. */
export function checkTimestamp(record: RecordInput): void {
  if (record.timestamp >= -1 && Number.isSafeInteger(record.timestamp)) return;
  throw new KafkaError(
    "INVALID_OPTION",
    `a record's timestamp is ${record.timestamp}; it must be whole milliseconds since 1970, or -1 for none`,
  );
}

/** Refuses to finish a batch that nobody could read. */
export function checkNotEmpty(count: number): void {
  if (count === 0) throw new KafkaError("INVALID_OPTION", "a batch without records cannot be built");
}

/** The time at which a log takes records in, written over what their producer said (`message.timestamp.type=LogAppendTime`). */

import { crc32 } from "../bytes/crc32.ts";
import { crc32c } from "../bytes/crc32c.ts";
import { ATTRIBUTES, BATCH, ENTRY, MESSAGE, setInt64 } from "../records/layout.ts";

/**
 * Stamps every entry with that time, in ms since 1970, as `LogValidator` does: a batch gets it as its largest timestamp, and keeps
 * its records byte for byte; a message of magic 1 gets it as its own, and those that are compressed in it keep theirs. What readers
 * see is the outer one. Magic 0 has no time.
 */
export function stampAppendTime(bytes: Uint8Array, wall: number): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < bytes.length;) {
    const magic = bytes[at + ENTRY.magic]!;
    const end = at + ENTRY.head + view.getInt32(at + ENTRY.length);
    if (magic >= 2) {
      view.setInt16(at + BATCH.attributes, view.getInt16(at + BATCH.attributes) | ATTRIBUTES.appendTime);
      setInt64(view, at + BATCH.maxTimestamp, wall);
      view.setUint32(at + BATCH.crc, crc32c(bytes.subarray(at, end), BATCH.attributes));
    } else if (magic === 1) {
      bytes[at + MESSAGE.attributes]! |= ATTRIBUTES.appendTime;
      setInt64(view, at + MESSAGE.timestamp, wall);
      view.setUint32(at + MESSAGE.crc, crc32(bytes.subarray(at, end), ENTRY.magic));
    }
    at = end;
  }
  return bytes;
}

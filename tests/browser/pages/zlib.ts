/** What a page has in place of `node:zlib`: gzip at once, by a package that checks no checksums, and so they are checked here. */

import { Gunzip, gzipSync as gzip } from "fflate";
import { crc32 } from "../../../src/bytes/crc32.ts";

const TRAILER_BYTES = 8;
const PIECE_BYTES = 4096;

type Bytes = Uint8Array<ArrayBuffer>;

/** As Node's, but without the time of day in it. */
export function gzipSync(bytes: Bytes, { level = 6 }: { level?: 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 } = {}): Bytes {
  return gzip(bytes, { level, mtime: 0 });
}

/** As Node's: all members, each checked, and no more bytes than are allowed. */
export function gunzipSync(bytes: Bytes, { maxOutputLength = Infinity }: { maxOutputLength?: number } = {}): Bytes {
  const members: { begins: number; chunks: Bytes[] }[] = [];
  const chunks: Bytes[] = [];
  let size = 0;
  let isOver = false;
  const gunzip = new Gunzip((chunk, isLast) => {
    size += chunk.length;
    if (size > maxOutputLength) throw Object.assign(new RangeError("too large"), { code: "ERR_BUFFER_TOO_LARGE" });
    chunks.push(chunk as Bytes);
    members.at(-1)!.chunks.push(chunk as Bytes);
    isOver = isLast;
  });
  gunzip.onmember = (begins) => members.push({ begins, chunks: [] });
  members.push({ begins: 0, chunks: [] });
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
    gunzip.push(bytes.subarray(at, at + PIECE_BYTES), at + PIECE_BYTES >= bytes.length);
  }
  if (!isOver) throw new Error("unexpected end of file");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  members.forEach(({ chunks }, i) => {
    const at = (members[i + 1]?.begins ?? bytes.length) - TRAILER_BYTES;
    const whole = joined(chunks);
    if (view.getUint32(at, true) !== crc32(whole) || view.getUint32(at + 4, true) !== whole.length) {
      throw new Error("incorrect data check");
    }
  });
  return joined(chunks);
}

function joined(chunks: readonly Bytes[]): Bytes {
  const whole = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const chunk of chunks) whole.set(chunk, (at += chunk.length) - chunk.length);
  return whole;
}

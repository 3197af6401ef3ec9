/** UUIDs: sixteen bytes on the wire, text in a message. */

import { KafkaError } from "../base/errors.ts";
import type { Reader } from "../bytes/reader.ts";
import { shown, type Writer } from "../bytes/writer.ts";

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** Reads sixteen bytes as text. */
export function readUuid(reader: Reader): string {
  const a = reader.uint32(), b = reader.uint32(), c = reader.uint32(), d = reader.uint32();
  return `${digits(a >>> 16)}${digits(a)}-${digits(b >>> 16)}-${digits(b)}-${digits(c >>> 16)}-` +
    `${digits(c)}${digits(d >>> 16)}${digits(d)}`;
}

/** The lower sixteen bits as four digits. */
function digits(word: number): string {
  return HEX[word >>> 8 & 255]! + HEX[word & 255]!;
}

/** What each character is worth as a hexadecimal digit; -1 if it is none. */
const DIGITS = new Int8Array(128).fill(-1);
for (let digit = 0; digit < 16; digit++) {
  DIGITS[digit.toString(16).charCodeAt(0)] = digit;
  DIGITS[digit.toString(16).toUpperCase().charCodeAt(0)] = digit;
}

/** Writes the sixteen bytes that a text stands for; throws `INVALID_OPTION` if it is none. */
export function writeUuid(writer: Writer, value: unknown): void {
  if (typeof value !== "string" || value.length !== 36) throw misfit(value);
  let word = 0;
  for (let i = 0, digits = 0; i < 36; i++) {
    const code = value.charCodeAt(i);
    const isDash = i === 8 || i === 13 || i === 18 || i === 23;
    const digit = isDash ? (code === 0x2d ? 0 : -1) : DIGITS[code] ?? -1;
    if (digit < 0) throw misfit(value);
    if (isDash) continue;
    word = word << 4 | digit;
    if (++digits % 8 === 0) writer.int32(word);
  }
}

function misfit(value: unknown): KafkaError {
  return new KafkaError("INVALID_OPTION", `${shown(value)} is no UUID`);
}

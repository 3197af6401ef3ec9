/** Short ways to make records, to write them and to read them back. */

import type { Compression } from "../../../src/records/compression.ts";
import { type BuildOptions, type RecordInput, recordsBuilder } from "../../../src/records/builder.ts";
import type { Message } from "../../../src/records/message.ts";
import { type Origin, type ReadOptions, recordBatches } from "../../../src/records/reading.ts";
import { codecs } from "../../codecs.ts";

/** Where the samples are read from. */
export const origin: Origin = { topic: "my.test", partition: 3 };

/** How the samples are read. */
export const options: ReadOptions = { codecs, checkCrc: true, decompressedLimit: 1 << 24 };

/** The magics. */
export const MAGICS = [0, 1, 2] as const;

/** A record with what is given, else a value, no key, no headers and the time 1000. */
export function record(parts: Partial<RecordInput> = {}): RecordInput {
  return { key: null, value: "value", headers: [], timestamp: 1000, ...parts };
}

/** The records as one batch; what the codecs here give is never a promise. */
export function built(
  magic: 0 | 1 | 2,
  records: readonly RecordInput[],
  compression: Compression = "none",
  more: Partial<BuildOptions> = {},
): Uint8Array {
  const builder = recordsBuilder(magic, 1);
  for (const each of records) builder.append(each);
  return builder.build({ compression, codecs, ...more }) as Uint8Array;
}

/** Every message of the bytes. */
export function messagesIn(bytes: Uint8Array, how: Partial<ReadOptions> = {}): Message[] {
  const messages: Message[] = [];
  for (const batch of recordBatches(bytes, origin)) {
    messages.push(...batch.open(origin, { ...options, ...how }) as Iterable<Message>);
  }
  return messages;
}

/** All parts of a message, the bytes copied. */
export function parts({ offset, timestamp, key, value, headers }: Message) {
  return {
    offset,
    timestamp,
    key: key && key.slice(),
    value: value && value.slice(),
    headers: headers.map(([name, content]) => [name, content && content.slice()]),
  };
}

/** What is to be read of a record that was written first, second, … in a format. */
export function expectedParts(magic: 0 | 1 | 2, { key, value, headers, timestamp }: RecordInput, offset: number) {
  return {
    offset,
    timestamp: magic === 0 ? -1 : timestamp,
    key: utf8(key),
    value: utf8(value),
    headers: magic < 2 ? [] : headers.map(([name, content]) => [utf8Text(name), utf8(content)]),
  };
}

function utf8(bytes: string | Uint8Array | null): Uint8Array | null {
  return typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes;
}

/** The text as it comes back: lone surrogates cannot be sent. */
function utf8Text(text: string): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(new TextEncoder().encode(text));
}

/** Bytes joined. */
export function joined(...parts: Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

/** A copy with some bytes overwritten. */
export function changed(bytes: Uint8Array, at: number, ...values: number[]): Uint8Array {
  const copy = bytes.slice();
  copy.set(values, at);
  return copy;
}

/** How fast records are written and read: 1,000 records of 100 bytes a batch, and the checksum of a megabyte. */

import { crc32 } from "../../src/bytes/crc32.ts";
import { crc32c } from "../../src/bytes/crc32c.ts";
import { type RecordInput, recordsBuilder } from "../../src/records/builder.ts";
import { recordBatches, type RecordList } from "../../src/records/reading.ts";
import { codecs } from "../codecs.ts";

const COUNT = 1000;
const origin = { topic: "bench", partition: 0 };
const options = { codecs, checkCrc: true, decompressedLimit: 1 << 26 };
const encoder = new TextEncoder();

const text = (length: number) => Array.from({ length }, (_, i) => String.fromCharCode(97 + i % 26)).join("");
const keys = Array.from({ length: COUNT }, (_, i) => `key-${String(i).padStart(6, "0")}`);

function recordsWith(content: (text: string) => string | Uint8Array, length: number): RecordInput[] {
  return keys.map((key, i) => ({
    key: content(key),
    value: content(text(length)),
    headers: [],
    timestamp: 1_700_000_000_000 + (i >> 4),
  }));
}

function written(magic: 0 | 1 | 2, records: readonly RecordInput[], compression: "none" | "gzip" | "snappy" = "none") {
  const builder = recordsBuilder(magic, 2 * COUNT * 100);
  for (const record of records) builder.append(record);
  return builder.build({ compression, codecs }) as Uint8Array;
}

function listed(bytes: Uint8Array, checkCrc = true): RecordList {
  return recordBatches(bytes, origin)[0]!.open(origin, { ...options, checkCrc }) as RecordList;
}

const bytes100 = recordsWith((text) => encoder.encode(text), 100);
const text100 = recordsWith((text) => text, 100);
const bytes1000 = recordsWith((text) => encoder.encode(text), 1000);

Deno.bench("write 1,000 × 100 B, bytes, v2", { group: "write", baseline: true }, () => void written(2, bytes100));
Deno.bench("write 1,000 × 100 B, strings, v2", { group: "write" }, () => void written(2, text100));
Deno.bench("write 1,000 × 1 KB, bytes, v2", { group: "write" }, () => void written(2, bytes1000));
Deno.bench("write 1,000 × 100 B, bytes, v1", { group: "write" }, () => void written(1, bytes100));
Deno.bench("write 1,000 × 100 B, snappy, v2", { group: "write" }, () => void written(2, bytes100, "snappy"));

const batch = written(2, bytes100);
const set = written(1, bytes100);
const packed = written(2, bytes100, "snappy");
const large = written(2, bytes1000);
let sum = 0;

Deno.bench("open 1,000 × 100 B, v2", { group: "read", baseline: true }, () => void listed(batch));
Deno.bench("open without CRC, v2", { group: "read" }, () => void listed(batch, false));
Deno.bench("open and walk, offsets read, v2", { group: "read" }, () => {
  for (const message of listed(batch)) sum += message.offset;
});
Deno.bench("open and walk, values read, v2", { group: "read" }, () => {
  for (const message of listed(batch)) sum += message.value!.length;
});
Deno.bench("open and walk, keys, values and offsets read, v2", { group: "read" }, () => {
  for (const message of listed(batch)) sum += message.value!.length + message.key!.length + message.offset;
});
Deno.bench("open and walk, text() read, v2", { group: "read" }, () => {
  for (const message of listed(batch)) sum += message.text().length;
});
Deno.bench("open and walk 1,000 × 1 KB, values read, v2", { group: "read" }, () => {
  for (const message of listed(large)) sum += message.value!.length;
});
Deno.bench("open and walk, values read, v1", { group: "read" }, () => {
  for (const message of listed(set)) sum += message.value!.length;
});
Deno.bench("open and walk, values read, snappy", { group: "read" }, () => {
  for (const message of listed(packed)) sum += message.value!.length;
});

const megabyte = new Uint8Array(1 << 20).map((_, i) => i * 31 + (i >> 8));
Deno.bench("CRC-32C of 1 MB", { group: "checksum", baseline: true }, () => void crc32c(megabyte));
Deno.bench("CRC-32C of 1 KB", { group: "checksum" }, () => void crc32c(megabyte, 3, 1027));
Deno.bench("CRC-32C of 100 B", { group: "checksum" }, () => void crc32c(megabyte, 3, 103));
Deno.bench("CRC-32 of 1 MB", { group: "checksum" }, () => void crc32(megabyte));

/** ZooKeeper's dialect: int32 before everything, -1 for null, exact int64, no tags. */

import { concat } from "@std/bytes";
import { assert } from "chai";
import { Reader } from "../../../src/bytes/reader.ts";
import { Writer } from "../../../src/bytes/writer.ts";
import { juteCodec } from "../../../src/wire/codec.ts";
import { test } from "../../harness.ts";

const sample = {
  zxid: "int64",
  path: { is: "string", null: 0 },
  data: { is: "bytes", null: 0 },
  watch: "bool",
  acl: { is: [{ perms: "int32", scheme: "string" }], null: 0 },
} as const;

const codec = juteCodec(sample, "Sample");

function encoded(value: Parameters<typeof codec.write>[1]): Uint8Array {
  const writer = new Writer();
  codec.write(writer, value);
  return concat(writer.finish());
}

test("a jute record is written as ZooKeeper writes it", () => {
  const value = {
    zxid: 0x0123456789abcdefn,
    path: "/a",
    data: Uint8Array.of(9),
    watch: true,
    acl: [{ perms: 31, scheme: "world" }],
  };
  const bytes = encoded(value);
  assert.deepEqual([...bytes], [
    ...[0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef],
    ...[0, 0, 0, 2, 0x2f, 0x61],
    ...[0, 0, 0, 1, 9],
    1,
    ...[0, 0, 0, 1, 0, 0, 0, 31, 0, 0, 0, 5, 0x77, 0x6f, 0x72, 0x6c, 0x64],
  ]);
  assert.deepEqual(codec.read(new Reader(bytes)), value);
});

test("null is -1, and an int64 keeps all of its bits", () => {
  const value = { zxid: -(2n ** 63n) + 1n, path: null, data: null, watch: false, acl: null };
  const bytes = encoded(value);
  assert.deepEqual([...bytes.subarray(8)], [255, 255, 255, 255, 255, 255, 255, 255, 0, 255, 255, 255, 255]);
  assert.deepEqual(codec.read(new Reader(bytes)), value);
});

test("errors name the record and the field", () => {
  assert.throws(() => codec.read(new Reader(new Uint8Array(8))), /PROTOCOL_ERROR: Sample, path: /);
  const value = { zxid: 5 as unknown as bigint, path: null, data: null, watch: false, acl: null };
  assert.throws(() => encoded(value), /INVALID_OPTION: Sample, zxid: 5 is no int64/);
});

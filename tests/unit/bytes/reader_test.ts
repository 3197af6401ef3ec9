/** The reader reads what Java writes, and nothing outside of its bytes. */

import { assert } from "chai";
import { KafkaError } from "../../../src/base/errors.ts";
import { Reader } from "../../../src/bytes/reader.ts";
import { test } from "../../harness.ts";

function reader(...bytes: number[]): Reader {
  return new Reader(Uint8Array.from(bytes));
}

function refuses(body: () => unknown): void {
  try {
    body();
  } catch (error) {
    assert.instanceOf(error, KafkaError);
    assert.equal((error as KafkaError).code, "PROTOCOL_ERROR");
    return;
  }
  assert.fail("nothing was thrown");
}

test("fixed sizes are big-endian and keep their signs", () => {
  const r = reader(0xff, 0xff, 0xfe, 0xff, 0xff, 0xff, 0xfd, 0xff, 0xfe, 0xff, 0xff, 0xff, 0xff);
  assert.deepEqual([r.int8(), r.int16(), r.int32(), r.uint16(), r.uint32()], [-1, -2, -3, 0xfffe, 0xffffffff]);
  assert.equal(r.remaining, 0);
  assert.equal(reader(0x3f, 0xf8, 0, 0, 0, 0, 0, 0).float64(), 1.5);
});

test("many numbers are read at once, if all of them are there", () => {
  const r = reader(0, 0, 0, 1, 0xff, 0xff, 0xff, 0xfe, 7);
  assert.deepEqual(r.int32s(2), [1, -2]);
  assert.deepEqual(r.int32s(0), []);
  refuses(() => r.int32s(1));
  assert.equal(r.int8(), 7);
});

test("an int64 is exact up to 2^53 and rounds beyond", () => {
  assert.equal(reader(0, 0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff).int64(), Number.MAX_SAFE_INTEGER);
  assert.equal(reader(0xff, 0xe0, 0, 0, 0, 0, 0, 1).int64(), Number.MIN_SAFE_INTEGER);
  assert.equal(reader(0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff).int64(), 2 ** 63);
  assert.equal(reader(0x80, 0, 0, 0, 0, 0, 0, 0).int64(), -(2 ** 63));
  assert.equal(reader(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff).int64(), -1);
  assert.equal(reader(0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff).bigint64(), 2n ** 63n - 1n);
});

test("varints are read in all their lengths", () => {
  assert.equal(reader(0).uvarint(), 0);
  assert.equal(reader(0x80, 0x01).uvarint(), 128);
  assert.equal(reader(0xff, 0xff, 0xff, 0xff, 0x0f).uvarint(), 0xffffffff);
  assert.equal(reader(0x01).varint(), -1);
  assert.equal(reader(0xfe, 0xff, 0xff, 0xff, 0x0f).varint(), 0x7fffffff);
  assert.equal(reader(0xff, 0xff, 0xff, 0xff, 0x0f).varint(), -0x80000000);
  assert.equal(reader(0x80, 0x80, 0x80, 0x80, 0x20).varlong(), 2 ** 32);
  assert.equal(reader(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01).varlong(), -(2 ** 63));
});

test("varints that are too long or cut off are refused", () => {
  refuses(() => reader(0xff, 0xff, 0xff, 0xff, 0x1f).uvarint());
  refuses(() => reader(0x80, 0x80, 0x80, 0x80, 0x80, 0x01).uvarint());
  refuses(() => reader(0x80).uvarint());
  refuses(() => reader().uvarint());
  refuses(() => reader().varlong());
  refuses(() => reader(0x80, 0x80).varlong());
  refuses(() => reader(...new Array(10).fill(0x80), 0x01).varlong());
});

test("text is UTF-8, short or long, with its byte order mark, and broken bytes become U+FFFD", () => {
  for (
    const text of [
      "",
      "a",
      "eight888",
      "nine99999",
      "x".repeat(24),
      "x".repeat(25),
      "ключ",
      "12345678é",
      "😀".repeat(9),
      "\uFEFFa",
    ]
  ) {
    const bytes = new TextEncoder().encode(text);
    const r = new Reader(bytes);
    assert.equal(r.text(bytes.length), text);
    assert.equal(r.remaining, 0);
  }
  assert.equal(reader(0x61, 0xff, 0x62).text(3), "a\uFFFDb");
});

test("bytes are taken as views, also when the reader's own bytes are one", () => {
  const all = Uint8Array.from([9, 9, 1, 2, 3, 9]);
  const r = new Reader(all.subarray(2, 5));
  r.int8();
  const taken = r.take(2);
  assert.deepEqual([...taken], [2, 3]);
  assert.equal(taken.buffer, all.buffer);
});

test("nothing outside is read", () => {
  const inside = new Uint8Array(32).subarray(8, 9);
  for (const read of ["int16", "int32", "int64", "uint16", "uint32", "float64", "bigint64"] as const) {
    refuses(() => new Reader(inside)[read]());
  }
  refuses(() => reader().int8());
  refuses(() => new Reader(inside).take(2));
  refuses(() => new Reader(inside).take(-1));
  refuses(() => new Reader(inside).text(2));
  refuses(() => new Reader(inside).text(-1));
  refuses(() => new Reader(inside).text(1000));
});

test("a count is believed if so many items can be there, and is added up", () => {
  const r = new Reader(new Uint8Array(12));
  assert.equal(r.count(3, 4), 3);
  refuses(() => r.count(4, 4));
  refuses(() => r.count(-2, 1));
  refuses(() => r.count(0x7fffffff, 1));
  assert.equal(r.items, 3);
});

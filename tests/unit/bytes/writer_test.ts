/** The writer writes what Java reads, grows, keeps large blocks by reference, and refuses what does not fit. */

import { concat } from "@std/bytes";
import { assert } from "chai";
import fc from "fast-check";
import { KafkaError } from "../../../src/base/errors.ts";
import { Reader } from "../../../src/bytes/reader.ts";
import { utf8Length, Writer } from "../../../src/bytes/writer.ts";
import { test } from "../../harness.ts";
import { anyText } from "../../../src/testing/arbitraries/messages.ts";

function written(write: (writer: Writer) => void): number[] {
  const writer = new Writer(1);
  write(writer);
  return [...concat(writer.finish())];
}

function refuses(write: (writer: Writer) => void): void {
  try {
    write(new Writer());
  } catch (error) {
    assert.instanceOf(error, KafkaError);
    assert.equal((error as KafkaError).code, "INVALID_OPTION");
    return;
  }
  assert.fail("nothing was thrown");
}

test("fixed sizes are big-endian", () => {
  assert.deepEqual(written((w) => w.int8(-1)), [0xff]);
  assert.deepEqual(written((w) => w.int16(-2)), [0xff, 0xfe]);
  assert.deepEqual(written((w) => w.int32(0x01020304)), [1, 2, 3, 4]);
  assert.deepEqual(written((w) => w.uint16(0xfffe)), [0xff, 0xfe]);
  assert.deepEqual(written((w) => w.uint32(0xfffffffd)), [0xff, 0xff, 0xff, 0xfd]);
  assert.deepEqual(written((w) => w.float64(1.5)), [0x3f, 0xf8, 0, 0, 0, 0, 0, 0]);
  assert.deepEqual(written((w) => w.bigint64(-2n)), [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe]);
});

test("an int64 from 2^63 on is Long.MAX_VALUE, and the smallest is there", () => {
  const max = [0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
  assert.deepEqual(written((w) => w.int64(2 ** 63)), max);
  assert.deepEqual(written((w) => w.int64(2 ** 64)), max);
  assert.deepEqual(written((w) => w.int64(-(2 ** 63))), [0x80, 0, 0, 0, 0, 0, 0, 0]);
  assert.deepEqual(written((w) => w.int64(-1)), new Array(8).fill(0xff));
});

test("every whole number goes round as int64 and as varlong", () => {
  const edges = [2 ** 31, 2 ** 32, 2 ** 35, 2 ** 53, 2 ** 62].flatMap((x) => [x - 1, x, -x, -x - 1]);
  const numbers = fc.oneof(fc.maxSafeInteger(), fc.integer(), fc.constantFrom(...edges, 2 ** 63, -(2 ** 63)));
  fc.assert(
    fc.property(numbers, (number) => {
      const writer = new Writer();
      writer.int64(number);
      writer.varlong(number);
      const reader = new Reader(concat(writer.finish()));
      assert.equal(reader.int64(), number);
      assert.equal(reader.varlong(), number);
      assert.equal(reader.remaining, 0);
    }),
    { numRuns: 300 },
  );
});

test("varints take as many bytes as they need", () => {
  fc.assert(
    fc.property(fc.integer(), (number) => {
      const writer = new Writer();
      writer.varint(number);
      writer.uvarint(number >>> 0);
      const reader = new Reader(concat(writer.finish()));
      assert.equal(reader.varint(), number);
      assert.equal(reader.uvarint(), number >>> 0);
      assert.equal(reader.remaining, 0);
    }),
    { numRuns: 200 },
  );
  assert.deepEqual(written((w) => w.uvarint(127)), [127]);
  assert.deepEqual(written((w) => w.uvarint(300)), [0xac, 0x02]);
  assert.deepEqual(written((w) => w.varint(-1)), [1]);
});

test("what a type cannot hold is refused", () => {
  refuses((w) => w.int8(300));
  refuses((w) => w.int8(-129));
  refuses((w) => w.int16(0x8000));
  refuses((w) => w.int32(2 ** 31));
  refuses((w) => w.int32(0.5));
  refuses((w) => w.int32(NaN));
  refuses((w) => w.uint16(-1));
  refuses((w) => w.uint32(2 ** 32));
  refuses((w) => w.uvarint(-1));
  refuses((w) => w.varint(2 ** 31));
  refuses((w) => w.int64(0.5));
  refuses((w) => w.int64(NaN));
  refuses((w) => w.int64(-(2 ** 63) - 2048));
  refuses((w) => w.varlong(1.5));
  refuses((w) => w.bigint64(2n ** 63n));
  refuses((w) => w.int32("5" as unknown as number));
  refuses((w) => w.int64("5" as unknown as number));
  refuses((w) => w.int64(null as unknown as number));
});

test("text is UTF-8 of the length that was foretold", () => {
  fc.assert(
    fc.property(anyText(), (text) => {
      const bytes = new TextEncoder().encode(text);
      assert.equal(utf8Length(text), bytes.length);
      assert.deepEqual(written((w) => w.text(text)), [...bytes]);
    }),
    { numRuns: 200 },
  );
  // Halves of surrogate pairs cannot be told in UTF-8
  for (const text of ["\ud800", "a\udc00b", "\ud800\ud800\udc00", "\udc00\ud800"]) {
    assert.deepEqual(written((w) => w.text(text)), [...new TextEncoder().encode(text)]);
  }
});

test("small blocks are copied, large ones are chunks of their own", () => {
  const small = new Uint8Array(100).fill(1);
  const large = new Uint8Array(16 * 1024).fill(2);
  const writer = new Writer();
  writer.int32(0);
  writer.attach(small);
  writer.attach(large);
  writer.int8(3);
  writer.attach(large);
  writer.int8(4);
  assert.equal(writer.length, 4 + 100 + 2 * large.length + 2);
  writer.setInt32(0, writer.length);
  const chunks = writer.finish();
  assert.deepEqual(chunks.map((chunk) => chunk.length), [104, large.length, 1, large.length, 1]);
  assert.strictEqual(chunks[1], large);
  assert.strictEqual(chunks[3], large);
  assert.equal(new Reader(chunks[0]!).int32(), writer.length);
  assert.deepEqual([chunks[0]![4], chunks[2]![0], chunks[4]![0]], [1, 3, 4]);
});

test("growing keeps what was written, before a block and after it", () => {
  const writer = new Writer(16);
  const block = new Uint8Array(20_000);
  for (let i = 0; i < 100; i++) writer.int32(i);
  writer.attach(block);
  for (let i = 100; i < 1000; i++) writer.int32(i);
  const reader = new Reader(concat(writer.finish()));
  for (let i = 0; i < 1000; i++) {
    if (i === 100) reader.take(block.length);
    assert.equal(reader.int32(), i);
  }
  assert.equal(reader.remaining, 0);
});

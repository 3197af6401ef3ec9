/** Snappy: Kafka's framing both ways, the bare format, and blocks that lie. */

import { assert } from "chai";
import { uncompress } from "snappyjs";
import { KafkaError } from "../../../src/base/errors.ts";
import { snappy } from "../../../src/records/snappy.ts";
import { test } from "../../harness.ts";
import { joined } from "./samples.ts";

const LIMIT = 1 << 22;
const FRAMING = Uint8Array.of(0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1);

const compress = (bytes: Uint8Array) => snappy.compress(bytes) as Uint8Array;
const decompress = (bytes: Uint8Array, limit = LIMIT) => snappy.decompress(bytes, limit) as Uint8Array;
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const ascii = (letters: string) => new TextEncoder().encode(letters);

/** Bytes that compress hardly. */
function noise(length: number): Uint8Array {
  let state = 1;
  return Uint8Array.from({ length }, () => (state = Math.imul(state, 48271) >>> 1) >>> 9);
}

function framed(...blocks: Uint8Array[]): Uint8Array {
  return joined(FRAMING, ...blocks.flatMap((block) => [Uint8Array.of(0, 0, 0, block.length), block]));
}

/** A length as a block begins with it. */
function lengthOf(length: number): number[] {
  return length < 128 ? [length] : [length & 127 | 128, length >>> 7];
}

test("what is compressed comes back, across any number of blocks", () => {
  for (const length of [0, 1, 59, 60, 61, 100, 255, 256, 257, 32767, 32768, 32769, 65536, 200_000]) {
    for (const bytes of [noise(length), new Uint8Array(length), ascii("kafka ".repeat(length / 6))]) {
      const packed = compress(bytes);
      assert.deepEqual(packed.subarray(0, 16), FRAMING);
      assert.deepEqual(decompress(packed), bytes);
      assert.strictEqual(decompress(packed).constructor, Uint8Array);
    }
  }
  assert.isBelow(compress(new Uint8Array(100_000)).length, 6000);
});

test("bare blocks, several blocks and joined streams are read", () => {
  // The length 11, a literal of 4, a copy of 7 from 4 behind.
  const bare = Uint8Array.of(11, 3 << 2, 97, 98, 99, 100, 1 | 3 << 2, 4);
  assert.equal(text(decompress(bare)), "abcdabcdabc");
  assert.equal(text(decompress(framed(bare, bare))), "abcdabcdabc".repeat(2));
  assert.equal(text(decompress(joined(framed(bare), framed(bare, bare)))), "abcdabcdabc".repeat(3));
  const wide = Uint8Array.of(8, 3 << 2, 97, 98, 99, 100, 3 | 3 << 2, 4, 0, 0, 0);
  assert.equal(text(decompress(wide)), "abcdabcd", "a copy with a distance of four bytes");
  const long = joined(Uint8Array.of(61, 60 << 2, 60), new Uint8Array(61).fill(97));
  assert.equal(text(decompress(long)), "a".repeat(61), "a literal with a length of one byte");
});

test("copies of every length from every distance, at the end of a block and before another", () => {
  for (let distance = 1; distance <= 70; distance++) {
    for (const size of [1, 2, 3, 4, 5, 7, 8, 11, 31, 63, 64]) {
      const letters = Uint8Array.from({ length: distance }, (_, i) => 33 + i);
      const literal = distance <= 60 ? [distance - 1 << 2] : [60 << 2, distance - 1];
      const elements = joined(Uint8Array.from(literal), letters, Uint8Array.of(size - 1 << 2 | 2, distance, 0));
      const block = joined(Uint8Array.from(lengthOf(distance + size)), elements);
      const expected = [...letters];
      for (let i = 0; i < size; i++) expected.push(expected[expected.length - distance]!);
      assert.deepEqual([...decompress(block)], expected, `${size} from ${distance}`);
      assert.deepEqual(
        [...decompress(framed(block, block))],
        [...expected, ...expected],
        `${size} from ${distance}, twice`,
      );
    }
  }
});

test("the limit is looked at before anything is made", () => {
  const bytes = noise(70_000);
  const packed = compress(bytes);
  assert.equal(decompress(packed, 70_000).length, 70_000);
  assert.throws(() => decompress(packed, 69_999), KafkaError, "69999 are allowed");
  // It says 2^31 - 1 bytes and has six; no element gives so much.
  const huge = Uint8Array.of(255, 255, 255, 255, 7, 0, 97);
  assert.throws(() => decompress(huge, 0x7fffffff), KafkaError, "its elements do not give that");
  const liar = Uint8Array.of(255, 255, 255, 1, 0, 97);
  assert.throws(() => decompress(liar), KafkaError, "its elements do not give that");
});

test("malformed input is refused", () => {
  const bad: [string, number[]][] = [
    ["nothing", []],
    ["a length without end", [255, 255, 255, 255, 255, 255]],
    ["a literal that is cut off", [5, 4 << 2, 97, 98]],
    ["a literal's length that is cut off", [5, 61 << 2, 97]],
    ["a literal on which snappyjs goes round for ever", [5, 63 << 2, 0xf6, 255, 255, 255, 97, 98, 99, 100, 101]],
    ["a literal of 2^31 + 1 bytes", [5, 63 << 2, 0, 0, 0, 128, 97, 98, 99, 100, 101]],
    ["a copy from nowhere", [4, 1, 1]],
    ["a copy of distance 0", [5, 0, 97, 1, 0]],
    ["a copy from behind the start", [5, 0, 97, 1, 2]],
    ["a copy with a huge distance", [5, 0, 97, 3 | 3 << 2, 255, 255, 255, 255]],
    ["a copy that is cut off", [5, 0, 97, 2 | 3 << 2, 1]],
    ["more than it says", [1, 1 << 2, 97, 98]],
    ["less than it says", [3, 1 << 2, 97, 98]],
  ];
  for (const [what, bytes] of bad) {
    assert.throws(() => decompress(Uint8Array.from(bytes)), KafkaError, "CORRUPT_MESSAGE: malformed snappy", what);
  }
  for (const length of [[0, 0, 0, 0], [0, 0, 0, 9], [255, 255, 255, 255], [127, 255, 255, 255], [0, 0]]) {
    const bytes = joined(FRAMING, Uint8Array.from(length), Uint8Array.of(1, 0));
    assert.throws(() => decompress(bytes), KafkaError, "malformed snappy");
  }
});

test("snappyjs reads the blocks that are written here", () => {
  for (const length of [1, 59, 60, 61, 256, 257, 5000, 32768]) {
    for (const bytes of [noise(length), new Uint8Array(length), ascii("kafka, snappy; ".repeat(length / 15))]) {
      if (bytes.length > 0) assert.deepEqual(new Uint8Array(uncompress(compress(bytes).slice(20))), bytes);
    }
  }
});

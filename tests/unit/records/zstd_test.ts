/** zstd by the platform's zlib: frames one behind the other, those to be skipped, torn ones, and the limit. */

import { assert } from "chai";
import { codecs } from "../../codecs.ts";
import { skippedTest, test as anyTest } from "../../harness.ts";
import { joined } from "./samples.ts";

/** Where the platform has no zstd, in a page say, there is nothing to look at. */
const test: typeof anyTest = codecs.zstd === undefined ? skippedTest : anyTest;

const LIMIT = 1 << 20;
const zstd = codecs.zstd!;
const plain = new TextEncoder().encode(Array.from({ length: 3000 }, (_, i) => `line ${i * i % 977}\n`).join(""));
const SKIP = Uint8Array.of(0x5f, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 9, 9, 9);

const compress = (bytes: Uint8Array, level?: number) => zstd.compress(bytes, level) as Uint8Array;
const decompress = (bytes: Uint8Array, limit = LIMIT) => zstd.decompress(bytes, limit) as Uint8Array;
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

/** A frame without the content's size, with blocks by hand: a stored one, then one byte that stands for many. */
const byHand = (many: number) =>
  Uint8Array.of(
    ...[0x28, 0xb5, 0x2f, 0xfd, 0, 0x58],
    ...[2 << 3, 0, 0, 104, 105],
    ...[many << 3 & 255 | 3, many >>> 5, many >>> 13, 33],
  );

test("what is compressed comes back, a plain array", () => {
  for (const bytes of [new Uint8Array(0), Uint8Array.of(7), plain, new Uint8Array(400_000)]) {
    const back = decompress(compress(bytes));
    assert.deepEqual(back, bytes);
    assert.strictEqual(back.constructor, Uint8Array);
  }
});

test("frames one behind the other are read, and those to be skipped are not", () => {
  const frame = compress(plain);
  const twice = joined(plain, plain);
  assert.deepEqual(decompress(joined(frame, frame)), twice);
  assert.deepEqual(decompress(joined(SKIP, frame, SKIP, SKIP, frame, SKIP)), twice);
  assert.equal(text(decompress(byHand(3))), "hi!!!");
  assert.equal(text(decompress(joined(byHand(3), byHand(1)))), "hi!!!hi!");
});

test("the limit holds to the byte, over all frames, with and without sizes", () => {
  const frame = compress(plain);
  const all = joined(frame, frame);
  assert.equal(decompress(all, 2 * plain.length).length, 2 * plain.length);
  assert.throws(() => decompress(frame, plain.length - 1));
  assert.throws(() => decompress(all, 2 * plain.length - 1));
  assert.throws(() => decompress(all, plain.length));
  assert.equal(decompress(byHand(98), 100).length, 100);
  assert.throws(() => decompress(byHand(98), 99));
  assert.throws(() => decompress(byHand(1), 0));
  assert.throws(() => decompress(compress(new Uint8Array(64 << 20))), /67108864 bytes|larger than/);
  // Eight bytes of size, and nothing behind them that gives it.
  const claim = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0xe0, 255, 255, 255, 255, 0, 0, 0, 0, 1, 0, 0);
  assert.throws(() => decompress(claim), /4294967295 bytes or more, and 1048576 are allowed/);
  assert.throws(() => decompress(Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0, 0, 16, 0, 1, 0, 0)));
});

test("what is torn or damaged is refused", () => {
  const frame = compress(plain);
  for (let end = 0; end < frame.length; end += 1 + (end >> 4)) {
    assert.throws(() => decompress(frame.subarray(0, end)), undefined, undefined, `up to ${end}`);
    if (end > 0) assert.throws(() => decompress(joined(frame, frame.subarray(0, end))), undefined, undefined, `${end}`);
  }
  for (let end = 0; end < 15; end++) assert.throws(() => decompress(byHand(3).subarray(0, end)));
  assert.throws(() => decompress(SKIP), /there is no frame/);
  assert.throws(() => decompress(new Uint8Array(30).fill(7)), /no frame begins with 7070707/);
  assert.throws(() => decompress(Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0, 0x58, 7, 0, 0)), /a kind that there is not/);
});

test("levels are asked of the platform", () => {
  assert.deepEqual(zstd.levels, [-131072, 22]);
  const sizes = [-1000, -5, 3, 19].map((level) => compress(plain, level).length);
  assert.deepEqual(sizes.toSorted((a, b) => b - a), sizes);
  assert.equal(compress(plain).length, compress(plain, 3).length);
});

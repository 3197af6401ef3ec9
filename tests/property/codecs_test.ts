/** Properties of codecs and of compressed message sets: what goes in comes out, and damage never makes more than it may. */

import { assert } from "chai";
import fc from "fast-check";
import { KafkaError } from "../../src/base/errors.ts";
import { crc32 } from "../../src/bytes/crc32.ts";
import { compressed } from "../../src/records/coding.ts";
import { compressionId } from "../../src/records/compression.ts";
import { gzipMembers } from "../../src/records/gzip_members.ts";
import { lz4 } from "../../src/records/lz4.ts";
import { codecs } from "../codecs.ts";
import { test } from "../harness.ts";
import { built, joined, messagesIn, record } from "../unit/records/samples.ts";

const NAMES = (["gzip", "snappy", "lz4", "zstd"] as const).filter((name) => codecs[name]);
const LIMIT = 100_000;

const compress = (name: typeof NAMES[number], bytes: Uint8Array) => codecs[name]!.compress(bytes) as Uint8Array;
const decompress = (name: typeof NAMES[number], bytes: Uint8Array, limit: number) =>
  codecs[name]!.decompress(bytes, limit) as Uint8Array;

/** Bytes with repeats near and far, of few kinds or of all. */
const someBytes = fc.array(
  fc.oneof(
    fc.uint8Array({ maxLength: 300, size: "max" }),
    fc.uint8Array({ maxLength: 30, max: 3 }),
    fc.tuple(fc.nat(255), fc.nat(400)).map(([byte, count]) => new Uint8Array(count).fill(byte)),
  ),
  { minLength: 1, maxLength: 6 },
).chain((pieces) =>
  fc.array(fc.nat(pieces.length - 1), { maxLength: 20 }).map((order) => joined(...order.map((i) => pieces[i]!)))
);

const codec = fc.constantFrom(...NAMES);

test("property: what is compressed comes back to the byte, whatever it is and where it lies", () => {
  fc.assert(
    fc.property(codec, someBytes, fc.nat(5), (name, plain, at) => {
      const shifted = joined(new Uint8Array(at), plain, new Uint8Array(3)).subarray(at, at + plain.length);
      const packed = compress(name, shifted);
      assert.deepEqual(packed, compress(name, plain));
      assert.deepEqual(decompress(name, packed, plain.length), plain);
      if (plain.length > 0) assert.throws(() => decompress(name, packed, plain.length - 1));
    }),
    { numRuns: 400, examples: NAMES.map((name): [typeof name, Uint8Array, number] => [name, Uint8Array.of(7), 1]) },
  );
});

test("property: damaged bytes give an error, or no more than is allowed", () => {
  const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(codec, someBytes, damage, fc.nat(3), (name, plain, changes, cut) => {
      const packed = compress(name, plain).slice();
      for (const [at, byte] of changes) packed[at % packed.length] = byte;
      let read: Uint8Array;
      try {
        read = decompress(name, packed.subarray(0, packed.length - cut), LIMIT);
      } catch (error) {
        assert.instanceOf(error, Error);
        if (name === "lz4" || name === "snappy") assert.instanceOf(error, KafkaError);
        return;
      }
      assert.isAtMost(read.length, LIMIT);
    }),
    { numRuns: 1500 },
  );
});

test("property: junk gives an error, or no more than is allowed", () => {
  const heads: Record<typeof NAMES[number], number[]> = {
    gzip: [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3],
    snappy: [],
    lz4: [0x04, 0x22, 0x4d, 0x18, 0x40, 0x40, 0xc0],
    zstd: [0x28, 0xb5, 0x2f, 0xfd, 0, 0x58],
  };
  fc.assert(
    fc.property(codec, fc.uint8Array({ maxLength: 100 }), (name, junk) => {
      try {
        const bytes = joined(Uint8Array.from(heads[name]), junk);
        assert.isAtMost(decompress(name, bytes, 5000).length, 5000);
      } catch (error) {
        assert.instanceOf(error, Error);
      }
    }),
    { numRuns: 800 },
  );
});

test("property: a member of gzip ends where it ends, whatever is behind it", () => {
  fc.assert(
    fc.property(someBytes, fc.uint8Array({ maxLength: 30 }), (plain, junk) => {
      const member = compress("gzip", plain);
      if (junk[0] === 0x1f) junk[0] = 0;
      assert.deepEqual(gzipMembers(joined(member, junk)), [member]);
    }),
    { numRuns: 200 },
  );
});

test("property: frames of lz4 one behind the other are the sum of what each holds", () => {
  fc.assert(
    fc.property(fc.array(someBytes, { minLength: 1, maxLength: 4 }), (all) => {
      const frames = joined(...all.map((plain) => lz4.compress(plain) as Uint8Array));
      assert.deepEqual(lz4.decompress(frames, 1 << 20), joined(...all));
    }),
    { numRuns: 100 },
  );
});

/** A compressed set as a log may hold it after compaction. */
const compactedSet = fc.record({
  magic: fc.constantFrom(0, 1),
  compression: fc.constantFrom("gzip", "snappy", "lz4"),
  first: fc.oneof(fc.nat(1000), fc.constantFrom(2 ** 31, 2 ** 40, 2 ** 52)),
  gaps: fc.array(fc.nat(5), { minLength: 1, maxLength: 8 }),
  /** How many records of the set came before those that are left. */
  before: fc.nat(9),
  /** The format of each message inside, which may be the other old one. */
  inner: fc.array(fc.constantFrom(0, 1), { minLength: 8, maxLength: 8 }),
  appendTime: fc.boolean(),
});

test("property: a compressed set keeps the offsets and times that it says, with any gaps, in any old format", () => {
  fc.assert(
    fc.property(compactedSet, ({ magic, compression, first, gaps, before, inner, appendTime }) => {
      const offsets: number[] = [];
      for (const gap of gaps) offsets.push((offsets.at(-1) ?? first - 1) + 1 + gap);
      const base = magic === 0 ? 0 : offsets[0]! - Math.min(before, offsets[0]!);
      const entries = offsets.map((offset, i) =>
        placed(built(inner[i] as 0 | 1, [record({ value: `at ${offset}`, timestamp: 1000 + i })]), offset - base, 0)
      );
      const value = compressed(joined(...entries), magic as 0 | 1, { compression, codecs } as never, (bytes) => bytes);
      const last = offsets.at(-1)!;
      const attributes = compressionId(compression as "gzip") | (appendTime ? 8 : 0);
      const wrapper = built(magic as 0 | 1, [record({ value: value as Uint8Array, timestamp: 77 })]);
      const messages = messagesIn(placed(wrapper, last, attributes));
      assert.deepEqual(messages.map(({ offset }) => offset), offsets);
      assert.deepEqual(messages.map((message) => message.text()), offsets.map((offset) => `at ${offset}`));
      const time = (i: number) => appendTime && magic === 1 ? 77 : inner[i] === 0 ? -1 : 1000 + i;
      assert.deepEqual(messages.map(({ timestamp }) => timestamp), offsets.map((_, i) => time(i)));
    }),
    { numRuns: 300 },
  );
});

/** A message's entry at another offset, with other attributes. */
function placed(entry: Uint8Array, offset: number, attributes: number): Uint8Array {
  const view = new DataView(entry.buffer, entry.byteOffset);
  view.setBigInt64(0, BigInt(offset));
  entry[17] = attributes;
  view.setUint32(12, crc32(entry, 16));
  return entry;
}

/** Properties of records: they come back as they were written, and damaged bytes give an error or the same records, never more. */

import { assert } from "chai";
import fc from "fast-check";
import { KafkaError } from "../../src/base/errors.ts";
import type { Compression } from "../../src/records/compression.ts";
import { type RecordInput, recordsBuilder, recordSizeMax } from "../../src/records/builder.ts";
import { recordBatches } from "../../src/records/reading.ts";
import { putVarint, putVarlong, varintAt, varintEnd, varlongAt } from "../../src/records/varint.ts";
import { codecs } from "../codecs.ts";
import { test } from "../harness.ts";
import { built, expectedParts, joined, MAGICS, messagesIn, origin, parts } from "../unit/records/samples.ts";

const text = fc.oneof(fc.string(), fc.string({ unit: "binary" }), fc.string({ maxLength: 90, size: "max" }));
const bytes = fc.option(fc.oneof(text, fc.uint8Array({ maxLength: 80, size: "max" })));
const headers = fc.oneof(
  { weight: 2, arbitrary: fc.constant([]) },
  { weight: 1, arbitrary: fc.array(fc.tuple(text, bytes), { maxLength: 4 }) },
);
const timestamp = fc.oneof(
  fc.integer({ min: 1_700_000_000_000, max: 1_700_000_001_000 }),
  fc.maxSafeNat(),
  fc.constantFrom(-1, 0, Number.MAX_SAFE_INTEGER),
);
const recordOf = (magic: number): fc.Arbitrary<RecordInput> =>
  fc.record({ key: bytes, value: bytes, headers: magic < 2 ? fc.constant([]) : headers, timestamp });
/** What each format can hold. */
const compressionOf = (magic: number) =>
  fc.constantFrom<Compression>("none", "gzip", "snappy", "lz4", ...magic === 2 && codecs.zstd ? ["zstd" as const] : []);
/** One batch or set: its format, its codec, its records. */
const batch = fc.constantFrom(...MAGICS).chain((magic) =>
  fc.record({
    magic: fc.constant(magic),
    compression: compressionOf(magic),
    records: fc.array(recordOf(magic), { minLength: 1, maxLength: 8 }),
  })
);

/** What is read of the bytes, or the KafkaError that they give; anything else that is thrown fails. */
function outcome(read: () => unknown): unknown {
  try {
    return read();
  } catch (error) {
    assert.instanceOf(error, KafkaError);
    return (error as KafkaError).code;
  }
}

test("property: records come back as they were written, in every format and codec", () => {
  fc.assert(
    fc.property(batch, ({ magic, compression, records }) => {
      const expected = records.map((record, offset) => expectedParts(magic, record, offset));
      assert.deepEqual(messagesIn(built(magic, records, compression)).map(parts), expected);
    }),
    { numRuns: 300 },
  );
});

test("property: a builder's size is exact and recordSizeMax() is a bound", () => {
  fc.assert(
    fc.property(batch, ({ magic, records }) => {
      const builder = recordsBuilder(magic, 64);
      for (const record of records) {
        const before = builder.size;
        builder.append(record);
        assert.isAtMost(builder.size - before, recordSizeMax(magic, record));
      }
      assert.equal(built(magic, records).length, builder.size);
    }),
    { numRuns: 200 },
  );
});

test("property: several batches read as one another's neighbours, and a cut costs only what it cuts", () => {
  fc.assert(
    fc.property(
      fc.array(batch, { minLength: 1, maxLength: 4 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (all, cut) => {
        const pieces = all.map(({ magic, records, compression }) => built(magic, records, compression));
        const whole = joined(...pieces);
        const messages = messagesIn(whole).map(parts);
        assert.lengthOf(messages, all.reduce((count, { records }) => count + records.length, 0));
        const length = Math.floor(cut * whole.length);
        const left = messagesIn(whole.subarray(0, length)).map(parts);
        assert.deepEqual(left, messages.slice(0, left.length));
        const intact = recordBatches(whole.subarray(0, length), origin).reduce(
          (size, batch) => size + batch.sizeBytes,
          0,
        );
        assert.isTrue(messages.length === left.length || intact < whole.length);
      },
    ),
    { numRuns: 150 },
  );
});

test("property: a flipped bit is told, or changes nothing but what the checksum leaves out", () => {
  fc.assert(
    fc.property(batch, fc.nat(), ({ magic, records, compression }, nth) => {
      const sound = built(magic, records, compression);
      const bit = nth % (sound.length * 8);
      const flipped = sound.slice();
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      const seen = outcome(() => messagesIn(flipped).map(parts));
      if (seen === "CORRUPT_MESSAGE") return;
      assert.isArray(seen);
      const before = messagesIn(sound).map(parts);
      const at = bit >> 3;
      // An entry's length, made larger, reads as an entry that is cut off.
      const after = seen as typeof before;
      if (after.length < before.length) assert.deepEqual(after, before.slice(0, after.length));
      else {
        const bare = (all: typeof before) => all.map(({ offset: _, ...rest }) => rest);
        assert.deepEqual(bare(after), bare(before), `byte ${at}`);
      }
    }),
    { numRuns: 600 },
  );
});

test("property: junk behind a true head, its checksum not looked at, gives an error or records", () => {
  fc.assert(
    fc.property(batch, fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.nat(), (all, junk, where) => {
      const hostile = built(all.magic, all.records, all.compression);
      hostile.set(junk.subarray(0, hostile.length - where % hostile.length), where % hostile.length);
      const read = outcome(() => messagesIn(hostile, { checkCrc: false, decompressedLimit: 1 << 16 }).map(parts));
      if (typeof read === "string") assert.oneOf(read, ["CORRUPT_MESSAGE", "UNSUPPORTED_COMPRESSION_TYPE"]);
    }),
    { numRuns: 600 },
  );
});

test("property: junk alone gives an error or nothing", () => {
  const entry = fc.tuple(
    fc.uint8Array({ minLength: 8, maxLength: 8 }),
    fc.integer({ min: -2, max: 90 }),
    fc.uint8Array(),
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array({ maxLength: 200 }),
        entry.map(([offset, length, rest]) => joined(offset, Uint8Array.of(0, 0, 0, length), rest)),
      ),
      (junk) => {
        outcome(() => messagesIn(junk, { checkCrc: false, decompressedLimit: 1 << 16 }).map(parts));
      },
    ),
    { numRuns: 500 },
  );
});

test("property: varints are what a bigint computes", () => {
  const reference = (value: bigint) => {
    let rest = value < 0n ? -2n * value - 1n : 2n * value;
    const out: number[] = [];
    for (; rest > 127n; rest >>= 7n) out.push(Number(rest & 127n) | 128);
    return [...out, Number(rest)];
  };
  const space = new Uint8Array(16);
  const edges = [0, 1, 6, 13, 20, 27, 30, 31, 32, 34, 41, 42, 48, 52, 53].flatMap((
    bit,
  ) => [2 ** bit - 1, -(2 ** bit) + 1, bit < 53 ? 2 ** bit : 0]);
  fc.assert(
    fc.property(fc.oneof(fc.maxSafeInteger(), fc.integer(), fc.constantFrom(...edges)), (value) => {
      const end = putVarlong(space, 1, value);
      assert.deepEqual([...space.subarray(1, end)], reference(BigInt(value)));
      assert.equal(varlongAt(space, 1), value);
      assert.equal(varintEnd(space, 1), end);
      if (value !== (value | 0)) return;
      assert.equal(putVarint(space, 1, value), end);
      assert.equal(varintAt(space, 1), value);
    }),
    { numRuns: 1000, examples: edges.map((edge) => [edge]) },
  );
});

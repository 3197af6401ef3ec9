/** What the compiler of schemas promises beside going round: who is asked for what, and what errors say. */

import { concat } from "@std/bytes";
import { assert } from "chai";
import { KafkaError } from "../../../src/base/errors.ts";
import { Reader } from "../../../src/bytes/reader.ts";
import { Writer } from "../../../src/bytes/writer.ts";
import { type Codec, dialectCodec, requestCodec, responseCodec } from "../../../src/wire/codec.ts";
import type { Api } from "../../../src/wire/schema.ts";
import { test } from "../../harness.ts";

const sample = {
  key: 1000,
  name: "Sample",
  versions: [0, 3],
  flexible: 2,
  request: {
    count: "int32",
    rows: [{
      size: "int8",
      note: { is: "string", since: 1, null: 1, or: null },
      hint: { is: "int32", since: 3, or: -1, lax: true },
    }],
    old: { is: ["string"], until: 1 },
    late: { is: { level: { is: "int32", or: 7 } }, since: 3 },
    second: { is: "int64", since: 2, or: -1, tag: 4 },
    first: { is: ["int32"], since: 2, tag: 1 },
  },
  response: {
    data: { is: "records", null: 0 },
    plain: { is: "bytes", since: 1 },
    maybe: { is: { x: "int8" }, since: 2, null: 2, or: null },
    shorts: { is: ["uint16"], since: 1, null: 1 },
    share: { is: "float64", since: 1, or: 0.5 },
    id: { is: "uuid", since: 1 },
    size: { is: "uint32", since: 1, lax: true },
    tip: { is: { name: "string", level: { is: "int32", or: -1 } }, since: 2, tag: 0 },
  },
} as const satisfies Api;

function encoded<I>(codec: Codec<unknown, I>, value: I): Uint8Array {
  const writer = new Writer();
  codec.write(writer, value);
  return concat(writer.finish());
}

function errorOf(body: () => unknown): KafkaError {
  try {
    body();
  } catch (error) {
    assert.instanceOf(error, KafkaError);
    return error as KafkaError;
  }
  return assert.fail("nothing was thrown");
}

test("fields that the version has are written in order, in its dialect", () => {
  const value = { count: 1, rows: [{ size: 2 }] };
  assert.deepEqual([...encoded(requestCodec(sample, 0), { ...value, old: ["a"] })], [
    ...[0, 0, 0, 1],
    ...[0, 0, 0, 1, 2],
    ...[0, 0, 0, 1, 0, 1, 0x61],
  ]);
  assert.deepEqual([...encoded(requestCodec(sample, 2), { count: 1, rows: [{ size: 2, note: "b" }] })], [
    ...[0, 0, 0, 1],
    ...[2, 2, 2, 0x62, 0],
    0,
  ]);
});

test("tagged fields come in the order of their tags, and not at all at their defaults", () => {
  const codec = requestCodec(sample, 2);
  const bytes = [...encoded(codec, { count: 0, rows: [], second: 1, first: [5] })];
  assert.deepEqual(bytes, [0, 0, 0, 0, 1, 2, 1, 5, 2, 0, 0, 0, 5, 4, 8, 0, 0, 0, 0, 0, 0, 0, 1]);
  assert.deepEqual([...encoded(codec, { count: 0, rows: [], second: -1, first: [] })], [0, 0, 0, 0, 1, 0]);
  const tip = responseCodec(sample, 2);
  const rest = { data: null, plain: new Uint8Array(), shorts: [] };
  assert.equal(encoded(tip, rest).at(-1), 0);
  assert.deepEqual(encoded(tip, { ...rest, tip: { name: "" } }), encoded(tip, rest));
  assert.notDeepEqual(encoded(tip, { ...rest, tip: { name: "", level: 0 } }), encoded(tip, rest));
});

test("unknown tagged fields are passed over", () => {
  const bytes = Uint8Array.from([0, 0, 0, 9, 1, 3, 0, 2, 7, 7, 1, 5, 2, 0, 0, 0, 5, 99, 1, 7]);
  const value = requestCodec(sample, 2).read(new Reader(bytes));
  assert.equal(value.count, 9);
  assert.deepEqual(value.first, [5]);
});

test("a tagged field that takes another size than announced is refused", () => {
  const bytes = Uint8Array.from([0, 0, 0, 9, 1, 1, 1, 6, 2, 0, 0, 0, 5, 0]);
  const error = errorOf(() => requestCodec(sample, 2).read(new Reader(bytes)));
  assert.equal(error.code, "PROTOCOL_ERROR");
  assert.include(error.message, "Sample request v2, first: 6 bytes are announced for it, it took 5");
});

test("what is decoded is complete, plain, and shares no default with anything", () => {
  const codec = requestCodec(sample, 0);
  const bytes = encoded(codec, { count: 1, rows: [{ size: 2 }], old: [] });
  const one = codec.read(new Reader(bytes));
  const two = codec.read(new Reader(bytes));
  assert.deepEqual(one, {
    count: 1,
    rows: [{ size: 2, note: null, hint: -1 }],
    old: [],
    late: { level: 7 },
    second: -1,
    first: [],
  });
  assert.strictEqual(Object.getPrototypeOf(one), Object.prototype);
  one.first.push(1);
  one.late.level = 8;
  assert.deepEqual(two.first, []);
  assert.deepEqual(two.late, { level: 7 });
});

test("a request that sets what the version lacks is refused, unless the field is lax or at its default", () => {
  const codec = requestCodec(sample, 1);
  const error = errorOf(() => encoded(codec, { count: 1, rows: [], late: { level: 8 } }));
  assert.equal(error.code, "UNSUPPORTED_FEATURE");
  assert.equal(
    error.message,
    "UNSUPPORTED_FEATURE: Sample request v1, late: this version lacks the field, it needs version 3 or later",
  );
  const nested = errorOf(() =>
    encoded(requestCodec(sample, 0), { count: 1, rows: [{ size: 1 }, { size: 1, note: "" }] })
  );
  assert.include(nested.message, "Sample request v0, rows[1].note: ");
  assert.include(
    errorOf(() => encoded(requestCodec(sample, 3), { count: 1, rows: [], old: ["x"] })).message,
    "old: this version lacks the field, it needs version 1 or earlier",
  );
  encoded(codec, { count: 1, rows: [{ size: 1, hint: 5 }], late: { level: 7 }, second: -1, first: [] });
});

test("a response drops what an old client does not want to know", () => {
  assert.deepEqual([...encoded(responseCodec(sample, 0), { data: null, size: 3, shorts: [1] })], [255, 255, 255, 255]);
});

test("a value that does not fit is refused with its place", () => {
  const codec = requestCodec(sample, 1);
  // deno-lint-ignore no-explicit-any -- values that the types forbid are what is tested
  const refusal = (value: any) => {
    const error = errorOf(() => encoded(codec, value));
    assert.equal(error.code, "INVALID_OPTION");
    return error.message.slice("INVALID_OPTION: ".length);
  };
  assert.equal(
    refusal({ count: 1, rows: [{ size: 1 }, { size: 300 }] }),
    "Sample request v1, rows[1].size: 300 is no int8",
  );
  assert.equal(refusal({ count: 2 ** 31, rows: [] }), "Sample request v1, count: 2147483648 is no int32");
  assert.equal(refusal({ rows: [] }), "Sample request v1, count: it is missing");
  assert.equal(refusal({ count: 1 }), "Sample request v1, rows: it is missing");
  assert.equal(refusal({ count: 1, rows: "x" }), 'Sample request v1, rows: "x" is no array');
  assert.equal(refusal({ count: 1, rows: null }), "Sample request v1, rows: null is no array");
  assert.equal(refusal({ count: 1, rows: [null] }), "Sample request v1, rows[0]: null is no object");
  assert.equal(refusal({ count: 1, rows: [{ size: 1, note: 5 }] }), "Sample request v1, rows[0].note: 5 is no string");
  assert.equal(refusal(undefined), "Sample request v1: undefined is no object");
  assert.include(refusal({ count: 1n, rows: [] }), "Sample request v1, count: ");
  assert.include(refusal({ count: 1, rows: [{ size: 1, note: "x".repeat(0x8000) }] }), "32768 is no int16");
});

test("a value of the wrong kind is refused on the other side too", () => {
  // deno-lint-ignore no-explicit-any -- values that the types forbid are what is tested
  const refusal = (change: any) => {
    const value = { data: null, plain: new Uint8Array(), shorts: null, ...change };
    return errorOf(() => encoded(responseCodec(sample, 2), value)).message;
  };
  assert.include(refusal({ data: [1] }), "data: an array is no Uint8Array");
  assert.include(refusal({ plain: null }), "plain: null is no Uint8Array");
  assert.include(refusal({ id: "xyz" }), 'id: "xyz" is no UUID');
  assert.include(refusal({ id: "00000000-0000-0000-0000+000000000000" }), "is no UUID");
  assert.include(refusal({ id: "0000000g-0000-0000-0000-000000000000" }), "is no UUID");
  assert.include(refusal({ maybe: { x: 128 } }), "maybe.x: 128 is no int8");
  assert.include(refusal({ tip: { name: 1 } }), "tip.name: 1 is no string");
});

test("null where the version allows none is refused when read", () => {
  const error = errorOf(() => responseCodec(sample, 1).read(new Reader(new Uint8Array(8).fill(0xff))));
  assert.equal(error.code, "PROTOCOL_ERROR");
  assert.include(error.message, "Sample response v1, plain: null where none is allowed");
});

test("a count is held against the smallest size that an item can have", () => {
  // A row takes three bytes at least: its size, and the length of its note
  const announcing = (count: number, bytes: number) => {
    const frame = new Uint8Array(8 + bytes);
    frame[7] = count;
    return errorOf(() => requestCodec(sample, 1).read(new Reader(frame))).message;
  };
  assert.include(announcing(10, 29), "rows: 10 items of at least 3 bytes are announced");
  assert.include(announcing(10, 30), "old: 4 bytes are needed");
});

test("a struct that may be null has a byte before it", () => {
  const codec = responseCodec(sample, 2);
  const rest = { data: null, plain: new Uint8Array(), shorts: null };
  const without = encoded(codec, rest);
  const withIt = encoded(codec, { ...rest, maybe: { x: 5 } });
  assert.deepEqual([...without.subarray(0, 4)], [0, 1, 255, 0]);
  assert.deepEqual([...withIt.subarray(0, 6)], [0, 1, 1, 5, 0, 0]);
  assert.isNull(codec.read(new Reader(without)).maybe);
  assert.deepEqual(codec.read(new Reader(withIt)).maybe, { x: 5 });
});

test("the scalars that Kafka seldom uses go round", () => {
  const codec = responseCodec(sample, 3);
  const value = {
    data: Uint8Array.of(1),
    plain: Uint8Array.of(2),
    maybe: null,
    shorts: [0, 0xffff],
    share: -0.25,
    id: "0123abcd-4567-89ab-cdef-fedcba987654",
    size: 0xffffffff,
    tip: { name: "tip", level: 0 },
  };
  assert.deepEqual(codec.read(new Reader(encoded(codec, value))), value);
  assert.deepEqual(codec.read(new Reader(encoded(codec, { ...value, id: value.id.toUpperCase() }))), value);
});

test("lists of numbers go round in all dialects, those with exact int64s included", () => {
  const struct = { ids: ["int32"], longs: ["int64"] } as const;
  for (const exact of [false, true]) {
    for (const flexible of [false, true]) {
      const codec = dialectCodec(struct, { version: 0, flexible, exact, name: "Lists" });
      const value = { ids: [1, -2, 0x7fffffff], longs: exact ? [3n] : [3] };
      const writer = new Writer();
      codec.write(writer, value as never);
      assert.deepEqual(codec.read(new Reader(concat(writer.finish()))) as unknown, value, `${exact} ${flexible}`);
    }
  }
});

test("records are neither copied when written nor when read; bytes are copied when written", () => {
  const data = new Uint8Array(20_000);
  const writer = new Writer();
  responseCodec(sample, 1).write(writer, { data, plain: data, shorts: [] });
  const chunks = writer.finish();
  assert.strictEqual(chunks[1], data);
  assert.notInclude(chunks.slice(2), data);
  const frame = concat(chunks);
  assert.strictEqual(responseCodec(sample, 1).read(new Reader(frame)).data!.buffer, frame.buffer);
});

test("a codec is compiled once, and a version that is not spoken here is refused", () => {
  assert.strictEqual(requestCodec(sample, 1), requestCodec(sample, 1));
  assert.notStrictEqual(requestCodec(sample, 1) as unknown, responseCodec(sample, 1) as unknown);
  for (const version of [-1, 4, 1.5, NaN]) {
    const error = errorOf(() => requestCodec(sample, version));
    assert.equal(error.code, "UNSUPPORTED_VERSION");
    assert.include(error.message, `Sample is spoken here in versions 0 to 3, not ${version}`);
  }
});

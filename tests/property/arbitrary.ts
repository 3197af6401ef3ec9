/** Any value that a struct can carry at a version, so that one property tests every message. */

import fc from "fast-check";
import { isList, noted, presetOf } from "../../src/wire/defaults.ts";
import type { Field, Scalar, Struct } from "../../src/wire/schema.ts";

const bytes = fc.uint8Array({ maxLength: 40 });

/** Any character but halves of surrogate pairs, which UTF-8 cannot tell. (What fast-check has for it takes a second to set up.) */
const anyCharacter = fc.integer({ min: 0, max: 0x10ffff - 0x800 })
  .map((code) => String.fromCodePoint(code < 0xd800 ? code : code + 0x800));

/** Text, short or long, of letters or of any characters. */
export const anyText: fc.Arbitrary<string> = fc.oneof(
  fc.string(),
  fc.string({ unit: anyCharacter }),
  fc.string({ minLength: 15, maxLength: 70 }),
);

const scalars: { readonly [S in Scalar]: fc.Arbitrary<unknown> } = {
  bool: fc.boolean(),
  int8: fc.integer({ min: -0x80, max: 0x7f }),
  int16: fc.integer({ min: -0x8000, max: 0x7fff }),
  uint16: fc.integer({ min: 0, max: 0xffff }),
  int32: fc.oneof(fc.integer(), fc.constantFrom(-0x80000000, -1, 0, 0x7fffffff)),
  uint32: fc.oneof(fc.nat(), fc.constantFrom(0, 0x80000000, 0xffffffff)),
  int64: fc.oneof(
    fc.maxSafeInteger(),
    fc.constantFrom(
      -(2 ** 63),
      -(2 ** 53),
      Number.MIN_SAFE_INTEGER,
      -(2 ** 32) - 1,
      -(2 ** 32),
      -1,
      0,
      2 ** 31,
      2 ** 32 - 1,
      2 ** 32,
      Number.MAX_SAFE_INTEGER,
      2 ** 53,
      2 ** 63 - 1024,
      2 ** 63,
    ),
  ),
  float64: fc.double({ noNaN: true }),
  string: anyText,
  bytes,
  records: bytes,
  uuid: fc.uuid(),
};

/** Any value of the struct that the version can carry: what it lacks has its default. */
export function anyOf(struct: Struct, version: number): fc.Arbitrary<{ [name: string]: unknown }> {
  const members = Object.entries(struct).map(([name, field]) => [name, anyField(field, version)]);
  return fc.record(Object.fromEntries(members), { noNullPrototype: true });
}

function anyField(field: Field, version: number): fc.Arbitrary<unknown> {
  const { is, since = 0, until = Infinity, null: nullSince = Infinity, tag } = noted(field);
  const preset = presetOf(field, false);
  if (version < since || version > until) return fc.constant(null).map(preset);
  const value = typeof is === "string"
    ? scalars[is]
    : isList(is)
    ? fc.array(anyField(is[0], version), { maxLength: 3 })
    : anyOf(is, version);
  const given = version >= nullSince ? fc.option(value, { freq: 4 }) : value;
  return tag === undefined ? given : fc.oneof(given, fc.constant(null).map(preset));
}

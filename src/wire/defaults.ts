/** What a field is where nobody said: its notes, its default, and how to tell the default from other values. */

import type { Field, Noted, Scalar, Shape } from "./schema.ts";

// deno-lint-ignore no-explicit-any -- values are untyped in here: Out and In hold their types at the edges
type Any = any;

/** A field with its notes, if it has none too. */
export function noted(field: Field): Noted {
  return typeof field === "object" && "is" in field ? field as Noted : { is: field as Shape };
}

/** Whether a shape is a list. */
export function isList(shape: Shape): shape is readonly [Field] {
  return Array.isArray(shape);
}

/** Whether a field may be left out: the question that the type In asks. */
export function isOmissible({ since, until, tag, or }: Noted): boolean {
  return since !== undefined || until !== undefined || tag !== undefined || or !== undefined;
}

const NIL_UUID = "00000000-0000-0000-0000-000000000000";
const NO_BYTES = new Uint8Array(0);

const zeros: { readonly [S in Scalar]: Any } = {
  bool: false,
  int8: 0,
  int16: 0,
  uint16: 0,
  int32: 0,
  uint32: 0,
  int64: 0,
  float64: 0,
  string: "",
  bytes: NO_BYTES,
  records: NO_BYTES,
  uuid: NIL_UUID,
};

/** The largest int64. */
const LONG_MAX = 0x7fff_ffff_ffff_ffffn;

/** A default that was written down, as the field's own type. */
function typed(or: Any, is: Shape, exactLongs: boolean): Any {
  if (!exactLongs || is !== "int64" || typeof or !== "number") return or;
  return or >= 0x8000_0000_0000_0000 ? LONG_MAX : BigInt(or);
}

/** Makes the default of a field, each time anew: two decoded objects never share one. */
export function presetOf(field: Field, exactLongs: boolean): () => Any {
  const { is, or: given } = noted(field);
  const or = typed(given, is, exactLongs);
  if (or !== undefined) return () => or;
  if (isList(is)) return () => [];
  if (typeof is === "string") {
    const zero = is === "int64" && exactLongs ? 0n : zeros[is];
    return () => zero;
  }
  const members = Object.entries(is).map(([name, inner]) => [name, presetOf(inner, exactLongs)] as const);
  const make = () => {
    const made: { [name: string]: Any } = {};
    for (const [name, preset] of members) made[name] = preset();
    return made;
  };
  const template = make();
  const isFlat = Object.values(template).every((value) => typeof value !== "object" || value === null);
  return isFlat ? () => ({ ...template }) : make; // copies are cheaper, where nothing in them would be shared
}

/** Tells whether a value is the default of a field. */
export function presetTest(field: Field, exactLongs: boolean): (value: Any) => boolean {
  const { is, or: given } = noted(field);
  const or = typed(given, is, exactLongs);
  if (or !== undefined) return (value) => value === or;
  if (isList(is) || is === "bytes" || is === "records") return (value) => value !== null && value.length === 0;
  if (typeof is === "string") {
    const zero = presetOf(field, exactLongs)();
    return (value) => value === zero;
  }
  const members = Object.entries(is).map(([name, inner]) => [name, presetTest(inner, exactLongs)] as const);
  return (value) => {
    if (typeof value !== "object" || value === null) return false;
    return members.every(([name, isPreset]) => value[name] === undefined || isPreset(value[name]));
  };
}

/** Answers whose fields lie: one place in a decoded body is replaced by what no decent broker would say. */

import { isList, noted } from "../../src/wire/defaults.ts";
import type { Field, Noted, Scalar, Shape, Struct } from "../../src/wire/schema.ts";
import type { Chance } from "../../src/testing/chance.ts";
import { mutatedRecords } from "./records.ts";

// deno-lint-ignore no-explicit-any -- what is decoded by a schema that is not known here has no type
type Any = any;

const INT8 = [-128, -1, 0, 1, 127];
const INT16 = [-32768, -42, -1, 0, 1, 2, 3, 5, 6, 7, 10, 19, 35, 41, 74, 75, 76, 100, 103, 129, 999, 32767];
const INT32 = [-2147483648, -2, -1, 0, 1, 2, 65535, 65536, 70_000, 1_000_000, 2147483646, 2147483647];
const INT64 = [-(2 ** 63), -(2 ** 53), -2, -1, 0, 1, 2 ** 31, 2 ** 53 - 1, 2 ** 53, 2 ** 62, 2 ** 63];
const TEXTS = ["", "t", "x", "\u0000", "../t", "broker-1", "broker-2", "nobody", "ü".repeat(300), "y".repeat(30_000)];
const NIL = "00000000-0000-0000-0000-000000000000";
/** How often an item of a list is repeated, where it is. */
const REPEATS = [1, 2, 50, 2000];
/** But no more than this, or the liar itself would need the memory that is counted. */
const REPEATED_BYTES_MAX = 1_000_000;

/** Changes one place of a body that was decoded by `struct`; gives its path. */
export function mutateBody(struct: Struct, version: number, body: Any, chance: Chance): string {
  const fields = Object.entries(struct).filter(([, field]) => isIn(noted(field), version));
  if (fields.length === 0) return "nothing";
  const [name, field] = chance.pick(fields);
  const { value, path } = mutated(field, version, body[name], chance);
  body[name] = value;
  return name + path;
}

function isIn({ since = 0, until = Infinity }: Noted, version: number): boolean {
  return version >= since && version <= until;
}

interface Mutated {
  readonly value: Any;
  readonly path: string;
}

function mutated(field: Field, version: number, value: Any, chance: Chance): Mutated {
  const { is, null: nullSince = Infinity } = noted(field);
  if (version >= nullSince && chance.once(12)) return { value: value === null ? filled(is) : null, path: "=null" };
  if (isList(is)) return mutatedList(is[0], version, value ?? [], chance);
  if (typeof is === "string") return { value: mutatedScalar(is, value, chance), path: "" };
  const copy = { ...(value ?? {}) };
  return { value: copy, path: `.${mutateBody(is, version, copy, chance)}` };
}

/** Something instead of null. */
function filled(shape: Shape): Any {
  if (isList(shape)) return [];
  if (shape === "string") return "not null";
  return shape === "bytes" || shape === "records" ? new Uint8Array(3) : null;
}

function mutatedList(item: Field, version: number, list: readonly Any[], chance: Chance): Mutated {
  if (list.length === 0 || !chance.once(3)) {
    if (list.length === 0) return { value: list, path: "[]" };
    const at = chance.below(list.length);
    const { value, path } = mutated(item, version, list[at], chance);
    return { value: list.with(at, value), path: `[]${path}` };
  }
  const at = chance.below(list.length);
  switch (chance.below(5)) {
    case 0:
      return { value: [], path: "[]=none" };
    case 1:
      return { value: list.toSpliced(at, 1), path: "[]=fewer" };
    case 2: {
      const count = Math.min(chance.pick(REPEATS), Math.ceil(REPEATED_BYTES_MAX / sizeOf(list[at])));
      const more = Array.from({ length: count }, () => list[at]);
      return { value: [...list, ...more], path: "[]=repeated" };
    }
    case 3:
      return { value: [...list].reverse(), path: "[]=reversed" };
    default: {
      // A second one that says something else than the first.
      const { value, path } = mutated(item, version, list[at], chance);
      return { value: [...list, value], path: `[]+${path}` };
    }
  }
}

function mutatedScalar(scalar: Scalar, value: Any, chance: Chance): Any {
  switch (scalar) {
    case "bool":
      return !value;
    case "int8":
      return chance.pick(INT8);
    case "int16":
      return chance.pick(INT16);
    case "uint16":
      return chance.pick([0, 1, 65535]);
    case "int32":
      return chance.once(3) ? near(value, chance, 2147483647) : chance.pick(INT32);
    case "uint32":
      return chance.pick([0, 1, 4294967295]);
    case "int64":
      return chance.once(3) ? near(value, chance, Number.MAX_SAFE_INTEGER) : chance.pick(INT64);
    case "float64":
      return chance.pick([NaN, -1, Infinity]);
    case "string":
      return chance.pick(TEXTS);
    case "uuid":
      return chance.pick([
        NIL,
        NIL.replaceAll("0", "f"),
        String(value).split("").reverse().join("").replaceAll(/[^0-9a-f]/g, "")
          .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5"),
      ]);
    case "bytes":
      return chance.bytes(chance.below(20));
    case "records":
      return mutatedRecords(value ?? new Uint8Array(0), chance);
  }
}

/** A little more or less: what looks right at first sight. */
function near(value: Any, chance: Chance, most: number): number {
  const number = typeof value === "number" ? value : 0;
  return Math.max(-most, Math.min(most, number + chance.pick([-2, -1, 1, 2])));
}

/** About how many bytes a value takes. */
function sizeOf(value: Any): number {
  if (value instanceof Uint8Array || typeof value === "string") return value.length + 4;
  if (typeof value !== "object" || value === null) return 8;
  return Object.values(value).reduce((sum: number, part) => sum + sizeOf(part), 1);
}

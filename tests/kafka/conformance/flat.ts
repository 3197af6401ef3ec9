/** Messages as lists of fields that can be compared: ours, and Kafka's. */

import { isList, noted, presetOf } from "../../../src/wire/defaults.ts";
import type { Field, Noted, Struct } from "../../../src/wire/schema.ts";
import { type Definition, includes, type KafkaField, type Range, rangeOf } from "./definitions.ts";

/** What a field is in one version. */
export interface Item {
  /** Where it is: `topics[].partitions[].index`. */
  readonly path: string;
  /** A scalar, a list of scalars, or `{}` and `[{}]` for a struct and a list of structs. */
  readonly type: string;
  readonly isNullable: boolean;
  /** -1 for none. */
  readonly tag: number;
}

/** What a field is in all versions. */
export interface Timeless {
  /** Its default, as text. */
  readonly preset: string;
  readonly lax: boolean;
}

/** Tagged fields stand after the others, in the order of their tags. */
const inOrder = <T>(fields: readonly (readonly [tag: number, field: T])[]): T[] =>
  [...fields].sort(([a], [b]) => a - b).map(([, field]) => field);

/** What a list is a list of, and whether it is one; lists of lists do not exist. */
function itemOf(field: Field): { is: Exclude<Noted["is"], readonly [Field]>; list: boolean } {
  const { is } = noted(field);
  return isList(is)
    ? { is: noted(is[0]).is as Exclude<Noted["is"], readonly [Field]>, list: true }
    : { is, list: false };
}

/** Our fields in a version, in the order of the wire. */
export function ourItems(struct: Struct, version: number, above = ""): Item[] {
  const there = Object.entries(struct).filter(([, field]) => {
    const { since = 0, until = Infinity } = noted(field);
    return includes([since, until], version);
  });
  return inOrder(there.map(([name, field]) => [noted(field).tag ?? -1, { name, field }])).flatMap(({ name, field }) => {
    const { tag = -1, null: nullSince = Infinity } = noted(field);
    const { is, list } = itemOf(field);
    const path = above + name;
    const isStruct = typeof is !== "string";
    const kind = isStruct ? "{}" : is;
    return [
      { path, type: list ? `[${kind}]` : kind, isNullable: version >= nullSince, tag },
      ...isStruct ? ourItems(is, version, `${path}${list ? "[]" : ""}.`) : [],
    ];
  });
}

const presetText = (value: unknown): string =>
  value instanceof Uint8Array
    ? "no bytes"
    : typeof value === "object" && value !== null
    ? Array.isArray(value) ? "[]" : "{}"
    : JSON.stringify(value);

/** What is true of our fields in every version, by their paths. */
export function ourTimeless(struct: Struct, above = ""): [path: string, of: Timeless][] {
  return Object.entries(struct).flatMap(([name, field]): [string, Timeless][] => {
    const { is, list } = itemOf(field);
    const path = above + name;
    return [
      [path, { preset: presetText(presetOf(field, false)()), lax: noted(field).lax === true }],
      ...typeof is === "string" ? [] : ourTimeless(is, `${path}${list ? "[]" : ""}.`),
    ];
  });
}

/** Kafka's own names begin with a capital. */
const named = ({ name }: KafkaField): string => name[0]!.toLowerCase() + name.slice(1);

/** A type without its brackets, and the fields of it if it is a struct. */
function kafkaType(field: KafkaField, { commonStructs = [] }: Definition) {
  const list = field.type.startsWith("[]");
  const type = list ? field.type.slice(2) : field.type;
  const isStruct = /^[A-Z]/.test(type);
  const fields = field.fields ?? commonStructs.find(({ name }) => name === type)?.fields;
  if (isStruct && fields === undefined) throw new Error(`Nobody knows what a ${type} is`);
  return { list, kind: isStruct ? "{}" : type, fields: isStruct ? fields! : [] };
}

/** Kafka's fields in a version, in the order of the wire. */
export function kafkaItems(definition: Definition, version: number): Item[] {
  const walk = (fields: readonly KafkaField[], above: string): Item[] => {
    const there = fields.filter(({ versions }) => includes(rangeOf(versions), version));
    const tagOf = ({ tag, taggedVersions }: KafkaField) =>
      tag !== undefined && includes(rangeOf(taggedVersions), version) ? Number(tag) : -1;
    return inOrder(there.map((field) => [tagOf(field), field])).flatMap((field) => {
      if (field.flexibleVersions !== undefined) {
        throw new Error(`${definition.name}: ${field.name} is flexible by itself`);
      }
      const { list, kind, fields } = kafkaType(field, definition);
      const path = above + named(field);
      const isNullable = includes(rangeOf(field.nullableVersions), version);
      return [
        { path, type: list ? `[${kind}]` : kind, isNullable, tag: tagOf(field) },
        ...walk(fields, `${path}${list ? "[]" : ""}.`),
      ];
    });
  };
  return walk(definition.fields, "");
}

/** What Kafka takes a field for where nothing is said. */
function kafkaPreset(field: KafkaField, definition: Definition): string {
  const { list, kind } = kafkaType(field, definition);
  const said = field.default;
  if (said === "null") return "null";
  if (list) return "[]";
  switch (kind) {
    case "{}":
      return "{}";
    case "bytes":
    case "records":
      return "no bytes";
    case "string":
      return JSON.stringify(said ?? "");
    case "uuid":
      return JSON.stringify("00000000-0000-0000-0000-000000000000");
    case "bool":
      return String(said ?? false);
    case "float64":
      return String(Number(said ?? 0));
    default:
      // Through a bigint for what stands there in hexadecimal digits; beyond 2^53 it rounds as ours do
      return String(Number(BigInt(said as string | number ?? 0)));
  }
}

/** What is true of Kafka's fields in every version, by their paths, of those that are there in some of these. */
export function kafkaTimeless(definition: Definition, [first, last]: Range): [path: string, of: Timeless][] {
  const walk = (fields: readonly KafkaField[], above: string): [string, Timeless][] =>
    fields.flatMap((field): [string, Timeless][] => {
      const [since, until] = rangeOf(field.versions);
      if (until < first || since > last) return [];
      const { list, fields } = kafkaType(field, definition);
      const path = above + named(field);
      const lax = String(field.ignorable ?? false) === "true";
      return [[path, { preset: kafkaPreset(field, definition), lax }], ...walk(fields, `${path}${list ? "[]" : ""}.`)];
    });
  return walk(definition.fields, "");
}

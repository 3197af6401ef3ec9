/** Compiles a struct and a version into closures that read and write it: all questions of version are asked then, none while running. */

import { errorNumbers } from "../base/error_codes.ts";
import { KafkaError } from "../base/errors.ts";
import type { Reader } from "../bytes/reader.ts";
import { shown, utf8Length, Writer } from "../bytes/writer.ts";
import { isList, isOmissible, noted, presetOf, presetTest } from "./defaults.ts";
import { classic, type Dialect, exactClassic, exactFlexible, flexible, jute } from "./dialect.ts";
import { inside, located } from "./fault.ts";
import type {
  Api,
  Field,
  In,
  Noted,
  Out,
  Request,
  RequestOut,
  Response,
  ResponseIn,
  Scalar,
  Struct,
} from "./schema.ts";
import { readUuid, writeUuid } from "./uuid.ts";

/** How one kind of value is read and written. */
export interface Codec<O, I = O> {
  /** Reads a value; throws `PROTOCOL_ERROR` where the bytes do not hold one. */
  read(reader: Reader): O;
  /** Writes a value; throws `INVALID_OPTION` where it does not fit, `UNSUPPORTED_FEATURE` where the version lacks a field that is set. */
  write(writer: Writer, value: I): void;
}

/** The codec of a request's body. Compiled once for each API and version. */
export function requestCodec<A extends Api>(api: A, version: number): Codec<RequestOut<A>, Request<A>> {
  return cached(requests, api, version, "request");
}

/** The codec of a response's body. Compiled once for each API and version. */
export function responseCodec<A extends Api>(api: A, version: number): Codec<Response<A>, ResponseIn<A>> {
  return cached(responses, api, version, "response");
}

/** The codec of a struct by itself, in Kafka's first way (classic). Compiled once for each struct and version. */
export function structCodec<S extends Struct>(struct: S, version: number, name: string): Codec<Out<S>, In<S>> {
  let versions = structs.get(struct);
  if (versions === undefined) structs.set(struct, versions = []);
  return versions[version] ??= rooted(struct, { dialect: classic, version, strict: true, name });
}

/** How a struct is read and written that is no body of a request or a response in the table. */
export interface StructOptions {
  /** In which version. */
  readonly version: number;
  /** Whether lengths are compact and structs end with tagged fields (KIP-482). */
  readonly flexible: boolean;
  /** Whether an int64 is a bigint. */
  readonly exact: boolean;
  /** What errors call it. */
  readonly name: string;
}

/** The codec of any struct in one of Kafka's two ways. Keep it: each call compiles. */
export function dialectCodec(
  struct: Struct,
  { version, flexible: isFlexible, exact, name }: StructOptions,
): Codec<Any> {
  const [old, young] = exact ? [exactClassic, exactFlexible] : [classic, flexible];
  return rooted(struct, { dialect: isFlexible ? young : old, version, strict: true, name });
}

/** The codec of a ZooKeeper record, in which an int64 is a bigint. Keep it: each call compiles. */
export function juteCodec<S extends Struct>(struct: S, name: string): Codec<Out<S, bigint>, In<S, bigint>> {
  return rooted(struct, { dialect: jute, version: 0, strict: true, name });
}

// deno-lint-ignore no-explicit-any -- values are untyped in here: Out and In hold their types at the edges
type Any = any;
type Values = { [name: string]: Any };

/** A codec, and what others have to know to contain it. */
interface Part extends Codec<Any> {
  /** The fewest bytes that a value takes. */
  readonly least: number;
  /** For a value that structs and lists read in place: which kind it is. */
  readonly inPlace?: InPlace;
}

/**
 * Closures that are made in one place of the source share what an engine learns about them, so a call of `read` is never inlined: it
 * costs more than to read a number. The most common kinds are read without.
 */
const inPlace = { int16: 1, int32: 2, int64: 3, bool: 4 } as const;
type InPlace = (typeof inPlace)[keyof typeof inPlace];

/** What is asked for while compiling. */
interface Target {
  readonly dialect: Dialect;
  readonly version: number;
  /** Whether a value for a field that the version lacks is refused. */
  readonly strict: boolean;
  /** What errors call it. */
  readonly name: string;
}

type Cache<K extends object> = WeakMap<K, (Codec<Any> | undefined)[]>;
const requests: Cache<Api> = new WeakMap();
const responses: Cache<Api> = new WeakMap();
const structs: Cache<Struct> = new WeakMap();

function cached(cache: Cache<Api>, api: Api, version: number, side: "request" | "response"): Codec<Any> {
  let versions = cache.get(api);
  if (versions === undefined) cache.set(api, versions = []);
  return versions[version] ??= compile(api, version, side);
}

function compile(api: Api, version: number, side: "request" | "response"): Codec<Any> {
  const [min, max] = api.versions;
  if (!Number.isInteger(version) || version < min || version > max) {
    throw KafkaError.ofBroker(
      errorNumbers.UNSUPPORTED_VERSION,
      `${api.name} is spoken here in versions ${min} to ${max}, not ${version}`,
    );
  }
  return rooted(api[side], {
    dialect: version >= api.flexible ? flexible : classic,
    version,
    // A broker may say what an old client does not want to know; a client must not lose what its user asked for
    strict: side === "request",
    name: `${api.name} ${side} v${version}`,
  });
}

/** The outermost struct: here errors get to know where they happened. */
function rooted(struct: Struct, target: Target): Codec<Any> {
  const inner = structPart(struct, target);
  return {
    read(reader) {
      try {
        return inner.read(reader);
      } catch (error) {
        throw located(error, "PROTOCOL_ERROR", target.name);
      }
    },
    write(writer, value) {
      try {
        inner.write(writer, value);
      } catch (error) {
        throw located(error, "INVALID_OPTION", target.name);
      }
    },
  };
}

function invalid(detail: string): KafkaError {
  return new KafkaError("INVALID_OPTION", detail);
}

function nullIn(nullable: boolean): null {
  if (nullable) return null;
  throw new KafkaError("PROTOCOL_ERROR", "null where none is allowed");
}

function part(field: Field, target: Target): Part {
  const { is, null: nullSince = Infinity } = noted(field);
  const nullable = target.version >= nullSince;
  if (isList(is)) return is[0] === "int32" ? int32sPart(target, nullable) : listPart(is[0], target, nullable);
  if (typeof is !== "string") {
    const inner = structPart(is, target);
    return nullable ? nullablePart(inner) : inner;
  }
  switch (is) {
    case "string":
      return textPart(target.dialect, nullable);
    case "bytes":
      return bytesPart(target.dialect, nullable, (writer, bytes) => writer.put(bytes));
    case "records":
      return bytesPart(target.dialect, nullable, (writer, bytes) => writer.attach(bytes));
    case "int64":
      return target.dialect.exactLongs ? exactLong : scalars.int64;
    default:
      return scalars[is];
  }
}

const scalars: { readonly [S in Exclude<Scalar, "string" | "bytes" | "records">]: Part } = {
  bool: {
    least: 1,
    inPlace: inPlace.bool,
    read: (reader) => reader.int8() !== 0,
    write(writer, value) {
      if (typeof value !== "boolean") throw invalid(`${shown(value)} is no boolean`);
      writer.int8(value ? 1 : 0);
    },
  },
  int8: { least: 1, read: (reader) => reader.int8(), write: (writer, value) => writer.int8(value) },
  int16: {
    least: 2,
    inPlace: inPlace.int16,
    read: (reader) => reader.int16(),
    write: (writer, value) => writer.int16(value),
  },
  uint16: { least: 2, read: (reader) => reader.uint16(), write: (writer, value) => writer.uint16(value) },
  int32: {
    least: 4,
    inPlace: inPlace.int32,
    read: (reader) => reader.int32(),
    write: (writer, value) => writer.int32(value),
  },
  uint32: { least: 4, read: (reader) => reader.uint32(), write: (writer, value) => writer.uint32(value) },
  int64: {
    least: 8,
    inPlace: inPlace.int64,
    read: (reader) => reader.int64(),
    write: (writer, value) => writer.int64(value),
  },
  float64: { least: 8, read: (reader) => reader.float64(), write: (writer, value) => writer.float64(value) },
  uuid: { least: 16, read: readUuid, write: writeUuid },
};

const exactLong: Part = {
  least: 8,
  read: (reader) => reader.bigint64(),
  write: (writer, value) => writer.bigint64(value),
};

function textPart(dialect: Dialect, nullable: boolean): Part {
  return {
    least: dialect.textLengthBytes,
    read(reader) {
      const length = dialect.readTextLength(reader);
      return length === -1 ? nullIn(nullable) : reader.text(length);
    },
    write(writer, value) {
      if (typeof value === "string") {
        const length = utf8Length(value);
        dialect.writeTextLength(writer, length);
        writer.text(value, length);
      } else if (value === null && nullable) dialect.writeTextLength(writer, -1);
      else throw invalid(`${shown(value)} is no string`);
    },
  };
}

function bytesPart(dialect: Dialect, nullable: boolean, put: (writer: Writer, bytes: Uint8Array) => void): Part {
  return {
    least: dialect.lengthBytes,
    read(reader) {
      const length = dialect.readLength(reader);
      return length === -1 ? nullIn(nullable) : reader.take(length);
    },
    write(writer, value) {
      if (value instanceof Uint8Array) {
        dialect.writeLength(writer, value.length);
        put(writer, value);
      } else if (value === null && nullable) dialect.writeLength(writer, -1);
      else throw invalid(`${shown(value)} is no Uint8Array`);
    },
  };
}

/** So many items get their room at once; more are added as they are read. */
const ITEMS_AT_ONCE = 1024;

function listPart(field: Field, target: Target, nullable: boolean): Part {
  const { dialect } = target;
  const item = part(field, target);
  const smallest = Math.max(item.least, 1);
  return {
    least: dialect.lengthBytes,
    read(reader) {
      const announced = dialect.readLength(reader);
      if (announced === -1) return nullIn(nullable);
      const count = reader.count(announced, smallest);
      const items = new Array(Math.min(count, ITEMS_AT_ONCE));
      let i = 0;
      try {
        for (; i < count; i++) items[i] = item.read(reader);
      } catch (error) {
        throw inside(error, `[${i}]`);
      }
      return items;
    },
    write(writer, value) {
      if (value === null && nullable) return dialect.writeLength(writer, -1);
      if (!Array.isArray(value)) throw invalid(`${shown(value)} is no array`);
      dialect.writeLength(writer, value.length);
      let i = 0;
      try {
        for (; i < value.length; i++) item.write(writer, value[i]);
      } catch (error) {
        throw inside(error, `[${i}]`);
      }
    },
  };
}

/** Metadata is full of short lists of numbers: they are read without a call for each. */
function int32sPart(target: Target, nullable: boolean): Part {
  const compact = target.dialect.tagged;
  return {
    ...listPart("int32", target, nullable),
    read(reader) {
      const announced = compact ? reader.uvarint() - 1 : reader.int32();
      return announced === -1 ? nullIn(nullable) : reader.int32s(reader.count(announced, 4));
    },
  };
}

/** A struct that may be null has a byte before it: -1 for null, 1 for a value (KIP-893). */
function nullablePart(inner: Part): Part {
  return {
    least: 1,
    read: (reader) => reader.int8() < 0 ? null : inner.read(reader),
    write(writer, value) {
      writer.int8(value === null ? -1 : 1);
      if (value !== null) inner.write(writer, value);
    },
  };
}

/** A field of a struct as one version has it. */
interface Member {
  readonly name: string;
  readonly part: Part;
  /** Makes its default. */
  readonly preset: () => Any;
  /** Whether it may be left out. */
  readonly optional: boolean;
  readonly isPreset: (value: Any) => boolean;
  readonly tag: number;
}

function structPart(struct: Struct, target: Target): Part {
  const { dialect, version } = target;
  const plain: Member[] = [];
  const tagged: Member[] = [];
  const lacking: { name: string; isPreset: (value: Any) => boolean; needs: string }[] = [];
  const readers: MemberReader[] = [];
  for (const [name, field] of Object.entries(struct)) {
    const note = noted(field);
    const preset = presetOf(field, dialect.exactLongs);
    const isPreset = presetTest(field, dialect.exactLongs);
    const isThere = version >= (note.since ?? 0) && version <= (note.until ?? Infinity);
    if (!isThere) {
      if (target.strict && !note.lax) lacking.push({ name, isPreset, needs: versionsOf(note) });
    } else {
      const member: Member = {
        name,
        part: part(field, target),
        preset,
        isPreset,
        optional: isOmissible(note),
        tag: note.tag ?? -1,
      };
      (note.tag === undefined ? plain : tagged).push(member);
    }
    const known = isThere && note.tag === undefined ? plain[plain.length - 1]!.part : undefined;
    readers.push({ name, inPlace: known?.inPlace ?? 0, read: known?.read ?? preset });
  }
  tagged.sort((a, b) => a.tag - b.tag);
  return {
    least: plain.reduce((sum, member) => sum + member.part.least, dialect.tagged ? 1 : 0),
    read: structReader(readers, dialect.tagged ? tagged : undefined),
    write: structWriter(plain, dialect.tagged ? tagged : undefined, lacking),
  };
}

/** What a struct reads into a field. */
interface MemberReader {
  readonly name: string;
  readonly inPlace: InPlace | 0;
  readonly read: (reader: Reader) => Any;
}

function structReader(
  readers: readonly MemberReader[],
  tagged: readonly Member[] | undefined,
): (reader: Reader) => Values {
  const count = readers.length;
  // V8 takes objects with computed keys for dictionaries unless they come from one constructor, and a shared constructor would
  // mix the structs up. With Object's own prototype the result is as plain as a literal.
  function Decoded(this: Values, reader: Reader): void {
    let i = 0;
    try {
      for (; i < count; i++) {
        const { name, inPlace: kind, read } = readers[i]!;
        let value: Any;
        if (kind === inPlace.int32) value = reader.int32();
        else if (kind === inPlace.int16) value = reader.int16();
        else if (kind === inPlace.int64) value = reader.int64();
        else if (kind === inPlace.bool) value = reader.int8() !== 0;
        else value = read(reader);
        this[name] = value;
      }
    } catch (error) {
      throw inside(error, readers[i]!.name);
    }
    if (tagged !== undefined) readTags(reader, tagged, this);
  }
  Decoded.prototype = Object.prototype;
  const decode = Decoded as unknown as new (reader: Reader) => Values;
  return (reader) => new decode(reader);
}

function readTags(reader: Reader, tagged: readonly Member[], into: Values): void {
  for (let count = reader.uvarint(); count > 0; count--) {
    const tag = reader.uvarint();
    const size = reader.uvarint();
    const known = tagged.find((member) => member.tag === tag);
    if (known === undefined) {
      reader.take(size);
      continue;
    }
    const start = reader.offset;
    try {
      into[known.name] = known.part.read(reader);
      if (reader.offset - start !== size) {
        throw new KafkaError("PROTOCOL_ERROR", `${size} bytes are announced for it, it took ${reader.offset - start}`);
      }
    } catch (error) {
      throw inside(error, known.name);
    }
  }
}

function structWriter(
  plain: readonly Member[],
  tagged: readonly Member[] | undefined,
  lacking: readonly { name: string; isPreset: (value: Any) => boolean; needs: string }[],
): (writer: Writer, value: Values) => void {
  const count = plain.length;
  return (writer, value) => {
    if (typeof value !== "object" || value === null) throw invalid(`${shown(value)} is no object`);
    for (const { name, isPreset, needs } of lacking) {
      const given = value[name];
      if (given !== undefined && !isPreset(given)) {
        throw inside(new KafkaError("UNSUPPORTED_FEATURE", `this version lacks the field, it needs ${needs}`), name);
      }
    }
    let i = 0;
    try {
      for (; i < count; i++) {
        const member = plain[i]!;
        const given = value[member.name];
        if (given !== undefined) member.part.write(writer, given);
        else if (member.optional) member.part.write(writer, member.preset());
        else throw invalid("it is missing");
      }
    } catch (error) {
      throw inside(error, plain[i]!.name);
    }
    if (tagged !== undefined) writeTags(writer, tagged, value);
  };
}

function writeTags(writer: Writer, tagged: readonly Member[], value: Values): void {
  let count = 0;
  for (const member of tagged) if (isSent(member, value)) count++;
  writer.uvarint(count);
  if (count === 0) return;
  for (const member of tagged) {
    if (!isSent(member, value)) continue;
    const body = new Writer(64);
    try {
      member.part.write(body, value[member.name]);
    } catch (error) {
      throw inside(error, member.name);
    }
    writer.uvarint(member.tag);
    writer.uvarint(body.length);
    for (const chunk of body.finish()) writer.attach(chunk);
  }
}

function isSent(member: Member, value: Values): boolean {
  const given = value[member.name];
  return given !== undefined && !member.isPreset(given);
}

function versionsOf({ since = 0, until }: Noted): string {
  if (until === undefined) return `version ${since} or later`;
  return since === 0 ? `version ${until} or earlier` : `versions ${since} to ${until}`;
}

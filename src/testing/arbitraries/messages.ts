/** Any value that a message can carry in a version; parts of it may be given, where a broker is to make sense of it. */

import fc, { type Arbitrary } from "fast-check";
import { joined } from "../../protocol/body.ts";
import { encodeRequest, encodeResponse, type RequestHead } from "../../protocol/message.ts";
import { isList, noted, presetOf } from "../../wire/defaults.ts";
import type {
  Api,
  Field,
  Out,
  Request,
  RequestOut,
  Response,
  ResponseIn,
  Scalar,
  Shape,
  Struct,
} from "../../wire/schema.ts";

/** What is to be drawn in a field's place: an arbitrary of the whole field; or of fields inside it, or inside each item of a list. */
export type Parts<F> = Arbitrary<Drawn<Out<F>>> | Inside<F>;

/** What may be drawn for a value: lists and structs need not be ones that may be changed. */
export type Drawn<T> = T extends Uint8Array ? T
  : T extends readonly (infer E)[] ? readonly Drawn<E>[]
  : T extends object ? { readonly [K in keyof T]: Drawn<T[K]> }
  : T;

/** Arbitraries for fields of a struct, by their names; what is left out is drawn as usual. */
export type Inside<F> = F extends { readonly is: infer S } ? Inside<S>
  : F extends Scalar ? never
  : F extends readonly [infer E] ? Inside<E>
  : string extends keyof F ? { readonly [name: string]: unknown }
  : { readonly [K in keyof F]?: Parts<F[K]> };

/** A request as it goes over the wire. */
export interface FramedRequest<A extends Api> {
  /** What its head says. */
  readonly head: RequestHead;
  /** What is asked. */
  readonly body: RequestOut<A>;
  /** The frame, its size in front. */
  readonly bytes: Uint8Array;
}

/** A response as it goes over the wire. */
export interface FramedResponse<A extends Api> {
  /** Which request it answers. */
  readonly correlationId: number;
  /** What is answered. */
  readonly body: Response<A>;
  /** The frame, its size in front. */
  readonly bytes: Uint8Array;
}

const LIST_LENGTH_MAX = 3;
/** One in so many values that may be null is. */
const NULL_FREQUENCY = 4;
const NIL_UUID = "00000000-0000-0000-0000-000000000000";

/** Any character but halves of surrogate pairs, which UTF-8 cannot tell. (What fast-check has for it takes a second to set up.) */
const character = fc.integer({ min: 0, max: 0x10ffff - 0x800 })
  .map((code) => String.fromCodePoint(code < 0xd800 ? code : code + 0x800));

/** Of these the first shrinks best, so that is what others shrink to. */
function mixed<T>(...arbitraries: readonly Arbitrary<T>[]): Arbitrary<T> {
  return fc.oneof({ withCrossShrink: true }, ...arbitraries);
}

const text: Arbitrary<string> = fc.oneof(
  fc.string(),
  fc.string({ unit: character }),
  fc.string({ maxLength: 70, size: "max" }),
);
const bytes: Arbitrary<Uint8Array> = fc.uint8Array({ maxLength: 40 });

const scalars: { readonly [S in Scalar]: Arbitrary<unknown> } = {
  bool: fc.boolean(),
  int8: fc.integer({ min: -0x80, max: 0x7f }),
  int16: fc.integer({ min: -0x8000, max: 0x7fff }),
  uint16: fc.integer({ min: 0, max: 0xffff }),
  int32: mixed(fc.integer(), fc.constantFrom(0, -1, 0x7fffffff, -0x80000000)),
  uint32: mixed(fc.nat(), fc.constantFrom(0, 0x80000000, 0xffffffff)),
  int64: mixed(
    fc.maxSafeInteger(),
    fc.constantFrom(
      0,
      -1,
      -0x1_0000_0000,
      -0x1_0000_0001,
      Number.MIN_SAFE_INTEGER,
      -0x20_0000_0000_0000,
      -0x8000_0000_0000_0000,
      0x8000_0000,
      0xffff_ffff,
      0x1_0000_0000,
      Number.MAX_SAFE_INTEGER,
      0x20_0000_0000_0000,
      0x7fff_ffff_ffff_fc00,
      0x8000_0000_0000_0000,
    ),
  ),
  float64: fc.double({ noNaN: true }),
  string: text,
  bytes,
  records: bytes,
  uuid: fc.oneof({ arbitrary: fc.uuid(), weight: 7 }, { arbitrary: fc.constant(NIL_UUID), weight: 1 }),
};

/** Text that Kafka can carry, short or long, of letters or of any characters; shrinks to the empty one. */
export function anyText(): Arbitrary<string> {
  return text;
}

/**
 * Any body of a request that this version can carry, every field of it there: what decoding gives. `parts` says what is to be drawn
 * instead, field by field: `anyRequest(metadata, 9, { topics: { name: fc.constantFrom("a", "b") } })`. What encodes it with the same
 * version gets it back by decoding.
 */
export function anyRequest<A extends Api>(
  api: A,
  version: number,
  parts?: Inside<A["request"]>,
): Arbitrary<RequestOut<A>> {
  return anyFields(api.request, version, parts) as Arbitrary<RequestOut<A>>;
}

/** Any body of a response that this version can carry; as {@linkcode anyRequest}. */
export function anyResponse<A extends Api>(
  api: A,
  version: number,
  parts?: Inside<A["response"]>,
): Arbitrary<Response<A>> {
  return anyFields(api.response, version, parts) as Arbitrary<Response<A>>;
}

/** Any value of a struct that this version (0 if not said) can carry; as {@linkcode anyRequest}. */
export function anyStruct<S extends Struct>(struct: S, version: number = 0, parts?: Inside<S>): Arbitrary<Out<S>> {
  return anyFields(struct, version, parts) as Arbitrary<Out<S>>;
}

/** Any head of a request, besides what it asks. */
export function anyRequestHead(): Arbitrary<RequestHead> {
  return fc.record({ correlationId: fc.integer(), clientId: fc.option(text) }, { noNullPrototype: true });
}

/** Any request, head and body, and its frame. */
export function anyRequestFrame<A extends Api>(
  api: A,
  version: number,
  parts?: Inside<A["request"]>,
): Arbitrary<FramedRequest<A>> {
  return fc.tuple(anyRequestHead(), anyRequest(api, version, parts)).map(([head, body]) => {
    return { head, body, bytes: joined(encodeRequest(api, version, head, body as unknown as Request<A>)) };
  });
}

/** Any response, and its frame. */
export function anyResponseFrame<A extends Api>(
  api: A,
  version: number,
  parts?: Inside<A["response"]>,
): Arbitrary<FramedResponse<A>> {
  return fc.tuple(fc.integer(), anyResponse(api, version, parts)).map(([correlationId, body]) => {
    const chunks = encodeResponse(api, version, correlationId, body as unknown as ResponseIn<A>);
    return { correlationId, body, bytes: joined(chunks) };
  });
}

type Given = { readonly [name: string]: unknown } | undefined;

function anyFields(struct: Struct, version: number, parts: Given): Arbitrary<{ [name: string]: unknown }> {
  const members = Object.entries(struct).map(([name, field]) => [name, anyField(field, version, parts?.[name])]);
  return fc.record(Object.fromEntries(members), { noNullPrototype: true });
}

function anyField(field: Field, version: number, part: unknown): Arbitrary<unknown> {
  const { is, since = 0, until = Infinity, null: nullSince = Infinity, tag } = noted(field);
  const preset = presetOf(field, false);
  if (version < since || version > until) return fc.constant(null).map(preset);
  if (isArbitrary(part)) return part;
  const value = anyValue(is, version, part as Given);
  // Whoever says what is inside wants to see it there.
  if (part !== undefined) return value;
  const given = version >= nullSince ? fc.option(value, { freq: NULL_FREQUENCY }) : value;
  return tag === undefined ? given : fc.oneof(given, fc.constant(null).map(preset));
}

function anyValue(is: Shape, version: number, part: Given): Arbitrary<unknown> {
  if (typeof is === "string") return scalars[is];
  if (!isList(is)) return anyFields(is, version, part);
  return fc.array(anyField(is[0], version, part), { maxLength: LIST_LENGTH_MAX });
}

/** By what it does, not by its class: of a package there may be two copies. */
function isArbitrary(part: unknown): part is Arbitrary<unknown> {
  return typeof (part as { readonly generate?: unknown } | null | undefined)?.generate === "function";
}

/** Bodies and other structs by themselves, for those who make frames of their own or find structs elsewhere. */

import { KafkaError } from "../base/errors.ts";
import { Reader } from "../bytes/reader.ts";
import { Writer } from "../bytes/writer.ts";
import { type Codec, dialectCodec, requestCodec, responseCodec } from "../wire/codec.ts";
import type { Api, In, Out, Request, RequestOut, Response, ResponseIn, Struct } from "../wire/schema.ts";

/** Reads and writes one struct in one version. */
export interface BodyCodec<O, I> {
  /**
   * The value as bytes. Throws `INVALID_OPTION` for a value that does not fit its field, `UNSUPPORTED_FEATURE` for one that the
   * version has no field for.
   */
  encode(value: I): Uint8Array;
  /** The value that the bytes are, to the last of them; bytes in it are views. Throws `PROTOCOL_ERROR` for too few, or too many. */
  decode(bytes: Uint8Array): O;
  /** The value that begins at `start` (0 if not said), and where it ends. Throws `PROTOCOL_ERROR` for too few bytes. */
  decodeFrom(bytes: Uint8Array, start?: number): { readonly value: O; readonly end: number };
}

/** Which version of a struct, and how it looks. */
export interface StructVersion {
  /** Fields are there or not by this version; 0 if not said. */
  readonly version?: number;
  /** Whether lengths are compact and structs end with tagged fields (KIP-482); false if not said. */
  readonly flexible?: boolean;
}

/** The body of a request. Throws `UNSUPPORTED_VERSION` for a version that is not spoken here. */
export function requestBody<A extends Api>(api: A, version: number): BodyCodec<RequestOut<A>, Request<A>> {
  return bodyCodec(requestCodec(api, version), `${api.name} request v${version}`);
}

/** The body of a response. Throws `UNSUPPORTED_VERSION` for a version that is not spoken here. */
export function responseBody<A extends Api>(api: A, version: number): BodyCodec<Response<A>, ResponseIn<A>> {
  return bodyCodec(responseCodec(api, version), `${api.name} response v${version}`);
}

/**
 * The body of a request in which every int64 is a bigint: what was decoded encodes to the very same bytes, whereas numbers round
 * beyond 2^53. Keep it: each call compiles.
 */
export function exactRequestBody<A extends Api>(
  api: A,
  version: number,
): BodyCodec<Out<A["request"], bigint>, In<A["request"], bigint>> {
  requestCodec(api, version); // refuses a version that is not spoken
  return exactBody(api.request, api, version, `${api.name} request v${version}`);
}

/** The body of a response in which every int64 is a bigint; as {@linkcode exactRequestBody}. */
export function exactResponseBody<A extends Api>(
  api: A,
  version: number,
): BodyCodec<Out<A["response"], bigint>, In<A["response"], bigint>> {
  responseCodec(api, version);
  return exactBody(api.response, api, version, `${api.name} response v${version}`);
}

/**
 * Any fields: what a group's members say inside JoinGroup, say, or what lies in `__consumer_offsets`. Keep it: each call compiles.
 *
 * ```ts ignore
 * const subscription = structBody({ version: "int16", topics: ["string"], userData: { is: "bytes", null: 0 } });
 * const bytes = subscription.encode({ version: 0, topics: ["orders"], userData: null });
 * console.log(subscription.decode(bytes).topics);
 * ```
 */
export function structBody<const S extends Struct>(struct: S, how: StructVersion = {}): BodyCodec<Out<S>, In<S>> {
  const { version = 0, flexible = false } = how;
  const name = "the struct";
  return bodyCodec(dialectCodec(struct, { version, flexible, exact: false, name }), name);
}

function exactBody<O, I>(struct: Struct, api: Api, version: number, name: string): BodyCodec<O, I> {
  return bodyCodec(dialectCodec(struct, { version, flexible: version >= api.flexible, exact: true, name }), name);
}

function bodyCodec<O, I>(codec: Codec<O, I>, name: string): BodyCodec<O, I> {
  const decodeFrom = (bytes: Uint8Array, start = 0) => {
    const reader = new Reader(bytes);
    reader.take(start);
    return { value: codec.read(reader), end: reader.offset };
  };
  return {
    encode(value) {
      const writer = new Writer();
      codec.write(writer, value);
      return joined(writer.finish());
    },
    decode(bytes) {
      const { value, end } = decodeFrom(bytes);
      if (end === bytes.length) return value;
      throw new KafkaError("PROTOCOL_ERROR", `${name}: ${bytes.length - end} bytes follow its end`);
    },
    decodeFrom,
  };
}

/** The chunks as one array of their own. */
export function joined(chunks: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(chunks.reduce((size, { length }) => size + length, 0));
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

/** The language in which a protocol's messages are written down as plain data, and the types that follow from it. */

/** What a scalar of the wire is in TypeScript; `Long` is what an int64 is. */
export interface Scalars<Long = number> {
  /** One byte; everything but 0 is true. */
  bool: boolean;
  /** One byte, signed. */
  int8: number;
  /** Two bytes, signed. */
  int16: number;
  /** Two bytes, unsigned. */
  uint16: number;
  /** Four bytes, signed. */
  int32: number;
  /** Four bytes, unsigned. */
  uint32: number;
  /** Eight bytes, signed. In Kafka a number: beyond 2^53 it rounds when read, and from 2^63 on it is written as Long.MAX_VALUE. */
  int64: Long;
  /** Eight bytes, IEEE 754. */
  float64: number;
  /** UTF-8 after its length in bytes. */
  string: string;
  /** Bytes after their length: copied when written, a view of the frame when read. */
  bytes: Uint8Array;
  /** Record batches: bytes that are not copied when written, if they are many. */
  records: Uint8Array;
  /** Sixteen bytes, as lower case hexadecimal digits in groups of 8-4-4-4-12. */
  uuid: string;
}

/** The name of a scalar. */
export type Scalar = keyof Scalars;

/** What a field is: a scalar, a list of one kind of item, or a struct. */
export type Shape = Scalar | readonly [Field] | Struct;

/** A shape, or a shape with notes. */
export type Field = Shape | Noted;

/** Fields in the order of the wire. No field of a struct may be called `is`. */
export interface Struct {
  /** A field by its name. */
  readonly [name: string]: Field;
}

/** A shape with notes. */
export interface Noted {
  /** What the field is. */
  readonly is: Shape;
  /** From which version on the field is there; from 0 if not said. */
  readonly since?: number;
  /** Up to which version the field is there; for good if not said. */
  readonly until?: number;
  /** From which version on the field may be null; never if not said. */
  readonly null?: number;
  /** The value where the field is absent or not given: zero, false or empty if not said. */
  readonly or?: number | string | boolean | null;
  /** The number under which the field is sent, only if it is not its default (KIP-482). */
  readonly tag?: number;
  /** Whether a version without the field drops it silently; else anything but the default is refused. Kafka calls it `ignorable`. */
  readonly lax?: boolean;
}

/** A request and its response, in all their versions. */
export interface Api {
  /** The number by which a request says what it is. */
  readonly key: number;
  /** Kafka's name of it, for errors and logs. */
  readonly name: string;
  /** Which versions Samsa speaks, both ends included. */
  readonly versions: readonly [min: number, max: number];
  /** The first version with compact lengths and tagged fields (KIP-482); one past the last if there is none. */
  readonly flexible: number;
  /** From this version on who is told to wait (`throttleTimeMs`) waits itself; before, the broker has waited already (KIP-219). */
  readonly clientThrottlesFrom?: number;
  /** Asking twice is not the same as asking once: without whoever asked it is never sent again. */
  readonly once?: true;
  /** What the client sends. */
  readonly request: Struct;
  /** What the broker answers. */
  readonly response: Struct;
}

/** A message that travels in the bytes of another one, behind an int16 with its version; it is never flexible. */
export interface Embedded {
  /** Kafka's name of it, for errors. */
  readonly name: string;
  /** Which versions are known, both ends included. */
  readonly versions: readonly [min: number, max: number];
  /** What it holds. */
  readonly fields: Struct;
}

/** The type of what is read: every field is there, in every version. */
export type Out<F, Long = number> = F extends { readonly is: infer S } ? Out<S, Long> | OrNull<F>
  : F extends Scalar ? Scalars<Long>[F]
  : F extends readonly [infer E] ? Out<E, Long>[]
  : string extends keyof F ? { [name: string]: unknown }
  : { -readonly [K in keyof F]: Out<F[K], Long> };

/** The type of what is written: a field may be left out if it has a default, or if some version lacks it. */
export type In<F, Long = number> = F extends { readonly is: infer S } ? In<S, Long> | OrNull<F>
  : F extends Scalar ? Scalars<Long>[F]
  : F extends readonly [infer E] ? readonly In<E, Long>[]
  : string extends keyof F ? { readonly [name: string]: unknown }
  : Shown<
    & { readonly [K in Exclude<keyof F, Omissible<F>>]: In<F[K], Long> }
    & { readonly [K in Omissible<F>]?: In<F[K], Long> | undefined }
  >;

/** The body of a request, as a client gives it. */
export type Request<A extends Api> = In<A["request"]>;

/** The body of a request, as a broker gets it. */
export type RequestOut<A extends Api> = Out<A["request"]>;

/** The body of a response, as a client gets it. */
export type Response<A extends Api> = Out<A["response"]>;

/** The body of a response, as a broker gives it. */
export type ResponseIn<A extends Api> = In<A["response"]>;

/** `null` for a field that may be null in some version. */
export type OrNull<F> = F extends { readonly null: number } ? null : never;
/** What says that a field has a default. */
export type HasDefault =
  | { readonly since: number }
  | { readonly until: number }
  | { readonly tag: number }
  | { readonly or: unknown };
/** The fields of a struct that may be left out when encoding. */
export type Omissible<S> = { [K in keyof S]: S[K] extends { readonly is: unknown } & HasDefault ? K : never }[keyof S];
/** The same type, written out, so that editors show its fields. */
export type Shown<T> = { [K in keyof T]: T[K] };

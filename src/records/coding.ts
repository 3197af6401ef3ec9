/** Records through a codec, either way; what codecs answer is looked at before it is believed. */

import { brokerError, errorNumbers } from "../base/error_codes.ts";
import { KafkaError } from "../base/errors.ts";
import { codecFor, type Codecs, type Compression } from "./compression.ts";
import { legacyHead, rightHead } from "./lz4_head.ts";
import { corrupt, type Origin, type ReadOptions } from "./origin.ts";

/** Which codec, of which, and how much it is to try. */
export interface Compressing {
  /** How the records are compressed. */
  readonly compression: Exclude<Compression, "none">;
  /** The codecs at hand. */
  readonly codecs: Codecs;
  /** The codec's level; its own if not said. */
  readonly level?: number | undefined;
}

/**
 * Compresses the records of a format and gives them to `then`. A codec that throws, now or later, or answers with something else
 * than bytes, is told as `UNSUPPORTED_COMPRESSION_TYPE`.
 */
export function compressed<T>(
  plain: Uint8Array,
  magic: 0 | 1 | 2,
  { compression, codecs, level }: Compressing,
  then: (compressed: Uint8Array) => T,
): T | Promise<T> {
  const codec = codecFor(compression, codecs, magic);
  const failed = (cause: unknown): never => {
    const detail = `the codec for ${compression} did not compress ${plain.length} bytes (${sentence(cause)})`;
    throw new KafkaError(brokerError(errorNumbers.UNSUPPORTED_COMPRESSION_TYPE), detail, { cause });
  };
  const done = (answer: Uint8Array): T => {
    if (!isBytes(answer)) return failed(new TypeError(`it answered with ${kindOf(answer)} instead of a Uint8Array`));
    const bytes = plainArray(answer);
    return then(magic === 0 && compression === "lz4" ? legacyHead(bytes) : bytes);
  };
  return answered(() => level === undefined ? codec.compress(plain) : codec.compress(plain, level), done, failed);
}

/**
 * Decompresses the records at an offset and gives them to `then`. Whatever the codec throws, now or later, is told as records
 * that are broken, as `CORRUPT_MESSAGE`; and so is what becomes too large. A codec that answers with something else than bytes is
 * told as `UNSUPPORTED_COMPRESSION_TYPE`.
 */
export function decompressed<T>(
  bytes: Uint8Array,
  compression: Exclude<Compression, "none">,
  magic: 0 | 1 | 2,
  origin: Origin,
  offset: number,
  options: ReadOptions,
  then: (plain: Uint8Array) => T,
): T | Promise<T> {
  const { codecs, decompressedLimit: limit } = options;
  const codec = codecFor(compression, codecs, magic);
  const failed = (cause: unknown): never => {
    const why = sentence(cause);
    throw corrupt(origin, offset, `${compression} cannot decompress them to at most ${limit} bytes (${why})`, cause);
  };
  const done = (plain: Uint8Array): T => {
    if (!isBytes(plain)) {
      const detail = `the codec for ${compression} decompressed to ${kindOf(plain)} instead of a Uint8Array`;
      throw new KafkaError(brokerError(errorNumbers.UNSUPPORTED_COMPRESSION_TYPE), detail, { ...origin, offset });
    }
    if (plain.length <= limit) return then(plainArray(plain));
    throw corrupt(origin, offset, `decompressed they are ${plain.length} bytes, and ${limit} are allowed`);
  };
  const right = magic === 0 && compression === "lz4" ? rightHead(bytes) : bytes;
  return answered(() => codec.decompress(right, limit), done, failed);
}

/** Gives a codec's answer on, at once if it is there at once. What `done` throws is not the codec's failure. */
function answered<T>(
  ask: () => Uint8Array | Promise<Uint8Array>,
  done: (answer: Uint8Array) => T,
  failed: (cause: unknown) => never,
): T | Promise<T> {
  let answer: Uint8Array | Promise<Uint8Array>;
  try {
    answer = ask();
  } catch (cause) {
    return failed(cause);
  }
  // Whoever waits knows a promise by its class, which a user's own, or one of another realm, need not have.
  return isPromise(answer) ? Promise.resolve(answer).then(done, failed) : done(answer);
}

function isPromise(answer: Uint8Array | Promise<Uint8Array>): answer is Promise<Uint8Array> {
  return answer instanceof Promise || typeof (answer as Partial<Promise<unknown>> | undefined)?.then === "function";
}

/** Bytes of another realm, as a test runner has them, are bytes too. */
function isBytes(answer: unknown): answer is Uint8Array {
  return answer instanceof Uint8Array || Object.prototype.toString.call(answer) === "[object Uint8Array]";
}

function kindOf(answer: unknown): string {
  return answer === null ? "null" : typeof answer === "object" ? Object.prototype.toString.call(answer) : typeof answer;
}

function sentence(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

/** The same bytes as a plain Uint8Array: views of a Node Buffer would be Buffers too. */
export function plainArray(bytes: Uint8Array): Uint8Array {
  return bytes.constructor === Uint8Array ? bytes : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** Ways to frames that are no transport: bytes at hand, and whatever gives them piece by piece. */

import { KafkaError } from "../base/errors.ts";
import type { Source } from "./frames.ts";

const SIZE_BYTES = 4;

/** Frames that were found in bytes at hand. */
export interface FoundFrames {
  /** Each without its size, as a view. */
  readonly frames: readonly Uint8Array[];
  /** What is left behind the last one: the beginning of another. */
  readonly rest: Uint8Array;
}

/** The frames in bytes at hand, one side of a captured conversation say. Throws `PROTOCOL_ERROR` for a size below 0. */
export function framesIn(bytes: Uint8Array): FoundFrames {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const frames: Uint8Array[] = [];
  let at = 0;
  while (bytes.length - at >= SIZE_BYTES) {
    const size = view.getInt32(at);
    if (size < 0) throw new KafkaError("PROTOCOL_ERROR", `a frame of ${size} bytes is announced at ${at}`);
    const start = at + SIZE_BYTES;
    if (bytes.length - start < size) break;
    frames.push(bytes.subarray(start, start + size));
    at = start + size;
  }
  return { frames, rest: bytes.subarray(at) };
}

/** What {@linkcode Frames} reads from, made of pieces of any sizes: a socket of Node's, a file, a stream, an array. */
export function sourceOf(pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Source {
  return new Pieces(pieces);
}

class Pieces implements Source {
  readonly #pieces: AsyncIterator<Uint8Array> | Iterator<Uint8Array>;
  #left: Uint8Array = new Uint8Array(0);

  constructor(pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>) {
    this.#pieces = Symbol.asyncIterator in pieces ? pieces[Symbol.asyncIterator]() : pieces[Symbol.iterator]();
  }

  async read(into: Uint8Array, atLeast = 1): Promise<number | null> {
    let count = 0;
    while (count < Math.min(Math.max(atLeast, 1), into.length)) {
      if (this.#left.length === 0) {
        const { done, value } = await this.#pieces.next();
        if (done) return count > 0 ? count : null;
        this.#left = value;
      }
      const piece = this.#left.subarray(0, into.length - count);
      into.set(piece, count);
      count += piece.length;
      this.#left = this.#left.subarray(piece.length);
    }
    return count;
  }
}

/** Buffers for batches, used again: fresh memory costs several times what filling it does. */

import type { BufferSource } from "../records/builder.ts";

/** Each kind is so many times as large as the one before: a batch that grows is copied seldom, and most of its buffer is used. */
const GROWTH = 4;
const SMALLEST_BYTES = 4096;

/** Gives out buffers of a few sizes, and takes them back. */
export class BufferPool implements BufferSource {
  readonly #sizes: number[] = [];
  readonly #spare = new Map<number, Uint8Array[]>();
  readonly #spareBytesMax: number;
  #spareBytes = 0;

  /** Buffers of up to `largest` bytes are used again; at most `spareBytesMax` bytes are kept for it. */
  constructor(largest: number, spareBytesMax: number) {
    for (let size = SMALLEST_BYTES; size < largest; size *= GROWTH) this.#sizes.push(size);
    this.#sizes.push(largest);
    for (const size of this.#sizes) this.#spare.set(size, []);
    this.#spareBytesMax = spareBytesMax;
  }

  take(atLeast: number): Uint8Array {
    for (const size of this.#sizes) {
      if (size < atLeast) continue;
      const spare = this.#spare.get(size)!.pop();
      if (spare) this.#spareBytes -= size;
      return spare ?? new Uint8Array(size);
    }
    return new Uint8Array(atLeast);
  }

  give(bytes: Uint8Array): void {
    const spare = this.#spare.get(bytes.length);
    if (!spare || this.#spareBytes + bytes.length > this.#spareBytesMax) return;
    this.#spareBytes += bytes.length;
    spare.push(bytes);
  }
}

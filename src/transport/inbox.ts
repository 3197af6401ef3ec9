/** Where what comes unasked meets who asks: bytes for a reader, connections for whoever accepts them. */

import { KafkaError } from "../base/errors.ts";
import type { Deferred, World } from "../base/world.ts";
import type { Transport } from "./transport.ts";

interface Want {
  readonly into: Uint8Array;
  readonly atLeast: number;
  readonly done: Deferred<number | null>;
  filled: number;
}

/** Bytes between a platform that pushes them and a reader that pulls them. */
export class Inbox {
  readonly #world: World;
  readonly #broker: string;
  readonly #wake: () => void;
  #pieces: Uint8Array[] = [];
  #next = 0;
  #kept = 0;
  #want: Want | undefined;
  #ended = false;
  #error: KafkaError | undefined;

  /** Calls `wake` when a reader wants more than there is. */
  constructor(world: World, broker: string, wake: () => void) {
    this.#world = world;
    this.#broker = broker;
    this.#wake = wake;
  }

  /** Bytes that have come and that nobody has read. */
  get kept(): number {
    return this.#kept;
  }

  /** What is free in the waiting reader's array: bytes put there need no copy. Tell of them by `arrived`. */
  get target(): Uint8Array | undefined {
    return this.#want?.into.subarray(this.#want.filled);
  }

  /** As {@linkcode Transport.read}. */
  read(into: Uint8Array, atLeast = 1): Promise<number | null> {
    if (this.#want !== undefined) {
      return Promise.reject(
        new KafkaError("INVALID_OPTION", `A read from ${this.#broker} is waiting already: one at a time`, {
          broker: this.#broker,
        }),
      );
    }
    const filled = this.#take(into);
    const enough = Math.min(atLeast, into.length);
    if (filled >= enough || (this.#ended && filled > 0)) return Promise.resolve(filled);
    if (this.#error !== undefined) return Promise.reject(this.#error);
    if (this.#ended) return Promise.resolve(null);
    const done = this.#world.deferred<number | null>(`bytes from ${this.#broker}`);
    this.#want = { into, atLeast: enough, done, filled };
    this.#wake();
    return done.promise;
  }

  /** So many bytes were put into `target`. */
  arrived(count: number): void {
    const want = this.#want;
    if (want === undefined) return;
    want.filled += count;
    if (want.filled < want.atLeast) return;
    this.#want = undefined;
    want.done.resolve(want.filled);
  }

  /**
   * Takes bytes that lie elsewhere. What nobody waits for is copied, unless the array is `ours` to keep.
   * False asks the platform to send no more until `wake`.
   */
  push(bytes: Uint8Array, ours: boolean): boolean {
    let used = 0;
    if (this.#want !== undefined) {
      used = Math.min(this.#want.into.length - this.#want.filled, bytes.length);
      this.#want.into.set(used === bytes.length ? bytes : bytes.subarray(0, used), this.#want.filled);
      this.arrived(used);
    }
    if (used < bytes.length && !this.#ended) {
      // Not bytes.slice(): of a Node Buffer that is a view.
      this.#pieces.push(ours ? bytes.subarray(used) : new Uint8Array(bytes.subarray(used)));
      this.#kept += bytes.length - used;
    }
    return this.#kept === 0;
  }

  /** No more will come, because of `error` if there is one. What has come is still read before the end. */
  end(error?: KafkaError): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    const want = this.#want;
    this.#want = undefined;
    if (want === undefined) return;
    if (want.filled > 0) want.done.resolve(want.filled);
    else if (error !== undefined) want.done.reject(error);
    else want.done.resolve(null);
  }

  /** The reader itself has closed: every read gives null, whatever had come. */
  close(): void {
    this.end();
    this.#error = undefined;
    this.#pieces = [];
    this.#next = 0;
    this.#kept = 0;
  }

  #take(into: Uint8Array): number {
    let filled = 0;
    while (this.#next < this.#pieces.length && filled < into.length) {
      const piece = this.#pieces[this.#next]!;
      const count = Math.min(piece.length, into.length - filled);
      into.set(count === piece.length ? piece : piece.subarray(0, count), filled);
      filled += count;
      if (count === piece.length) this.#next++;
      else this.#pieces[this.#next] = piece.subarray(count);
    }
    if (this.#next === this.#pieces.length && this.#next > 0) {
      this.#pieces = [];
      this.#next = 0;
    }
    this.#kept -= filled;
    return filled;
  }
}

/** Connections between a platform that pushes them and a loop that accepts them. */
export class Arrivals implements AsyncIterator<Transport> {
  readonly #world: World;
  readonly #name: string;
  readonly #waiting: Transport[] = [];
  readonly #takers: Deferred<IteratorResult<Transport>>[] = [];
  #closed = false;

  /** `address` is where they come to, for the name of the wait. */
  constructor(world: World, address: string) {
    this.#world = world;
    this.#name = `a connection to ${address}`;
  }

  /** Hands it to whoever waits longest, or keeps it. */
  push(transport: Transport): void {
    if (this.#closed) return transport.close();
    const taker = this.#takers.shift();
    if (taker === undefined) this.#waiting.push(transport);
    else taker.resolve({ done: false, value: transport });
  }

  /** The next connection; done when the listener has closed. */
  next(): Promise<IteratorResult<Transport>> {
    const value = this.#waiting.shift();
    if (value !== undefined) return Promise.resolve({ done: false, value });
    if (this.#closed) return Promise.resolve({ done: true, value: undefined });
    const taker = this.#world.deferred<IteratorResult<Transport>>(this.#name);
    this.#takers.push(taker);
    return taker.promise;
  }

  /** Ends the iteration, and every connection that nobody has accepted. */
  close(): void {
    this.#closed = true;
    for (const transport of this.#waiting.splice(0)) transport.close();
    for (const taker of this.#takers.splice(0)) taker.resolve({ done: true, value: undefined });
  }
}

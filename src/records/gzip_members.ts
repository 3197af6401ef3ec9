/** Where gzip's members end (RFC 1952, 1951): what platforms do not tell of several members, or of one with something else behind it. */

import { brokerError, errorNumbers } from "../base/error_codes.ts";
import { KafkaError } from "../base/errors.ts";

/** The bits of a member's flags: what its head holds besides. */
const FLAG = { headChecksum: 2, extra: 4, name: 8, comment: 16, reserved: 0xe0 };
const HEAD = 10, TRAILER = 8;
/** Bits of a code at most, and the symbol that ends a block; larger ones are lengths. */
const CODE_BITS_MAX = 15, END_OF_BLOCK = 256;
/** In which order the lengths of the code lengths' own codes come. */
const ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15] as const;
/** Symbols of literals and lengths, and of distances, that a block has at most. */
const LITERALS_MAX = 286, DISTANCES_MAX = 30;

/**
 * The members, as views. Like Java's reader it takes what follows the last one for no member if it does not begin like one, and
 * leaves it out. `CORRUPT_MESSAGE` says that a member is malformed or torn.
 */
export function gzipMembers(bytes: Uint8Array): Uint8Array[] {
  const members: Uint8Array[] = [];
  for (let at = 0;;) {
    const body = bodyAt(bytes, at);
    if (body < 0) break;
    const end = new Deflated(bytes, body).end() + TRAILER;
    if (end > bytes.length) throw torn();
    members.push(bytes.subarray(at, end));
    at = end;
  }
  if (members.length === 0) throw malformed("no member is at its start");
  return members;
}

/** Where the compressed bytes begin of the member at a position; -1 if there is none. */
function bodyAt(bytes: Uint8Array, start: number): number {
  const flags = bytes[start + 3] ?? 0;
  if (bytes[start] !== 0x1f || bytes[start + 1] !== 0x8b || bytes[start + 2] !== 8 || flags & FLAG.reserved) return -1;
  let at = start + HEAD;
  if (flags & FLAG.extra) at += 2 + (bytes[at] ?? 0) + (bytes[at + 1] ?? 0) * 256;
  for (const text of [FLAG.name, FLAG.comment]) {
    if ((flags & text) === 0) continue;
    const zero = bytes.indexOf(0, at);
    if (zero < 0) return -1;
    at = zero + 1;
  }
  if (flags & FLAG.headChecksum) at += 2;
  return at < bytes.length ? at : -1;
}

/** A code in its canonical order: how many symbols have each length, and the symbols by length. */
interface Code {
  readonly counts: Uint16Array;
  readonly symbols: Uint16Array;
}

/** Passes over deflated bytes without keeping what they stand for. */
class Deflated {
  readonly #bytes: Uint8Array;
  #at: number;
  #bits = 0;
  #bitCount = 0;

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.#at = at;
  }

  /** The position after the last block. */
  end(): number {
    for (let isLast = false; !isLast;) {
      isLast = this.#take(1) === 1;
      const kind = this.#take(2);
      if (kind === 0) this.#stored();
      else if (kind === 1) this.#block(FIXED_LITERALS, FIXED_DISTANCES);
      else if (kind === 2) this.#block(...this.#codes());
      else throw malformed("a block is of a kind that there is not");
    }
    return this.#at;
  }

  #stored(): void {
    this.#bits = this.#bitCount = 0;
    const length = this.#take(16);
    if ((this.#take(16) ^ 0xffff) !== length) {
      throw malformed("a stored block's length is not what its complement says");
    }
    this.#at += length;
    if (this.#at > this.#bytes.length) throw torn();
  }

  #block(literals: Code, distances: Code): void {
    for (;;) {
      const symbol = this.#symbol(literals);
      if (symbol === END_OF_BLOCK) return;
      if (symbol < END_OF_BLOCK) continue;
      if (symbol > 285) throw malformed("a length has no meaning");
      // Lengths from the ninth on, and distances from the fifth on, have more and more bits behind them; the longest length none.
      if (symbol > 264 && symbol < 285) this.#take(symbol - 261 >> 2);
      const distance = this.#symbol(distances);
      if (distance >= DISTANCES_MAX) throw malformed("a distance has no meaning");
      if (distance > 3) this.#take((distance >> 1) - 1);
    }
  }

  /** The two codes that a block brings along. */
  #codes(): [Code, Code] {
    const literals = this.#take(5) + 257, distances = this.#take(5) + 1, count = this.#take(4) + 4;
    if (literals > LITERALS_MAX || distances > DISTANCES_MAX) throw malformed("a block has more codes than there are");
    const own = new Uint8Array(ORDER.length);
    for (let i = 0; i < count; i++) own[ORDER[i]!] = this.#take(3);
    const code = codeOf(own);
    const lengths = new Uint8Array(literals + distances);
    for (let i = 0; i < lengths.length;) {
      const symbol = this.#symbol(code);
      if (symbol < 16) {
        lengths[i++] = symbol;
        continue;
      }
      if (symbol === 16 && i === 0) throw malformed("a code's length repeats what is not there");
      const length = symbol === 16 ? lengths[i - 1]! : 0;
      const times = symbol === 16 ? 3 + this.#take(2) : symbol === 17 ? 3 + this.#take(3) : 11 + this.#take(7);
      if (i + times > lengths.length) throw malformed("a block has more codes than it says");
      lengths.fill(length, i, i += times);
    }
    return [codeOf(lengths.subarray(0, literals)), codeOf(lengths.subarray(literals))];
  }

  #symbol({ counts, symbols }: Code): number {
    for (let length = 1, code = 0, first = 0, index = 0; length <= CODE_BITS_MAX; length++) {
      code |= this.#take(1);
      const count = counts[length]!;
      if (code - count < first) return symbols[index + code - first]!;
      index += count;
      first = first + count << 1;
      code <<= 1;
    }
    throw malformed("a code stands for nothing");
  }

  #take(count: number): number {
    while (this.#bitCount < count) {
      if (this.#at >= this.#bytes.length) throw torn();
      this.#bits |= this.#bytes[this.#at++]! << this.#bitCount;
      this.#bitCount += 8;
    }
    const value = this.#bits & (1 << count) - 1;
    this.#bits >>>= count;
    this.#bitCount -= count;
    return value;
  }
}

/** The code whose symbols have these lengths; 0 for those that it has not. */
function codeOf(lengths: Uint8Array): Code {
  const counts = new Uint16Array(CODE_BITS_MAX + 1);
  for (const length of lengths) counts[length]!++;
  counts[0] = 0;
  const starts = new Uint16Array(CODE_BITS_MAX + 2);
  for (let length = 1; length <= CODE_BITS_MAX; length++) starts[length + 1] = starts[length]! + counts[length]!;
  const symbols = new Uint16Array(lengths.length);
  lengths.forEach((length, symbol) => {
    if (length > 0) symbols[starts[length]!++] = symbol;
  });
  return { counts, symbols };
}

const FIXED_LITERALS = codeOf(Uint8Array.from({ length: 288 }, (_, i) => i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8));
const FIXED_DISTANCES = codeOf(new Uint8Array(30).fill(5));

function torn(): KafkaError {
  return malformed("the bytes end inside a member");
}

function malformed(why: string): KafkaError {
  return new KafkaError(brokerError(errorNumbers.CORRUPT_MESSAGE), `malformed gzip: ${why}`);
}

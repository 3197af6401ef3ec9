/** Chance that every engine draws alike: 32-bit integers and one division, nothing that an engine may round its own way. */

/** Folds a text into 32 bits (FNV-1a with a final mix); another `start` gives another, unrelated word. */
export function hashText(text: string, start = 0): number {
  let word = start ^ 0x811c9dc5;
  for (let i = 0; i < text.length; i++) word = Math.imul(word ^ text.charCodeAt(i), 0x01000193);
  word = Math.imul(word ^ (word >>> 16), 0x7feb352d);
  word = Math.imul(word ^ (word >>> 15), 0x846ca68b);
  return (word ^ (word >>> 16)) >>> 0;
}

/** A stream of draws (sfc32). Whoever draws has a stream of its own, so that one part's draws never move another's. */
export class Chance {
  readonly #key: number;
  #a: number;
  #b: number;
  #c: number;
  #count = 1;

  /** One seed and one label always give the same stream. */
  constructor(seed: number, label = "") {
    this.#key = hashText(label, seed | 0);
    // The three words start far apart, and a dozen draws are thrown away: the generator's authors ask for that.
    this.#a = hashText("a", this.#key) | 0;
    this.#b = hashText("b", this.#key) | 0;
    this.#c = hashText("c", this.#key) | 0;
    for (let i = 0; i < 12; i++) this.word();
  }

  /** Another stream. It depends on the label and on where this one came from, not on what has been drawn. */
  fork(label: string): Chance {
    return new Chance(this.#key, label);
  }

  /** An integer from 0 up to 2^32 - 1. */
  word(): number {
    const drawn = (((this.#a + this.#b) | 0) + this.#count) | 0;
    this.#count = (this.#count + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + drawn) | 0;
    return drawn >>> 0;
  }

  /** A number from 0 up to, but without, 1. */
  unit(): number {
    return this.word() / 4294967296;
  }

  /** An integer from 0 up to, but without, `limit`. */
  below(limit: number): number {
    return Math.floor(this.unit() * limit);
  }

  /** True once in `outOf` draws on average. */
  once(outOf: number): boolean {
    return this.below(outOf) === 0;
  }

  /** One of the list, which must not be empty. */
  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }

  /** An integer mostly below `scale`, one time in eight up to thirty-two times as much: a tail without logarithms. */
  delay(scale: number): number {
    const stretch = this.below(8) === 0 ? 1 << this.below(6) : 1;
    return Math.floor(scale * stretch * this.unit());
  }

  /** So many bytes. */
  bytes(count: number): Uint8Array {
    const bytes = new Uint8Array(count);
    for (let i = 0; i < count; i++) bytes[i] = this.word() >>> 24;
    return bytes;
  }
}

/** CRC-32C in WebAssembly: long data is folded onto its last 640 bytes or so with XORs of 128 bits, without tables. */

/**
 * A way to fold. 1 + x^a + x^b + … + x^degree is a multiple of Castagnoli's polynomial, and so is 1 + X^a + X^b + … + X^degree with
 * X = x^128: it is the 128th power of the first, and squaring keeps the sparseness in GF(2). So a word of 128 bits that lies `degree`
 * words or more before the end may be XORed onto the words degree, degree - a, degree - b, … behind it, and be forgotten: the checksum
 * stays. With words of 64 bits it is the 64th power.
 */
interface Fold {
  /** The exponents but for the last, the degree. */
  readonly exponents: readonly number[];
  readonly degree: number;
  readonly wordBytes: 8 | 16;
  /** Words of one round of the loop: what is folded has so many, times a whole number, more than what is left of it. */
  readonly roundWords: number;
  /** Bytes that are left. */
  readonly leftBytes: number;
}

const folds: readonly [Fold, Fold, Fold] = [
  { exponents: [0, 14, 39, 54, 144], degree: 209, wordBytes: 16, roundWords: 4, leftBytes: 209 * 16 },
  // More to XOR for each word, but it goes on where the first has to stop
  { exponents: [0, 1, 12, 18, 58, 71, 75], degree: 79, wordBytes: 16, roundWords: 5, leftBytes: 79 * 16 },
  // From 1,264 bytes to 640: 13 rounds
  { exponents: [0, 1, 12, 18, 58, 71, 75], degree: 79, wordBytes: 8, roundWords: 6, leftBytes: 640 },
];

/** From this many bytes on the first fold is worth its beginning and end. */
const FIRST_WORTH = 2 * folds[0].leftBytes;

/** Bytes of the longest piece: all of its memory fits into a core's own cache. */
export const PIECE_BYTES: number = 128 * 1024;

/** Where the data begins in memory: what the first fold's words look back to lies before it. */
export const DATA_AT: number = folds[0].leftBytes;
const PAGE_BYTES = 64 * 1024;
const PAGES = Math.ceil((DATA_AT + PIECE_BYTES) / PAGE_BYTES);

/** Folds pieces of data in a memory of its own. */
export interface Folding {
  /** What is left of a piece lies here until the next one comes. */
  readonly memory: Uint8Array;
  /**
   * Takes the bytes from `start` up to, but without, `end`, at least 2,048 and at most `PIECE_BYTES`, and what the bytes before them
   * have left in the checksum's register. Gives where in `memory` what is left of them begins, for an empty register; its end is
   * where all of them end, `end - start` behind `DATA_AT`.
   */
  fold(register: number, bytes: Uint8Array, start: number, end: number): number;
}

/** What the module exports: the memory, and each fold of the words from one address up to another, onto those behind. */
interface Exports {
  readonly memory: WebAssembly.Memory;
  readonly fold0: (from: number, to: number) => void;
  readonly fold1: (from: number, to: number) => void;
  readonly fold2: (from: number, to: number) => void;
}

/** The folding, compiled when it is first needed, once, and not before somebody has asked for it. */
export class LazyFolding {
  /** Whether somebody has asked for it. */
  wanted = false;
  #made: Folding | null | undefined;

  /** The folding, or null where WebAssembly with vectors is not to be had, not allowed, or not asked for. */
  get(): Folding | null {
    if (!this.wanted) return null;
    if (this.#made === undefined) this.#made = newFolding();
    return this.#made;
  }
}

function newFolding(): Folding | null {
  let exports: Exports;
  try {
    exports = new WebAssembly.Instance(new WebAssembly.Module(moduleBytes())).exports as unknown as Exports;
  } catch {
    return null; // an old engine, or a page whose content security policy forbids it: the tables do it all
  }
  const { fold0, fold1, fold2 } = exports;
  const memory = new Uint8Array(exports.memory.buffer);
  const [long, short, last] = folds;
  return {
    memory,
    fold(register, bytes, start, end) {
      memory.set(bytes.subarray(start, end), DATA_AT);
      for (let i = 0; i < 4; i++) memory[DATA_AT + i]! ^= register >>> (8 * i);
      let at = DATA_AT;
      let size = end - start;
      if (size >= FIRST_WORTH) {
        const folded = foldedBytes(long, size);
        fold0(at, at + folded);
        at += folded;
        size -= folded;
      }
      const folded = foldedBytes(short, size);
      fold1(at, at + folded);
      at += folded;
      const lastFolded = foldedBytes(last, size - folded);
      fold2(at, at + lastFolded);
      return at + lastFolded;
    },
  };
}

/** How many of so many bytes are folded onto the others. */
function foldedBytes({ wordBytes, roundWords, leftBytes }: Fold, size: number): number {
  const round = wordBytes * roundWords;
  return Math.floor((size - leftBytes) / round) * round;
}

/** Numbers as WebAssembly's binary format has them: seven bits a byte, the lowest first. */
function leb(value: number): number[] {
  return value < 128 ? [value] : [value & 127 | 128, ...leb(value >>> 7)];
}

/** The same for numbers that may be negative: the highest bit of the last byte means so. */
function signedLeb(value: number): number[] {
  return value >= -64 && value < 64 ? [value & 127] : [value & 127 | 128, ...signedLeb(value >> 7)];
}

function vector(items: readonly (readonly number[])[]): number[] {
  return [...leb(items.length), ...items.flat()];
}

function section(id: number, items: readonly (readonly number[])[]): number[] {
  const bytes = vector(items);
  return [id, ...leb(bytes.length), ...bytes];
}

function text(name: string): number[] {
  return vector(Array.from(name, (letter) => [letter.charCodeAt(0)]));
}

/** The instructions that the functions are made of (WebAssembly core specification 2.0, section 5.4). */
const op = {
  loop: [0x03, 0x40],
  end: [0x0b],
  branchIfToLoop: [0x0d, 0],
  get: (local: number) => [0x20, local],
  set: (local: number) => [0x21, local],
  tee: (local: number) => [0x22, local],
  number: (value: number) => [0x41, ...signedLeb(value)],
  add: [0x6a],
  subtract: [0x6b],
  isLess: [0x49],
  fill: [0xfc, ...leb(11), 0],
};

/** The same for words. */
const wordOps = {
  8: { load: (at: number) => [0x29, 3, ...leb(at)], store: (at: number) => [0x37, 3, ...leb(at)], xor: [0x85] },
  16: {
    load: (at: number) => [0xfd, ...leb(0), 4, ...leb(at)],
    store: (at: number) => [0xfd, ...leb(11), 4, ...leb(at)],
    xor: [0xfd, ...leb(0x51)],
  },
};

const I32 = 0x7f;
/** The functions' parameters and variables. */
const FROM = 0, TO = 1, AT = 2, END = 3;

/** A function that folds the words from FROM up to TO, which are whole rounds, onto those behind. */
function foldCode({ exponents, degree, wordBytes, roundWords }: Fold): number[] {
  const { load, store, xor } = wordOps[wordBytes];
  const reach = degree * wordBytes;
  const backs = exponents.map((exponent) => (degree - exponent) * wordBytes).sort((a, b) => a - b);
  // From AT to END words take what lies so many bytes before them. An instruction's offset is not negative, so both are told as the
  // addresses of the words that lie farthest back
  const taking = (backs: readonly number[], words: number) => {
    const code = [...op.loop];
    for (let at = reach; at < reach + words * wordBytes; at += wordBytes) {
      code.push(...op.get(AT), ...op.get(AT), ...load(at));
      for (const back of backs) code.push(...op.get(AT), ...load(at - back), ...xor);
      code.push(...store(at));
    }
    code.push(...op.get(AT), ...op.number(words * wordBytes), ...op.add, ...op.tee(AT));
    code.push(...op.get(END), ...op.isLess, ...op.branchIfToLoop, ...op.end);
    return code;
  };
  const ending = (bytes: number) => [...op.get(TO), ...op.number(bytes - reach), ...op.add, ...op.set(END)];
  const body = [
    ...vector([[2, I32]]),
    ...[...op.get(FROM), ...op.number(reach), ...op.subtract, ...op.tee(AT)],
    // Before the first word there are zeros: nothing to take from
    ...[...op.number(0), ...op.number(reach), ...op.fill],
    ...[...ending(0), ...taking(backs, roundWords)],
    // The words that are left take from those before TO alone: the farther behind it, the fewer
    ...backs.flatMap((back, i) => [...ending(back), ...taking(backs.slice(i), 1)]),
    ...op.end,
  ];
  return [...leb(body.length), ...body];
}

function moduleBytes(): Uint8Array<ArrayBuffer> {
  const names = folds.map((_, i) => [...text(`fold${i}`), 0, i]);
  return new Uint8Array([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [[0x60, ...vector([[I32], [I32]]), 0]]),
    ...section(3, folds.map(() => [0])),
    ...section(5, [[0, ...leb(PAGES)]]),
    ...section(7, [[...text("memory"), 2, 0], ...names]),
    ...section(10, folds.map(foldCode)),
  ]);
}

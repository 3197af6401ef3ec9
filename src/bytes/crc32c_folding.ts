/** CRC-32C in WebAssembly: long data is folded onto its last 3,344 bytes with XORs of 128 bits, without tables. */

/**
 * What a word is XORed onto, counted from the end of those it reaches. 1 + X^14 + X^39 + X^54 + X^144 + X^209, with X = x^128, is a multiple of Castagnoli's polynomial: it is the 128th power of
 * 1 + x^14 + x^39 + x^54 + x^144 + x^209, which is one, and squaring keeps the sparseness in GF(2). So a word of 128 bits that lies
 * 209 words or more before the end may be XORed onto the words 65, 155, 170, 195 and 209 behind it, and be forgotten: the checksum stays.
 * What is left, 209 words, is for a table to finish.
 */
const TAPS = [0, 14, 39, 54, 144];
/** How many words are left. */
const LEFT = 209;
const WORD_BYTES = 16;

/** Bytes that are left of a piece that was folded. */
export const LEFT_BYTES: number = LEFT * WORD_BYTES;
/** Bytes of the longest piece: all of its memory fits into a core's own cache. */
export const PIECE_BYTES: number = 128 * 1024;
const ROUND_WORDS = 4;
/** Bytes of one round of the loop: a piece has so many, times a whole number, more than what is left of it. */
export const ROUND_BYTES: number = ROUND_WORDS * WORD_BYTES;

/** In front of the data lie words of zeros, so that the first ones need no care. */
const DATA = LEFT_BYTES;
const PAGE_BYTES = 64 * 1024;
const PAGES = Math.ceil((DATA + PIECE_BYTES) / PAGE_BYTES);

/** Folds a piece; the memory it works in is its own. */
export interface Folding {
  /**
   * Takes the bytes from `start` up to, but without, `end`, `LEFT_BYTES` and a multiple of `ROUND_BYTES`, at most `PIECE_BYTES`; and what the
   * bytes before them have left in the checksum's register. Gives what is left of them, good until the next call, for an empty register.
   */
  fold(register: number, bytes: Uint8Array, start: number, end: number): Uint8Array;
}

/** What the module exports. */
interface Exports {
  readonly memory: WebAssembly.Memory;
  /** Words take what lies 65 to 209 words before them; from one address up to another, both told as those of the words 209 before. */
  readonly pull: (from: number, to: number) => void;
  /** Words from one address up to another take what lies so many bytes before them. */
  readonly pullOne: (from: number, to: number, back: number) => void;
}

/** The folding, or undefined where WebAssembly with vectors is not to be had, or not allowed. */
export function newFolding(): Folding | undefined {
  let exports: Exports;
  try {
    exports = new WebAssembly.Instance(new WebAssembly.Module(moduleBytes())).exports as unknown as Exports;
  } catch {
    return undefined; // an old engine, or a page whose content security policy forbids it: the tables do it all
  }
  const { memory, pull, pullOne } = exports;
  const all = new Uint8Array(memory.buffer);
  return {
    fold(register, bytes, start, end) {
      all.set(bytes.subarray(start, end), DATA);
      for (let i = 0; i < 4; i++) all[DATA + i]! ^= register >>> (8 * i);
      const left = end - start;
      const boundary = DATA + left - LEFT_BYTES;
      if (boundary > DATA) pull(DATA - LEFT_BYTES, boundary - LEFT_BYTES);
      // The words that are left take from those before the boundary alone.
      for (const tap of TAPS) {
        const back = (LEFT - tap) * WORD_BYTES;
        pullOne(boundary, boundary + back, back);
      }
      return all.subarray(boundary, boundary + LEFT_BYTES);
    },
  };
}

/** Numbers as WebAssembly's binary format has them: seven bits a byte, the lowest first. */
function leb(value: number): number[] {
  return value < 128 ? [value] : [value & 127 | 128, ...leb(value >>> 7)];
}

/** The same for numbers that might be negative: the highest bit of the last byte would mean so. */
function signedLeb(value: number): number[] {
  return value < 64 ? [value] : [value & 127 | 128, ...signedLeb(value >>> 7)];
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

/** The instructions that the two functions are made of (WebAssembly core specification 2.0, section 5.4). */
const op = {
  loop: [0x03, 0x40],
  end: [0x0b],
  branchIfToLoop: [0x0d, 0],
  get: (local: number) => [0x20, local],
  tee: (local: number) => [0x22, local],
  number: (value: number) => [0x41, ...signedLeb(value)],
  add: [0x6a],
  subtract: [0x6b],
  isLess: [0x49],
  load: (offset: number) => [0xfd, ...leb(0), 4, ...leb(offset)],
  store: (offset: number) => [0xfd, ...leb(11), 4, ...leb(offset)],
  xor: [0xfd, ...leb(0x51)],
};

const I32 = 0x7f;

function functionType(parameters: number): number[] {
  return [0x60, ...vector(new Array(parameters).fill([I32])), 0];
}

/** A function without locals of its own that repeats its body for each so many bytes between its first two parameters. */
function repeating(stepBytes: number, body: readonly number[]): number[] {
  const next = [...op.get(0), ...op.number(stepBytes), ...op.add, ...op.tee(0), ...op.get(1), ...op.isLess];
  const code = [0, ...op.loop, ...body, ...next, ...op.branchIfToLoop, ...op.end, ...op.end];
  return [...leb(code.length), ...code];
}

/** The body of `pull`; its addresses are those of the words 209 before. */
function pullBody(): number[] {
  const body: number[] = [];
  for (let word = 0; word < ROUND_WORDS; word++) {
    const at = (back: number) => (LEFT - back + word) * WORD_BYTES;
    body.push(...op.get(0), ...op.get(0), ...op.load(at(0)));
    for (const tap of TAPS) body.push(...op.get(0), ...op.load(at(LEFT - tap)), ...op.xor);
    body.push(...op.store(at(0)));
  }
  return body;
}

function pullOneBody(): number[] {
  const other = [...op.get(0), ...op.get(2), ...op.subtract, ...op.load(0)];
  return [...op.get(0), ...op.get(0), ...op.load(0), ...other, ...op.xor, ...op.store(0)];
}

function moduleBytes(): Uint8Array<ArrayBuffer> {
  return new Uint8Array([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [functionType(2), functionType(3)]),
    ...section(3, [[0], [1]]),
    ...section(5, [[0, ...leb(PAGES)]]),
    ...section(7, [[...text("memory"), 2, 0], [...text("pull"), 0, 0], [...text("pullOne"), 0, 1]]),
    ...section(10, [repeating(ROUND_BYTES, pullBody()), repeating(WORD_BYTES, pullOneBody())]),
  ]);
}

/** SHA-1 (RFC 3174), for a hash of keys that is there at once, as the platforms' own is not. Not for anything that has to be safe. */

const BLOCK = 64;
const STEPS = 80;
/** The end of the last block: the message's length in bits. */
const LENGTH = 8;

/** What the steps add, twenty at a time. */
const ADDED = Int32Array.of(0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6);

const words = new Int32Array(STEPS);
const lastBlocks = new DataView(new ArrayBuffer(2 * BLOCK));

/** The digest as five unsigned words, the highest first. */
export function sha1(bytes: Uint8Array): Uint32Array {
  const state = Int32Array.of(0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0);
  const whole = bytes.length - bytes.length % BLOCK;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 0; at < whole; at += BLOCK) mix(state, view, at);
  const left = bytes.length - whole;
  const end = left < BLOCK - LENGTH ? BLOCK : 2 * BLOCK;
  for (let at = 0; at < end; at++) lastBlocks.setUint8(at, at < left ? bytes[whole + at]! : at === left ? 0x80 : 0);
  lastBlocks.setUint32(end - 8, Math.floor(bytes.length / 0x2000_0000));
  lastBlocks.setUint32(end - 4, bytes.length << 3);
  for (let at = 0; at < end; at += BLOCK) mix(state, lastBlocks, at);
  return new Uint32Array(state.buffer);
}

function mix(state: Int32Array, block: DataView, start: number): void {
  for (let i = 0; i < 16; i++) words[i] = block.getInt32(start + 4 * i);
  for (let i = 16; i < STEPS; i++) {
    words[i] = rotated(words[i - 3]! ^ words[i - 8]! ^ words[i - 14]! ^ words[i - 16]!, 1);
  }
  let a = state[0]!, b = state[1]!, c = state[2]!, d = state[3]!, e = state[4]!;
  for (let i = 0; i < STEPS; i++) {
    const phase = i < 20 ? 0 : i < 40 ? 1 : i < 60 ? 2 : 3;
    const mixed = phase === 0 ? b & c | ~b & d : phase === 2 ? b & c | b & d | c & d : b ^ c ^ d;
    const next = rotated(a, 5) + mixed + e + words[i]! + ADDED[phase]! | 0;
    e = d;
    d = c;
    c = rotated(b, 30);
    b = a;
    a = next;
  }
  state[0]! += a;
  state[1]! += b;
  state[2]! += c;
  state[3]! += d;
  state[4]! += e;
}

function rotated(word: number, bits: number): number {
  return word << bits | word >>> 32 - bits;
}

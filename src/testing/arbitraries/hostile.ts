/** Bytes as no honest peer sends them: cut, bent, with lengths that lie. Whoever reads them has to refuse them, soon, and hold little. */

import fc, { type Arbitrary } from "fast-check";

/** One thing that is done to bytes; places are fractions of their length, so that they mean something whatever it is. */
type Harm = (bytes: Uint8Array) => Uint8Array;

/** What lengths and counts are made into: nothing, null, all ones, the largest and the smallest of each width. */
const LIES: readonly number[] = [
  0,
  1,
  0x7f,
  0x80,
  0xff,
  0x7fff,
  0xffff,
  0x00ffffff,
  0x7fffffff,
  0x80000000,
  0xffffffff,
];

const place: Arbitrary<number> = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

function positionIn(bytes: Uint8Array, place: number): number {
  return Math.floor(place * bytes.length);
}

const cut: Arbitrary<Harm> = place.map((place) => (bytes) => bytes.slice(0, positionIn(bytes, place)));

const flip: Arbitrary<Harm> = fc.tuple(place, fc.nat({ max: 7 })).map(([place, bit]) => (bytes) => {
  const bent = bytes.slice();
  if (bent.length > 0) bent[positionIn(bytes, place)]! ^= 1 << bit;
  return bent;
});

const lie: Arbitrary<Harm> = fc.tuple(place, fc.constantFrom(1, 2, 4), fc.constantFrom(...LIES)).map(
  ([place, width, value]) => (bytes) => {
    const bent = bytes.slice();
    const at = positionIn(bytes, place);
    for (let i = 0; i < width && at + i < bent.length; i++) bent[at + i] = value >>> 8 * (width - 1 - i);
    return bent;
  },
);

const more: Arbitrary<Harm> = fc.tuple(place, fc.uint8Array({ minLength: 1, maxLength: 9 })).map(
  ([place, extra]) => (bytes) => {
    const at = positionIn(bytes, place);
    const bent = new Uint8Array(bytes.length + extra.length);
    bent.set(bytes.subarray(0, at));
    bent.set(extra, at);
    bent.set(bytes.subarray(at), at + extra.length);
    return bent;
  },
);

const less: Arbitrary<Harm> = fc.tuple(place, fc.integer({ min: 1, max: 9 })).map(([place, count]) => (bytes) => {
  const at = positionIn(bytes, place);
  const end = Math.min(bytes.length, at + count);
  const bent = new Uint8Array(bytes.length - (end - at));
  bent.set(bytes.subarray(0, at));
  bent.set(bytes.subarray(end), at);
  return bent;
});

/**
 * The bytes after one to four harms: cut off, bits flipped, lengths and counts overwritten with lies, a few bytes put in or taken
 * out. By chance nothing may have changed. Shrinks to fewer harms, and then to smaller bytes.
 */
export function damaged(bytes: Arbitrary<Uint8Array>): Arbitrary<Uint8Array> {
  const harms = fc.array(fc.oneof(flip, lie, cut, more, less), { minLength: 1, maxLength: 4 });
  return fc.tuple(harms, bytes).map(([harms, bytes]) => harms.reduce((bent, harm) => harm(bent), bytes));
}

/** Bytes that are nothing: noise, and runs of one value, which a reader may take for enormous lengths. */
export function junk(maxLength: number = 200): Arbitrary<Uint8Array> {
  const run = fc.tuple(fc.constantFrom(0xff, 0x7f, 0x80, 0x3f, 0), fc.nat({ max: maxLength }))
    .map(([value, length]) => new Uint8Array(length).fill(value));
  return fc.oneof(fc.uint8Array({ maxLength, size: "max" }), run);
}

/** The same bytes in pieces of any sizes, as a network may bring them; shrinks to one piece. */
export function inPieces(bytes: Arbitrary<Uint8Array>): Arbitrary<Uint8Array[]> {
  const cuts = fc.array(place, { maxLength: 12 });
  return fc.tuple(bytes, cuts).map(([bytes, cuts]) => {
    const ends = cuts.map((place) => positionIn(bytes, place)).sort((a, b) => a - b);
    return [...ends, bytes.length].map((end, i) => bytes.slice(ends[i - 1] ?? 0, end));
  });
}

/** The checksums and hashes that Java made, with the bytes that it made them of; Vectors.java writes them. */

import stored from "./vectors.json" with { type: "json" };

interface Results {
  readonly crc32: number;
  readonly crc32c: number;
  readonly murmur2: number;
}

type Stored = Results & ({ readonly hex: string } | { readonly seed: number; readonly length: number });

/** One input and what Java makes of it. */
export interface Vector extends Results {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** The same bytes as Vectors.java generates. */
export function generated(seed: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = seed;
  for (let i = 0; i < length; i++) {
    state = Math.imul(state, 1664525) + 1013904223 | 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

/** Every vector. */
export const vectors: readonly Vector[] = (stored as readonly Stored[]).map((vector) => {
  const { crc32, crc32c, murmur2 } = vector;
  if ("hex" in vector) {
    const bytes = Uint8Array.from(vector.hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
    return { crc32, crc32c, murmur2, bytes, name: `0x${vector.hex}` };
  }
  const name = `${vector.length} bytes from seed ${vector.seed}`;
  return { crc32, crc32c, murmur2, bytes: generated(vector.seed, vector.length), name };
});

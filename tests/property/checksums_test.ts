/** Properties of checksums: by tables or folded, of any length, anywhere, in any pieces, they are what the definition says. */

import { assert } from "chai";
import fc from "fast-check";
import { crc32 } from "../../src/bytes/crc32.ts";
import { accelerateCrc32c, crc32c } from "../../src/bytes/crc32c.ts";
import { DATA_AT, LazyFolding, PIECE_BYTES } from "../../src/bytes/crc32c_folding.ts";
import { sliced } from "../../src/bytes/crc32c_tables.ts";
import { test, wasmTest } from "../harness.ts";
import { generated } from "../unit/bytes/vectors.ts";

/** Division by a polynomial, bit by bit; goes on with a register. */
function divided(polynomial: number, register: number, bytes: Uint8Array): number {
  for (const byte of bytes) {
    register ^= byte;
    for (let bit = 0; bit < 8; bit++) register = register & 1 ? (register >>> 1) ^ polynomial : register >>> 1;
  }
  return register;
}

const CASTAGNOLI = 0x82f63b78;
const IEEE = 0xedb88320;

/** A part of some bytes: lengths of all sizes, the long ones rare since the definition is slow. */
const part = fc.record({
  seed: fc.integer(),
  start: fc.nat(70),
  length: fc.oneof(
    { weight: 6, arbitrary: fc.nat(200) },
    { weight: 6, arbitrary: fc.integer({ min: 1900, max: 9000 }) },
    { weight: 1, arbitrary: fc.integer({ min: PIECE_BYTES - 100, max: 2 * PIECE_BYTES + 3000 }) },
  ),
});

test("a checksum is the remainder that its polynomial leaves", () => {
  accelerateCrc32c();
  fc.assert(
    fc.property(part, ({ seed, start, length }) => {
      const bytes = generated(seed, start + length + 9);
      const own = bytes.subarray(start, start + length);
      const expected = ~divided(CASTAGNOLI, -1, own) >>> 0;
      assert.equal(crc32c(bytes, start, start + length), expected);
      assert.equal(crc32c(own), expected);
      assert.equal(~sliced(-1, bytes, start, start + length) >>> 0, expected);
      assert.equal(crc32(bytes, start, start + length), ~divided(IEEE, -1, own) >>> 0);
    }),
    { numRuns: 60 },
  );
});

wasmTest("data in pieces, folded or by tables as it comes, leave the register that all of them leave", () => {
  const lazy = new LazyFolding();
  lazy.wanted = true;
  const folding = lazy.get()!;
  const piece = fc.record({ length: fc.integer({ min: 1, max: 12_000 }), folded: fc.boolean() });
  fc.assert(
    fc.property(fc.integer(), fc.integer(), fc.array(piece, { maxLength: 6 }), (seed, register, pieces) => {
      const bytes = generated(seed, pieces.reduce((sum, { length }) => sum + length, 0));
      let at = 0;
      let left = register;
      for (const { length, folded } of pieces) {
        if (folded && length >= 2048) {
          const begin = folding.fold(left, bytes, at, at + length);
          left = sliced(0, folding.memory, begin, DATA_AT + length);
        } else left = sliced(left, bytes, at, at + length);
        at += length;
      }
      assert.equal(left, divided(CASTAGNOLI, register, bytes));
    }),
    { numRuns: 60 },
  );
});

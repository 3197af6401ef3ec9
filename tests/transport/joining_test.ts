/** Joining small chunks: nothing is lost, moved or written into the caller's arrays. */

import { assert } from "chai";
import fc from "fast-check";
import { joined } from "../../src/transport/joining.ts";
import { test } from "../harness.ts";

const chunks = fc.array(fc.uint8Array({ maxLength: 12 }), { maxLength: 12 });

test("joined gives the same bytes in order, in pieces that are never empty, and leaves the chunks alone", () => {
  fc.assert(fc.property(chunks, fc.integer({ min: 1, max: 30 }), (list, room) => {
    const before = list.map((chunk) => [...chunk]);
    const got: number[] = [];
    for (const piece of joined(list, new Uint8Array(room))) {
      assert.isAbove(piece.length, 0);
      got.push(...piece);
    }
    assert.deepEqual(got, before.flat());
    assert.deepEqual(list.map((chunk) => [...chunk]), before);
  }));
});

test("joined takes together whatever fits: two neighbours never fit into the scratch", () => {
  fc.assert(fc.property(chunks, fc.integer({ min: 1, max: 30 }), (list, room) => {
    const sizes: number[] = [];
    for (const { length } of joined(list, new Uint8Array(room))) sizes.push(length);
    for (let i = 1; i < sizes.length; i++) assert.isAbove(sizes[i - 1]! + sizes[i]!, room);
  }));
});

test("joined copies nothing that stands alone", () => {
  const large = new Uint8Array(100);
  const alone = new Uint8Array(5);
  assert.strictEqual([...joined([large], new Uint8Array(10))][0], large);
  const pieces = [...joined([alone, large, new Uint8Array(0)], new Uint8Array(10))];
  assert.strictEqual(pieces[0], alone);
  assert.strictEqual(pieces[1], large);
  assert.equal(pieces.length, 2);
});

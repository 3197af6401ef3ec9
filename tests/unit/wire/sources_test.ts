/** Frames out of what is no transport: bytes at hand, and pieces of any sizes. */

import { assert } from "chai";
import { KafkaError } from "../../../src/base/errors.ts";
import { Frames } from "../../../src/wire/frames.ts";
import { framesIn, sourceOf } from "../../../src/wire/sources.ts";
import { test } from "../../harness.ts";

/** Frames of one byte value each, one after the other. */
function stream(...sizes: number[]): Uint8Array {
  const bytes: number[] = [];
  sizes.forEach((size, i) => bytes.push(0, 0, size >> 8, size & 255, ...Array<number>(size).fill(i)));
  return Uint8Array.from(bytes);
}

async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) {
    await Promise.resolve();
    yield bytes.subarray(at, at + size);
  }
}

async function all(frames: Frames): Promise<number[]> {
  const sizes: number[] = [];
  do {
    for (let frame; (frame = frames.take());) sizes.push(frame.length);
  } while (await frames.more());
  return sizes;
}

test("frames at hand: whole ones, and what is left", () => {
  const bytes = stream(3, 0, 500);
  assert.deepEqual(framesIn(bytes).frames.map(({ length }) => length), [3, 0, 500]);
  assert.lengthOf(framesIn(bytes).rest, 0);
  const cut = framesIn(bytes.subarray(0, 200));
  assert.deepEqual(cut.frames.map((frame) => [...frame]), [[0, 0, 0], []]);
  assert.lengthOf(cut.rest, 200 - 7 - 4);
  assert.lengthOf(framesIn(bytes.subarray(0, 2)).rest, 2);
  assert.throws(() => framesIn(Uint8Array.of(255, 255, 255, 255)), KafkaError, /-1 bytes/);
});

test("frames from pieces, asynchronous or at hand", async () => {
  const bytes = stream(3, 0, 500, 7);
  for (const size of [1, 2, 5, 100, 10_000]) {
    assert.deepEqual(await all(new Frames(sourceOf(inPieces(bytes, size)), 1000)), [3, 0, 500, 7], `by ${size}`);
  }
  const pieces = [bytes.subarray(0, 9), new Uint8Array(0), bytes.subarray(9)];
  assert.deepEqual(await all(new Frames(sourceOf(pieces), 1000)), [3, 0, 500, 7]);
});

test("a source gives as much as is asked for at least, and then what there is", async () => {
  const source = sourceOf([Uint8Array.of(1, 2), Uint8Array.of(3, 4, 5)]);
  const into = new Uint8Array(4);
  assert.equal(await source.read(into, 3), 4);
  assert.deepEqual([...into], [1, 2, 3, 4]);
  assert.equal(await source.read(into, 4), 1);
  assert.isNull(await source.read(into));
});

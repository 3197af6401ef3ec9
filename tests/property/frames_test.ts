/** Frames come out as they went in, however the stream is chopped. */

import { assert } from "chai";
import fc from "fast-check";
import { Frames, type Source } from "../../src/wire/frames.ts";
import { test } from "../harness.ts";

const KB64 = 64 * 1024;

const sizes = fc.oneof(
  { arbitrary: fc.nat({ max: 300 }), weight: 6 },
  { arbitrary: fc.integer({ min: KB64 - 6, max: KB64 + 6 }), weight: 2 },
  { arbitrary: fc.integer({ min: 2 * KB64 - 10, max: 2 * KB64 + 10 }), weight: 1 },
  { arbitrary: fc.integer({ min: 150_000, max: 400_000 }), weight: 1 },
);

const pieces = fc.array(
  fc.oneof(
    fc.integer({ min: 1, max: 10 }),
    fc.integer({ min: 1, max: 3000 }),
    fc.integer({ min: KB64 - 5, max: 3 * KB64 }),
  ),
  { minLength: 1, maxLength: 12 },
);

/** Frames of these sizes as one stream, the bytes counted up so that none looks like its neighbour. */
function streamOf(frameSizes: readonly number[]): { stream: Uint8Array; frames: Uint8Array[] } {
  const stream = new Uint8Array(frameSizes.reduce((sum, size) => sum + 4 + size, 0));
  const view = new DataView(stream.buffer);
  const frames: Uint8Array[] = [];
  let at = 0;
  for (const size of frameSizes) {
    view.setInt32(at, size);
    at += 4;
    for (let i = 0; i < size; i++) stream[at + i] = (at + i) * 31 + (i >> 8);
    frames.push(stream.slice(at, at + size));
    at += size;
  }
  return { stream, frames };
}

/** Gives the stream in pieces whose sizes go round, but as many bytes as are asked for at least. */
function chopped(stream: Uint8Array, pieceSizes: readonly number[]): Source {
  let at = 0;
  let turn = 0;
  return {
    read(into, atLeast = 1) {
      if (at === stream.length) return Promise.resolve(null);
      const piece = pieceSizes[turn++ % pieceSizes.length]!;
      const size = Math.min(into.length, stream.length - at, Math.max(piece, atLeast));
      into.set(stream.subarray(at, at + size));
      at += size;
      return Promise.resolve(size);
    },
  };
}

test("frames survive any chopping of the stream", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(sizes, { maxLength: 8 }),
      pieces,
      fc.constantFrom(1, 200_000, 1 << 20),
      async (frameSizes, pieceSizes, expected) => {
        const { stream, frames: sent } = streamOf(frameSizes);
        const frames = new Frames(chopped(stream, pieceSizes), 1 << 20);
        frames.expected = expected;
        const kept: [got: Uint8Array, want: Uint8Array][] = [];
        let count = 0;
        do {
          for (let frame; (frame = frames.take()) !== undefined;) {
            const want = sent[count++]!;
            isSame(frame, want);
            if (frame.length > KB64) kept.push([frame, want]);
          }
        } while (await frames.more());
        assert.equal(count, sent.length);
        for (const [got, want] of kept) isSame(got, want);
      },
    ),
    { numRuns: 60 },
  );
});

/** One comparison a frame: an assertion a byte would take a minute. */
function isSame(got: Uint8Array, want: Uint8Array): void {
  assert.equal(got.length, want.length);
  let same = true;
  for (let i = 0; i < want.length; i++) same &&= got[i] === want[i];
  assert.isTrue(same, `the frame of ${want.length} bytes differs`);
}

test("a stream that is cut gives its whole frames and then an error, or a clean end between two", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(sizes, { minLength: 1, maxLength: 4 }),
      pieces,
      fc.double({ min: 0, max: 1, noNaN: true }),
      async (frameSizes, pieceSizes, cut) => {
        const { stream } = streamOf(frameSizes);
        const end = Math.floor(cut * stream.length);
        const frames = new Frames(chopped(stream.subarray(0, end), pieceSizes), 1 << 20);
        let taken = 0;
        let code = "";
        try {
          do {
            for (let frame; (frame = frames.take()) !== undefined;) taken += 4 + frame.length;
          } while (await frames.more());
        } catch (error) {
          code = (error as { code: string }).code;
        }
        let whole = 0;
        for (const size of frameSizes) {
          if (whole + 4 + size <= end) whole += 4 + size;
          else break;
        }
        assert.equal(taken, whole);
        assert.equal(code, whole === end ? "" : "CONNECTION_RESET");
      },
    ),
    { numRuns: 60 },
  );
});

/** What grows is seen, what only trembles is not. */

import { assert } from "chai";
import { test } from "../../harness.ts";
import { chanceOf } from "./work.ts";
import { type Figure, type Sample, trends } from "./trend.ts";

const MIB = 1024 * 1024;

/** A run of two minutes in which figures go as told, by the number of the sample, around which they tremble. */
function run(course: Partial<Record<Figure, (i: number) => number>>, count = 24): Sample[] {
  const chance = chanceOf(1);
  const memory = (figure: Figure, i: number) => Math.round((course[figure]?.(i) ?? 10 * MIB) + chance() * MIB);
  const number = (figure: Figure, i: number) => Math.round((course[figure]?.(i) ?? 5) + chance());
  return Array.from({ length: count }, (_, i) => ({
    ...{ at: 5 * i, produced: 0, read: 0, peakRss: 0 },
    ...{ heap: memory("heap", i), external: memory("external", i), arrayBuffers: memory("arrayBuffers", i) },
    ...{
      rss: memory("rss", i),
      native: 100 * MIB,
      sockets: number("sockets", i),
      timers: number("timers", i),
    },
    handles: number("handles", i),
  }));
}

const growing = (samples: readonly Sample[]) => trends(samples).filter(({ flat }) => !flat).map(({ figure }) => figure);

test("what trembles is flat, and so is what grew while the run warmed up, or becomes less", () => {
  assert.deepEqual(growing(run({})), []);
  assert.deepEqual(growing(run({ heap: (i) => Math.min(i, 6) * 5 * MIB })), []);
  assert.deepEqual(growing(run({ rss: (i) => 500 * MIB - i * 5 * MIB, sockets: (i) => 30 - i })), []);
});

test("a leak is seen in each figure", () => {
  assert.deepEqual(growing(run({ heap: (i) => i * 0.3 * MIB })), ["heap"]);
  assert.deepEqual(growing(run({ arrayBuffers: (i) => i * 0.3 * MIB })), ["arrayBuffers"]);
  assert.deepEqual(growing(run({ rss: (i) => i * 12 * MIB })), ["rss"]);
  assert.deepEqual(growing(run({ rss: (i) => i * 0.6 * MIB }, 130)), ["rss"], "in a long run less is too much");
  assert.deepEqual(growing(run({ sockets: (i) => i / 4, timers: (i) => i / 3 })), ["sockets", "timers"]);
  assert.deepEqual(growing(run({ handles: (i) => i / 2 })), ["handles"]);
});

test("too few samples tell nothing, which is said", () => {
  assert.throws(() => trends(run({}, 6)), RangeError);
});

/** Histograms: every value in its bucket, sums that add up, and quantiles that are near the truth. */

import { assert } from "chai";
import { HistogramCounter, quantile } from "../../../src/base/histogram.ts";
import { test } from "../../harness.ts";

function counted(...values: readonly number[]): HistogramCounter {
  const counter = new HistogramCounter();
  for (const value of values) counter.record(value);
  return counter;
}

test("an empty histogram is plain data without a value", () => {
  const { count, sum, min, max, bounds, counts } = new HistogramCounter().snapshot();
  assert.deepEqual([count, sum, min, max], [0, 0, 0, 0]);
  assert.equal(counts.length, bounds.length + 1);
  assert.isTrue(counts.every((one) => one === 0));
  assert.equal(quantile(new HistogramCounter().snapshot(), 0.5), 0);
});

test("bounds ascend by about half each, from microseconds to minutes", () => {
  const { bounds } = new HistogramCounter().snapshot();
  assert.equal(bounds[0], 0.032);
  assert.isAbove(bounds.at(-1)!, 120_000);
  for (let i = 1; i < bounds.length; i++) assert.closeTo(bounds[i]! / bounds[i - 1]!, 1.42, 0.09);
});

test("every value lies between the bounds of its bucket, the lower one included", () => {
  const { bounds } = new HistogramCounter().snapshot();
  const values = bounds.flatMap((bound) => [bound * 0.999, bound, bound * 1.001]).concat(0, 1e9, 0.001);
  for (const value of values) {
    const { counts } = counted(value).snapshot();
    const bucket = counts.indexOf(1);
    assert.isTrue(bucket === 0 || value >= bounds[bucket - 1]!, `${value} in ${bucket}`);
    assert.isTrue(bucket === bounds.length || value < bounds[bucket]!, `${value} in ${bucket}`);
  }
});

test("count, sum, least and greatest; what is no length of time is 0", () => {
  const { count, sum, min, max, counts } = counted(3, 1, 2, -5, NaN).snapshot();
  assert.deepEqual([count, sum, min, max], [5, 6, 0, 3]);
  assert.equal(counts.reduce((a, b) => a + b), 5);
});

test("two that are added up are as one that has seen all", () => {
  const one = counted(1, 10, 100), other = counted(0.1, 1000);
  one.add(other);
  one.add(new HistogramCounter());
  assert.deepEqual(one.snapshot(), counted(1, 10, 100, 0.1, 1000).snapshot());
  const empty = new HistogramCounter();
  empty.add(other);
  assert.deepEqual(empty.snapshot(), other.snapshot());
});

test("a snapshot does not change any more", () => {
  const counter = counted(1);
  const before = counter.snapshot();
  const text = JSON.stringify(before);
  counter.record(1);
  assert.equal(JSON.stringify(before), text);
});

test("quantiles are off by a quarter at most, and never outside of what was seen", () => {
  const values = Array.from({ length: 10_000 }, (_, i) => 0.05 + (i * 7919 % 10_000) / 10);
  const sorted = [...values].sort((a, b) => a - b);
  const histogram = counted(...values).snapshot();
  for (const part of [0.01, 0.25, 0.5, 0.9, 0.99, 0.999]) {
    const exact = sorted[Math.ceil(part * values.length) - 1]!;
    assert.closeTo(quantile(histogram, part) / exact, 1, 0.25, `${part}`);
  }
  assert.equal(quantile(histogram, 1), histogram.max);
  const even = counted(...Array.from({ length: 1000 }, (_, i) => 500 + i * 0.02)).snapshot();
  assert.closeTo(quantile(even, 0.3), 506, 0.1, "evenly spread inside of a bucket");
  assert.equal(quantile(counted(7).snapshot(), 0.5), 7);
  assert.equal(quantile(counted(500_000).snapshot(), 0.5), 500_000);
  assert.isAtLeast(quantile(histogram, -1), histogram.min);
});

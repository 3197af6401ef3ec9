/** How long things took, counted in fixed buckets whose bounds grow by about half: cheap to fill, to add up and to send elsewhere. */

/** A distribution of milliseconds, as plain data. Counts go up for as long as the client lives: two of them subtracted are what lies between. */
export interface Histogram {
  /** How many values there were. */
  readonly count: number;
  /** All of them added up, in milliseconds. */
  readonly sum: number;
  /** The smallest, in milliseconds; 0 while there is none. */
  readonly min: number;
  /** The largest, in milliseconds; 0 while there is none. */
  readonly max: number;
  /** The upper bounds of the buckets in milliseconds, ascending, each without its bound; the last bucket has none. The same in every histogram. */
  readonly bounds: readonly number[];
  /** How many values are in each bucket; one more than there are bounds. */
  readonly counts: readonly number[];
}

/** The first bound is 2^5 = 32 µs: nothing that goes through a socket is faster. */
const FIRST_EXPONENT = 5;
/** The last one is 2^27 µs = 134 s: above the longest that anything waits by default. */
const LAST_EXPONENT = 27;
const BUCKETS = 2 * (LAST_EXPONENT - FIRST_EXPONENT) + 2;

/** Each power of two of microseconds, and the middle between it and the next. */
const bounds: readonly number[] = Object.freeze(
  Array.from({ length: BUCKETS - 1 }, (_, i) => {
    const power = 1 << (FIRST_EXPONENT + (i >> 1));
    return (i % 2 === 0 ? power : power + power / 2) / 1000;
  }),
);

/** Counts milliseconds; `snapshot` gives them away. */
export class HistogramCounter {
  #count = 0;
  #sum = 0;
  #min = Infinity;
  #max = 0;
  /** Made with the first value: most of what could be measured never happens. */
  #counts: Float64Array | undefined;

  /** One value; what is no length of time counts as 0. */
  record(ms: number): void {
    if (!(ms > 0)) ms = 0;
    this.#count++;
    this.#sum += ms;
    if (ms < this.#min) this.#min = ms;
    if (ms > this.#max) this.#max = ms;
    const counts = this.#counts ??= new Float64Array(BUCKETS);
    counts[bucketOf(ms)]!++;
  }

  /** Takes in what another one has counted. */
  add(other: HistogramCounter): void {
    if (!other.#counts) return;
    this.#count += other.#count;
    this.#sum += other.#sum;
    this.#min = Math.min(this.#min, other.#min);
    this.#max = Math.max(this.#max, other.#max);
    const counts = this.#counts ??= new Float64Array(BUCKETS);
    for (let i = 0; i < BUCKETS; i++) counts[i]! += other.#counts[i]!;
  }

  /** What it has counted up to now. */
  snapshot(): Histogram {
    return {
      count: this.#count,
      sum: this.#sum,
      min: this.#count === 0 ? 0 : this.#min,
      max: this.#max,
      bounds,
      counts: this.#counts ? [...this.#counts] : new Array<number>(BUCKETS).fill(0),
    };
  }
}

/** By the position of the highest bit, and the bit below it: the same on every engine, as logarithms are not. */
function bucketOf(ms: number): number {
  const us = ms * 1000;
  if (us < 1 << FIRST_EXPONENT) return 0;
  if (us >= 1 << LAST_EXPONENT) return BUCKETS - 1;
  const whole = us | 0;
  const exponent = 31 - Math.clz32(whole);
  return 1 + 2 * (exponent - FIRST_EXPONENT) + ((whole >> (exponent - 1)) & 1);
}

/**
 * The value below which a part of all values lies: `quantile(histogram, 0.99)` is the 99th percentile, in milliseconds; 0 while there
 * is none. Inside of a bucket values are taken to be spread evenly, so it is off by a quarter of itself at most.
 */
export function quantile(histogram: Histogram, part: number): number {
  const { count, min, max, bounds, counts } = histogram;
  if (count === 0) return 0;
  const rank = Math.min(Math.max(part, 0), 1) * count;
  let below = 0;
  for (let i = 0; i < counts.length; i++) {
    const inside = counts[i]!;
    if (inside > 0 && below + inside >= rank) {
      const from = Math.max(i === 0 ? 0 : bounds[i - 1]!, min);
      const to = Math.min(bounds[i] ?? Infinity, max);
      return from + (to - from) * (rank - below) / inside;
    }
    below += inside;
  }
  return max;
}

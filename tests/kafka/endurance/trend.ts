/** Figures of a long run, the line through each of them, and whether it is flat. */

/** What is measured when the client rests. */
export interface Sample {
  /** Seconds since the start. */
  readonly at: number;
  /** Messages that were acknowledged and read so far. */
  readonly produced: number;
  readonly read: number;
  /** Bytes, after a collection of garbage. */
  readonly heap: number;
  readonly external: number;
  readonly arrayBuffers: number;
  readonly rss: number;
  /** What the process takes beside the heap that the engine has reserved. Told, not judged: the engine may give up a reservation that keeps its pages. */
  readonly native: number;
  /** The most that the process took since the last sample, as seen a few times a second. */
  readonly peakRss: number;
  readonly sockets: number;
  readonly timers: number;
  /** All that keeps the process alive. */
  readonly handles: number;
}

const MIB = 1024 * 1024;

/** How much may be gained from the first to the last sample, by the line through them: the rest is noise and the compiler's. */
export const limits = {
  heap: 2 * MIB,
  external: 2 * MIB,
  arrayBuffers: 2 * MIB,
  rss: 48 * MIB,
  sockets: 1.5,
  timers: 2.5,
  handles: 3.5,
} as const satisfies Partial<Record<keyof Sample, number>>;

/** In the first minutes the engine's young generation alone may grow by a hundred MiB, full or not, and keeps its pages. */
const SETTLED_SECONDS = 600;
const RSS_UNSETTLED = 128 * MIB;

/** A figure that has to be flat. */
export type Figure = keyof typeof limits;

/** The part of a run that does not count: compilers and caches are not done yet. */
const WARM_UP = 1 / 3;
/** A line through fewer samples, the warm-up's included, says nothing. */
export const SAMPLES_MIN = 9;

/** How a figure went. */
export interface Trend {
  readonly figure: Figure;
  readonly first: number;
  readonly last: number;
  /** What the line gains from the first to the last sample after the warm-up. */
  readonly gain: number;
  readonly limit: number;
  readonly flat: boolean;
}

/** Least squares over the samples behind the warm-up. Throws where these are too few. */
export function trends(samples: readonly Sample[]): Trend[] {
  if (samples.length < SAMPLES_MIN) throw new RangeError(`${samples.length} samples tell no trend`);
  const counted = samples.slice(Math.floor(samples.length * WARM_UP));
  return (Object.keys(limits) as Figure[]).map((figure) => {
    const gain = slope(counted.map((sample) => [sample.at, sample[figure]])) * (counted.at(-1)!.at - counted[0]!.at);
    const limit = figure === "rss" && counted.at(-1)!.at < SETTLED_SECONDS ? RSS_UNSETTLED : limits[figure];
    return { figure, first: counted[0]![figure], last: counted.at(-1)![figure], gain, limit, flat: gain <= limit };
  });
}

function slope(points: readonly (readonly [x: number, y: number])[]): number {
  const mean = (i: 0 | 1) => points.reduce((sum, point) => sum + point[i], 0) / points.length;
  const [x, y] = [mean(0), mean(1)];
  const above = points.reduce((sum, point) => sum + (point[0] - x) * (point[1] - y), 0);
  const below = points.reduce((sum, point) => sum + (point[0] - x) ** 2, 0);
  return below === 0 ? 0 : above / below;
}

const isCount = (figure: Figure): boolean => limits[figure] < MIB;
const mib = (bytes: number): string => (bytes / MIB).toFixed(1);
const written = (figure: Figure, value: number): string => isCount(figure) ? value.toFixed(1) : `${mib(value)} MiB`;

/** The samples as a table, at most `rows` of them. */
export function table(samples: readonly Sample[], rows = 24): string {
  const heads = [
    "minute",
    "produced",
    "read",
    "heap",
    "external",
    "buffers",
    "rss",
    "native",
    "peak",
    "sockets",
    "timers",
    "handles",
  ];
  const shown = samples.filter((_, i) => i === samples.length - 1 || i % Math.ceil(samples.length / rows) === 0);
  const lines = shown.map((s) => [
    (s.at / 60).toFixed(1),
    `${s.produced}`,
    `${s.read}`,
    ...[s.heap, s.external, s.arrayBuffers, s.rss, s.native, s.peakRss].map(mib),
    `${s.sockets}`,
    `${s.timers}`,
    `${s.handles}`,
  ]);
  const widths = heads.map((head, i) => Math.max(head.length, ...lines.map((line) => line[i]!.length)));
  return [heads, ...lines].map((line) => line.map((cell, i) => cell.padStart(widths[i]!)).join("  ")).join("\n");
}

/** The trends, a line each. */
export function verdict(found: readonly Trend[]): string {
  return found.map(({ figure, first, last, gain, limit, flat }) =>
    `${flat ? "flat   " : "GROWING"}  ${figure.padEnd(12)} ${written(figure, first)} to ${written(figure, last)}, ` +
    `by the line ${gain < 0 ? "" : "+"}${written(figure, gain)} (allowed ${written(figure, limit)})`
  ).join("\n");
}

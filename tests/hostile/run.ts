/**
 * Plays seeds of the hostile brokers: for a time (`--seconds`, `--first`), or one with all that happens in it (`--seed`, `--log`).
 * They run in a worker, so that one that never ends is found out too.
 */

import type { Played } from "./worker.ts";

const USAGE = `deno task hostile [--seconds N] [--first SEED]   plays seeds from one on; fails where one does
deno task hostile --seed N [--log]               plays one seed, and prints all that happens`;

/** A seed that takes longer hangs, without letting the engine turn. */
const SEED_SECONDS_MAX = 60;
const SECONDS_A_LINE = 60;
/** The heap may be so large behind a seed, in bytes. */
const HEAP_BYTES_MAX = 400 * 1024 * 1024;

interface Options {
  readonly seconds: number;
  readonly first: number;
  readonly seed: number | undefined;
  readonly log: boolean;
}

function readOptions(args: readonly string[]): Options {
  const numbers = new Map<string, number>();
  let log = false;
  for (let i = 0; i < args.length; i++) {
    const [name, value] = [args[i]!, args[i + 1]];
    if (name === "--log") log = true;
    else if (["--seconds", "--first", "--seed"].includes(name) && /^\d+$/.test(value ?? "")) {
      numbers.set(name, Number(args[++i]));
    } else throw new Error(`cannot read ${name}`);
  }
  const seed = numbers.get("--seed");
  return { seconds: numbers.get("--seconds") ?? 60, first: numbers.get("--first") ?? 1, seed, log };
}

/** What all seeds came to. */
class Sums {
  seeds = 0;
  steps = 0;
  largest = 0;
  heapBytes = 0;
  readonly failed: number[] = [];
  readonly tally = new Map<string, number>();
  readonly codes = new Map<string, number>();
  readonly after = new Map<string, number>();

  add(played: Played): void {
    this.seeds++;
    this.steps += played.steps;
    this.largest = Math.max(this.largest, played.largest);
    this.heapBytes = Math.max(this.heapBytes, played.heapBytes);
    this.after.set(played.after, (this.after.get(played.after) ?? 0) + 1);
    for (const [name, count] of played.tally) this.tally.set(name, (this.tally.get(name) ?? 0) + count);
    for (const [code, count] of played.codes) this.codes.set(code, (this.codes.get(code) ?? 0) + count);
    const tooMuch = played.heapBytes > HEAP_BYTES_MAX ? `the heap has ${played.heapBytes} bytes` : undefined;
    const failure = played.failure ?? tooMuch;
    if (failure === undefined) return;
    this.failed.push(played.seed);
    console.log(`seed ${played.seed}: ${failure}\n${played.stack}`);
    console.log(`to play it again: deno task hostile --seed ${played.seed} --log`);
  }

  line(): string {
    const mb = (bytes: number) => `${(bytes / 1024 / 1024).toFixed(1)} MB`;
    const bent = [...this.tally.values()].reduce((sum, count) => sum + count, 0);
    return `${this.seeds} seeds, ${this.failed.length} failed, ${bent} answers bent, ${this.steps} steps; ` +
      `largest array ${mb(this.largest)}, largest heap ${mb(this.heapBytes)}`;
  }

  /** How often each API, and each kind, and what came after. */
  table(): string {
    const by = (part: 0 | 1) => {
      const counts = new Map<string, number>();
      for (const [name, count] of this.tally) {
        const key = name.split(" ")[part]!;
        counts.set(key, (counts.get(key) ?? 0) + count);
      }
      return words(counts);
    };
    return `by API: ${by(0)}\nby kind: ${by(1)}\nafterwards: ${words(this.after)}\nerrors: ${words(named(this.codes))}`;
  }
}

/** The numbers that Kafka has no name for as one. */
function named(codes: ReadonlyMap<string, number>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const [code, count] of codes) {
    const name = code.replace(/^UNKNOWN_ERROR_.*/, "UNKNOWN_ERROR_*");
    counts.set(name, (counts.get(name) ?? 0) + count);
  }
  return counts;
}

function words(counts: ReadonlyMap<string, number>): string {
  return [...counts].sort((a, b) => b[1] - a[1]).map(([name, count]) => `${name} ${count}`).join(", ");
}

/** Plays one seed after the other until the time is over. */
function playMany({ seconds, first }: Options): Promise<Sums> {
  const sums = new Sums();
  const end = performance.now() + seconds * 1000;
  const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
  let seed = first;
  let lineAt = performance.now() + SECONDS_A_LINE * 1000;
  return new Promise((resolve) => {
    let watch: ReturnType<typeof setTimeout>;
    const over = () => {
      clearTimeout(watch);
      worker.terminate();
      resolve(sums);
    };
    const next = () => {
      clearTimeout(watch);
      if (performance.now() >= end) return over();
      watch = setTimeout(() => {
        sums.failed.push(seed);
        console.log(`seed ${seed} has not ended in ${SEED_SECONDS_MAX} s: it hangs, and not in virtual time`);
        over();
      }, SEED_SECONDS_MAX * 1000);
      worker.postMessage({ seed });
    };
    worker.onmessage = ({ data }: MessageEvent<Played>) => {
      sums.add(data);
      if (performance.now() >= lineAt) {
        console.log(sums.line());
        lineAt += SECONDS_A_LINE * 1000;
      }
      seed++;
      next();
    };
    worker.onerror = (event) => {
      event.preventDefault();
      sums.failed.push(seed);
      console.log(`seed ${seed} ended its worker: ${event.message}`);
      over();
    };
    next();
  });
}

async function playOne(seed: number, log: boolean): Promise<boolean> {
  const { play } = await import("./play.ts");
  const report = await play(seed, { log });
  if (log) console.log(report.log.join("\n"));
  const { hash, steps, virtualMs, after, failure, cause } = report;
  console.log(`seed ${seed}: hash ${hash}, ${steps} steps, ${Math.round(virtualMs)} virtual ms; afterwards: ${after}`);
  if (failure !== undefined) console.log(`${cause instanceof Error ? `${cause.stack}\n` : ""}${failure}`);
  return failure === undefined;
}

let options: Options;
try {
  options = readOptions(Deno.args);
} catch (error) {
  console.error(`${(error as Error).message}\n${USAGE}`);
  Deno.exit(2);
}
if (options.seed !== undefined) Deno.exit(await playOne(options.seed, options.log) ? 0 : 1);
const sums = await playMany(options);
console.log(`${sums.table()}\n${sums.line()}`);
Deno.exit(sums.failed.length === 0 ? 0 : 1);

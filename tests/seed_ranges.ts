/** Plays many seeds on all cores: processes with a range of seeds each, so that a seed that ends its process, or never ends, costs no more than itself. */

import { commandFor, explained, type PlayReport, type Scenario } from "./simulation/seeds.ts";

/** A process plays so many seeds: long enough to be warm, short enough that what it holds does not matter. */
const SEEDS_A_RANGE = 250;

/** A process that says nothing for so long hangs: no seed takes a second, and the longest search for the fewest faults half a minute. */
const SILENCE_MS_MAX = 120_000;

/** How often progress is told. */
const PROGRESS_MS = 10_000;

/** What a process that plays a range says: a line of JSON each. */
type Line =
  | {
    readonly seed: number;
    readonly hash: string;
    readonly steps: number;
    readonly failure?: string;
    command?: string;
  }
  | { readonly explained: string };

/** In the process of a range: plays it, and tells of each seed. */
export async function playRange(scenario: Scenario, first: number, count: number): Promise<void> {
  const say = (line: Line) => console.log(JSON.stringify(line));
  const { stackTraceLimit } = Error;
  for (let seed = first; seed < first + count; seed++) {
    // Nobody reads the stacks of thousands of errors, but for the seed that fails, which is played again.
    Error.stackTraceLimit = 0;
    const { hash, steps, failure, ...report } = await scenario.play(seed);
    if (failure === undefined) say({ seed, hash, steps });
    else {
      Error.stackTraceLimit = stackTraceLimit;
      const whole: PlayReport = { hash, steps, failure, ...report };
      say({ seed, hash, steps, failure, command: commandFor(scenario, whole) });
      say({ explained: await explained(scenario, whole) });
    }
  }
}

/** What to play. */
export interface Many {
  /** The names of the scenarios; each plays every seed. */
  readonly scenarios: readonly string[];
  readonly first: number;
  readonly seeds: number;
  /** How many processes at a time. */
  readonly jobs: number;
  /** How a process that plays a range is started. */
  readonly command: (scenario: string, first: number, count: number) => Deno.Command;
  /** Takes what there is to tell. */
  readonly print: (text: string) => void;
  readonly silenceMsMax?: number;
  readonly seedsARange?: number;
}

/** What became of it. */
export interface Sums {
  readonly played: number;
  readonly failed: number;
}

/** Plays all, and tells of each seed that fails how to play it again. */
export async function playMany(many: Many): Promise<Sums> {
  const fleet = new Fleet(many);
  const stop = () => {
    fleet.stop();
    Deno.exit(1);
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, stop);
  const progress = setInterval(() => many.print(fleet.line()), PROGRESS_MS);
  try {
    await fleet.run();
  } finally {
    clearInterval(progress);
    for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.removeSignalListener(signal, stop);
  }
  many.print(fleet.line());
  return fleet;
}

interface Range {
  readonly scenario: string;
  readonly first: number;
  readonly count: number;
}

/** The processes, and what they have said. */
class Fleet implements Sums {
  played = 0;
  failed = 0;
  #steps = 0;
  readonly #many: Many;
  readonly #startedAt = performance.now();
  readonly #running = new Set<Deno.ChildProcess>();

  constructor(many: Many) {
    this.#many = many;
  }

  async run(): Promise<void> {
    const ranges = this.#ranges();
    const lane = async () => {
      for (const range of ranges) await this.#playRange(range);
    };
    await Promise.all(Array.from({ length: this.#many.jobs }, lane));
  }

  stop(): void {
    for (const child of this.#running) child.kill("SIGKILL");
  }

  line(): string {
    const seconds = (performance.now() - this.#startedAt) / 1000;
    const all = this.#many.seeds * this.#many.scenarios.length;
    const each = Math.round(this.#steps / Math.max(1, this.played));
    return `${this.played} of ${all} seeds played, ${this.failed} failed, ${
      (this.played / seconds).toFixed(1)
    } a second, ${each} steps each`;
  }

  *#ranges(): Generator<Range> {
    const { scenarios, first, seeds, seedsARange = SEEDS_A_RANGE } = this.#many;
    for (let at = 0; at < seeds; at += seedsARange) {
      const count = Math.min(seedsARange, seeds - at);
      for (const scenario of scenarios) yield { scenario, first: first + at, count };
    }
  }

  /** A range, in as many processes as it takes: where one ends too early, another goes on behind the seed that it ended with. */
  async #playRange({ scenario, first, count }: Range): Promise<void> {
    const end = first + count;
    for (let next = first; next < end;) {
      const { done, how } = await this.#process({ scenario, first: next, count: end - next });
      next += done;
      if (how === undefined) return;
      if (next === end) return this.#many.print(`the process of ${scenario} ${first} ${how}, behind its last seed`);
      this.played++;
      this.failed++;
      this.#many.print(
        `seed ${next}: its process ${how}\nto play it again: deno task simulate --scenario ${scenario} --seed ${next} --log`,
      );
      next++;
    }
  }

  /** One process: how many seeds it has played, and how it ended if that was not the end of its range. */
  async #process(range: Range): Promise<{ done: number; how: string | undefined }> {
    const { command, silenceMsMax = SILENCE_MS_MAX } = this.#many;
    const child = command(range.scenario, range.first, range.count).spawn();
    this.#running.add(child);
    let how: string | undefined;
    const hangs = () => {
      how = `has said nothing for ${silenceMsMax / 1000} s: it hangs, and not in virtual time`;
      child.kill("SIGKILL");
    };
    let watch = setTimeout(hangs, silenceMsMax);
    const told = new Told();
    const errors = new Response(child.stderr).text();
    for await (const line of lines(child.stdout)) {
      clearTimeout(watch);
      watch = setTimeout(hangs, silenceMsMax);
      this.#take(line, told);
    }
    const { code } = await child.status;
    clearTimeout(watch);
    this.#running.delete(child);
    if (told.pending) this.#many.print(told.pending);
    if (code !== 0) how ??= `ended with code ${code}: ${(await errors).trim()}`;
    else await errors;
    return { done: told.seeds, how };
  }

  #take(text: string, told: Told): void {
    const line: Line = JSON.parse(text);
    if ("explained" in line) {
      told.pending = undefined;
      return this.#many.print(line.explained);
    }
    told.seeds++;
    this.played++;
    this.#steps += line.steps;
    if (line.failure === undefined) return;
    this.failed++;
    told.pending = `seed ${line.seed}: ${line.failure}\nto play it again: ${line.command}`;
  }
}

/** What one process has said. */
class Told {
  seeds = 0;
  /** A failure that is not explained yet; it may never be. */
  pending: string | undefined;
}

async function* lines(stream: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<string> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const parts = (rest + text).split("\n");
    rest = parts.pop()!;
    yield* parts;
  }
}

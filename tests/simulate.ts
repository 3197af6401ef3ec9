/** Plays seeds of the simulation: many of them (`--seeds`, `--first`), one with its trace (`--seed`, `--log`), or anew what is expected (`--write`). */

import { playMany, playRange } from "./seed_ranges.ts";
import expected from "./simulation/expected.json" with { type: "json" };
import { planted, seedsThatFind } from "./simulation/planted.ts";
import { scenarioOf, scenarios } from "./simulation/scenarios.ts";
import { explained, type PlayOptions, runSeeds, type Scenario, SEEDS_A_HASH } from "./simulation/seeds.ts";

const USAGE = `deno task simulate [--scenario NAME] [--seeds COUNT] [--first N] [--jobs N]
    plays seeds on all cores; fails where one does
deno task simulate --scenario NAME --seed N [--faults JSON] [--calls JSON] [--log]
    plays one seed, with these faults and calls, and prints all that happens
deno task simulate --write
    writes what the tests expect of their seeds
deno task simulate --planted [--seeds COUNT]
    tells which seeds find the faults that are planted on purpose
scenarios: ${scenarios.map(({ name }) => name).join(", ")}; all of them if not said`;

const FLAGS = ["--log", "--write", "--range", "--planted"];
const VALUES = ["--scenario", "--seeds", "--first", "--jobs", "--seed", "--faults", "--calls"];

interface Options extends PlayOptions {
  readonly scenarios: readonly Scenario[];
  readonly seeds: number;
  readonly first: number;
  readonly jobs: number;
  readonly seed: number | undefined;
  readonly write: boolean;
  readonly planted: boolean;
  /** Whether this is a process that plays a range for another. */
  readonly range: boolean;
}

function readOptions(args: readonly string[]): Options {
  const values = new Map<string, string>();
  for (let i = 0; i < args.length; i++) {
    const name = args[i]!;
    if (FLAGS.includes(name)) values.set(name, "");
    else if (VALUES.includes(name) && args[i + 1] !== undefined) values.set(name, args[++i]!);
    else throw new Error(`cannot read ${name}`);
  }
  const number = (name: string) => {
    const text = values.get(name);
    if (text === undefined) return undefined;
    if (!/^\d+$/.test(text)) throw new Error(`${name} takes a whole number, not ${text}`);
    return Number(text);
  };
  const json = (name: string) => values.has(name) ? JSON.parse(values.get(name)!) : undefined;
  const scenario = values.get("--scenario");
  return {
    scenarios: scenario === undefined ? scenarios : [scenarioOf(scenario)],
    seeds: number("--seeds") ?? 200,
    first: number("--first") ?? 1,
    jobs: number("--jobs") ?? navigator.hardwareConcurrency,
    seed: number("--seed"),
    faults: json("--faults"),
    calls: json("--calls"),
    log: values.has("--log"),
    write: values.has("--write"),
    planted: values.has("--planted"),
    range: values.has("--range"),
  };
}

async function playOne({ play, name }: Scenario, seed: number, options: PlayOptions): Promise<boolean> {
  const report = await play(seed, options);
  if (report.log) console.log(report.log.join("\n"));
  const { hash, steps, virtualMs, failure, cause, faults, calls } = report;
  console.log(`${name} ${seed}: hash ${hash}, ${steps} steps, ${Math.round(virtualMs)} virtual ms`);
  if (failure === undefined) return true;
  console.log(cause instanceof Error ? cause.stack : "");
  console.log(`${failure}\nits faults: ${JSON.stringify(faults)}\nits calls: ${JSON.stringify(calls)}`);
  return false;
}

async function playAll({ scenarios, seeds, first, jobs }: Options): Promise<boolean> {
  const self = new URL(import.meta.url).pathname;
  const { failed } = await playMany({
    scenarios: scenarios.map(({ name }) => name),
    ...{ seeds, first, jobs },
    command: (scenario, first, count) => {
      const range = ["--range", "--scenario", scenario, "--first", `${first}`, "--seeds", `${count}`];
      const args = ["run", "-A", "--no-check", self, ...range];
      return new Deno.Command(Deno.execPath(), { args, stdin: "null", stdout: "piped", stderr: "piped" });
    },
    print: console.log,
  });
  return failed === 0;
}

/** Writes the hashes of as many seeds as there are now. */
async function write(): Promise<boolean> {
  const hashes: Record<string, string[]> = {};
  for (const scenario of scenarios) {
    const own: string[] = hashes[scenario.name] = [];
    const count = (expected as Record<string, readonly string[]>)[scenario.name]?.length ?? 1;
    for (let nth = 0; nth < count; nth++) {
      const { hash, failed } = await runSeeds(scenario, 1 + nth * SEEDS_A_HASH, SEEDS_A_HASH);
      if (failed[0]) {
        console.log(await explained(scenario, failed[0]));
        return false;
      }
      own.push(hash);
    }
  }
  const file = new URL("./simulation/expected.json", import.meta.url);
  await Deno.writeTextFile(file, `${JSON.stringify(hashes, null, 2)}\n`);
  console.log(JSON.stringify(hashes));
  return true;
}

/** A line for each planted fault. */
async function tellPlanted(seeds: number): Promise<boolean> {
  let isFound = true;
  Error.stackTraceLimit = 0;
  for (const one of planted) {
    const found = await seedsThatFind(one, seeds, true);
    console.log(`${one.scenario.name}: ${one.name}: ${found.length} of ${seeds} seeds, first ${found[0] ?? "none"}`);
    if (found.length === 0) isFound = false;
  }
  return isFound;
}

function play(options: Options): Promise<boolean> {
  const { scenarios: [scenario], seed, first, seeds } = options;
  if (options.write) return write();
  if (options.planted) return tellPlanted(seeds);
  if (options.range) return playRange(scenario!, first, seeds).then(() => true);
  if (seed === undefined) return playAll(options);
  return playOne(scenario!, seed, options);
}

let options: Options;
try {
  options = readOptions(Deno.args);
} catch (error) {
  console.error(`${(error as Error).message}\n${USAGE}`);
  Deno.exit(2);
}
Deno.exit(await play(options) ? 0 : 1);

/** Plays seeds of the round trip: many of them (`--seeds`, `--first`), one with its trace (`--seed`, `--log`), or anew what is expected (`--write`). */

import type { Fault } from "../src/testing/faults.ts";
import { roundTrip } from "./simulation/round_trip.ts";
import { explained, runSeeds, SEEDS_A_HASH } from "./simulation/seeds.ts";

const USAGE = `deno task simulate [--seeds COUNT] [--first N]            plays seeds; fails where one does
deno task simulate --seed N [--faults JSON] [--log]       plays one seed, with these faults, and prints all that happens
deno task simulate --write                                writes what the tests expect of their seeds`;

/** So many seeds are held to what is expected of them. */
const SEEDS_EXPECTED = 200;
/** After so many seeds a line tells how far it is. */
const SEEDS_A_LINE = 500;

interface Options {
  readonly seeds: number;
  readonly first: number;
  readonly seed: number | undefined;
  readonly faults: readonly Fault[] | undefined;
  readonly log: boolean;
  readonly write: boolean;
}

function readOptions(args: readonly string[]): Options {
  const values = new Map<string, string>();
  for (let i = 0; i < args.length; i++) {
    const name = args[i]!;
    if (name === "--log" || name === "--write") values.set(name, "");
    else if (["--seeds", "--first", "--seed", "--faults"].includes(name) && args[i + 1] !== undefined) {
      values.set(name, args[++i]!);
    } else throw new Error(`cannot read ${name}`);
  }
  const number = (name: string) => {
    const text = values.get(name);
    if (text === undefined) return undefined;
    if (!/^\d+$/.test(text)) throw new Error(`${name} takes a whole number, not ${text}`);
    return Number(text);
  };
  const faults = values.get("--faults");
  return {
    seeds: number("--seeds") ?? SEEDS_EXPECTED,
    first: number("--first") ?? 1,
    seed: number("--seed"),
    faults: faults === undefined ? undefined : JSON.parse(faults),
    log: values.has("--log"),
    write: values.has("--write"),
  };
}

async function playOne(seed: number, { faults, log }: Options): Promise<boolean> {
  const report = await roundTrip(seed, { faults, log });
  if (report.log) console.log(report.log.join("\n"));
  console.log(`seed ${seed}: hash ${report.hash}, ${report.steps} steps, ${Math.round(report.virtualMs)} virtual ms`);
  if (report.failure === undefined) return true;
  console.log(report.cause instanceof Error ? report.cause.stack : "");
  console.log(`${report.failure}\nits faults: ${JSON.stringify(report.faults)}`);
  return false;
}

async function playMany({ seeds, first }: Options): Promise<boolean> {
  const startedAt = performance.now();
  let failures = 0, steps = 0;
  for (let done = 0; done < seeds;) {
    const count = Math.min(SEEDS_A_LINE, seeds - done);
    const range = await runSeeds(first + done, count);
    done += count;
    steps += range.steps;
    failures += range.failed.length;
    for (const report of range.failed) console.log(await explained(report));
    const msEach = (performance.now() - startedAt) / done;
    console.log(
      `${done} seeds from ${first} on, ${failures} failed, ${msEach.toFixed(1)} ms and ${
        Math.round(steps / done)
      } steps each`,
    );
  }
  return failures === 0;
}

async function write(): Promise<boolean> {
  const hashes: string[] = [];
  for (let first = 1; first <= SEEDS_EXPECTED; first += SEEDS_A_HASH) {
    const { hash, failed } = await runSeeds(first, SEEDS_A_HASH);
    if (failed[0]) {
      console.log(await explained(failed[0]));
      return false;
    }
    hashes.push(hash);
  }
  await Deno.writeTextFile(
    new URL("./simulation/expected.json", import.meta.url),
    `${JSON.stringify({ hashes }, null, 2)}\n`,
  );
  console.log(`${SEEDS_EXPECTED} seeds: ${hashes.join(" ")}`);
  return true;
}

let options: Options;
try {
  options = readOptions(Deno.args);
} catch (error) {
  console.error(`${(error as Error).message}\n${USAGE}`);
  Deno.exit(2);
}
const play = options.write ? write() : options.seed === undefined ? playMany(options) : playOne(options.seed, options);
Deno.exit(await play ? 0 : 1);

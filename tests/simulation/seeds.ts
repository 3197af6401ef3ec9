/** Runs many seeds: their hashes as one, and what to say of a seed that fails. */

import { hashText } from "../../src/testing/chance.ts";
import type { Fault } from "../../src/testing/faults.ts";
import { kindOf, shrink } from "../../src/testing/shrink.ts";
import { roundTrip, type RoundTripReport } from "./round_trip.ts";

/** So many seeds have one hash between them: where engines part, it is known roughly where to look. */
export const SEEDS_A_HASH = 20;

/** What seeds came to. */
export interface Range {
  /** Over all that happened in them, eight hexadecimal digits. */
  readonly hash: string;
  /** Those that failed. */
  readonly failed: readonly RoundTripReport[];
  /** How many things happened. */
  readonly steps: number;
}

/** Runs the seeds from `first` on. */
export async function runSeeds(first: number, count: number): Promise<Range> {
  const failed: RoundTripReport[] = [];
  let word = 0, steps = 0;
  for (let seed = first; seed < first + count; seed++) {
    const report = await roundTrip(seed);
    word = hashText(`${seed} ${report.hash} ${report.steps}`, word);
    steps += report.steps;
    if (report.failure !== undefined) failed.push(report);
  }
  return { hash: word.toString(16).padStart(8, "0"), failed, steps };
}

/** The fewest of a failing run's faults that make it fail in the same way. */
export function fewestFaults({ seed, failure, faults }: RoundTripReport): Promise<readonly Fault[]> {
  const kind = kindOf(failure);
  return shrink(faults, async (fewer) => kindOf((await roundTrip(seed, { faults: fewer })).failure) === kind);
}

/** What somebody needs who has to find out why a seed fails. */
export async function explained(report: RoundTripReport): Promise<string> {
  const faults = JSON.stringify(await fewestFaults(report));
  return [
    `seed ${report.seed}: ${report.failure}`,
    ...(report.cause instanceof Error && report.cause.stack ? [report.cause.stack] : []),
    `the fewest faults that make it fail so: ${faults}`,
    `to play it again: deno task simulate --seed ${report.seed} --faults '${faults}' --log`,
  ].join("\n");
}

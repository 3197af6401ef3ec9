/** Runs seeds of a scenario, and finds out what there is to say of a seed that fails. */

import { hashText } from "../../src/testing/chance.ts";
import type { Fault } from "../../src/testing/faults.ts";
import { kindOf, shrink } from "../../src/testing/shrink.ts";
import type { Report } from "../../src/testing/world.ts";

/** How to play a seed. */
export interface PlayOptions {
  /** Instead of those that the seed draws. */
  readonly faults?: readonly Fault[] | undefined;
  /** Which of the planned calls are made, by their places in the plan; all if not said. */
  readonly calls?: readonly number[] | undefined;
  /** Keeps every traced thing. */
  readonly log?: boolean | undefined;
}

/** What a seed came to, and what went wrong on purpose in it. */
export interface PlayReport extends Report {
  readonly faults: readonly Fault[];
  /** Which of the planned calls were made. */
  readonly calls: readonly number[];
  /** With `log: true`, every traced thing. */
  readonly log: readonly string[] | undefined;
  /** What was thrown, if the failure came from that. */
  readonly cause: unknown;
}

/** What seeds are played of. */
export interface Scenario {
  /** As commands call it. */
  readonly name: string;
  readonly play: (seed: number, options?: PlayOptions) => Promise<PlayReport>;
}

/** So many seeds have one hash between them: where engines part, it is known roughly where to look. */
export const SEEDS_A_HASH = 20;

/** What seeds came to. */
export interface Range {
  /** Over all that happened in them, eight hexadecimal digits. */
  readonly hash: string;
  /** Those that failed. */
  readonly failed: readonly PlayReport[];
}

/** Runs the seeds from `first` on. */
export async function runSeeds({ play }: Scenario, first: number, count: number): Promise<Range> {
  const failed: PlayReport[] = [];
  let word = 0;
  for (let seed = first; seed < first + count; seed++) {
    const report = await play(seed);
    word = hashText(`${seed} ${report.hash} ${report.steps}`, word);
    if (report.failure !== undefined) failed.push(report);
  }
  return { hash: word.toString(16).padStart(8, "0"), failed };
}

/** A failing run with the fewest faults, and then the fewest calls, that make it fail in the same way. */
export async function fewest({ play }: Scenario, report: PlayReport): Promise<PlayReport> {
  const { seed } = report;
  const kind = kindOf(report.failure);
  let least = report;
  const fails = async (options: PlayOptions) => {
    const again = await play(seed, options);
    if (kindOf(again.failure) !== kind) return false;
    least = again;
    return true;
  };
  const { calls } = report;
  const faults = await shrink(report.faults, (fewer) => fails({ faults: fewer, calls }));
  await shrink(calls, (fewer) => fails({ faults, calls: fewer }));
  return least;
}

/** The command that plays a run again. */
export function commandFor({ name }: Scenario, { seed, faults, calls }: Pick<PlayReport, "seed" | "faults" | "calls">) {
  const which = `--scenario ${name} --seed ${seed}`;
  return `deno task simulate ${which} --faults '${JSON.stringify(faults)}' --calls ${JSON.stringify(calls)} --log`;
}

/** What somebody needs who has to find out why a seed fails. */
export async function explained(scenario: Scenario, report: PlayReport): Promise<string> {
  const least = await fewest(scenario, report);
  return [
    `seed ${report.seed}: ${report.failure}`,
    ...(least.failure === report.failure ? [] : [`with fewer faults and calls: ${least.failure}`]),
    ...(least.cause instanceof Error && least.cause.stack ? [least.cause.stack] : []),
    `${least.faults.length} of ${report.faults.length} faults and ${least.calls.length} of ${report.calls.length} calls are enough`,
    `to play it again: ${commandFor(scenario, least)}`,
  ].join("\n");
}

/** A process that plays a range of a scenario in which seeds fail, crash and hang: what the test of the ranges starts. */

import type { Fault } from "../../src/testing/faults.ts";
import { playRange } from "../seed_ranges.ts";
import type { Scenario } from "../simulation/seeds.ts";

/** Which of the faults and calls it takes to fail. */
const NEEDED = 3;

const scenario: Scenario = {
  name: "made-up",
  play(seed, { faults = drawn, calls = [0, 1, 2, 3, 4, 5, 6, 7] } = {}) {
    if (seed === 5) { for (;;); }
    if (seed === 7) Deno.exit(3);
    const fails = seed === 3 && faults.some(({ which }) => which === NEEDED) && calls.includes(NEEDED);
    const report = { seed, hash: "0", steps: 10, virtualMs: 1, faults, calls, log: undefined, cause: undefined };
    return Promise.resolve(fails ? { ...report, failure: "oh" } : report);
  },
};

const drawn: Fault[] = Array.from({ length: 6 }, (_, which) => ({ at: 1, kind: "cut", which, ms: 1 }));

const [first, count] = Deno.args.map(Number);
await playRange(scenario, first!, count!);

/**
 * Plays the gate's seeds and holds their traces to what is expected; a line for each hash, and it fails if one differs or a seed
 * does. A program of its own, since Node's test runner hooks into every promise, and makes a run three times as long.
 */

import expected from "./expected.json" with { type: "json" };
import { scenarioOf } from "./scenarios.ts";
import { explained, runSeeds, SEEDS_A_HASH } from "./seeds.ts";

let wrong = 0;
for (const [name, hashes] of Object.entries(expected)) {
  const scenario = scenarioOf(name);
  for (const [nth, wanted] of hashes.entries()) {
    const first = 1 + nth * SEEDS_A_HASH;
    const { hash, failed } = await runSeeds(scenario, first, SEEDS_A_HASH);
    const isRight = hash === wanted && failed.length === 0;
    console.log(`${isRight ? "ok" : "FAILED"} ${name} from ${first} on: ${hash}, expected ${wanted}`);
    for (const report of failed) console.log(await explained(scenario, report));
    if (!isRight) wrong++;
  }
}
if (wrong > 0) throw new Error(`${wrong} traces are not what they should be`);

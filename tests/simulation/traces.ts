/**
 * Plays the gate's seeds and holds their traces to what is expected; a line for each hash, and it fails if one differs or a seed
 * does. A program of its own, since Node's test runner hooks into every promise, and makes a run three times as long.
 */

import expected from "./expected.json" with { type: "json" };
import { explained, runSeeds, SEEDS_A_HASH } from "./seeds.ts";

let wrong = 0;
for (const [nth, wanted] of expected.hashes.entries()) {
  const first = 1 + nth * SEEDS_A_HASH;
  const { hash, failed } = await runSeeds(first, SEEDS_A_HASH);
  const isRight = hash === wanted && failed.length === 0;
  console.log(`${isRight ? "ok" : "FAILED"} seeds from ${first} on: ${hash}, expected ${wanted}`);
  for (const report of failed) console.log(await explained(report));
  if (!isRight) wrong++;
}
if (wrong > 0) throw new Error(`${wrong} of ${expected.hashes.length} traces are not what they should be`);

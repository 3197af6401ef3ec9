/** Brokers that lie, by seeds: those that once failed, and more for as long as `SAMSA_HOSTILE_SECONDS` says. */

import { assert } from "chai";
import { settingOf, test } from "../harness.ts";
import { kinds } from "./layer.ts";
import { play } from "./play.ts";
import kept from "./seeds.json" with { type: "json" };

/** So many seeds run where nobody asks for a time. */
const SEEDS = 24;
/** Where the seeds of a run by time begin. */
const FIRST = 1;

async function playSeed(seed: number): Promise<ReadonlyMap<string, number>> {
  const { failure, cause, tally } = await play(seed);
  if (failure === undefined) return tally;
  const stack = cause instanceof Error ? `\n${cause.stack}` : "";
  throw new Error(`seed ${seed}: ${failure}${stack}\nto play it again: deno task hostile --seed ${seed} --log`);
}

test("seeds that failed once", async () => {
  for (const { seed } of kept) await playSeed(seed);
});

test("a client withstands brokers that lie, and works again when they stop", async () => {
  const until = performance.now() + 1000 * settingOf("SAMSA_HOSTILE_SECONDS", 0);
  const done = new Set<string>();
  for (let seed = FIRST; seed < FIRST + SEEDS || performance.now() < until; seed++) {
    for (const name of (await playSeed(seed)).keys()) done.add(name.split(" ")[1]!);
  }
  assert.isAtLeast(done.size, kinds.length - 3, "what is tried, of all there is");
});

test("one seed is one run", async () => {
  const [first, second] = [await play(FIRST + 2), await play(FIRST + 2)];
  assert.deepEqual([first.hash, first.steps, first.tally], [second.hash, second.steps, second.tally]);
});

/** Seeds of the scenarios: all is well in each, every runtime plays them alike, and what is planted is found. */

import { assert } from "chai";
import type { Fault } from "../../src/testing/faults.ts";
import { test } from "../harness.ts";
import expected from "./expected.json" with { type: "json" };
import { planted, seedsThatFind } from "./planted.ts";
import { roundTrip } from "./round_trip.ts";
import { scenarioOf } from "./scenarios.ts";
import { explained, runSeeds, SEEDS_A_HASH } from "./seeds.ts";
import kept from "./seeds.json" with { type: "json" };

for (const [name, hashes] of Object.entries(expected)) {
  const scenario = scenarioOf(name);
  hashes.forEach((wanted, nth) => {
    const first = 1 + nth * SEEDS_A_HASH;
    test(`${name}, seeds ${first} to ${first + SEEDS_A_HASH - 1}`, async () => {
      const { hash, failed } = await runSeeds(scenario, first, SEEDS_A_HASH);
      if (failed[0]) assert.fail(await explained(scenario, failed[0]));
      assert.equal(
        hash,
        wanted,
        "the play has changed: where the client or the cluster has, write what is expected anew (deno task simulate --write); " +
          "else this runtime's order of events is not that of the others",
      );
    });
  });
}

test("a seed has one trace, each time that it is played", async () => {
  const [once, again] = [await roundTrip(7, { log: true }), await roundTrip(7, { log: true })];
  assert.isAbove(once.steps, 100);
  assert.deepEqual(again.log, once.log);
  assert.equal(again.hash, once.hash);
});

/** A seed that once failed; with the fewest faults and calls that made it, where they are known. */
interface Kept {
  readonly scenario: string;
  readonly seed: number;
  readonly why: string;
  readonly faults?: readonly Fault[];
  readonly calls?: readonly number[];
}

for (const { scenario: name, seed, why, faults, calls } of kept as readonly Kept[]) {
  test(`${name}, seed ${seed}, which has found something: ${why}`, async () => {
    const scenario = scenarioOf(name);
    const report = await scenario.play(seed, { faults, calls });
    if (report.failure !== undefined) assert.fail(await explained(scenario, report));
  });
}

for (const one of planted) {
  test(`planted, and found: ${one.name}`, async () => {
    const found = await seedsThatFind(one, one.seeds, false);
    assert.isNotEmpty(found, `none of ${one.seeds} seeds has found it`);
  });
}

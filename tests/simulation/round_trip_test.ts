/** Seeds of the round trip: all is well in each, every runtime plays them alike, and what is planted is found. */

import { assert } from "chai";
import type { Fault } from "../../src/testing/faults.ts";
import { settingOf, test } from "../harness.ts";
import expected from "./expected.json" with { type: "json" };
import { planted } from "./planted.ts";
import { roundTrip } from "./round_trip.ts";
import { explained, runSeeds, SEEDS_A_HASH } from "./seeds.ts";
import kept from "./seeds.json" with { type: "json" };

expected.hashes.forEach((wanted, nth) => {
  const first = 1 + nth * SEEDS_A_HASH;
  test(`seeds ${first} to ${first + SEEDS_A_HASH - 1} of the round trip`, async () => {
    const { hash, failed } = await runSeeds(first, SEEDS_A_HASH);
    if (failed[0]) assert.fail(await explained(failed[0]));
    assert.equal(
      hash,
      wanted,
      "the play has changed: where the client or the cluster has, write what is expected anew (deno task simulate --write); " +
        "else this runtime's order of events is not that of the others",
    );
  });
});

/** Longer runs go on from there, without a hash to hold to. */
const expectedSeeds = expected.hashes.length * SEEDS_A_HASH;
const lastSeed = settingOf("SAMSA_SEEDS", expectedSeeds);
const SEEDS_A_TEST = 500;

for (let first = expectedSeeds + 1; first <= lastSeed; first += SEEDS_A_TEST) {
  const count = Math.min(SEEDS_A_TEST, lastSeed - first + 1);
  test(`seeds ${first} to ${first + count - 1} of the round trip`, async () => {
    const { failed } = await runSeeds(first, count);
    if (failed[0]) assert.fail(await explained(failed[0]));
  });
}

test("a seed has one trace, each time that it is played", async () => {
  const [once, again] = [await roundTrip(7, { log: true }), await roundTrip(7, { log: true })];
  assert.isAbove(once.steps, 100);
  assert.deepEqual(again.log, once.log);
  assert.equal(again.hash, once.hash);
});

for (const { seed, why, faults } of kept) {
  test(`seed ${seed}, which has found something: ${why}`, async () => {
    const report = await roundTrip(seed, { faults: faults as Fault[] });
    if (report.failure !== undefined) assert.fail(await explained(report));
  });
}

for (const { name, seeds, plant } of planted) {
  test(`planted, and found: ${name}`, async () => {
    const undo = plant();
    try {
      for (let seed = 1; seed <= seeds; seed++) {
        if ((await roundTrip(seed)).failure !== undefined) return;
      }
    } finally {
      undo();
    }
    assert.fail(`none of ${seeds} seeds has found it`);
  });
}

/** The world finds the bugs that are planted in a toy, tells them by name, shrinks what led to them, and repeats itself exactly. */

import { assert } from "chai";
import { Chance, hashText } from "../../../src/testing/chance.ts";
import { commonFaults, drawFaults, type Fault } from "../../../src/testing/faults.ts";
import { kindOf, shrink } from "../../../src/testing/shrink.ts";
import { test } from "../../harness.ts";
import { type Bug, playToy, toyFaults } from "./toy.ts";

/** Over the traces of the seeds below. It is one on every engine, and another whenever the world or the toy draws otherwise: then write it down anew. */
const EXPECTED_HASH = "3eb15153";

test("a hundred seeds with all faults pass, with one hash on every engine", async () => {
  const hashes: string[] = [];
  for (let seed = 1; seed <= 100; seed++) {
    const { failure, hash } = await playToy(seed);
    assert.equal(failure, undefined, `seed ${seed}`);
    hashes.push(hash);
  }
  assert.equal(new Set(hashes).size, 100);
  assert.equal(hashText(hashes.join()).toString(16), EXPECTED_HASH);
});

test("one seed played again is equal in every line, with a log or without", async () => {
  const first = await playToy(11, { log: true });
  const again = await playToy(11, { log: true });
  assert.deepEqual(again, first);
  assert.isAbove(first.log.length, first.steps);
  assert.equal((await playToy(11)).hash, first.hash);
});

async function failuresOf(bug: Bug, seeds: number): Promise<[seed: number, failure: string][]> {
  const found: [number, string][] = [];
  for (let seed = 1; seed <= seeds; seed++) {
    const { failure } = await playToy(seed, { bug });
    if (failure !== undefined) found.push([seed, failure]);
  }
  return found;
}

test("a lost wake-up is a deadlock, told with who waits for what", async () => {
  const found = await failuresOf("wake", 5);
  assert.equal(found.length, 5);
  for (const [, failure] of found) {
    assert.match(failure, /^deadlock: .*client \d \(task workload, .*calls to make/);
  }
});

test("a timer that is not cancelled is left over, by name", async () => {
  const found = await failuresOf("timer", 5);
  assert.isAtLeast(found.length, 3);
  for (const [, failure] of found) assert.match(failure, /^left over: client \d \((\d+ × )?timer\)/);
});

test("a frame that is taken for whole, and a buffer that is reused too early, are found", async () => {
  const [frames, reused] = [await failuresOf("frame", 5), await failuresOf("reuse", 10)];
  assert.equal(frames.length, 5);
  assert.isAtLeast(reused.length, 5);
  for (const [, failure] of reused) assert.match(failure, /bytes were changed before their write/);
});

test("a check before an await is found by some seeds, and shrinks to the faults that it takes", async () => {
  const [first] = await failuresOf("stale", 120);
  assert.isDefined(first);
  const [seed, failure] = first!;
  const fails = async (faults: readonly Fault[]) =>
    kindOf((await playToy(seed, { bug: "stale", faults })).failure) === kindOf(failure);
  const few = await shrink(toyFaults(seed), fails);
  assert.isBelow(few.length, toyFaults(seed).length);
  assert.isTrue(await fails(few));
  for (const one of few) assert.isFalse(await fails(few.filter((fault) => fault !== one)));
});

test("faults are drawn from the seed alone, within their time, in order, and of every kind in some seed", () => {
  const kinds = new Set<string>();
  for (let seed = 1; seed <= 200; seed++) {
    const faults = drawFaults(new Chance(seed, "faults"), 1000);
    assert.deepEqual(drawFaults(new Chance(seed, "faults"), 1000), faults);
    assert.deepEqual(JSON.parse(JSON.stringify(faults)), faults);
    faults.forEach(({ at, kind }, i) => {
      assert.isTrue(at >= (faults[i - 1]?.at ?? 0) && at < 1000);
      kinds.add(kind);
    });
  }
  assert.deepEqual([...kinds].sort(), [...new Set(commonFaults)].sort());
});

test("shrink keeps exactly what is needed, and asks little", async () => {
  const items = Array.from({ length: 40 }, (_, i) => i);
  let asked = 0;
  const needed = (...some: number[]) => (fewer: readonly number[]) => {
    asked++;
    return Promise.resolve(some.every((item) => fewer.includes(item)));
  };
  assert.deepEqual(await shrink(items, needed(17)), [17]);
  assert.isBelow(asked, 30);
  assert.deepEqual(await shrink(items, needed(3, 4, 39)), [3, 4, 39]);
  assert.deepEqual(await shrink(items, needed()), []);
  assert.deepEqual(await shrink([], needed(1)), []);
});

test("the kind of a failure has neither numbers nor waits", () => {
  assert.equal(kindOf("client 3: task x threw"), kindOf("client 12: task x threw"));
  assert.equal(kindOf("left over: client 0 (9 × sleep)"), "left over: client #");
  assert.equal(kindOf("deadlock: nothing; waiting: a (b)"), "deadlock: nothing");
  assert.equal(kindOf(undefined), "");
});

/** Chance draws alike on every engine, and one part's draws never move another's. */

import { assert } from "chai";
import { Chance, hashText } from "../../../src/testing/chance.ts";
import { test } from "../../harness.ts";

test("a seed and a label give one stream, which is the same everywhere", () => {
  const words = (chance: Chance) => Array.from({ length: 4 }, () => chance.word());
  assert.deepEqual(words(new Chance(7, "x")), words(new Chance(7, "x")));
  assert.notDeepEqual(words(new Chance(7, "x")), words(new Chance(8, "x")));
  assert.notDeepEqual(words(new Chance(7, "x")), words(new Chance(7, "y")));
  assert.deepEqual(words(new Chance(7, "x")), [2872631395, 3713952926, 1028683030, 2719252219]);
  assert.equal(hashText("sleep"), 2269169347);
});

test("a fork does not depend on what was drawn before", () => {
  const early = new Chance(1).fork("link");
  const late = new Chance(1);
  for (let i = 0; i < 10; i++) late.word();
  assert.equal(late.fork("link").word(), early.word());
  assert.notEqual(late.fork("link").fork("up").word(), late.fork("link").fork("down").word());
});

test("draws keep to their bounds and reach all of them", () => {
  const chance = new Chance(3, "bounds");
  const seen = new Set<number>();
  let most = 0;
  for (let i = 0; i < 4000; i++) {
    const drawn = chance.below(5);
    assert.isTrue(Number.isInteger(drawn) && drawn >= 0 && drawn < 5);
    seen.add(drawn);
    const delay = chance.delay(100);
    assert.isTrue(Number.isInteger(delay) && delay >= 0 && delay < 3200);
    most = Math.max(most, delay);
    const unit = chance.unit();
    assert.isTrue(unit >= 0 && unit < 1);
  }
  assert.equal(seen.size, 5);
  assert.isAbove(most, 1000, "now and then a delay is long");
  assert.equal(new Set(chance.bytes(4000)).size, 256);
});

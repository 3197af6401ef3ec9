/** The real world keeps what the interface promises; the simulated one has tests of its own. */

import { assert } from "chai";
import { realWorld } from "../../../src/base/world.ts";
import { test } from "../../harness.ts";
import { CountedSignal, rejection } from "./simulated.ts";

const REASON = new Error("enough");

test("a sleep ends by itself or by its signal, and leaves no timer and no listener", async () => {
  const caller = new CountedSignal();
  const before = realWorld.now();
  await realWorld.sleep(2, caller.signal);
  assert.isAtLeast(realWorld.now() - before, 1);
  assert.equal(caller.listeners, 0);
  const long = realWorld.sleep(60_000, caller.signal);
  caller.controller.abort(REASON);
  assert.equal(await rejection(long), REASON);
  assert.equal(await rejection(realWorld.sleep(60_000, caller.signal)), REASON);
});

test("a timer that is cancelled does not fire, and one of a hundred years does not fire at once", async () => {
  let fired = 0;
  const timers = [1, 3_000_000_000_000, Infinity].map((ms) => realWorld.timer(ms, () => fired++));
  timers[0]!.cancel();
  await realWorld.sleep(5);
  for (const timer of timers) timer.cancel();
  assert.equal(fired, 0);
  realWorld.timer(0, () => fired++);
  await realWorld.sleep(5);
  assert.equal(fired, 1);
});

test("a deferred settles once", async () => {
  const good = realWorld.deferred<number>("a number");
  good.resolve(1);
  good.resolve(2);
  good.reject(REASON);
  assert.equal(await good.promise, 1);
  const bad = realWorld.deferred<number>("a number");
  bad.reject(REASON);
  bad.resolve(1);
  assert.equal(await rejection(bad.promise), REASON);
});

test("chance is within its bounds, and entropy has the length that was asked for", () => {
  for (let i = 0; i < 100; i++) {
    const value = realWorld.random();
    assert.isTrue(value >= 0 && value < 1);
  }
  assert.lengthOf(realWorld.entropy(16), 16);
  assert.isAbove(realWorld.wall(), 1_700_000_000_000);
});

/** When to try again: doubling, bounded, with jitter. */

import { assert } from "chai";
import { KafkaError } from "../../../src/base/errors.ts";
import { Backoff, delayMs, isRetriable } from "../../../src/cluster/retry.ts";
import { test } from "../../harness.ts";
import { simulated } from "../base/simulated.ts";

const SETTINGS = { backoffMs: 100, backoffMsMax: 1000 };

test("delays double from the first to the longest, each off by a fifth at most, and start again after a success", async () => {
  await simulated(async (world) => {
    const backoff = new Backoff(world, SETTINGS);
    for (let round = 0; round < 20; round++) {
      for (const ms of [100, 200, 400, 800, 1000, 1000, 1000]) assert.closeTo(backoff.nextMs(), ms, ms * 0.2);
      backoff.reset();
    }
    await world.sleep(1);
  });
});

test("delays of many clients differ, and the hundredth is as bounded as the fifth", async () => {
  await simulated(async (world) => {
    const delays = Array.from({ length: 50 }, () => delayMs(world, SETTINGS, 100));
    assert.isAbove(new Set(delays).size, 40);
    for (const ms of delays) assert.closeTo(ms, 1000, 200);
    assert.closeTo(delayMs(world, { backoffMs: 500, backoffMsMax: 50 }, 1), 50, 10);
    await world.sleep(1);
  });
});

test("the jitter uses the whole of its fifth, evenly, and no more: many who fail at once do not come back at once", async () => {
  await simulated(async (world) => {
    const delays = Array.from({ length: 10_000 }, () => delayMs(world, SETTINGS, 4));
    assert.isAtLeast(Math.min(...delays), 640);
    assert.isAtMost(Math.max(...delays), 960);
    const tenths = new Array<number>(10).fill(0);
    for (const ms of delays) tenths[Math.min(9, Math.floor((ms - 640) / 32))]! += 1;
    for (const count of tenths) assert.closeTo(count, 1000, 150);
    await world.sleep(1);
  });
});

test("only a KafkaError that says so is worth another try", () => {
  assert.isTrue(isRetriable(new KafkaError("CONNECTION_RESET", "")));
  assert.isFalse(isRetriable(new KafkaError("TLS_FAILED", "")));
  assert.isTrue(isRetriable(new KafkaError("TLS_FAILED", "", { retriable: true })));
  for (const other of [new TypeError("odd"), undefined, "text", null]) assert.isFalse(isRetriable(other));
});

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

test("only a KafkaError that says so is worth another try", () => {
  assert.isTrue(isRetriable(new KafkaError("CONNECTION_RESET", "")));
  assert.isFalse(isRetriable(new KafkaError("TLS_FAILED", "")));
  assert.isTrue(isRetriable(new KafkaError("TLS_FAILED", "", { retriable: true })));
  for (const other of [new TypeError("odd"), undefined, "text", null]) assert.isFalse(isRetriable(other));
});

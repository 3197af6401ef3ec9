/** How embedded brokers treat connections: idle ones are closed, who asks while throttled is noticed, and one may start elsewhere. */

import { assert } from "chai";
import { KafkaError } from "../../../src/base/errors.ts";
import { metadata } from "../../../src/protocol/metadata.ts";
import { Cluster } from "../../../src/testing/cluster.ts";
import { test } from "../../harness.ts";
import { simulated } from "../base/simulated.ts";
import { Line } from "./line.ts";

const ALL = { topics: null };

test("a broker closes a connection on which nothing is asked, and only that", async () => {
  await simulated(async (world) => {
    const cluster = await Cluster.start({ world, connectionsMaxIdleMs: 1000 });
    const [used, unused] = [await Line.to(cluster), await Line.to(cluster)];
    for (let i = 0; i < 5; i++) {
      await world.sleep(900);
      await used.ask(metadata, 9, ALL);
    }
    assert.equal(await used.tryAsk(metadata, 9, ALL) === "closed", false);
    assert.isUndefined(await unused.frame());
    assert.closeTo(world.now(), 4500, 1);
    await world.sleep(1100);
    assert.isUndefined(await used.frame());
    for (const line of [used, unused]) line.close();
    await cluster.close();
  });
});

for (
  const [when, version, ms, isFault] of [
    ["within the time", 9, 2500, true],
    ["at once, when it may have been on its way", 9, 50, false],
    ["when the time is over", 9, 5000, false],
    ["in a version in which the broker has waited itself", 5, 2500, false],
  ] as const
) {
  test(`a strict broker and a client that asks while it is throttled, ${when}`, async () => {
    for (const strict of [true, false]) {
      await simulated(async (world) => {
        const cluster = await Cluster.start({ world, strict });
        cluster.control(metadata, async ({ answer }) => {
          const said = await answer();
          return typeof said === "object" ? { ...said, throttleTimeMs: 5000 } : undefined;
        });
        const line = await Line.to(cluster);
        assert.equal((await line.ask(metadata, version, ALL)).throttleTimeMs, 5000);
        await world.sleep(ms);
        await line.ask(metadata, version, ALL);
        line.close();
        let error: unknown;
        await cluster.close().catch((failure) => error = failure);
        assert.equal(error !== undefined, isFault && strict);
        if (!(error instanceof KafkaError)) return;
        assert.equal(error.code, "PROTOCOL_ERROR");
        assert.include(error.message, "broker 1 2500 ms before");
      });
    }
  });
}

test("a broker that was killed may start elsewhere, and the others tell where", async () => {
  await simulated(async (world) => {
    const cluster = await Cluster.start({ world, brokers: 2 });
    await cluster.kill(2);
    await cluster.start(2, { host: "elsewhere", port: 19_092 });
    const line = await Line.to(cluster);
    const { brokers } = await line.ask(metadata, 9, ALL);
    assert.deepEqual(brokers.map(({ nodeId, host, port }) => [nodeId, host, port]), [
      [1, "broker-1", 9092],
      [2, "elsewhere", 19_092],
    ]);
    const moved = await Line.to(cluster, 2);
    assert.lengthOf((await moved.ask(metadata, 9, ALL)).brokers, 2);
    for (const one of [line, moved]) one.close();
    await cluster.close();
  });
});

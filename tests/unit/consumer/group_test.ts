/** A consumer with a group: where it begins and who keeps its offsets, its lag, what a seek or an end commits, and who needs a group. */

import { assert } from "chai";
import type { SimpleConsumerOptions } from "../../../src/consumer/simple_consumer.ts";
import { fetch } from "../../../src/protocol/fetch.ts";
import { findCoordinator } from "../../../src/protocol/find_coordinator.ts";
import { offsetFetch } from "../../../src/protocol/offset_fetch.ts";
import { releaseNames, releaseOf } from "../../../src/testing/releases.ts";
import { test } from "../../harness.ts";
import { failure, play, thrown } from "../client/rig.ts";

import { committed, filled, GROUP, read, reading } from "./group.ts";

test("starting waits for a coordinator as long as it takes; what does not heal is thrown", () =>
  play({ client: { requestTimeoutMs: 1000 } }, async (rig) => {
    await filled(rig, "abc");
    await (await reading(rig, { autoCommit: false })).commit([[0, 1]]);
    let errorCode = 15;
    rig.cluster.control(findCoordinator, () => {
      if (errorCode === 0) return undefined;
      return { coordinators: [{ key: GROUP, nodeId: -1, host: "", port: -1, errorCode }] };
    }, Infinity);
    await rig.cluster.kill(1); // and with it the connection that the coordinator was known by
    await rig.cluster.start(1);
    const consumer = await reading(rig);
    rig.cluster.control(offsetFetch, () => "close" as const, 1);
    assert.equal((await failure(consumer.start())).code, "REQUEST_TIMEOUT");
    const loop = read(consumer, "c");
    await rig.process.sleep(5000);
    errorCode = 0;
    assert.equal(await loop, "bc");
    await consumer.close();
    const group = ({ groupId }: { groupId: string }) => ({ groupId, topics: [], errorCode: 30 });
    rig.cluster.control(offsetFetch, ({ body }) => ({ groups: body.groups.map(group) }), 1);
    const refused = await reading(rig);
    assert.equal((await failure(read(refused))).code, "GROUP_AUTHORIZATION_FAILED");
    assert.equal(await read(refused, "c"), "c"); // somebody has allowed it meanwhile
    await refused.close();
  }));

test("offsets in ZooKeeper are kept apart, by brokers that have one", async () => {
  for (const release of releaseNames) {
    await play({ release }, async (rig) => {
      await filled(rig, "abc");
      const consumer = await reading(rig, { offsets: "zookeeper" });
      if (releaseOf(release).raft) {
        const error = await failure(read(consumer));
        assert.equal(error.code, "UNSUPPORTED_FEATURE", release);
        assert.match(error.message, /only by brokers that ZooKeeper runs/);
        assert.equal((await failure(consumer.commit([[0, 1]]))).code, "UNSUPPORTED_FEATURE");
        await consumer.close();
        return;
      }
      await read(consumer, "b");
      assert.deepEqual([...await consumer.lag()], [[0, 2]]);
      assert.equal((await consumer.committed()).size, 0);
      await consumer.commit(undefined, { metadata: "zk" });
      await consumer.close();
      assert.deepEqual(committed(rig), []);
      assert.deepEqual(committed(rig, "zookeeper"), [[0, 2]]);
      const next = await reading(rig, { offsets: "zookeeper", until: "end" });
      assert.deepEqual(
        [...await next.committed()],
        [[0, { offset: 2, leaderEpoch: -1, metadata: "" }]],
        "ZooKeeper keeps no text",
      );
      assert.equal(await read(next), "c");
    });
  }
});

test("lag is counted from the position, or from where reading will begin", () =>
  play({ topics: { t: { partitions: 3 } } }, async (rig) => {
    await filled(rig, "abcde");
    await filled(rig, "xy", 1);
    const lag = async (options: SimpleConsumerOptions) => {
      const consumer = (await rig.client.topic("t")).simpleConsumer(options);
      const found = await consumer.lag();
      await consumer.close();
      return [...found];
    };
    assert.deepEqual(await lag({}), [[0, 5], [1, 2], [2, 0]]);
    assert.deepEqual(await lag({ from: "latest", partitions: [1, 0] }), [[1, 0], [0, 0]]);
    assert.deepEqual(await lag({ from: 1 }), [[0, 4], [1, 1], [2, 0]]);
    const consumer = await reading(rig, { autoCommit: false });
    await consumer.commit([[1, 1]]);
    assert.deepEqual([...await consumer.lag()], [[0, 5], [1, 1], [2, 0]]);
    assert.deepEqual(await lag({ group: GROUP, from: "latest" }), [[0, 0], [1, 1], [2, 0]]);
    await consumer.start();
    consumer.seek(0, 4);
    assert.deepEqual([...await consumer.lag()], [[0, 1], [1, 1], [2, 0]]);
    await consumer.close();
  }));

test("a seek is committed, also back; a reset by the log only when something was read there", () =>
  play({}, async (rig) => {
    await filled(rig, "abcde");
    const consumer = await reading(rig, { autoCommitMs: 100 });
    await read(consumer, "e");
    await rig.process.sleep(300);
    assert.deepEqual(committed(rig), [[0, 4]]);
    consumer.seek(0, 1);
    await rig.process.sleep(300);
    assert.deepEqual(committed(rig), [[0, 1]]);
    assert.equal(await read(consumer, "e"), "bcde");
    await consumer.close();
    assert.deepEqual(committed(rig), [[0, 4]]);
    await rig.cluster.deleteRecords("t", 0, 5);
    const other = await reading(rig, { autoCommitMs: 100 });
    const loop = read(other, "g");
    await rig.process.sleep(2000);
    assert.equal(other.positions.get(0), 5);
    assert.deepEqual(committed(rig), [[0, 4]]);
    await filled(rig, "fg");
    assert.equal(await loop, "fg");
    await other.close();
    assert.deepEqual(committed(rig), [[0, 6]]);
  }));

test("what came behind the end that was asked for is not committed, in any format", async () => {
  for (const release of ["0.8.2.2", "0.10.2.2", "4.4.0"]) {
    await play({ release }, async (rig) => {
      await filled(rig, "abc");
      let isFirst = true;
      rig.cluster.control(fetch, async () => {
        if (isFirst) await filled(rig, "de");
        isFirst = false;
        return undefined;
      }, Infinity);
      assert.equal(await read(await reading(rig, { until: "end" })), "abc", release);
      assert.deepEqual(committed(rig), [[0, 3]]);
      assert.equal(await read(await reading(rig, { until: "end" })), "de");
    });
  }
});

test("after a loop has come to its end one can still commit", () =>
  play({}, async (rig) => {
    await filled(rig, "abc");
    const consumer = await reading(rig, { until: "end", autoCommit: false });
    assert.equal(await read(consumer), "abc");
    assert.deepEqual(committed(rig), []);
    await consumer.commit();
    assert.deepEqual(committed(rig), [[0, 3]]);
    assert.deepEqual([...await consumer.lag()], [[0, 0]]);
  }));

test("what needs a group says so", () =>
  play({}, async (rig) => {
    const topic = await rig.client.topic("t");
    const consumer = topic.simpleConsumer({ autoCommit: false });
    for (const call of [consumer.commit(), consumer.committed()]) {
      assert.equal((await failure(call)).code, "INVALID_OPTION");
    }
    assert.match(
      thrown(() => topic.simpleConsumer({ autoCommit: true })).message,
      /autoCommit needs a group/,
    );
    assert.match(thrown(() => topic.simpleConsumer({ offsets: "zookeeper" })).message, /offsets needs a group/);
    assert.match(thrown(() => consumer.reset()).message, /call start\(\) before/);
    await rig.cluster.createTopic("u");
    const producer = (await rig.client.topic("u")).producer();
    await producer.produce("x");
    for await (const message of (await rig.client.topic("u")).simpleConsumer({ until: "end" })) {
      const grouped = topic.simpleConsumer({ group: GROUP });
      assert.match((await failure(grouped.commit(message))).message, /reads t, not u/);
    }
  }));

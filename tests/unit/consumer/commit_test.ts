/** A consumer with a group: what it commits and when, where it goes on, and what becomes of a commit that fails. */

import { assert } from "chai";
import { errorNumbers } from "../../../src/base/error_codes.ts";
import type { SimpleConsumer, SimpleConsumerOptions } from "../../../src/consumer/simple_consumer.ts";
import { fetch } from "../../../src/protocol/fetch.ts";
import { findCoordinator } from "../../../src/protocol/find_coordinator.ts";
import { offsetCommit } from "../../../src/protocol/offset_commit.ts";
import { offsetFetch } from "../../../src/protocol/offset_fetch.ts";
import { releaseNames, releaseOf } from "../../../src/testing/releases.ts";
import { test } from "../../harness.ts";
import { failure, play, type Rig, thrown } from "../client/rig.ts";

const GROUP = "g";

async function filled({ client }: Pick<Rig, "client">, values: string, partition = 0): Promise<void> {
  const producer = (await client.topic("t")).producer({ lingerMs: 5 });
  await producer.produce([...values].map((value) => ({ value, partition })));
  await producer.close();
}

async function reading({ client }: Pick<Rig, "client">, options: SimpleConsumerOptions = {}): Promise<SimpleConsumer> {
  return (await client.topic("t")).simpleConsumer({ group: GROUP, ...options });
}

/** Reads up to a text, or to the end. */
async function read(consumer: SimpleConsumer, last?: string): Promise<string> {
  let seen = "";
  for await (const message of consumer) {
    seen += message.text();
    if (message.text() === last) break;
  }
  return seen;
}

/** What is committed by partition. */
function committed({ cluster }: Rig, keeper: "kafka" | "zookeeper" = "kafka"): number[][] {
  const offsets = cluster.committed(GROUP, keeper).get("t") ?? new Map();
  return [...offsets].map(([partition, { offset }]) => [partition, offset]).sort(([a], [b]) => a! - b!);
}

/** The offsets that each commit asks for, in the order in which brokers get them. */
function watching({ cluster }: Rig): number[][] {
  const asked: number[][] = [];
  cluster.control(offsetCommit, ({ body }) => {
    asked.push(body.topics.flatMap(({ partitions }) => partitions.map(({ committedOffset }) => committedOffset)));
    return undefined;
  }, Infinity);
  return asked;
}

/** Answers commits with these errors, one after the other; 0 is left to the broker. */
function failing({ cluster }: Rig, ...errors: number[]): void {
  let next = 0;
  cluster.control(offsetCommit, ({ body }) => {
    const errorCode = errors[Math.min(next++, errors.length - 1)]!;
    if (errorCode === 0) return undefined;
    return {
      topics: body.topics.map((topic) => ({
        ...topic,
        partitions: topic.partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })),
      })),
    };
  }, Infinity);
}

test("on every release a consumer goes on where its group has finished; what was in hand comes again", async () => {
  for (const release of releaseNames) {
    await play({ release, brokers: 3, topics: { t: { partitions: 2 } } }, async (rig) => {
      await filled(rig, "abcde");
      const first = await reading(rig, { partitions: [0] });
      assert.equal(await read(first, "c"), "abc");
      await first.close();
      assert.deepEqual(committed(rig), [[0, 2]], release);
      await filled(rig, "x", 1);
      const second = await reading(rig, { until: "end", from: "latest" });
      assert.equal(await read(second), "cde");
      assert.deepEqual(committed(rig), [[0, 5], [1, 1]]);
      const asked = watching(rig);
      assert.equal(await read(await reading(rig, { until: "end", from: 0 })), "");
      assert.deepEqual(asked, []);
    });
  }
});

test("what is finished is committed every autoCommitMs, and only if it is news", () =>
  play({}, async (rig) => {
    await filled(rig, "abc");
    const asked = watching(rig);
    const consumer = await reading(rig, { autoCommitMs: 1000 });
    const iterator = consumer[Symbol.asyncIterator]();
    for (let i = 0; i < 3; i++) await iterator.next();
    await rig.process.sleep(700);
    assert.deepEqual(asked, []);
    await rig.process.sleep(600);
    assert.deepEqual(asked, [[2]]);
    const third = iterator.next();
    await rig.process.sleep(1000);
    assert.deepEqual(asked, [[2], [3]]);
    await rig.process.sleep(300_000);
    assert.lengthOf(asked, 2);
    await consumer.close();
    await third;
  }));

test("a place that nobody has moved from is committed too, and again before brokers forget it", () =>
  play({ limitMs: 1_500_000 }, async (rig) => {
    await filled(rig, "abc");
    const asked = watching(rig);
    const consumer = await reading(rig, { from: "latest", maxWaitMs: 30_000 });
    const loop = read(consumer);
    await rig.process.sleep(590_000);
    assert.deepEqual(asked, [[3]]);
    await rig.process.sleep(650_000);
    assert.deepEqual(asked, [[3], [3], [3]]);
    await consumer.close();
    await loop;
    assert.deepEqual(committed(rig), [[0, 3]]);
  }));

test("an explicit commit has what is in hand, or goes up to a message or a batch", () =>
  play({}, async (rig) => {
    await filled(rig, "abcdef");
    const asked = watching(rig);
    const consumer = await reading(rig, { autoCommitMs: 300 });
    const iterator = consumer[Symbol.asyncIterator]();
    const [a, b, c] = [await iterator.next(), await iterator.next(), await iterator.next()];
    await consumer.commit();
    assert.deepEqual(committed(rig), [[0, 3]]);
    // The position lies behind that; no automatic commit goes back to it.
    assert.equal(consumer.positions.get(0), 2);
    await rig.process.sleep(1000);
    assert.deepEqual(asked, [[3]]);
    await consumer.commit(a.value);
    await consumer.commit(b.value);
    assert.deepEqual(asked, [[3]]);
    await iterator.next();
    await consumer.commit(c.value);
    assert.deepEqual(asked, [[3]]);
    for await (const batch of consumer.batches()) {
      await consumer.commit(batch);
      break;
    }
    assert.deepEqual(asked.at(-1), [6]);
    await consumer.close();
    assert.deepEqual(committed(rig), [[0, 6]]);
  }));

test("offsets by partition are committed as they are, also back; what is none is refused", () =>
  play({ topics: { t: { partitions: 2 } } }, async (rig) => {
    await filled(rig, "abc");
    const consumer = await reading(rig, { autoCommit: false });
    await consumer.commit(new Map([[0, 2], [1, 69]]));
    assert.deepEqual(committed(rig), [[0, 2], [1, 69]]);
    await consumer.commit([[0, 1]]);
    assert.deepEqual(committed(rig), [[0, 1], [1, 69]]);
    for (const pairs of [[[2, 1]], [[0, -1]], [[0, 1.5]], [[-1, 0]]] as [number, number][][]) {
      assert.equal((await failure(consumer.commit(pairs))).code, "INVALID_OPTION");
    }
    assert.equal(await read(consumer, "c"), "bc");
    await consumer.commit([]);
    await consumer.close();
    assert.deepEqual(committed(rig), [[0, 1], [1, 69]]);
    assert.equal((await failure(consumer.commit())).code, "CLOSED");
  }));

test("metadata and leader epochs are stored beside offsets", () =>
  play({ brokers: 2, topics: { t: { replicationFactor: 2 } } }, async (rig) => {
    await filled(rig, "ab");
    const { leader } = rig.cluster.partition("t", 0);
    rig.cluster.moveLeader("t", 0, 3 - leader);
    await rig.process.sleep(10);
    await filled(rig, "c");
    const consumer = await reading(rig, { commitMetadata: "mine" });
    const iterator = consumer[Symbol.asyncIterator]();
    const epochs: unknown[] = [];
    for (let i = 0; i < 3; i++) {
      await iterator.next();
      if (i === 0) await consumer.commit(undefined, { metadata: "other" });
      else await consumer.commit();
      const stored = (await consumer.committed()).get(0)!;
      epochs.push([stored.offset, stored.leaderEpoch, stored.metadata]);
    }
    assert.deepEqual(epochs, [[1, 0, "other"], [2, 0, "mine"], [3, 1, "mine"]]);
    // The third message is in hand, of a later leader; what is finished ends with the second.
    await consumer.commit([[0, 2]]);
    assert.equal((await consumer.committed()).get(0)!.leaderEpoch, 0);
    await consumer.commit();
    await consumer.close();
    const next = await reading(rig);
    await next.start();
    await next.commit([[0, 3]]);
    assert.equal((await next.committed()).get(0)!.leaderEpoch, 1);
    assert.equal(
      (await failure(next.commit([[0, 3]], { metadata: "x".repeat(5000) }))).code,
      "OFFSET_METADATA_TOO_LARGE",
    );
    await next.close();
  }));

test("commits do not overtake one another; what comes meanwhile goes into one", () =>
  play({ topics: { t: { partitions: 2 } } }, async (rig) => {
    await filled(rig, "abcdefgh");
    await filled(rig, "x", 1);
    const consumer = await reading(rig, { autoCommitMs: 40 });
    const iterator = consumer[Symbol.asyncIterator]();
    const asked = watching(rig);
    let underWay = 0;
    rig.cluster.control(offsetCommit, async ({ answer }) => {
      assert.equal(++underWay, 1);
      await rig.process.sleep(100);
      underWay--;
      return await answer();
    }, Infinity);
    const commits: Promise<void>[] = [];
    for (let i = 0; i < 9; i++) {
      await iterator.next();
      commits.push(consumer.commit());
      await rig.process.sleep(15);
    }
    await Promise.all(commits);
    assert.deepEqual(committed(rig), [[0, 8], [1, 1]]);
    assert.isBelow(asked.length, 5);
    await consumer.close();
  }));

test("a commit goes on to the next coordinator when its own dies, moves, or has none yet", () =>
  play({ brokers: 3, topics: { t: { replicationFactor: 3 } } }, async (rig) => {
    await filled(rig, "abcdef");
    let lookups = 0;
    rig.cluster.control(findCoordinator, () => void lookups++, Infinity);
    const consumer = await reading(rig, { autoCommit: false });
    const iterator = consumer[Symbol.asyncIterator]();
    await iterator.next();
    await Promise.all([consumer.commit(), consumer.committed(), consumer.lag()]);
    const before = lookups;
    await iterator.next();
    await consumer.commit();
    assert.equal(lookups, before);
    await rig.cluster.kill(rig.cluster.coordinatorOf(GROUP)!);
    await iterator.next();
    await consumer.commit();
    assert.deepEqual(committed(rig), [[0, 3]]);
    for (const id of [1, 2, 3]) await rig.cluster.start(id);
    await iterator.next();
    await consumer.commit(); // back where it was: the one that is known says that it is not the coordinator
    failing(rig, errorNumbers.NOT_COORDINATOR, errorNumbers.COORDINATOR_NOT_AVAILABLE, 14, 0);
    await iterator.next();
    await consumer.commit();
    assert.deepEqual(committed(rig), [[0, 5]]);
    assert.isBelow(rig.process.now(), 20_000);
    await consumer.close();
  }));

test("what does not heal rejects with the broker's own word, for good or bad partitions alike", () =>
  play({}, async (rig) => {
    await filled(rig, "abc");
    const consumer = await reading(rig, { autoCommit: false });
    const iterator = consumer[Symbol.asyncIterator]();
    const codes: string[] = [];
    failing(rig, 30, 25, 22, 12, 9999, 0);
    for (let i = 0; i < 5; i++) {
      await iterator.next();
      const error = await failure(consumer.commit([[0, i]]));
      codes.push(error.code);
      if (error.code === "UNKNOWN_MEMBER_ID") assert.match(error.message, /has members, and only they may commit/);
      assert.deepEqual([error.topic, error.partition], ["t", 0]);
      if (i === 2) break;
    }
    codes.push((await failure(consumer.commit([[0, 8]]))).code, (await failure(consumer.commit([[0, 9]]))).code);
    assert.deepEqual(codes, [
      "GROUP_AUTHORIZATION_FAILED",
      "UNKNOWN_MEMBER_ID",
      "ILLEGAL_GENERATION",
      "OFFSET_METADATA_TOO_LARGE",
      "UNKNOWN_ERROR_9999",
    ]);
    await consumer.commit();
    assert.deepEqual(committed(rig), [[0, 3]]);
    rig.cluster.control(offsetCommit, () => ({ topics: [] }), 1);
    assert.equal((await failure(consumer.commit([[0, 1]]))).code, "PROTOCOL_ERROR");
    await consumer.close();
  }));

test("one partition's failure does not keep the others from being stored", () =>
  play({ topics: { t: { partitions: 2 } } }, async (rig) => {
    const consumer = await reading(rig, { autoCommit: false });
    rig.cluster.control(offsetCommit, async ({ answer }) => {
      const given = await answer();
      if (typeof given === "string") return given;
      const bent = ({ partitionIndex }: { partitionIndex: number }) => ({
        partitionIndex,
        errorCode: partitionIndex * 29,
      });
      return { topics: given.topics.map((topic) => ({ ...topic, partitions: topic.partitions.map(bent) })) };
    });
    const error = await failure(consumer.commit([[0, 4], [1, 5]]));
    assert.deepEqual([error.code, error.partition], ["TOPIC_AUTHORIZATION_FAILED", 1]);
    const asked = watching(rig);
    failing(rig, errorNumbers.COORDINATOR_NOT_AVAILABLE, 0);
    await consumer.commit([[0, 6], [1, 7]]);
    assert.deepEqual(asked, [[6, 7], [6, 7]]);
    const codes = [14, 29];
    rig.cluster.control(offsetCommit, ({ body }) => ({
      topics: body.topics.map((topic) => ({
        ...topic,
        partitions: topic.partitions.map(({ partitionIndex }) => ({
          partitionIndex,
          errorCode: codes[partitionIndex]!,
        })),
      })),
    }));
    const hopeless = await failure(consumer.commit([[0, 8], [1, 9]]));
    assert.deepEqual([hopeless.code, asked.length], ["TOPIC_AUTHORIZATION_FAILED", 3]);
    await consumer.close();
  }));

test("an automatic commit is tried again; what cannot heal is thrown out of the loop, and close tells what was not stored", () =>
  play({ client: { requestTimeoutMs: 2000 } }, async (rig) => {
    await filled(rig, "abc");
    const consumer = await reading(rig, { autoCommitMs: 500 });
    const iterator = consumer[Symbol.asyncIterator]();
    for (let i = 0; i < 3; i++) await iterator.next();
    failing(rig, 14, 14, 14, 14, 14, 14, 14, 14, 30, 0, 30);
    const error = await failure(iterator.next());
    assert.equal(error.code, "GROUP_AUTHORIZATION_FAILED");
    const more = iterator.next();
    await rig.process.sleep(2000);
    assert.deepEqual(committed(rig), [[0, 3]]);
    await filled(rig, "d");
    assert.equal((await more).value!.text(), "d");
    const last = iterator.next();
    const told = await failure(consumer.close());
    assert.equal(told.code, "GROUP_AUTHORIZATION_FAILED");
    assert.equal((await failure(consumer.close())).code, told.code);
    await last;
  }));

test("close waits for the coordinator, but not longer than its signal and its deadline", () =>
  play({ client: { requestTimeoutMs: 3000 } }, async (rig) => {
    await filled(rig, "abc");
    failing(rig, 14);
    const opened = async () => {
      const consumer = await reading(rig, { autoCommitMs: 60_000 });
      await read(consumer, "b");
      return consumer;
    };
    const startedAt = rig.process.now();
    const error = await failure((await opened()).close());
    assert.equal(error.code, "REQUEST_TIMEOUT");
    assert.equal((error.cause as { code?: string }).code, "COORDINATOR_LOAD_IN_PROGRESS");
    assert.approximately(rig.process.now() - startedAt, 3000, 200);
    const controller = new AbortController();
    const reason = { name: "enough" };
    const consumer = await opened();
    const closing = consumer.close({ signal: controller.signal }).catch((error) => error);
    await rig.process.sleep(500);
    controller.abort(reason);
    assert.equal(await closing, reason);
    assert.isBelow(rig.process.now() - startedAt, 4500);
  }));

test("a caller's abort ends his wait for a commit", () =>
  play({}, async (rig) => {
    failing(rig, 14, 14, 14, 0);
    const consumer = await reading(rig, { autoCommit: false });
    const controller = new AbortController();
    const reason = { name: "mine" };
    const waiting = consumer.commit([[0, 1]], { signal: controller.signal }).catch((error) => error);
    const other = consumer.commit([[0, 2]]);
    controller.abort(reason);
    assert.equal(await waiting, reason);
    await other;
    assert.deepEqual(committed(rig), [[0, 2]]);
    await consumer.close();
  }));

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
      assert.deepEqual([...await next.committed()], [[0, { offset: 2, leaderEpoch: -1, metadata: "zk" }]]);
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

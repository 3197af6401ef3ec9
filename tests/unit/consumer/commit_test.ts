/** A consumer with a group: what it commits and when, where it goes on, and what becomes of a commit that fails. */

import { assert } from "chai";
import { errorNumbers } from "../../../src/base/error_codes.ts";
import { findCoordinator } from "../../../src/protocol/find_coordinator.ts";
import { offsetCommit } from "../../../src/protocol/offset_commit.ts";
import { releaseNames } from "../../../src/testing/releases.ts";
import { test } from "../../harness.ts";
import { failure, play, type Rig } from "../client/rig.ts";

import { committed, filled, GROUP, read, reading } from "./group.ts";

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

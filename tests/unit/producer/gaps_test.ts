/** What becomes of an idempotent producer's numbers when something fails: gaps, new epochs, splits, and what is never sent again. */

import { assert } from "chai";
import type { KafkaError } from "../../../src/base/errors.ts";
import { produce } from "../../../src/protocol/produce.ts";
import { EPOCH_MAX } from "../../../src/producer/numbering.ts";
import { producerHead } from "../../../src/testing/producer_state.ts";
import { test } from "../../harness.ts";
import { failure, play, texts } from "../client/rig.ts";
import { loseAnswer, numbered, ONE_BY_ONE, refuse, Wire, writeAnd } from "./wire.ts";

test("P6: a real gap lets the partition begin anew in the next epoch; what was refused is written once", () =>
  play({}, async ({ client, cluster }) => {
    const wire = new Wire(cluster, [undefined, refuse("OUT_OF_ORDER_SEQUENCE_NUMBER")]);
    const producer = (await client.topic("t")).producer();
    for (const value of numbered(4)) await producer.produce(value);
    assert.deepEqual(wire.numbers(), ["0/0", "0/1", "1/0", "1/1", "1/2"]);
    assert.deepEqual(await texts(cluster), numbered(4));
  }));

test("P6: what was refused because one before it failed goes again as it was", () =>
  play({}, async ({ client, cluster }) => {
    const wire = new Wire(cluster, [undefined, refuse("NOT_ENOUGH_REPLICAS")]);
    const producer = (await client.topic("t")).producer(ONE_BY_ONE);
    await producer.produce("first");
    await producer.produce(numbered(5));
    assert.isTrue(wire.batches.every(({ epoch }) => epoch === 0));
    assert.isAbove(wire.batches.length, 8, "those behind were in flight");
    const bytes = new Map<number, Uint8Array>();
    for (const one of wire.batches) {
      assert.deepEqual(one.bytes, bytes.get(one.sequence) ?? one.bytes);
      bytes.set(one.sequence, one.bytes);
    }
    assert.deepEqual(await texts(cluster), ["first", ...numbered(5)]);
  }));

test("P7: a duplicate that the broker does not remember the place of was written", () =>
  play({}, async ({ client, cluster }) => {
    new Wire(cluster, [writeAnd("DUPLICATE_SEQUENCE_NUMBER")]);
    const producer = (await client.topic("t")).producer();
    assert.equal((await producer.produce("a")).offset, -1);
    assert.equal((await producer.produce("b")).offset, 1);
    assert.deepEqual(await texts(cluster), ["a", "b"]);
  }));

test("P8: a producer that retention made the broker forget begins anew, without a loss and without an error", () =>
  play({ release: "1.1" }, async ({ client, cluster }) => {
    const wire = new Wire(cluster);
    const producer = (await client.topic("t")).producer();
    await producer.produce(["a", "b"]);
    cluster.deleteRecords("t", 0, 2);
    assert.equal((await producer.produce("c")).offset, 2);
    assert.equal((await producer.produce("d")).offset, 3);
    assert.deepEqual(wire.numbers(), ["0/0", "0/2", "1/0", "1/1"]);
  }));

test("P8: a broker that does not know where its log begins has lost its place, and is asked again", () =>
  play({}, async ({ client, cluster }) => {
    const wire = new Wire(cluster, [refuse("UNKNOWN_PRODUCER_ID", { logStartOffset: -1 })]);
    assert.equal((await (await client.topic("t")).producer().produce("a")).offset, 0);
    assert.deepEqual(wire.numbers(), ["0/0", "0/0"]);
  }));

test("P8, P11: what may be written is not sent again to a broker that has forgotten everything", () =>
  play({}, async ({ client, cluster }) => {
    const wire = new Wire(cluster, [undefined, loseAnswer, refuse("UNKNOWN_PRODUCER_ID", { logStartOffset: 1 })]);
    const producer = (await client.topic("t")).producer();
    await producer.produce("a");
    const error = await failure(producer.produce("b"));
    assert.deepEqual([error.code, error.persisted], ["UNKNOWN_PRODUCER_ID", "possibly"]);
    await producer.produce("c");
    assert.deepEqual(wire.numbers(), ["0/0", "0/1", "0/1", "1/0"]);
    assert.deepEqual(await texts(cluster), ["a", "b", "c"]);
  }));

test("P9, P10: a gap in one partition leaves the numbers of all others alone, and what they have under way", () =>
  play({ topics: { t: { partitions: 2 } } }, async ({ client, cluster, process }) => {
    const producer = (await client.topic("t")).producer();
    const to = (partition: number, value: string) => producer.produce({ partition, value });
    await Promise.all([to(0, "a"), to(1, "x")]);
    const wire = new Wire(cluster, [
      refuse("OUT_OF_ORDER_SEQUENCE_NUMBER"),
      async ({ answer }) => {
        await answer();
        await process.sleep(300);
        return "close";
      },
    ]);
    const gap = to(0, "b");
    await process.sleep(10);
    await Promise.all([gap, to(1, "y")]);
    await Promise.all([to(0, "c"), to(1, "z")]);
    assert.deepEqual([...new Set(wire.numbers(1))], ["0/1", "0/2"]);
    assert.includeMembers(wire.numbers(0), ["0/1", "1/0", "1/1"]);
    assert.deepEqual([await texts(cluster, 0), await texts(cluster, 1)], [["a", "b", "c"], ["x", "y", "z"]]);
  }));

test("P10: what is behind a batch of unknown fate does not push it out of the leader's memory", () =>
  play({}, async ({ client, cluster }) => {
    const producer = (await client.topic("t")).producer(ONE_BY_ONE);
    await producer.produce("first");
    // The first of many is written, but says that it may not be, again and again; all behind it are written at once.
    let first: number | undefined;
    const wire: Wire = new Wire(cluster, [], async (call) => {
      const sequence = producerHead(call.body.topicData[0]!.partitionData[0]!.records!)!.sequence;
      first ??= sequence;
      const isTold = sequence !== first || wire.batches.filter((one) => one.sequence === first).length > 3;
      return isTold ? await call.answer() : await writeAnd("NOT_ENOUGH_REPLICAS_AFTER_APPEND")(call);
    });
    await producer.produce(numbered(20));
    assert.isTrue(wire.batches.every(({ epoch }) => epoch === 0));
    assert.deepEqual(await texts(cluster), ["first", ...numbered(20)]);
  }));

test("P9: after the last epoch comes another producer id", () =>
  play({ producerEpochs: EPOCH_MAX - 1 }, async ({ client, cluster }) => {
    const gap = refuse("OUT_OF_ORDER_SEQUENCE_NUMBER");
    const wire = new Wire(cluster, [undefined, gap, undefined, gap]);
    const producer = (await client.topic("t")).producer();
    for (const value of numbered(4)) await producer.produce(value);
    const [before, last, next] = [EPOCH_MAX - 1, EPOCH_MAX, EPOCH_MAX - 1];
    assert.deepEqual(wire.numbers(), [
      `${before}/0`,
      `${before}/1`,
      `${last}/0`,
      `${last}/1`,
      `${next}/0`,
      `${next}/1`,
    ]);
    const ids = wire.batches.map(({ producerId }) => producerId);
    assert.lengthOf(new Set(ids.slice(0, 4)), 1);
    assert.lengthOf(new Set(ids.slice(4)), 1);
    assert.notEqual(ids[3], ids[4]);
    assert.deepEqual(await texts(cluster), numbered(4));
  }));

test("P11: what may be written and is late fails as possibly written; its number is not used again, and it comes to nothing later", () =>
  play({}, async ({ client, cluster, process }) => {
    const producer = (await client.topic("t")).producer({ deliveryTimeoutMs: 1500, requestTimeoutMs: 400 });
    await producer.produce("a");
    // The broker does nothing until all is over for the second batch; then all tries of it come up.
    const until = process.now() + 1800;
    const wire = new Wire(cluster, [], async ({ answer }) => {
      await process.sleep(Math.max(0, until - process.now()));
      return await answer();
    });
    const late = producer.produce("b");
    await process.sleep(1400);
    const behind = producer.produce("c");
    const error = await failure(late);
    assert.deepEqual([error.code, error.persisted], ["DELIVERY_TIMEOUT", "possibly"]);
    assert.isAbove((await behind).offset, 0);
    await process.sleep(5000);
    await producer.produce("d");
    const log = await texts(cluster);
    assert.deepEqual(log.filter((text) => text !== "b"), ["a", "c", "d"]);
    assert.isAtMost(log.filter((text) => text === "b").length, 1);
    assert.deepEqual([...new Set(wire.numbers())], ["0/1", "1/0", "1/1"]);
  }));

test("P12: a failure says whether its message is written: it is not, or nobody knows", () =>
  play({}, async ({ client, cluster }) => {
    new Wire(cluster, [refuse("INVALID_REQUIRED_ACKS"), loseAnswer, refuse("INVALID_REQUIRED_ACKS")]);
    const producer = (await client.topic("t")).producer();
    assert.equal((await failure(producer.produce("a"))).persisted, "no");
    assert.equal((await failure(producer.produce("b"))).persisted, "possibly");
    await producer.produce("c");
    assert.deepEqual(await texts(cluster), ["b", "c"]);
  }));

test("P12: a leader that is deposed while it waits for its followers has written the batch, and says where", () =>
  play({}, async ({ client, cluster }) => {
    for (const [baseOffset, persisted] of [[-1, "no"], [0, "possibly"]] as const) {
      const end = cluster.control(produce, refuse("NOT_LEADER_OR_FOLLOWER", { baseOffset }), Infinity);
      const producer = (await client.topic("t")).producer({ deliveryTimeoutMs: 500 });
      const error = await failure(producer.produce("a"));
      assert.deepEqual([error.code, error.persisted], ["DELIVERY_TIMEOUT", persisted]);
      end();
    }
  }));

test("P13: what is late before it was ever sent leaves no gap", () =>
  play({}, async ({ client, cluster, network, process }) => {
    const wire = new Wire(cluster);
    const producer = (await client.topic("t")).producer({ deliveryTimeoutMs: 500 });
    await producer.produce("a");
    network.refusing.add(cluster.hosts);
    network.links.forEach((link) => link.cut("none", "both"));
    await process.sleep(50);
    assert.equal((await failure(producer.produce("b"))).persisted, "no");
    network.refusing.clear();
    await process.sleep(2000);
    await producer.produce("c");
    assert.deepEqual(wire.numbers(), ["0/0", "0/1"]);
    assert.deepEqual(await texts(cluster), ["a", "c"]);
  }));

test("P13: what was numbered and is late, though it was surely not written, leaves a gap that begins a new epoch", () =>
  play({}, async ({ client, cluster }) => {
    const refusals = Array.from({ length: 5 }, () => refuse("NOT_ENOUGH_REPLICAS"));
    const wire = new Wire(cluster, [undefined, ...refusals]);
    const producer = (await client.topic("t")).producer({ deliveryTimeoutMs: 500 });
    await producer.produce("a");
    const error = await failure(producer.produce("b"));
    assert.deepEqual([error.code, error.persisted], ["DELIVERY_TIMEOUT", "no"]);
    await producer.produce("c");
    assert.deepEqual([...new Set(wire.numbers())], ["0/0", "0/1", "1/0"]);
    assert.deepEqual(await texts(cluster), ["a", "c"]);
  }));

test("P14: halves of what is too large share its numbers, whatever comes behind; one that is too large alone fails alone", () =>
  play({ topics: { t: { configs: { "max.message.bytes": "400" } } } }, async ({ client, cluster }) => {
    const producer = (await client.topic("t")).producer({ batchBytes: 2000 });
    await producer.produce("first");
    const wire = new Wire(cluster);
    const values = numbered(60).map((value) => value.padEnd(60, "."));
    const large = "x".repeat(1000);
    const calls = [...values.slice(0, 30), large, ...values.slice(30)].map((value) => producer.produce(value));
    const ends = await Promise.allSettled(calls);
    assert.deepEqual(ends.flatMap(({ status }, i) => status === "rejected" ? [i] : []), [30]);
    assert.deepEqual(await texts(cluster), ["first", ...values]);
    assert.isAbove(wire.batches.length, 10);
  }));

test("P15: records that a broker names fail by themselves; the others of their batch may be sent again", () =>
  play({ topics: { t: { configs: { "cleanup.policy": "compact" } } } }, async ({ client, cluster }) => {
    const producer = (await client.topic("t")).producer();
    const messages = ["a", null, "c"].map((key) => ({ key, value: "v", partition: 0 }));
    const { reports } = await failure(producer.produce(messages));
    const errors = reports as KafkaError[];
    assert.deepEqual(errors.map(({ code }) => code), ["BATCH_REFUSED", "INVALID_RECORD", "BATCH_REFUSED"]);
    assert.deepEqual(errors.map(({ retriable }) => retriable), [true, false, true]);
    assert.isTrue(errors.every(({ persisted }) => persisted === "no"));
    await producer.produce(messages.filter(({ key }) => key !== null));
    assert.lengthOf(await texts(cluster), 2);
  }));

test("P15: a batch that was damaged on its way goes again", () =>
  play({}, async ({ client, cluster }) => {
    const wire = new Wire(cluster, [refuse("CORRUPT_MESSAGE")]);
    await (await client.topic("t")).producer().produce("a");
    assert.deepEqual(wire.numbers(), ["0/0", "0/0"]);
  }));

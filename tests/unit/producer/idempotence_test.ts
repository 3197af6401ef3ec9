/** What an idempotent producer owes, statement by statement (P1 and so on are their numbers): each message once, and in order. */

import { assert } from "chai";
import type { KafkaError } from "../../../src/base/errors.ts";
import { initProducerId } from "../../../src/protocol/init_producer_id.ts";
import type { DeliveryReport } from "../../../src/producer/call.ts";
import { EPOCH_MAX, Numbering } from "../../../src/producer/numbering.ts";
import type { Delivery } from "../../../src/producer/message.ts";
import { test } from "../../harness.ts";
import { failure, play, texts, thrown } from "../client/rig.ts";
import { loseAnswer, refuse, watchInFlight, Wire, writeAnd } from "./wire.ts";

/** Each message is a batch of its own. */
const ONE_BY_ONE = { batchBytes: 1 };

/** Messages whose order can be seen. */
function numbered(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${i}`);
}

/** Lets every partition's numbers begin there, as if so many records had gone before. */
async function beginningAt(sequence: number, body: () => Promise<void>): Promise<void> {
  const { begin } = Numbering.prototype;
  Numbering.prototype.begin = function (this: Numbering, identity) {
    begin.call(this, identity);
    this.stamp(sequence);
  };
  try {
    await body();
  } finally {
    Numbering.prototype.begin = begin;
  }
}

test("P1: numbers are contiguous from 0 and count records, and batches share one producer id", () =>
  play({ topics: { t: { partitions: 2 } } }, async ({ client, cluster }) => {
    const wire = new Wire(cluster);
    const producer = (await client.topic("t")).producer({ batchBytes: 100 });
    const messages = numbered(60).map((value, i) => ({ value, partition: i % 2 }));
    await producer.produce(messages);
    await producer.produce(messages);
    for (const partition of [0, 1]) {
      let next = 0;
      for (const { epoch, sequence, count } of wire.batches.filter((one) => one.partition === partition)) {
        assert.deepEqual([epoch, sequence], [0, next]);
        next += count;
      }
      assert.equal(next, 60);
    }
    assert.lengthOf(new Set(wire.batches.map(({ producerId }) => producerId)), 1);
    assert.isAbove(wire.batches.length, 4);
  }));

test("P1: after 2^31 - 1 comes 0", () =>
  beginningAt(2 ** 31 - 3, () =>
    play({}, async ({ client, cluster }) => {
      const wire = new Wire(cluster, [undefined, loseAnswer]);
      const producer = (await client.topic("t")).producer();
      for (const values of [["a", "b"], ["c", "d"], ["e"]]) await producer.produce(values);
      const end = 2 ** 31 - 3;
      assert.deepEqual(wire.numbers(), [`0/${end}`, `0/${end + 2}`, `0/${end + 2}`, "0/1"]);
      assert.deepEqual(await texts(cluster), ["a", "b", "c", "d", "e"]);
    })));

test("P2: what is sent again is the same byte for byte, whatever went wrong, and is written once", async () => {
  for (
    const bend of [
      loseAnswer,
      refuse("NOT_ENOUGH_REPLICAS"),
      writeAnd("REQUEST_TIMED_OUT"),
      writeAnd("NOT_ENOUGH_REPLICAS_AFTER_APPEND"),
    ]
  ) {
    await play({}, async ({ client, cluster }) => {
      const wire = new Wire(cluster, [bend, bend]);
      const producer = (await client.topic("t")).producer({ compression: "snappy" });
      assert.equal((await producer.produce(["a", "b"]))[1]!.offset, 1);
      assert.lengthOf(wire.batches, 3);
      assert.deepEqual(wire.batches[1]!.bytes, wire.batches[0]!.bytes);
      assert.deepEqual(wire.batches[2]!.bytes, wire.batches[0]!.bytes);
      assert.deepEqual(await texts(cluster), ["a", "b"]);
    });
  }
});

test("P3: numbers go on when the leader moves, and nothing is sent to the new one while the old one has something", () =>
  play({ brokers: 2, topics: { t: { replicationFactor: 2 } } }, async ({ client, cluster, process }) => {
    const first = cluster.partition("t", 0).leader;
    const old = new Set<number>();
    const early: number[] = [];
    const wire = new Wire(cluster, [undefined], async ({ broker, answer, correlationId }) => {
      if (broker !== first) {
        early.push(...old);
        return await answer();
      }
      old.add(correlationId);
      await process.sleep(50);
      if (cluster.partition("t", 0).leader === first) cluster.moveLeader("t", 0, 3 - first);
      await process.sleep(200);
      old.delete(correlationId);
      return await answer();
    });
    const producer = (await client.topic("t")).producer({ ...ONE_BY_ONE, ...{ maxInFlight: 5 } });
    await producer.produce("first");
    await producer.produce(numbered(12));
    assert.isEmpty(early, "with the old leader when the new one was asked");
    assert.isTrue(wire.batches.some(({ broker }) => broker !== first));
    assert.deepEqual(await texts(cluster), ["first", ...numbered(12)]);
    const sent = [...new Set(wire.numbers())];
    assert.deepEqual(sent, Array.from({ length: 13 }, (_, i) => `0/${i}`));
  }));

test("P4, P5: one batch of a partition is in flight until the first is acknowledged, then five; one again after a failure", () =>
  play({}, async ({ client, cluster, process }) => {
    let requests = 0;
    new Wire(cluster, [], async (call) => {
      await process.sleep(20);
      return ++requests === 9 ? await refuse("NOT_ENOUGH_REPLICAS")(call) : await call.answer();
    });
    // A broker takes a connection's requests one by one, so what is under way is counted where it is sent.
    const producer = (await client.topic("t")).producer(ONE_BY_ONE);
    const { counts, end } = watchInFlight();
    try {
      await producer.produce(numbered(20));
    } finally {
      end();
    }
    assert.deepEqual(counts.slice(0, 6), [1, 1, 2, 3, 4, 5]);
    assert.equal(Math.max(...counts), 5);
    assert.include(counts.slice(6), 1, "after the failure");
    assert.deepEqual(await texts(cluster), numbered(20));
  }));

test("P4: a leader of 0.11 knows only the last batch when it comes again, so one is in flight there", () =>
  play({ release: "0.11.0.3" }, async ({ client, cluster }) => {
    const wire = new Wire(cluster, [undefined, undefined, loseAnswer]);
    const { counts, end } = watchInFlight();
    try {
      const producer = (await client.topic("t")).producer(ONE_BY_ONE);
      await producer.produce(numbered(10));
    } finally {
      end();
    }
    assert.equal(Math.max(...counts), 1);
    assert.isTrue(wire.batches.every(({ producerId }) => producerId >= 0));
    assert.deepEqual(await texts(cluster), numbered(10));
  }));

test("P5: more than five in flight, or fewer acks than all, do not go with numbers", () =>
  play({}, async ({ client }) => {
    const topic = await client.topic("t");
    assert.match(thrown(() => topic.producer({ maxInFlight: 6 })).message, /INVALID_OPTION: maxInFlight is at most 5/);
    assert.match(
      thrown(() => topic.producer({ idempotent: true, acks: 1 })).message,
      /INVALID_OPTION: idempotent needs acks/,
    );
    for (const options of [{ maxInFlight: 6, idempotent: false }, { maxInFlight: 6, acks: 1 }] as const) {
      await topic.producer(options).close();
    }
  }));

test("without numbers nothing is numbered: below 0.11, with other acks, or where the user says so", async () => {
  for (
    const [release, options] of [["0.10.2.2", {}], ["4.4.0", { acks: 1 }], ["4.4.0", { idempotent: false }]] as const
  ) {
    await play({ release }, async ({ client, cluster }) => {
      const wire = new Wire(cluster);
      await (await client.topic("t")).producer(options).produce(["a", "b"]);
      assert.deepEqual(wire.batches.map(({ producerId }) => producerId), [-1]);
    });
  }
});

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

test("P16: what is told of a partition is told in order, each once, also where a later batch is written first", () =>
  play({}, async ({ client, cluster }) => {
    const told: DeliveryReport[] = [];
    const producer = (await client.topic("t")).producer({ ...ONE_BY_ONE, onDelivery: (report) => told.push(report) });
    await producer.produce("first");
    // The first of five is written, but says that it may not be; those behind it are written and say so.
    new Wire(cluster, [writeAnd("NOT_ENOUGH_REPLICAS_AFTER_APPEND")]);
    const order: number[] = [];
    await Promise.all(numbered(5).map((value, i) => producer.produce(value).then(() => order.push(i))));
    assert.deepEqual(order, [0, 1, 2, 3, 4]);
    assert.deepEqual(told.map((report) => (report as Delivery).offset), [0, 1, 2, 3, 4, 5]);
    assert.deepEqual(await texts(cluster), ["first", ...numbered(5)]);
  }));

test("P18: an id is asked for again while the cluster cannot give one, and refused by name where it will not", () =>
  play({}, async ({ client, cluster, process }) => {
    const codes = [14, 15, 16, 51];
    cluster.control(initProducerId, () => ({ errorCode: codes.shift()!, producerId: -1, producerEpoch: -1 }), 4);
    const wire = new Wire(cluster);
    const producer = (await client.topic("t")).producer();
    const since = process.now();
    await producer.produce("a");
    assert.isAbove(process.now() - since, 300, "with a backoff");
    assert.deepEqual(wire.numbers(), ["0/0"]);
    cluster.control(initProducerId, () => ({ errorCode: 31, producerId: -1, producerEpoch: -1 }));
    const error = await failure((await client.topic("t")).producer().produce("b"));
    assert.deepEqual([error.code, error.persisted, error.retriable], ["CLUSTER_AUTHORIZATION_FAILED", "no", false]);
  }));

test("P18: an id that is none is not believed", () =>
  play({}, async ({ client, cluster }) => {
    cluster.control(initProducerId, () => ({ errorCode: 0, producerId: -1, producerEpoch: 0 }));
    const error = await failure((await client.topic("t")).producer().produce("b"));
    assert.deepEqual([error.code, error.persisted], ["PROTOCOL_ERROR", "no"]);
  }));

test("P19: an id that a broker refuses is replaced before anything else is sent", () =>
  play({}, async ({ client, cluster }) => {
    const wire = new Wire(cluster, [undefined, refuse("INVALID_PRODUCER_EPOCH")]);
    const producer = (await client.topic("t")).producer(ONE_BY_ONE);
    await producer.produce("first");
    await producer.produce(numbered(8));
    const ids = [...new Set(wire.batches.map(({ producerId }) => producerId))];
    assert.lengthOf(ids, 2);
    const from = wire.batches.findIndex(({ producerId }) => producerId === ids[1]);
    const later = wire.batches.slice(from);
    assert.isTrue(later.every(({ producerId }) => producerId === ids[1]));
    assert.equal(later[0]!.sequence, 0);
    assert.equal((await texts(cluster))[0], "first");
    assert.sameMembers((await texts(cluster)).slice(1), numbered(8));
  }));

test("P24: a flush within a delivery's report waits for what was given before it, and for nothing else", () =>
  play({}, async ({ client, cluster }) => {
    const flushes: Promise<void>[] = [];
    const producer = (await client.topic("t")).producer({
      lingerMs: 1000,
      onDelivery: () => void (flushes.length < 3 && flushes.push(producer.flush())),
    });
    producer.enqueue(numbered(3));
    await producer.flush();
    await Promise.all(flushes);
    assert.lengthOf(flushes, 3);
    assert.deepEqual(await texts(cluster), numbered(3));
  }));

test("a new leader that a broker names is asked at once", () =>
  play({ brokers: 2, topics: { t: { replicationFactor: 2 } } }, async ({ client, cluster, process }) => {
    const producer = (await client.topic("t")).producer();
    await producer.produce("a");
    cluster.moveLeader("t", 0, 3 - cluster.partition("t", 0).leader);
    const since = process.now();
    await producer.produce("b");
    assert.isBelow(process.now() - since, 60, "no backoff, no metadata first");
    assert.deepEqual(await texts(cluster), ["a", "b"]);
  }));

test("two producers number by themselves", () =>
  play({}, async ({ client, cluster }) => {
    const wire = new Wire(cluster);
    const topic = await client.topic("t");
    const [one, other] = [topic.producer(), topic.producer()];
    await Promise.all([one.produce("a"), other.produce("b")]);
    await Promise.all([one.produce("c"), other.produce("d")]);
    assert.lengthOf(new Set(wire.batches.map(({ producerId }) => producerId)), 2);
    assert.deepEqual(wire.numbers().sort(), ["0/0", "0/0", "0/1", "0/1"]);
  }));

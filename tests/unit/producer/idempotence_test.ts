/** What an idempotent producer owes, statement by statement (P1 and so on are their numbers): each message once, and in order. */

import { assert } from "chai";
import { apiVersions } from "../../../src/protocol/api_versions.ts";
import { initProducerId } from "../../../src/protocol/init_producer_id.ts";
import { metadata } from "../../../src/protocol/metadata.ts";
import type { DeliveryReport } from "../../../src/producer/call.ts";
import { Numbering } from "../../../src/producer/numbering.ts";
import type { Delivery } from "../../../src/producer/message.ts";
import { partitionOfKey } from "../../../src/producer/partitioner.ts";
import { test } from "../../harness.ts";
import { failure, play, texts, thrown } from "../client/rig.ts";
import { loseAnswer, numbered, ONE_BY_ONE, refuse, watchInFlight, Wire, writeAnd } from "./wire.ts";

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
    assert.include(counts.slice(6).join(), "1,1,2", "after the failure");
    assert.deepEqual(await texts(cluster), numbered(20));
  }));

test("P4: on a new connection it is one batch again until that is acknowledged, whatever was known before", () =>
  play({ connectionsMaxIdleMs: 1000 }, async ({ client, cluster, process }) => {
    const producer = (await client.topic("t")).producer(ONE_BY_ONE);
    await producer.produce(numbered(3));
    await process.sleep(2000);
    const wire = new Wire(cluster, [refuse("NOT_ENOUGH_REPLICAS")]);
    await producer.produce(numbered(8));
    assert.deepEqual(wire.numbers().slice(0, 2), ["0/3", "0/3"], "nothing was sent behind it");
    assert.deepEqual(await texts(cluster), [...numbered(3), ...numbered(8)]);
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

test("P21: more partitions take only what comes later; a key's older messages stay where they are, also those in flight", () =>
  play({}, async ({ client, cluster }) => {
    const keys = numbered(20);
    const producer = (await client.topic("t")).producer();
    const toAll = (value: string) => producer.produce(keys.map((key) => ({ key, value })));
    await toAll("old");
    new Wire(cluster, [loseAnswer]);
    const underWay = toAll("old");
    cluster.addPartitions("t", 4);
    await client.refresh();
    const later = await toAll("new");
    assert.isTrue((await underWay).every(({ partition }) => partition === 0));
    assert.deepEqual(later.map(({ partition }) => partition), keys.map((key) => partitionOfKey(key, 4)));
    assert.lengthOf((await texts(cluster)).filter((text) => text === "old"), 40);
  }));

test("a topic that is kept in an older format has no place for numbers: it gets none, unless the user insists", () =>
  play(
    { brokers: 2, release: "0.10.2.2", topics: { t: { replicationFactor: 2 } } },
    async ({ client, cluster, process }) => {
      const old = await failure((await client.topic("t")).producer({ idempotent: true }).produce("a"));
      assert.deepEqual([old.code, old.persisted], ["UNSUPPORTED_FEATURE", "no"]);
      await cluster.kill(2);
      await cluster.start(2, { release: "0.11.0.3" });
      await process.sleep(1000); // until it has caught up
      cluster.moveLeader("t", 0, 2);
      await process.sleep(1000); // until all brokers have heard of it
      await client.refresh();
      const topic = await client.topic("t");
      const young = await failure(topic.producer({ idempotent: true }).produce("a"));
      assert.deepEqual([young.code, young.persisted], ["UNSUPPORTED_FOR_MESSAGE_FORMAT", "no"]);
      let refusals = 0;
      const wire = new Wire(
        cluster,
        [],
        (call) => refusals-- > 0 ? refuse("NOT_ENOUGH_REPLICAS")(call) : call.answer(),
      );
      const producer = topic.producer();
      for (const value of numbered(3)) await producer.produce(value);
      assert.deepEqual(wire.numbers(), ["0/0", "-1/-1", "-1/-1", "-1/-1"]);
      assert.deepEqual(await texts(cluster), numbered(3));
      // A batch in the old format, for an old leader again, goes a second time as it was.
      cluster.moveLeader("t", 0, 1);
      await process.sleep(1000);
      await client.refresh();
      refusals = 1;
      await producer.produce("3".padEnd(100, "."));
      const sent = wire.batches.filter(({ bytes }) => bytes[16] === 1);
      assert.lengthOf(sent, 2);
      assert.deepEqual(sent[1]!.bytes, sent[0]!.bytes);
      assert.lengthOf(await texts(cluster), 4);
    },
  ));

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
    let looks = 0;
    cluster.control(metadata, () => {
      looks++;
      return undefined;
    });
    await producer.produce("b");
    assert.isBelow(process.now() - since, 60, "no backoff");
    await process.sleep(1000);
    assert.equal(looks, 0, "nor is anybody asked who leads");
    assert.deepEqual(await texts(cluster), ["a", "b"]);
  }));

test("what went out without a number, and may be written, gets none from a leader that could take it", () =>
  play({ brokers: 2, topics: { t: { replicationFactor: 2 } } }, async ({ cluster, connect }) => {
    const first = cluster.partition("t", 0).leader;
    cluster.control(apiVersions, async ({ broker, answer }) => {
      const body = await answer();
      if (typeof body === "string" || broker !== first) return body;
      return { ...body, apiKeys: body.apiKeys.filter(({ apiKey }) => apiKey !== initProducerId.key) };
    }, Infinity);
    const other = await connect();
    const wire = new Wire(cluster, [async (call) => {
      cluster.moveLeader("t", 0, 3 - first);
      return await refuse("REQUEST_TIMED_OUT")(call);
    }]);
    const producer = (await other.topic("t")).producer();
    await producer.produce("a");
    await producer.produce("b");
    assert.deepEqual(wire.numbers().slice(0, 1), ["-1/-1"]);
    assert.deepEqual([...new Set(wire.numbers())], ["-1/-1", "0/0"]);
    assert.deepEqual(await texts(cluster), ["a", "b"]);
    await other.close();
  }));

test("batches that take long to compress keep their order, and are not taken twice", () =>
  play({}, async ({ cluster, connect }) => {
    const later = async (bytes: Uint8Array) => {
      for (let i = 0; i < 20 - bytes[bytes.length - 2]! % 10 * 2; i++) await Promise.resolve();
      return bytes.slice();
    };
    const client = await connect({ codecs: { gzip: { compress: later, decompress: later } } });
    const wire = new Wire(cluster);
    const producer = (await client.topic("t")).producer({ ...ONE_BY_ONE, compression: "gzip" });
    await producer.produce("first");
    const { counts, end } = watchInFlight();
    try {
      await producer.produce(numbered(10));
    } finally {
      end();
    }
    assert.lengthOf(counts, 10);
    assert.deepEqual(wire.numbers(), Array.from({ length: 11 }, (_, i) => `0/${i}`));
    await client.close();
  }));

test("leaders that are asked at once share one producer id", () =>
  play({ brokers: 3, topics: { t: { partitions: 3 } } }, async ({ client, cluster }) => {
    const wire = new Wire(cluster);
    const producer = (await client.topic("t")).producer();
    for (const value of ["a", "b"]) await producer.produce([0, 1, 2].map((partition) => ({ partition, value })));
    assert.lengthOf(new Set(wire.batches.map(({ broker }) => broker)), 3);
    assert.lengthOf(new Set(wire.batches.map(({ producerId }) => producerId)), 1);
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

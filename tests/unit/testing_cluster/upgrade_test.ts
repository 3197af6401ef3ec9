/** Embedded clusters whose brokers are of several releases, as in the middle of an upgrade. */

import { assert } from "chai";
import type { KafkaError } from "../../../src/base/errors.ts";
import { crc32c } from "../../../src/bytes/crc32c.ts";
import { produce } from "../../../src/protocol/produce.ts";
import { recordsBuilder } from "../../../src/records/builder.ts";
import { Cluster } from "../../../src/testing/cluster.ts";
import { minorReleases, releaseOf } from "../../../src/testing/releases.ts";
import { test } from "../../harness.ts";
import { play, texts } from "../client/rig.ts";
import { batch, Line, record } from "./line.ts";

test("every minor release has a profile, with or without a patch level", () => {
  assert.lengthOf(minorReleases, 32);
  for (const minor of minorReleases) {
    for (const name of [minor, `${minor}.1`]) {
      assert.equal(releaseOf(name).name, name);
      assert.deepEqual(releaseOf(name).listed, releaseOf(minor).listed);
    }
  }
  for (const name of ["0.10", "0.7.0", "2.9", "2.8.2.1", "2.8.", "3.14", "", "constructor"]) {
    assert.throws(() => releaseOf(name), "release must be one of 0.8.2, ");
  }
});

test("a client goes on through an upgrade, one broker after the other, over all releases", () =>
  play(
    { brokers: 3, release: "1.1", topics: { t: { replicationFactor: 3 } } },
    async ({ cluster, client }) => {
      const topic = await client.topic("t");
      const producer = topic.producer();
      const sent: string[] = [];
      const say = async () => {
        sent.push(`${sent.length}`);
        await producer.produce(sent.at(-1)!);
      };
      for (const release of ["2.0", "2.4.1", "2.8.2", "3.5.2", "4.0", "4.4.0"]) {
        for (const id of [1, 2, 3]) {
          await say();
          await cluster.kill(id);
          await say();
          await cluster.start(id, { release });
          assert.equal(cluster.brokers[id - 1]!.release, release);
          await say();
        }
      }
      assert.equal(cluster.release, "1.1");
      assert.deepEqual(await texts(cluster), sent);
    },
  ));

test("the format is the oldest broker's until the last one is upgraded", async () => {
  const cluster = await Cluster.start({ brokers: 2, release: "0.10.2.2", topics: { t: { replicationFactor: 2 } } });
  const put = async (id: number, version: number, records: Uint8Array) => {
    cluster.moveLeader("t", 0, id);
    const line = await Line.to(cluster, id);
    const topicData = [{ name: "t", partitionData: [{ index: 0, records }] }];
    const { responses } = await line.ask(produce, version, { acks: -1, timeoutMs: 1000, topicData });
    line.close();
    return responses[0]!.partitionResponses[0]!.errorCode;
  };
  const again = async (id: number, release: string) => {
    await cluster.kill(id);
    await cluster.start(id, { release });
  };
  const idempotent = () => {
    const builder = recordsBuilder(2);
    builder.append(record("mine"));
    const options = { compression: "none" as const, codecs: {}, producerId: 1, producerEpoch: 0, baseSequence: 0 };
    return (builder.build(options) as Uint8Array).slice();
  };
  try {
    assert.equal(await put(1, 2, await batch(1, [record("a")])), 0);
    await again(2, "0.11.0.3");
    assert.equal(await put(2, 3, await batch(2, [record("b")])), 0);
    assert.equal(await put(2, 3, await batch(2, [record("h", { headers: [["n", "v"]] })])), -1);
    assert.equal(await put(2, 3, idempotent()), 43);
    await again(1, "0.11.0.3");
    assert.equal(await put(1, 3, idempotent()), 0);
    assert.deepEqual(cluster.partition("t", 0).log.stored.map(({ bytes }) => bytes[16]), [1, 1, 2]);
    await cluster.kill(1);
    const back = await cluster.start(1, { release: "0.10.2.2" }).catch((error: KafkaError) => error.code);
    assert.equal(back, "INVALID_OPTION", "it could not read what it has");
    await cluster.start(1, { release: "2.0.1" });
    await again(2, "2.1.1");
    const zstd = (await batch(2, [record("z")])).slice();
    zstd[22] = 4;
    new DataView(zstd.buffer).setUint32(17, crc32c(zstd, 21));
    assert.equal(await put(2, 7, zstd), 76);
    await again(1, "2.1.1");
    assert.equal(await put(2, 7, zstd), 0);
  } finally {
    await cluster.close();
  }
});

test("a topic gets more partitions, and readers and writers find them", () =>
  play({ brokers: 3, topics: { t: { replicationFactor: 2 } } }, async ({ cluster, client }) => {
    const topic = await client.topic("t");
    const { id } = cluster.topics.get("t")!;
    const producer = topic.producer();
    await producer.produce({ value: "a", partition: 0 });
    cluster.addPartitions("t", 4);
    await client.refresh();
    await producer.produce([1, 2, 3].map((partition) => ({ value: `${partition}`, partition })));
    assert.deepEqual(await texts(cluster, 3), ["3"]);
    assert.equal(cluster.topics.get("t")!.id, id);
    assert.deepEqual(cluster.topics.get("t")!.partitions.map(({ index, replicas }) => [index, replicas.length]), [
      ...[[0, 2], [1, 2], [2, 2], [3, 2]],
    ]);
    for (const count of [4, 2, 4.5, NaN]) {
      assert.throws(() => cluster.addPartitions("t", count), "INVALID_PARTITIONS");
    }
    assert.throws(() => cluster.addPartitions("u", 4), "UNKNOWN_TOPIC_OR_PARTITION");
  }));

/** What embedded brokers give to readers, how much of it, and when. */

import { assert } from "chai";
import { fetch } from "../../../src/protocol/fetch.ts";
import { metadata } from "../../../src/protocol/metadata.ts";
import { produce } from "../../../src/protocol/produce.ts";
import { recordBatches } from "../../../src/records/reading.ts";
import { lz4 } from "../../../src/records/lz4.ts";
import { snappy } from "../../../src/records/snappy.ts";
import { Cluster, type ClusterOptions } from "../../../src/testing/cluster.ts";
import type { Response } from "../../../src/wire/schema.ts";
import { test } from "../../harness.ts";
import { batch, Line, onLine, record } from "./line.ts";

type Part = Response<typeof fetch>["responses"][number]["partitions"][number];

const ORIGIN = { topic: "t", partition: 0 };

interface Wish {
  offset?: number;
  partitionMaxBytes?: number;
  maxBytes?: number;
  minBytes?: number;
  maxWaitMs?: number;
  epoch?: number;
  partitions?: readonly number[];
  topic?: { topic: string } | { topicId: string };
}

function body(wish: Wish = {}) {
  const { offset = 0, partitionMaxBytes = 1_000_000, maxBytes = 10_000_000, minBytes = 1, maxWaitMs = 0 } = wish;
  const partitions = (wish.partitions ?? [0]).map((partition) => ({
    partition,
    fetchOffset: offset,
    partitionMaxBytes,
    currentLeaderEpoch: wish.epoch,
  }));
  return { maxWaitMs, minBytes, maxBytes, topics: [{ topic: "t", ...wish.topic, partitions }] };
}

async function get(line: Line, version: number, wish: Wish = {}): Promise<Part> {
  return (await line.ask(fetch, version, body(wish))).responses[0]!.partitions[0]!;
}

async function put(line: Line, records: Uint8Array, index = 0, version = 3): Promise<void> {
  const topicData = [{ name: "t", partitionData: [{ index, records }] }];
  const answer = await line.ask(produce, version, { acks: 1, timeoutMs: 1000, topicData });
  assert.equal(answer.responses[0]!.partitionResponses[0]!.errorCode, 0);
}

async function read(bytes: Uint8Array | null): Promise<string[]> {
  const texts: string[] = [];
  for (const one of recordBatches(bytes!, ORIGIN)) {
    const list = await one.open(ORIGIN, { codecs: { snappy, lz4 }, checkCrc: true, decompressedLimit: 1e6 });
    for (const message of list) texts.push(`${message.offset} ${message.text()}`);
  }
  return texts;
}

const withTopic = (more: ClusterOptions = {}) => Cluster.start({ topics: { t: { partitions: 2 } }, ...more });

test("what was produced is fetched, in every version, from the batch that holds the offset", async () => {
  const cluster = await withTopic({ release: "3.9" });
  await onLine(cluster, async (line) => {
    await put(line, await batch(2, [record("a"), record("b")]));
    await put(line, await batch(2, [record("c"), record("d")], "snappy"));
    const topicId = cluster.topics.get("t")!.id;
    for (let version = 0; version <= 17; version++) {
      const topic = version >= 13 ? { topicId } : { topic: "t" };
      const all = await get(line, version, { topic });
      const texts = await read(all.records);
      // What is converted is cut to its size before, so the second batch may be missing.
      assert.deepEqual(
        texts,
        ["0 a", "1 b", "2 c", "3 d"].slice(0, version < 4 ? texts.length : 4),
        `version ${version}`,
      );
      assert.isAtLeast(texts.length, 2);
      assert.deepEqual([all.errorCode, all.highWatermark], [0, 4]);
      if (version >= 4) assert.equal(all.lastStableOffset, 4);
      if (version >= 5) assert.equal(all.logStartOffset, 0);
      const late = await read((await get(line, version, { topic, offset: 3 })).records);
      assert.deepEqual(late, ["2 c", "3 d"]);
      const end = await get(line, version, { topic, offset: 4 });
      assert.deepEqual([end.errorCode, end.records!.length], [0, 0]);
    }
  });
});

test("records come in a format that the version can have", async () => {
  await onLine(await withTopic({ release: "2.8.2" }), async (line) => {
    await put(line, await batch(2, [record("a", { headers: [["h", "1"]] })], "snappy"));
    for (const [version, magic] of [[0, 0], [1, 0], [2, 1], [3, 1], [4, 2]] as const) {
      const { records } = await get(line, version);
      assert.equal(records![16], magic);
      assert.equal(records![magic === 2 ? 22 : 17]! & 7, 2);
      assert.deepEqual(await read(records), ["0 a"]);
    }
  });
});

test("what is compressed with lz4 has the head that a reader of the version asks for", async () => {
  const records = ["a", "b", "c"].map((value) => record(value.repeat(50)));
  await onLine(await withTopic({ release: "2.8.2" }), async (line) => {
    await put(line, await batch(2, records, "lz4", { lz4 }));
    for (const [version, checksum] of [[1, 0x1a], [3, 0x82], [4, 0x82]] as const) {
      const part = await get(line, version);
      const frame = part.records!.findIndex((_, i, all) =>
        all[i] === 0x04 && all[i + 1] === 0x22 && all[i + 2] === 0x4d
      );
      assert.deepEqual([...part.records!.subarray(frame, frame + 7)], [0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, checksum]);
      assert.lengthOf(await read(part.records), 3);
    }
  });
  await onLine(await withTopic({ release: "0.9.0.1" }), async (line) => {
    await put(line, await batch(0, records, "lz4", { lz4 }), 0, 1);
    assert.lengthOf(await read((await get(line, 1)).records), 3);
  });
});

test("on 0.11 records with headers cannot be converted", async () => {
  await onLine(await withTopic({ release: "0.11.0.3" }), async (line) => {
    await put(line, await batch(2, [record("a", { headers: [["h", "1"]] })]));
    assert.equal((await get(line, 3)).errorCode, -1);
    assert.equal((await get(line, 4)).errorCode, 0);
  });
});

test("message sets are read from the very offset, plain and compressed", async () => {
  for (const [release, magic, version] of [["0.9.0.1", 0, 1], ["0.10.2.2", 1, 2]] as const) {
    await onLine(await withTopic({ release }), async (line) => {
      for (const compression of ["none", "snappy"] as const) {
        await put(line, await batch(magic, [record("a"), record("b"), record("c")], compression), 0, version);
      }
      assert.deepEqual((await read((await get(line, version, { offset: 2 })).records))[0], "2 c");
      assert.deepEqual(await read((await get(line, version, { offset: 4 })).records), ["3 a", "4 b", "5 c"]);
    });
  }
});

test("offsets outside the log have error 1", async () => {
  const cluster = await withTopic();
  await onLine(cluster, async (line) => {
    const topic = { topicId: cluster.topics.get("t")!.id };
    for (const value of ["a", "b", "c"]) await put(line, await batch(2, [record(value)]));
    assert.equal((await get(line, 13, { topic, offset: 4 })).errorCode, 1);
    assert.equal((await get(line, 13, { topic, offset: -1 })).errorCode, 1);
    cluster.deleteRecords("t", 0, 2);
    const gone = await get(line, 13, { topic, offset: 1 });
    assert.deepEqual([gone.errorCode, gone.highWatermark, gone.records!.length], [1, -1, 0]);
    const { logStartOffset, records } = await get(line, 13, { topic, offset: 2 });
    assert.deepEqual([logStartOffset, await read(records)], [2, ["2 c"]]);
  });
});

test("the first batch comes whole, and later ones as far as the limits go", async () => {
  await onLine(await withTopic(), async (line) => {
    const one = await batch(2, [record("x".repeat(1000))]);
    for (let i = 0; i < 3; i++) await put(line, one);
    await put(line, one, 1);
    const size = async (wish: Wish, version = 4) =>
      (await line.ask(fetch, version, body(wish))).responses[0]!.partitions.map(({ records }) => records!.length);
    assert.deepEqual(await size({ partitionMaxBytes: 10 }), [one.length]);
    assert.deepEqual(await size({ partitionMaxBytes: one.length + 100 }), [one.length + 100]);
    assert.deepEqual(await size({ partitions: [0, 1] }), [3 * one.length, one.length]);
    assert.deepEqual(await size({ partitions: [0, 1], maxBytes: 10 }), [one.length, 0]);
    assert.deepEqual(await size({ partitions: [1, 0], maxBytes: one.length + 100 }), [one.length, 0]);
    assert.deepEqual(await size({ partitions: [0, 1], partitionMaxBytes: one.length - 1 }), [one.length, 0]);
  });
});

test("before version 3 the limit cuts the first entry too", async () => {
  await onLine(await withTopic({ release: "0.9.0.1" }), async (line) => {
    await put(line, await batch(0, [record("x".repeat(1000))]), 0, 1);
    assert.equal((await get(line, 1, { partitionMaxBytes: 100 })).records!.length, 100);
  });
});

test("what is converted for an old reader is cut or filled up to its size before", async () => {
  await onLine(await withTopic({ release: "2.8.2" }), async (line) => {
    const one = await batch(2, [record("a"), record("b")]);
    for (let i = 0; i < 3; i++) await put(line, one);
    for (const size of [5, 40, one.length, one.length + 5, 2 * one.length, 3 * one.length]) {
      const { records } = await get(line, 1, { partitionMaxBytes: size });
      assert.lengthOf(records!, size);
      const whole = Math.floor(size / one.length);
      assert.lengthOf(await read(records), 2 * whole, `${size} bytes`);
    }
    const records = (await get(line, 3, { partitionMaxBytes: 5 })).records!;
    assert.deepEqual(await read(records), ["0 a", "1 b"]);
  });
});

test("a fetch waits for records, for its time, or for an error", async () => {
  const cluster = await withTopic();
  await onLine(cluster, async (line) => {
    const other = await Line.to(cluster);
    const begun = performance.now();
    assert.equal((await get(line, 4, { maxWaitMs: 60 })).records!.length, 0);
    assert.isAtLeast(performance.now() - begun, 55);
    const waiting = get(line, 4, { maxWaitMs: 20_000 });
    await put(other, await batch(2, [record("a")]));
    assert.deepEqual(await read((await waiting).records), ["0 a"]);
    const many = get(line, 4, { offset: 1, maxWaitMs: 20_000, minBytes: 150 });
    await put(other, await batch(2, [record("b")]));
    await put(other, await batch(2, [record("c".repeat(100))]));
    assert.lengthOf(await read((await many).records), 2);
    const doomed = get(line, 4, { offset: 3, maxWaitMs: 20_000 });
    await other.ask(metadata, 1, { topics: [] });
    cluster.deleteTopic("t");
    assert.equal((await doomed).errorCode, 3);
    assert.equal((await get(line, 4, { maxWaitMs: 20_000 })).errorCode, 3);
    other.close();
  });
});

test("a waiting fetch holds up what comes behind it on its connection", async () => {
  const cluster = await withTopic();
  await onLine(cluster, async (line) => {
    await line.send(fetch, 4, body({ maxWaitMs: 20_000 }));
    await line.send(metadata, 1, { topics: [] });
    let hasCome = false;
    const first = line.frame().then((frame) => {
      hasCome = true;
      return frame;
    });
    const other = await Line.to(cluster);
    await other.ask(metadata, 1, { topics: [] });
    assert.isFalse(hasCome);
    await put(other, await batch(2, [record("a")]));
    assert.isAbove((await first)!.length, 60);
    assert.isDefined(await line.frame());
    other.close();
  });
});

test("epochs, leaders, ids and sessions are checked", async () => {
  const cluster = await Cluster.start({ brokers: 3, topics: { t: { replicationFactor: 2 } }, release: "4.0" });
  const lines = [await Line.to(cluster, 1), await Line.to(cluster, 2), await Line.to(cluster, 3)];
  const { leader, replicas } = cluster.partition("t", 0);
  const stranger = [1, 2, 3].find((id) => !replicas.includes(id))!;
  const follower = replicas.find((id) => id !== leader)!;
  const code = async (id: number, version: number, wish: Wish = {}) =>
    (await get(lines[id - 1]!, version, wish)).errorCode;
  const topic = { topicId: cluster.topics.get("t")!.id };
  assert.equal(await code(leader, 9, { epoch: 0 }), 0);
  assert.equal(await code(leader, 9, { epoch: 1 }), 75);
  assert.equal(await code(stranger, 9), 6);
  assert.equal(await code(follower, 10), 6);
  assert.equal(await code(follower, 11), 0);
  assert.equal(await code(leader, 13, { topic: { topicId: "01234567-89ab-cdef-0123-456789abcdef" } }), 100);
  cluster.moveLeader("t", 0, follower);
  assert.equal(await code(leader, 9, { epoch: 0 }), 74);
  const moved = await lines[leader - 1]!.ask(fetch, 16, body({ topic, epoch: 0 }));
  assert.deepEqual(moved.responses[0]!.partitions[0]!.currentLeader, { leaderId: follower, leaderEpoch: 1 });
  assert.deepEqual(moved.nodeEndpoints.map(({ nodeId }) => nodeId), [follower]);
  const session = await lines[0]!.ask(fetch, 7, { ...body(), sessionId: 5, sessionEpoch: 1 });
  assert.deepEqual([session.errorCode, session.responses], [70, []]);
  assert.equal((await lines[follower - 1]!.ask(fetch, 7, { ...body(), sessionId: 0, sessionEpoch: 0 })).sessionId, 0);
  for (const line of lines) line.close();
  await cluster.close();
});

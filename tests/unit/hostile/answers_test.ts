/**
 * Answers to Fetch, Produce, ListOffsets, CreateTopics and DeleteTopics that lie: a typed error for that partition or request, and
 * the rest goes on. Elsewhere:
 *
 * - partitions that are missing again and again, or fail without a name, are no hot loop: tests/unit/consumer/bad_weather_test.ts
 * - what brokers say of themselves and of topics: metadata_test.ts; what is wrong with the frames: frames_test.ts, both beside this
 * - junk in every message: tests/property/junk_test.ts; counts and lengths: tests/unit/wire, tests/unit/bytes
 */

import { assert } from "chai";
import type { KafkaError } from "../../../src/base/errors.ts";
import { createTopics } from "../../../src/protocol/create_topics.ts";
import { deleteTopics } from "../../../src/protocol/delete_topics.ts";
import { fetch } from "../../../src/protocol/fetch.ts";
import { listOffsets } from "../../../src/protocol/list_offsets.ts";
import { produce } from "../../../src/protocol/produce.ts";
import type { Response } from "../../../src/wire/schema.ts";
import { test } from "../../harness.ts";
import { failure, play, type Rig } from "../client/rig.ts";
import { bend, bendRecords, changedEntry, filled, readOn } from "./bent.ts";

const TWO = { topics: { t: { partitions: 2 } } };
const BIG = 2 ** 62;
const NIL = "00000000-0000-0000-0000-000000000000";

type FetchAnswer = Response<typeof fetch>;
type FetchPartition = FetchAnswer["responses"][number]["partitions"][number];

/** Both partitions with three messages each, in batches of one. */
async function twoFilled(rig: Rig): Promise<void> {
  await filled(rig, 0, [["a"], ["b"], ["c"]]);
  await filled(rig, 1, [["1"], ["2"], ["3"]]);
}

function partitionsOf(body: FetchAnswer): FetchPartition[] {
  return body.responses.flatMap(({ partitions }) => partitions);
}

/** Everything is read, once and in order, without an error, whatever is said beside it. */
const harmless: readonly [what: string, change: (body: FetchAnswer) => FetchAnswer][] = [
  ["partitions twice", (body) => {
    for (const topic of body.responses) topic.partitions.push(...topic.partitions);
    return body;
  }],
  ["topics twice", (body) => ({ ...body, responses: [...body.responses, ...body.responses] })],
  ["partitions that nobody asked for", (body) => {
    for (const topic of body.responses) {
      for (const partitionIndex of [2, 7, -1, 2147483647]) {
        topic.partitions.push({ ...topic.partitions[0]!, partitionIndex, errorCode: 999 });
      }
    }
    return body;
  }],
  ["a topic that nobody asked for", (body) => {
    const other = body.responses.map((topic) => ({ ...topic, topic: "x", topicId: NIL.replaceAll("0", "7") }));
    return { ...body, responses: [...other, ...body.responses] };
  }],
  ["no watermarks", (body) => {
    for (const it of partitionsOf(body)) it.highWatermark = it.lastStableOffset = it.logStartOffset = -1;
    return body;
  }],
  ["watermarks beyond all", (body) => {
    for (const it of partitionsOf(body)) it.highWatermark = it.lastStableOffset = it.logStartOffset = BIG;
    return body;
  }],
  ["transactions and replicas that there are not", (body) => {
    for (const it of partitionsOf(body)) {
      it.abortedTransactions = [{ producerId: -5, firstOffset: -7 }, { producerId: BIG, firstOffset: BIG }];
      it.preferredReadReplica = 99;
      it.currentLeader = { leaderId: 99, leaderEpoch: -9 };
      it.divergingEpoch = { epoch: -3, endOffset: -3 };
      it.snapshotId = { endOffset: 5, epoch: 5 };
    }
    return { ...body, sessionId: 2147483647, nodeEndpoints: [{ nodeId: -1, host: "", port: 0, rack: null }] };
  }],
  ["null for no records", (body) => {
    for (const it of partitionsOf(body)) if (it.records?.length === 0) it.records = null;
    return body;
  }],
];

for (const [what, change] of harmless) {
  test(`a fetch with ${what} brings what it brings`, () =>
    play(TWO, async (rig) => {
      await twoFilled(rig);
      bend(rig, fetch, change);
      const { seen, errors } = await readOn((await rig.client.topic("t")).simpleConsumer({ until: "end" }));
      assert.deepEqual([seen, errors], [[["a", "b", "c"], ["1", "2", "3"]], []]);
    }));
}

for (const code of [999, -42, 32767, -32768, 29, 87]) {
  test(`a fetch with the error ${code} of one partition stops that one, until somebody seeks`, () =>
    play(TWO, async (rig) => {
      await twoFilled(rig);
      let asked = 0;
      const undo = bend(rig, fetch, (body) => {
        for (const it of partitionsOf(body)) {
          if (it.partitionIndex === 0 && asked++ < 50) [it.errorCode, it.records] = [code, new Uint8Array(0)];
        }
        return body;
      });
      const topic = await rig.client.topic("t");
      const consumer = topic.simpleConsumer({ until: "end" });
      const seen: string[] = [];
      const errors: KafkaError[] = [];
      const read = async () => {
        for await (const message of consumer) seen.push(message.text());
      };
      for (let tries = 0; tries < 6; tries++) errors.push(await failure(read()));
      assert.deepEqual(seen, ["1", "2", "3"]);
      assert.isBelow(asked, 3, "what has failed is not asked about again");
      for (const error of errors) {
        assert.deepEqual([error.topic, error.partition, error.offset, error.retriable], ["t", 0, 0, false]);
        if (code !== 29 && code !== 87) assert.equal(error.code, `UNKNOWN_ERROR_${code}`);
        assert.isDefined(error.broker);
      }
      undo();
      consumer.seek(0, 1);
      await read();
      assert.deepEqual(seen, ["1", "2", "3", "b", "c"]);
    }));
}

test("a fetch that fails as a whole with an unknown error is told of each partition with its place", () =>
  play(TWO, async (rig) => {
    await twoFilled(rig);
    const undo = bend(rig, fetch, (body) => ({ ...body, errorCode: 999 }));
    const consumer = (await rig.client.topic("t")).simpleConsumer();
    const read = async () => {
      for await (const _ of consumer);
    };
    const places = new Set<number>();
    for (let tries = 0; tries < 4; tries++) {
      const error = await failure(read());
      assert.deepEqual([error.code, error.topic, error.offset], ["UNKNOWN_ERROR_999", "t", 0]);
      places.add(error.partition!);
    }
    assert.deepEqual([...places].sort(), [0, 1]);
    undo();
    await consumer.close();
  }));

test("a broker that gives what was not asked for is asked again, but not at once, and nothing comes twice", () =>
  play({}, async (rig) => {
    await filled(rig, 0, [["a"], ["b"], ["c"]]);
    const { log } = rig.cluster.partition("t", 0);
    const old = log.stored[0]!.bytes;
    const consumer = (await rig.client.topic("t")).simpleConsumer({ from: 1, until: "end" });
    let answers = 0;
    const undo = bendRecords(rig, () => {
      answers++;
      return old;
    });
    const seen: string[] = [];
    const loop = (async () => {
      for await (const message of consumer) seen.push(message.text());
    })();
    await rig.process.sleep(5000);
    assert.isBelow(answers, 70, "ten a second");
    assert.deepEqual(seen, []);
    undo();
    await loop;
    assert.deepEqual(seen, ["b", "c"]);
  }));

test("batches in the wrong order, or again, bring each offset once", () =>
  play({}, async (rig) => {
    await filled(rig, 0, [["a"], ["b"], ["c"]]);
    const entries = rig.cluster.partition("t", 0).log.stored.map(({ bytes }) => bytes);
    const join = (...order: number[]) => order.map((n) => entries[n]!);
    for (const order of [join(0, 0, 1, 1, 2, 2), join(0, 1, 0, 2, 1), join(0, 2), join(2, 1, 0)]) {
      const undo = bendRecords(rig, () => {
        undo();
        return Uint8Array.from(order.flatMap((entry) => [...entry]));
      });
      const offsets: number[] = [];
      for await (const message of (await rig.client.topic("t")).simpleConsumer({ until: "end" })) {
        offsets.push(message.offset);
      }
      assert.deepEqual(offsets, [...new Set(offsets)].sort());
      assert.equal(offsets.at(-1), 2);
    }
  }));

test("an offset far ahead in a batch's head leads to a place where nothing is, and reset brings the reader back", () =>
  play({}, async (rig) => {
    await filled(rig, 0, [["a"], ["b"]]);
    const undo = bendRecords(rig, (records) => {
      undo();
      return changedEntry(records, 0, (entry) => {
        new DataView(entry.buffer).setInt32(4, 1_000_000); // which no checksum covers
        return entry;
      });
    });
    const consumer = (await rig.client.topic("t")).simpleConsumer({ reset: "earliest" });
    const seen: unknown[] = [];
    const loop = (async () => {
      for await (const message of consumer) seen.push([message.offset, message.text()]);
    })();
    await rig.process.sleep(5000);
    await consumer.close();
    await loop;
    assert.deepEqual(seen, [[1_000_000, "a"], [0, "a"], [1, "b"]]);
  }));

type ProduceAnswer = Response<typeof produce>;

const acknowledged: readonly [what: string, change: (body: ProduceAnswer) => ProduceAnswer][] = [
  ["topics twice", (body) => ({ ...body, responses: [...body.responses, ...body.responses] })],
  ["partitions and topics that nobody asked for", (body) => {
    const [first] = body.responses;
    const odd = [-1, 5, 2147483647].map((index) => ({ ...first!.partitionResponses[0]!, index, errorCode: 999 }));
    const more = { ...first!, name: "x", topicId: NIL.replaceAll("0", "7"), partitionResponses: odd };
    return { ...body, responses: [{ ...first!, partitionResponses: [...odd, ...first!.partitionResponses] }, more] };
  }],
  ["errors of records without an error", (body) => {
    for (const it of body.responses[0]!.partitionResponses) {
      it.recordErrors = [{ batchIndex: -5, batchIndexErrorMessage: null }];
      [it.errorMessage, it.logStartOffset, it.currentLeader] = ["no", BIG, { leaderId: -9, leaderEpoch: -9 }];
    }
    return body;
  }],
];

for (const [what, change] of acknowledged) {
  test(`a produce that is answered with ${what} is acknowledged once`, () =>
    play(TWO, async (rig) => {
      bend(rig, produce, change);
      const producer = (await rig.client.topic("t")).producer();
      const sent = [0, 1, 0, 1].map((partition) => ({ partition, value: "x" }));
      assert.deepEqual((await producer.produce(sent)).map(({ offset }) => offset), [0, 0, 1, 1]);
    }));
}

type ProducePartition = ProduceAnswer["responses"][number]["partitionResponses"][number];

const refused: readonly [what: string, code: string, change: (it: ProducePartition) => void][] = [
  ["the error 999", "UNKNOWN_ERROR_999", (it) => it.errorCode = 999],
  ["the error -42", "UNKNOWN_ERROR_-42", (it) => it.errorCode = -42],
  ["the error 32767", "UNKNOWN_ERROR_32767", (it) => it.errorCode = 32767],
  ["the error -1", "UNKNOWN_SERVER_ERROR", (it) => it.errorCode = -1],
  ["another partition's number", "PROTOCOL_ERROR", (it) => it.index = 9],
];

for (const [what, code, change] of refused) {
  test(`a produce that is answered with ${what} fails with ${code}, its neighbour does not, and the next one is as good as any`, () =>
    play(TWO, async (rig) => {
      const undo = bend(rig, produce, (body) => {
        for (const it of body.responses[0]!.partitionResponses) if (it.index === 0) change(it);
        return body;
      });
      const producer = (await rig.client.topic("t")).producer();
      const both = [0, 1].map((partition) => producer.produce({ partition, value: "x" }));
      const error = await failure(both[0]!);
      assert.deepEqual([error.code, error.topic, error.partition, error.persisted], [code, "t", 0, "possibly"]);
      assert.isFalse(error.retriable);
      assert.equal((await both[1]!).offset, 0);
      undo();
      assert.equal((await producer.produce({ partition: 0, value: "y" })).offset, 1);
    }));
}

test("a topic that is left out of the answer to Produce fails its messages alone", () =>
  play({ topics: { t: {}, u: {} } }, async (rig) => {
    bend(rig, produce, (body) => {
      const id = rig.client.topics.get("u")!.id;
      return { ...body, responses: body.responses.filter((it) => it.name !== "u" && it.topicId !== id) };
    });
    const producer = rig.client.producer({ lingerMs: 10 });
    const [t, u] = ["t", "u"].map((topic) => producer.produce({ topic, value: "x" }));
    assert.equal((await failure(u!)).topic, "u");
    assert.equal((await t!).offset, 0);
  }));

type OffsetsAnswer = Response<typeof listOffsets>;
type OffsetsPartition = OffsetsAnswer["topics"][number]["partitions"][number];

const lost: readonly [what: string, code: string, cause: string | undefined, change: (it: OffsetsPartition) => void][] =
  [
    ["the error 999", "UNKNOWN_ERROR_999", undefined, (it) => it.errorCode = 999],
    ["the error -42", "UNKNOWN_ERROR_-42", undefined, (it) => it.errorCode = -42],
    ["the offset -2", "PROTOCOL_ERROR", undefined, (it) => it.offset = -2],
    ["the offset -2^63", "PROTOCOL_ERROR", undefined, (it) => it.offset = -(2 ** 63)],
    ["the offset 2^53", "PROTOCOL_ERROR", undefined, (it) => it.offset = 2 ** 53],
    ["the offset 2^62", "PROTOCOL_ERROR", undefined, (it) => it.offset = BIG],
    ["the offset -1", "REQUEST_TIMEOUT", "OFFSET_NOT_AVAILABLE", (it) => it.offset = -1],
    ["another partition's number", "REQUEST_TIMEOUT", "NOT_LEADER_OR_FOLLOWER", (it) => it.partitionIndex = 9],
    ["an error that heals", "REQUEST_TIMEOUT", "COORDINATOR_LOAD_IN_PROGRESS", (it) => it.errorCode = 14],
  ];

for (const [what, code, cause, change] of lost) {
  test(`an offset that is answered with ${what} is told, or looked for again, and holds up nobody else`, () =>
    play({ ...TWO, client: { requestTimeoutMs: 2000 } }, async (rig) => {
      await twoFilled(rig);
      const undo = bend(rig, listOffsets, (body) => {
        for (const it of body.topics.flatMap(({ partitions }) => partitions)) if (it.partitionIndex === 0) change(it);
        return body;
      });
      const topic = await rig.client.topic("t");
      const error = await failure(topic.latestOffsets());
      assert.deepEqual([error.code, (error.cause as KafkaError | undefined)?.code], [code, cause]);
      const told = (error.cause ?? error) as KafkaError;
      assert.deepEqual([told.topic, told.partition], ["t", 0]);
      const toEnd = await failure((async () => {
        for await (const _ of topic.simpleConsumer({ until: "end" }));
      })());
      assert.equal(toEnd.code, code, "a loop to an end that is not known does not begin");
      const consumer = topic.simpleConsumer();
      const seen: string[] = [];
      let stopped: KafkaError | undefined;
      const read = async () => {
        for await (const message of consumer) seen.push(message.text());
      };
      let loop = read().catch((error) => stopped = error);
      await rig.process.sleep(3000);
      if (cause === undefined) {
        assert.deepEqual([stopped?.code, stopped?.topic, stopped?.partition], [code, "t", 0]);
        loop = read().catch((error) => stopped = error);
        await rig.process.sleep(1000);
      }
      assert.deepEqual(seen, ["1", "2", "3"]);
      undo();
      if (cause === undefined) {
        consumer.seek(0, "earliest");
        loop = read();
      }
      await rig.process.sleep(3000);
      assert.deepEqual(seen, ["1", "2", "3", "a", "b", "c"]);
      await consumer.close();
      await loop;
    }));
}

test("offsets of 0.8 that hold none, and topics and partitions that nobody asked for", () =>
  play({ release: "0.8.2.2", client: { requestTimeoutMs: 2000 } }, async (rig) => {
    const topic = await rig.client.topic("t");
    const undo = bend(rig, listOffsets, (body) => {
      for (const it of body.topics.flatMap(({ partitions }) => partitions)) it.oldStyleOffsets = [];
      return body;
    });
    const error = await failure(topic.latestOffsets());
    assert.equal((error.cause as KafkaError).code, "OFFSET_NOT_AVAILABLE");
    undo();
    bend(rig, listOffsets, (body) => {
      const [first] = body.topics;
      const odd = [-1, 5].map((partitionIndex) => ({ ...first!.partitions[0]!, partitionIndex, errorCode: 999 }));
      first!.partitions.push(...odd);
      return { ...body, topics: [{ ...first!, name: "x", partitions: odd }, ...body.topics] };
    });
    assert.deepEqual([...await topic.latestOffsets()], [[0, 0]]);
  }));

test("what is said of other topics is no answer to CreateTopics and DeleteTopics", () =>
  play({ client: { requestTimeoutMs: 2000 } }, async (rig) => {
    const { admin } = rig.client;
    const undo = [
      bend(rig, createTopics, ({ topics }) => ({ topics: topics.map((it) => ({ ...it, name: "x", errorCode: 36 })) })),
      bend(rig, deleteTopics, ({ responses }) => ({ responses: responses.map((it) => ({ ...it, name: null })) })),
    ];
    const calls = [() => admin.createTopic("made"), () => admin.deleteTopic("t")];
    for (const [i, call] of calls.entries()) {
      const error = await failure(call());
      assert.deepEqual([error.code, error.topic], ["PROTOCOL_ERROR", ["made", "t"][i]]);
    }
    for (const end of undo) end();
    bend(rig, createTopics, ({ topics }) => {
      const [first] = topics;
      return { topics: [{ ...first!, name: "x", errorCode: 36 }, first!, { ...first!, name: "y", errorCode: 999 }] };
    });
    await admin.createTopic("another");
  }));

for (const errorCode of [999, -42, 32767]) {
  test(`CreateTopics and DeleteTopics with the error ${errorCode} fail with its number`, () =>
    play({}, async (rig) => {
      bend(rig, createTopics, ({ topics }) => ({ topics: topics.map((it) => ({ ...it, errorCode })) }));
      bend(rig, deleteTopics, ({ responses }) => ({ responses: responses.map((it) => ({ ...it, errorCode })) }));
      for (const call of [rig.client.admin.createTopic("made"), rig.client.admin.deleteTopic("t")]) {
        const error = await failure(call);
        assert.deepEqual([error.code, error.retriable], [`UNKNOWN_ERROR_${errorCode}`, false]);
      }
    }));
}

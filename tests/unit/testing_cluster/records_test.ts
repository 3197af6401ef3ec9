/** What embedded leaders find in single records, and the time that they write over them. */

import { assert } from "chai";
import { fetch } from "../../../src/protocol/fetch.ts";
import { produce } from "../../../src/protocol/produce.ts";
import type { RecordInput } from "../../../src/records/builder.ts";
import { recordBatches } from "../../../src/records/reading.ts";
import { snappy } from "../../../src/records/snappy.ts";
import { Cluster } from "../../../src/testing/cluster.ts";
import { test } from "../../harness.ts";
import { simulated } from "../base/simulated.ts";
import { batch, type Line, onLine, record } from "./line.ts";

const TIME = 1_700_000_000_000;

async function put(line: Line, version: number, records: Uint8Array, name = "t") {
  const body = { acks: -1, timeoutMs: 1000, topicData: [{ name, partitionData: [{ index: 0, records }] }] };
  return (await line.ask(produce, version, body)).responses[0]!.partitionResponses[0]!;
}

const mixed: readonly RecordInput[] = ["a", null, "b", null].map((key) => record("v", { key }));

test("a compacted topic takes no record without key, and says which it was", async () => {
  for (
    const [release, version, errorCode, indexes, start] of [
      ["0.10.2.2", 2, 2, [], -1],
      ["1.1.1", 5, 2, [], -1],
      ["2.4.1", 7, 87, [], 0],
      ["2.4.1", 8, 87, [1], 0],
      ["2.8.2", 9, 87, [1, 3], 0],
      ["4.4.0", 12, 87, [1, 3], 0],
    ] as const
  ) {
    for (const policy of ["compact", "delete,compact"]) {
      for (const compression of ["none", "snappy"] as const) {
        const cluster = await Cluster.start({ release, topics: { t: { configs: { "cleanup.policy": policy } } } });
        await onLine(cluster, async (line) => {
          const magic = version < 3 ? 1 : 2;
          const answer = await put(line, version, await batch(magic, mixed, compression));
          assert.deepInclude(answer, { errorCode, baseOffset: -1, logStartOffset: start }, release);
          assert.deepEqual(answer.recordErrors.map(({ batchIndex }) => batchIndex), [...indexes], release);
          const [first] = answer.recordErrors;
          if (version < 8) assert.isNull(answer.errorMessage);
          else if (release === "2.4.1") {
            assert.isNull(first!.batchIndexErrorMessage);
            assert.include(answer.errorMessage, "without key in topic partition t-0");
          } else {
            assert.include(first!.batchIndexErrorMessage, "without key in topic partition t-0");
            assert.include(answer.errorMessage, "One or more records have been rejected");
          }
          const keyed = mixed.filter(({ key }) => key !== null);
          assert.equal((await put(line, version, await batch(magic, keyed, compression))).baseOffset, 0);
        });
      }
    }
  }
});

test("records that are too far in the future are named", async () => {
  const cluster = await Cluster.start({ topics: { t: {} } });
  await onLine(cluster, async (line) => {
    const now = Date.now();
    const records = [now, now + 4_000_000, now, now + 5_000_000].map((timestamp) => record("v", { timestamp }));
    const answer = await put(line, 12, await batch(2, records));
    assert.deepInclude(answer, { errorCode: 32, baseOffset: -1, logStartOffset: 0 });
    assert.deepEqual(answer.recordErrors.map(({ batchIndex }) => batchIndex), [1, 3]);
  });
});

test("the log's own time goes over the producer's, whatever that says, and is told", async () => {
  for (
    const [release, version, magic] of [
      ["0.10.2.2", 2, 0],
      ["0.10.2.2", 2, 1],
      ["2.8.2", 2, 1],
      ["2.8.2", 9, 2],
      ["4.4.0", 12, 2],
    ] as const
  ) {
    for (const compression of ["none", "snappy"] as const) {
      await simulated(async (world) => {
        const topics = { t: { configs: { "message.timestamp.type": "LogAppendTime" } } };
        const cluster = await Cluster.start({ world, release, topics });
        await onLine(cluster, async (line) => {
          await world.sleep(5000);
          const wall = world.wall();
          const far = wall + 30 * 86_400_000;
          const sent = await batch(magic, [record("a"), record("b", { timestamp: far })], compression);
          const answer = await put(line, version, sent);
          assert.deepInclude(answer, { errorCode: 0, baseOffset: 0, logAppendTimeMs: wall }, release);
          const { maxTimestamp, bytes } = cluster.partition("t", 0).log.stored[0]!;
          assert.equal(maxTimestamp, wall);
          const origin = { topic: "t", partition: 0 };
          const options = { codecs: { snappy }, checkCrc: true, decompressedLimit: 1000 };
          for (const batch of recordBatches(bytes, origin)) {
            for (const { timestamp } of await batch.open(origin, options)) assert.equal(timestamp, wall);
          }
          if (magic === 2) assert.deepEqual(bytes.subarray(61), sent.subarray(61), "records stay as they are");
        });
      });
    }
  }
});

test("a time of the log is of no use to a release without, and topics that keep the producer's have -1", async () => {
  for (const [release, version, configs] of [["0.9.0.1", 1, true], ["2.8.2", 9, false]] as const) {
    const topics = { t: configs ? { configs: { "message.timestamp.type": "LogAppendTime" } } : {} };
    const cluster = await Cluster.start({ release, topics });
    await onLine(cluster, async (line) => {
      const answer = await put(line, version, await batch(version < 3 ? 0 : 2, [record("a")]));
      assert.deepInclude(answer, { errorCode: 0, logAppendTimeMs: -1 });
    });
  }
});

test("an upgraded log's own time is searched by, and read by old and new clients", async () => {
  await simulated(async (world) => {
    const topics = { t: { configs: { "message.timestamp.type": "LogAppendTime" } } };
    const cluster = await Cluster.start({ world, release: "2.8.2", topics });
    await onLine(cluster, async (line) => {
      const wall = world.wall();
      await put(line, 9, await batch(2, [record("a", { timestamp: TIME })], "snappy"));
      const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 10_000 }];
      for (const version of [2, 4]) {
        const body = { maxWaitMs: 0, minBytes: 1, topics: [{ topic: "t", partitions }] };
        const { records } = (await line.ask(fetch, version, body)).responses[0]!.partitions[0]!;
        const origin = { topic: "t", partition: 0 };
        const [only] = recordBatches(records!, origin);
        const list = await only!.open(origin, { codecs: { snappy }, checkCrc: true, decompressedLimit: 1000 });
        assert.deepEqual([...list].map(({ timestamp }) => timestamp), [wall], `Fetch ${version}`);
      }
    });
  });
});

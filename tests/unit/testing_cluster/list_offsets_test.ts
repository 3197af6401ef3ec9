/** Which offsets embedded leaders give for the ends of a log and for times. */

import { assert } from "chai";
import { listOffsets } from "../../../src/protocol/list_offsets.ts";
import { produce } from "../../../src/protocol/produce.ts";
import { Cluster } from "../../../src/testing/cluster.ts";
import { test } from "../../harness.ts";
import { batch, Line, onLine, record } from "./line.ts";

const T = 1_700_000_000_000;

async function fill(line: Line, version: number, magic: 0 | 1 | 2): Promise<void> {
  const times = [[T, T + 20], [T + 10, T + 30, T + 30], [T + 5]];
  for (const [i, some] of times.entries()) {
    const records = await batch(
      magic,
      some.map((timestamp) => record("a", { timestamp })),
      i === 1 ? "snappy" : "none",
    );
    const topicData = [{ name: "t", partitionData: [{ index: 0, records }] }];
    const { responses } = await line.ask(produce, version, { acks: 1, timeoutMs: 1000, topicData });
    assert.equal(responses[0]!.partitionResponses[0]!.errorCode, 0);
  }
}

async function look(
  line: Line,
  version: number,
  timestamp: number,
  more: { epoch?: number | undefined; max?: number } = {},
) {
  const partitions = [{ partitionIndex: 0, timestamp, currentLeaderEpoch: more.epoch, maxNumOffsets: more.max }];
  const answer = await line.ask(listOffsets, version, { replicaId: -1, topics: [{ name: "t", partitions }] });
  return answer.topics[0]!.partitions[0]!;
}

test("the ends of a log and times are found in every version", async () => {
  const cluster = await Cluster.start({ topics: { t: {} } });
  await onLine(cluster, async (line) => {
    const empty = await look(line, 4, -1);
    assert.deepEqual([empty.offset, empty.timestamp, empty.leaderEpoch], [0, -1, 0]);
    assert.equal((await look(line, 7, -3)).offset, -1);
    await fill(line, 9, 2);
    cluster.deleteRecords("t", 0, 1);
    const wanted = [[-1, 6, -1], [-2, 1, -1], [T, 1, T + 20], [T + 21, 3, T + 30], [T + 30, 3, T + 30], [
      T + 31,
      -1,
      -1,
    ]];
    for (let version = 1; version <= 11; version++) {
      for (const [timestamp, offset, at] of wanted) {
        const found = await look(line, version, timestamp!);
        assert.deepEqual([found.errorCode, found.offset, found.timestamp], [0, offset, at], `v${version} ${timestamp}`);
        assert.equal(found.leaderEpoch, version < 4 || offset! < 0 ? -1 : 0);
      }
      assert.equal((await look(line, version, -7, { epoch: version < 4 ? undefined : 9 })).errorCode, 35);
      const late: [number, number, number][] = [[-3, 7, 3], [-4, 8, 1], [-5, 9, -1], [-6, 11, -1], [-7, 12, -1]];
      for (const [timestamp, since, offset] of late) {
        const found = await look(line, version, timestamp);
        assert.deepEqual(
          [found.errorCode, found.offset],
          version < since ? [35, -1] : [0, offset],
          `v${version} ${timestamp}`,
        );
      }
    }
  });
});

test("version 0 gives offsets of segments, the newest first", async () => {
  await onLine(await Cluster.start({ topics: { t: {} }, release: "0.9.0.1" }), async (line) => {
    const offsets = async (timestamp: number, max: number) => (await look(line, 0, timestamp, { max })).oldStyleOffsets;
    assert.deepEqual(await offsets(-1, 5), [0]);
    await fill(line, 1, 0);
    assert.deepEqual(await offsets(-1, 1), [6]);
    assert.deepEqual(await offsets(-1, 5), [6, 0]);
    assert.deepEqual(await offsets(-2, 5), [0]);
    assert.deepEqual(await offsets(4e12, 5), [6, 0]);
    assert.deepEqual(await offsets(1000, 5), []);
  });
});

test("message sets are searched by time too", async () => {
  await onLine(await Cluster.start({ topics: { t: {} }, release: "0.10.2.2" }), async (line) => {
    await fill(line, 2, 1);
    assert.equal((await look(line, 1, T + 25)).offset, 3);
  });
});

test("a time inside a batch that no codec opens is an error, not a guess", async () => {
  const codec = { compress: (bytes: Uint8Array) => bytes, decompress: (bytes: Uint8Array) => bytes };
  await onLine(await Cluster.start({ topics: { t: {} } }), async (line) => {
    const records = await batch(2, [record("a")], "gzip", { gzip: codec });
    const topicData = [{ name: "t", partitionData: [{ index: 0, records }] }];
    await line.ask(produce, 9, { acks: 1, timeoutMs: 1000, topicData });
    assert.equal((await look(line, 4, T)).errorCode, 76);
    assert.equal((await look(line, 4, -1)).offset, 1);
  });
});

test("only the leader answers, of its own epoch, and each partition once", async () => {
  const cluster = await Cluster.start({ brokers: 2, topics: { t: { replicationFactor: 2 } } });
  const { leader } = cluster.partition("t", 0);
  const line = await Line.to(cluster, leader);
  const other = await Line.to(cluster, 3 - leader);
  assert.equal((await look(line, 4, -1, { epoch: 0 })).errorCode, 0);
  assert.equal((await look(line, 4, -1, { epoch: 1 })).errorCode, 75);
  assert.equal((await look(other, 4, -1)).errorCode, 6);
  cluster.moveLeader("t", 0, 3 - leader);
  assert.equal((await look(other, 4, -1, { epoch: 0 })).errorCode, 74);
  assert.equal((await look(line, 4, -1)).errorCode, 6);
  const twice = [{ partitionIndex: 0, timestamp: -1 }, { partitionIndex: 0, timestamp: -2 }];
  const topics = [{ name: "t", partitions: twice }, { name: "u", partitions: [{ partitionIndex: 0, timestamp: -1 }] }];
  const answer = await other.ask(listOffsets, 4, { replicaId: -1, topics });
  assert.deepEqual(answer.topics.map(({ partitions }) => partitions.map((it) => it.errorCode)), [[42, 42], [3]]);
  line.close();
  other.close();
  await cluster.close();
});

/** What embedded leaders take into their logs, and what they refuse. */

import { assert } from "chai";
import { crc32c } from "../../../src/bytes/crc32c.ts";
import { produce } from "../../../src/protocol/produce.ts";
import { Cluster, type ClusterOptions } from "../../../src/testing/cluster.ts";
import type { Response } from "../../../src/wire/schema.ts";
import { test } from "../../harness.ts";
import { batch, changed, concat, type Line, onLine, record } from "./line.ts";

type Part = Response<typeof produce>["responses"][number]["partitionResponses"][number];

const UNKNOWN_ID = "01234567-89ab-cdef-0123-456789abcdef";

function body(
  records: Uint8Array | null,
  more: { name?: string; topicId?: string; index?: number; acks?: number } = {},
) {
  const { name = "t", topicId, index = 0, acks = -1 } = more;
  const topic = topicId === undefined ? { name } : { topicId };
  return { acks, timeoutMs: 1000, topicData: [{ ...topic, partitionData: [{ index, records }] }] };
}

async function put(line: Line, version: number, ...given: Parameters<typeof body>): Promise<Part> {
  return (await line.ask(produce, version, body(...given))).responses[0]!.partitionResponses[0]!;
}

const withTopic = (more: ClusterOptions = {}) => Cluster.start({ topics: { t: { partitions: 2 } }, ...more });

async function values(cluster: Cluster, partition = 0): Promise<(string | null)[]> {
  return (await cluster.records("t", partition)).map(({ offset, value }) =>
    `${offset} ${value && new TextDecoder().decode(value)}`
  );
}

/** A batch with other bytes in its head, under a right checksum. */
function forged(bytes: Uint8Array, at: number, ...with_: number[]): Uint8Array {
  const copy = changed(bytes, at, ...with_);
  new DataView(copy.buffer).setUint32(17, crc32c(copy, 21));
  return copy;
}

test("batches are appended and get their offsets and the leader's epoch", async () => {
  const cluster = await withTopic({ release: "4.0" });
  await onLine(cluster, async (line) => {
    for (let version = 3; version <= 12; version++) {
      const answer = await put(line, version, await batch(2, [record(`a${version}`), record(`b${version}`)]));
      assert.equal(answer.errorCode, 0);
      assert.equal(answer.baseOffset, (version - 3) * 2);
      assert.equal(answer.logAppendTimeMs, -1);
      assert.equal(answer.logStartOffset, version >= 5 ? 0 : -1);
    }
    assert.equal(cluster.partition("t", 0).log.endOffset, 20);
    assert.equal((await values(cluster))[19], "19 b12");
    const { bytes } = cluster.partition("t", 0).log.stored[3]!;
    assert.equal(new DataView(bytes.buffer).getInt32(12), 0);
  });
});

test("topics go by id from version 13 on", async () => {
  const cluster = await withTopic();
  await onLine(cluster, async (line) => {
    const topicId = cluster.topics.get("t")!.id;
    const records = await batch(2, [record("a")]);
    const answer = await line.ask(produce, 13, body(records, { topicId }));
    assert.equal(answer.responses[0]!.topicId, topicId);
    assert.equal(answer.responses[0]!.partitionResponses[0]!.errorCode, 0);
    assert.equal((await put(line, 13, records, { topicId: UNKNOWN_ID })).errorCode, 100);
  });
});

test("without acks nothing is answered, and an error ends the connection", async () => {
  const cluster = await withTopic();
  await onLine(cluster, async (line) => {
    const records = await batch(2, [record("a")]);
    await line.send(produce, 9, body(records, { acks: 0 }));
    assert.equal((await put(line, 9, records)).baseOffset, 1);
    assert.equal(await line.tryAsk(produce, 9, body(records, { acks: 0, name: "nowhere" })), "closed");
  });
});

test("acks other than -1, 0 and 1 are refused, but for 0.8", async () => {
  await onLine(await withTopic(), async (line) => {
    assert.equal((await put(line, 9, await batch(2, [record("a")]), { acks: 2 })).errorCode, 21);
  });
  await onLine(await withTopic({ release: "0.8.2.2" }), async (line) => {
    assert.equal((await put(line, 0, await batch(0, [record("a")]), { acks: -2 })).errorCode, 0);
    const { errorCode, baseOffset } = await put(line, 0, await batch(0, [record("a")]), { acks: 2 });
    assert.deepEqual([errorCode, baseOffset], [7, 1]);
  });
});

test("unknown topics and partitions have error 3, and other brokers than the leader error 6 with a hint", async () => {
  const cluster = await Cluster.start({ brokers: 3, topics: { t: { partitions: 3, replicationFactor: 2 } } });
  await onLine(cluster, async (line) => {
    const records = await batch(2, [record("a")]);
    assert.equal((await put(line, 9, records, { name: "nowhere" })).errorCode, 3);
    assert.equal((await put(line, 9, records, { index: 3 })).errorCode, 3);
    assert.equal((await put(line, 9, records, { index: 1 })).errorCode, 6);
    cluster.moveLeader("t", 0, 2);
    const answer = await line.ask(produce, 12, body(records));
    const part = answer.responses[0]!.partitionResponses[0]!;
    assert.deepEqual([part.errorCode, part.baseOffset, part.currentLeader], [6, -1, { leaderId: 2, leaderEpoch: 1 }]);
    assert.deepEqual(answer.nodeEndpoints, [{ nodeId: 2, host: "broker-2", port: 9092, rack: null }]);
  });
});

test("broken batches are refused with the right error", async () => {
  const cluster = await withTopic();
  await onLine(cluster, async (line) => {
    const good = await batch(2, [record("a"), record("b")]);
    const cases: [string, Uint8Array | null, number][] = [
      ["a wrong checksum", changed(good, good.length - 1, 99), 2],
      ["no records", null, -1],
      ["an empty one", new Uint8Array(0), 87],
      ["two batches", concat(good, good), 87],
      ["a torn batch", good.subarray(0, good.length - 1), 87],
      ["less than a head", good.subarray(0, 20), 87],
      ["an old format", await batch(1, [record("a")]), 87],
      ["a base offset", changed(good, 7, 5), 87],
      ["a count too small", forged(good, 57, 0, 0, 0, 1), 87],
      ["offsets that do not fit", forged(good, 23, 0, 0, 0, 7), 87],
      ["more records than there are", forged(forged(good, 57, 0, 0, 0, 3), 23, 0, 0, 0, 2), 87],
      ["what no codec opens", forged(good, 22, 2), -1],
      ["a transaction without an id", forged(good, 22, 16), 53],
      ["a control batch", forged(good, 22, 32), 87],
      ["no such compression", forged(good, 22, 5), -1],
      ["a producer without sequence", forged(good, 43, 0, 0, 0, 0, 0, 0, 0, 1), 87],
    ];
    for (const [name, records, errorCode] of cases) {
      const answer = await put(line, 9, records);
      assert.equal(answer.errorCode, errorCode, `${name}: ${answer.errorMessage}`);
      assert.equal(answer.baseOffset, -1);
    }
    assert.equal(cluster.partition("t", 0).log.endOffset, 0);
  });
});

test("before 2.1 a batch of another format ends the connection", async () => {
  await onLine(await withTopic({ release: "0.11.0.3" }), async (line) => {
    assert.equal(await line.tryAsk(produce, 3, body(await batch(1, [record("a")]))), "closed");
  });
});

test("a batch over max.message.bytes is refused, by the release's default or the topic's", async () => {
  const cluster = await withTopic();
  await cluster.createTopic("small", { configs: { "max.message.bytes": "100" } });
  await onLine(cluster, async (line) => {
    const at = async (size: number) => await batch(2, [record("x".repeat(size))]);
    assert.equal((await put(line, 9, await at(1_048_500))).errorCode, 0);
    assert.equal((await put(line, 9, await at(1_048_588))).errorCode, 10);
    assert.equal((await put(line, 9, await at(100), { name: "small" })).errorCode, 10);
    assert.equal((await put(line, 9, await at(10), { name: "small" })).errorCode, 0);
  });
});

test("a timestamp more than an hour ahead is refused since 4.0", async () => {
  for (const [release, errorCode] of [["4.0", 32], ["3.9", 0]] as const) {
    await onLine(await withTopic({ release }), async (line) => {
      assert.equal((await put(line, 9, await batch(2, [record("a", { timestamp: 4e12 })]))).errorCode, errorCode);
    });
  }
});

test("zstd needs version 7 and release 2.1", async () => {
  for (const [release, version, errorCode] of [["2.8.2", 6, 76], ["2.8.2", 7, 0], ["1.1", 5, -1]] as const) {
    await onLine(await withTopic({ release }), async (line) => {
      const records = forged(await batch(2, [record("a")]), 22, 4);
      assert.equal((await put(line, version, records)).errorCode, errorCode);
    });
  }
});

test("more replicas in sync than there are cannot be asked for since 3.7", async () => {
  for (const [release, errorCode] of [["2.8.2", 19], ["3.9", 0]] as const) {
    const cluster = await Cluster.start({ release, topics: { t: { configs: { "min.insync.replicas": "2" } } } });
    await onLine(cluster, async (line) => {
      assert.equal((await put(line, 9, await batch(2, [record("a")]))).errorCode, errorCode);
    });
  }
});

test("too few replicas in sync are error 19 for acks -1", async () => {
  const t = { replicationFactor: 2, configs: { "min.insync.replicas": "2" } };
  const cluster = await Cluster.start({ brokers: 2, topics: { t } });
  await onLine(cluster, async (line) => {
    const records = await batch(2, [record("a")]);
    assert.equal((await put(line, 9, records)).errorCode, 0);
    await cluster.kill(2);
    assert.equal((await put(line, 9, records)).errorCode, 19);
    assert.equal((await put(line, 9, records, { acks: 1 })).errorCode, 0);
  });
});

test("message sets are kept where the log has their format, and written anew where it has another", async () => {
  const records = [record("a", { key: "k" }), record(null), record("c", { timestamp: 1_700_000_000_005 })];
  for (
    const [release, magic, version] of [
      ["0.8.2.2", 0, 0],
      ["0.9.0.1", 0, 1],
      ["0.10.2.2", 0, 1],
      ["0.10.2.2", 1, 2],
      ["0.10.2.2", 0, 2],
      ["2.8.2", 0, 1],
      ["2.8.2", 1, 2],
    ] as const
  ) {
    for (const compression of ["none", "snappy"] as const) {
      const where = `${release} v${version} magic ${magic} ${compression}`;
      const cluster = await withTopic({ release });
      await onLine(cluster, async (line) => {
        const set = await batch(magic, records, compression);
        assert.equal((await put(line, version, set)).baseOffset, 0, where);
        assert.equal((await put(line, version, set)).baseOffset, 3, where);
        const stored = await cluster.records("t", 0);
        assert.deepEqual(await values(cluster), ["0 a", "1 null", "2 c", "3 a", "4 null", "5 c"], where);
        assert.equal(stored[2]!.timestamp, magic === 0 ? -1 : 1_700_000_000_005, where);
        const logMagic = release === "2.8.2" ? 2 : release === "0.10.2.2" ? 1 : 0;
        assert.equal(cluster.partition("t", 0).log.stored[1]!.bytes[16], logMagic, where);
      });
    }
  }
});

test("a message set with a wrong checksum, or of a format too new, is refused", async () => {
  const cluster = await withTopic({ release: "0.10.2.2" });
  await onLine(cluster, async (line) => {
    const set = await batch(1, [record("a"), record("b")]);
    assert.equal((await put(line, 2, changed(set, set.length - 1, 99))).errorCode, 2);
    assert.equal((await put(line, 2, await batch(2, [record("a")]))).errorCode, 2);
    assert.equal((await put(line, 2, new Uint8Array(0))).errorCode, 0);
    assert.equal(cluster.partition("t", 0).log.endOffset, 0);
  });
});

test("several topics and partitions in one request have an answer each, in its order", async () => {
  const cluster = await withTopic();
  await cluster.createTopic("u");
  await onLine(cluster, async (line) => {
    const records = await batch(2, [record("a")]);
    const { responses } = await line.ask(produce, 9, {
      acks: 1,
      timeoutMs: 1000,
      topicData: [
        { name: "u", partitionData: [{ index: 0, records }] },
        { name: "t", partitionData: [{ index: 1, records }, { index: 9, records }, { index: 0, records }] },
      ],
    });
    assert.deepEqual(
      responses.map(({ name, partitionResponses }) => [name, partitionResponses.map((it) => [it.index, it.errorCode])]),
      [["u", [[0, 0]]], ["t", [[1, 0], [9, 3], [0, 0]]]],
    );
  });
});

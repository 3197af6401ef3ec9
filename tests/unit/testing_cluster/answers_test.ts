/** Which of several faults a broker tells, and other small things that the differential test with real brokers has found. */

import { assert } from "chai";
import { errorNumbers } from "../../../src/base/error_codes.ts";
import { apiVersions } from "../../../src/protocol/api_versions.ts";
import { createTopics } from "../../../src/protocol/create_topics.ts";
import { deleteTopics } from "../../../src/protocol/delete_topics.ts";
import { fetch } from "../../../src/protocol/fetch.ts";
import { metadata } from "../../../src/protocol/metadata.ts";
import { produce } from "../../../src/protocol/produce.ts";
import { Cluster } from "../../../src/testing/cluster.ts";
import { test } from "../../harness.ts";
import { batch, changed, type Line, onLine, record } from "./line.ts";

async function made(line: Line, wanted: { name?: string; n?: number; r?: number; config?: [string, string | null] }) {
  const { name = "u", n = 1, r = 1, config } = wanted;
  const configs = config ? [{ name: config[0], value: config[1] }] : [];
  const topic = { name, numPartitions: n, replicationFactor: r, assignments: [], configs };
  const { topics } = await line.ask(createTopics, 5, { topics: [topic], timeoutMs: 1000 });
  if (topics[0]!.errorCode !== 0) assert.deepEqual(topics[0]!.configs, [], "as if it had none");
  return topics[0]!.errorCode;
}

async function sent(line: Line, records: Uint8Array, more: { name?: string; acks?: number; version?: number } = {}) {
  const { name = "t", acks = 1, version = 8 } = more;
  const topicData = [{ name, partitionData: [{ index: 0, records }] }];
  const { responses } = await line.ask(produce, version, { acks, timeoutMs: 1000, topicData });
  return responses[0]!.partitionResponses[0]!.errorCode;
}

test("of several faults of a new topic one is told: by the settings, the numbers or the name first", async () => {
  const cases = [
    [{ name: "..", n: 0 }, 37, 17],
    [{ name: "a b", r: 0 }, 38, 17],
    [{ n: 0, r: 0 }, 37, 38],
    [{ n: 0, config: ["retention.ms", null] }, 42, 40],
    [{ n: 0, config: ["no.such", "1"] }, 37, 40],
    [{ n: 0, r: 9 }, 37, 37],
    [{ name: "t", n: 0 }, 36, 36],
  ] as const;
  for (const [release, nth] of [["2.8.2", 1], ["4.4.0", 2]] as const) {
    await onLine(await Cluster.start({ release, topics: { t: {} } }), async (line) => {
      for (const one of cases) {
        const [wanted] = one;
        assert.equal(await made(line, wanted as never), one[nth], `${release} ${JSON.stringify(wanted)}`);
      }
    });
  }
});

test("of several faults of a produce request that of the topic comes first, then that of the batch's shape", async () => {
  const configs = { "max.message.bytes": "100" };
  await onLine(await Cluster.start({ release: "2.8.2", topics: { t: {}, small: { configs } } }), async (line) => {
    const one = await batch(2, [record("a")]);
    const large = changed(await batch(2, [record("a".repeat(300))]), 7, 3);
    assert.equal(await sent(line, one, { name: "none", acks: 2 }), errorNumbers.UNKNOWN_TOPIC_OR_PARTITION);
    assert.equal(await sent(line, new Uint8Array(0), { acks: 2 }), errorNumbers.INVALID_RECORD);
    assert.equal(await sent(line, one, { acks: 2 }), errorNumbers.INVALID_REQUIRED_ACKS);
    assert.equal(await sent(line, large, { name: "small" }), errorNumbers.INVALID_RECORD, "a base offset");
    // Each fits, and the batch that they become does not.
    const set = await batch(1, [record("a".repeat(40)), record("b".repeat(40))]);
    assert.equal(await sent(line, set, { name: "small", version: 2 }), errorNumbers.MESSAGE_TOO_LARGE);
  });
});

test("before 1.0 acks that there are not come first of all", async () => {
  await onLine(await Cluster.start({ release: "0.11.0.3" }), async (line) => {
    const one = await batch(2, [record("a")]);
    assert.equal(await sent(line, one, { name: "none", acks: 2, version: 3 }), errorNumbers.INVALID_REQUIRED_ACKS);
  });
});

test("a broker's identity is asked for whole", async () => {
  const cluster = await Cluster.start();
  await onLine(cluster, async (line) => {
    const software = { clientSoftwareName: "a", clientSoftwareVersion: "1" };
    const { clusterId } = cluster;
    for (const [more, code] of [[{ nodeId: 1 }, 42], [{ clusterId }, 42], [{ nodeId: 1, clusterId }, 0]] as const) {
      assert.equal((await line.ask(apiVersions, 5, { ...software, ...more })).errorCode, code);
    }
  });
});

test("a topic that is asked for twice is told once", () =>
  Cluster.start({ topics: { t: {} } }).then((cluster) =>
    onLine(cluster, async (line) => {
      const { topics } = await line.ask(metadata, 4, { topics: [{ name: "t" }, { name: "u" }, { name: "t" }] });
      assert.deepEqual(topics.map(({ name }) => name), ["t", "u"]);
    })
  ));

test("a topic that is deleted by its name is told with its id only without ZooKeeper", async () => {
  for (const [release, isTold] of [["2.8.2", false], ["4.4.0", true]] as const) {
    const cluster = await Cluster.start({ release, topics: { t: {} } });
    const { id } = cluster.topics.get("t")!;
    await onLine(cluster, async (line) => {
      const none = "00000000-0000-0000-0000-000000000000";
      const body = { topics: [{ name: "t", topicId: none }], timeoutMs: 1000 };
      assert.equal((await line.ask(deleteTopics, 6, body)).responses[0]!.topicId, isTold ? id : none);
    });
  }
});

test("where logs part is told also behind the log's end, and aborted transactions only of what was looked into", () =>
  Cluster.start({ topics: { t: {} } }).then((cluster) =>
    onLine(cluster, async (line) => {
      await sent(line, await batch(2, [record("a".repeat(100))]));
      const ask = async (more: object) => {
        const partition = { partition: 0, fetchOffset: 0, partitionMaxBytes: 1000, ...more };
        const first = { partition: 0, fetchOffset: 0, partitionMaxBytes: 1000 };
        const topics = [{ topic: "t", partitions: [partition] }, { topic: "none", partitions: [first] }];
        const body = { maxWaitMs: 0, minBytes: 0, isolationLevel: 1, topics };
        return (await line.ask(fetch, 12, body)).responses.map(({ partitions }) => partitions[0]!);
      };
      const [parted, none] = await ask({ fetchOffset: 40, lastFetchedEpoch: 0 });
      assert.deepEqual([parted!.errorCode, parted!.divergingEpoch], [0, { epoch: 0, endOffset: 1 }]);
      assert.deepEqual([parted!.abortedTransactions, none!.abortedTransactions], [null, []]);
      assert.deepEqual((await ask({ fetchOffset: 1 }))[0]!.abortedTransactions, []);
      const twice = [0, 0].map(() => ({ partition: 0, fetchOffset: 0, partitionMaxBytes: 1000 }));
      const body = {
        maxWaitMs: 0,
        minBytes: 0,
        isolationLevel: 1,
        maxBytes: 200,
        topics: [{ topic: "t", partitions: twice }],
      };
      const [whole, cut] = (await line.ask(fetch, 12, body)).responses[0]!.partitions;
      assert.deepEqual([whole!.abortedTransactions, cut!.abortedTransactions, cut!.records!.length], [[], null, 0]);
    })
  ));

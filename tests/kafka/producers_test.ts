/** The same numbered batches to a real broker and to an embedded one of its release: both answer the same. */

import { assert } from "chai";
import { createTopics } from "../../src/protocol/create_topics.ts";
import { initProducerId } from "../../src/protocol/init_producer_id.ts";
import { produce } from "../../src/protocol/produce.ts";
import { recordsBuilder } from "../../src/records/builder.ts";
import { Cluster } from "../../src/testing/cluster.ts";
import { door } from "../package/door.ts";
import { testWith } from "../tools.ts";
import { Line, record } from "../unit/testing_cluster/line.ts";
import { RealKafka, releases, resolveJars } from "./launcher.ts";
import { atLeast } from "./releases.ts";

const TIME = Date.now();
const MAX = 0x7fffffff;

type Numbers = readonly [epoch: number, sequence: number, count?: number];

/** Batches for one partition each, in turn: duplicates, parts of them, gaps, new and old epochs, strangers, the end of the round. */
const PLAYS: readonly (readonly Numbers[])[] = [
  [[0, 0, 2], [0, 2, 2], [0, 0, 2], [0, 2, 2], [0, 2, 1], [0, 1, 2], [0, 0, 4], [0, 4]],
  [[0, 0], [0, 1], [0, 2], [0, 3], [0, 4], [0, 5], [0, 6], [0, 0], [0, 1], [0, 2], [0, 6], [0, 7]],
  [[0, 0], [0, 5], [0, 1], [1, 5], [1, 2], [1, 0], [0, 2], [0, 1], [1, 0], [1, 1], [3, 0], [2, 0], [3, 1]],
  [[0, 5], [0, 5], [0, 6], [0, 0]],
  [[3, 7], [3, 0], [3, 1]],
  [[0, MAX - 1, 2], [0, 1], [0, 0], [0, MAX - 1, 2]],
  [[0, MAX - 1, 4], [0, 1], [0, 2], [0, MAX - 1, 4]],
  [[-1, 0], [0, -1], [0, 0]],
];

const TOPICS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  plain: {},
  compact: { "cleanup.policy": "compact" },
  stamped: { "message.timestamp.type": "LogAppendTime" },
};

function numbered([epoch, baseSequence, count = 1]: Numbers, producerId: number): Uint8Array {
  const builder = recordsBuilder(2);
  for (let i = 0; i < count; i++) builder.append(record("v", { key: i % 2 ? null : "k", timestamp: TIME }));
  const options = { compression: "none" as const, codecs: {}, producerId, producerEpoch: epoch, baseSequence };
  return (builder.build(options) as Uint8Array).slice();
}

/** All that a broker answers, a line for each batch. */
async function told(line: Line, release: string): Promise<string[]> {
  const topics = Object.entries(TOPICS).map(([name, configs]) => ({
    name,
    numPartitions: PLAYS.length,
    replicationFactor: 1,
    assignments: [],
    configs: Object.entries(configs).map(([name, value]) => ({ name, value })),
  }));
  await line.ask(createTopics, 2, { topics, timeoutMs: 30_000 });
  const lines: string[] = [];
  const version = atLeast(release, "2.4") ? 8 : atLeast(release, "1.0") ? 5 : 3;
  for (const name of Object.keys(TOPICS)) {
    for (const [index, play] of PLAYS.entries()) {
      const producerId = await newId(line);
      for (const numbers of play) {
        const answer = await appended(line, version, name, index, numbered(numbers, producerId));
        const { errorCode, baseOffset, logStartOffset, logAppendTimeMs, recordErrors } = answer;
        const named = recordErrors.map(({ batchIndex }) => batchIndex);
        const time = logAppendTimeMs < 0 ? "none" : logAppendTimeMs === TIME ? "the producer's" : "its own";
        lines.push(
          `${name} ${numbers}: ${errorCode}, offset ${baseOffset}, start ${logStartOffset}, time ${time}, ${named}`,
        );
      }
    }
  }
  return lines;
}

/** An id; a broker without ZooKeeper has none until its first block has come. */
async function newId(line: Line): Promise<number> {
  for (;;) {
    const { errorCode, producerId } = await line.ask(initProducerId, 0, { transactionTimeoutMs: 60_000 });
    if (errorCode === 0) return producerId;
    assert.equal(errorCode, 14);
  }
}

/** The answer, when the topic's new leader has found out that it is that. */
async function appended(line: Line, version: number, name: string, index: number, records: Uint8Array) {
  const topicData = [{ name, partitionData: [{ index, records }] }];
  for (;;) {
    const { responses } = await line.ask(produce, version, { acks: -1, timeoutMs: 5000, topicData });
    const [answer] = responses[0]!.partitionResponses;
    if (![3, 6].includes(answer!.errorCode)) return answer!;
  }
}

for (const release of releases.filter((each) => atLeast(each, "0.11"))) {
  testWith(["java", "mvn"], `Kafka ${release} and the embedded one answer the same to numbered batches`, async () => {
    await resolveJars(releases);
    await using kafka = await RealKafka.start({ release });
    const [host, port] = kafka.hosts.split(":");
    const real = new Line(await door.dial({ host: host!, port: Number(port) }));
    await using cluster = await Cluster.start({ release });
    const embedded = await Line.to(cluster);
    try {
      assert.deepEqual(await told(embedded, release), await told(real, release));
    } finally {
      for (const line of [real, embedded]) line.close();
    }
  });
}

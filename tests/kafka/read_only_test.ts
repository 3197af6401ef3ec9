/** The low doors on real brokers, an old one and the newest: requests that are routed, and random ones that change nothing. */

import process from "node:process";
import { assert } from "chai";
import {
  describeProducers,
  initProducerId,
  listGroups,
  listOffsets,
  metadata,
  offsetFetch,
  produce,
  recordsBuilder,
} from "@samsa/kafka/protocol";
import { type KafkaClient, KafkaError } from "@samsa/kafka";
import { askAll, Line } from "../examples/read_only.ts";
import { settingOf } from "../harness.ts";
import { door } from "../package/door.ts";
import { testWith } from "../tools.ts";
import { RealKafka, resolveJars } from "./launcher.ts";
import { atLeast } from "./releases.ts";

const RELEASES = process.env.SAMSA_RELEASES?.split(",") ?? ["2.8.2", "4.4.0"];
const RUNS = settingOf("SAMSA_READ_ONLY_RUNS", 12);
const BROKERS = 2;

/** Coordinators that are young load, or are not there yet: their answers say so, and are asked for again by whoever wants another. */
async function settled<T extends { readonly errorCode: number }>(ask: () => Promise<T>): Promise<T> {
  for (const end = Date.now() + 10_000;;) {
    const answer = await ask();
    if (![14, 15, 16].includes(answer.errorCode) || Date.now() > end) return answer;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** To each broker, to leaders, coordinators and the controller, and what is refused. */
async function routes(client: KafkaClient, release: string): Promise<void> {
  for (const broker of client.brokers.keys()) {
    const { errorCode } = await settled(() => client.request(listGroups, {}, { broker }));
    assert.equal(errorCode, 0);
  }
  const topic = await client.topic("a");
  for (const partition of topic.partitions.keys()) {
    const at = { partitionIndex: partition, timestamp: -1 };
    const body = { replicaId: -1, topics: [{ name: "a", partitions: [at] }] };
    const { topics } = await client.request(listOffsets, body, { leaderOf: { topic: "a", partition } });
    assert.equal(topics[0]!.partitions[0]!.errorCode, 0);
  }
  for (const group of ["g", "h", "i"]) {
    const body = { groupId: group, topics: [{ name: "a", partitionIndexes: [0] }] };
    const coordinatorOf = { group };
    const { errorCode, topics } = await settled(() => client.request(offsetFetch, body, { coordinatorOf, version: 5 }));
    assert.deepEqual([errorCode, topics[0]!.partitions[0]!.errorCode], [0, 0]);
  }
  const transactionalId = "t";
  const init = { transactionalId, transactionTimeoutMs: 10_000 };
  const coordinatorOf = { transactionalId };
  const { errorCode, producerId } = await settled(() => client.request(initProducerId, init, { coordinatorOf }));
  assert.equal(errorCode, 0);
  assert.isAtLeast(producerId, 0);

  const builder = recordsBuilder(2);
  builder.append({ key: null, value: "by hand", headers: [], timestamp: Date.now() });
  const records = await builder.build({ compression: "none", codecs: {} });
  const leaderOf = { topic: "b", partition: 0 };
  const body = (acks: number) => {
    return { acks, timeoutMs: 10_000, topicData: [{ name: "b", partitionData: [{ index: 0, records }] }] };
  };
  const { responses } = await client.request(produce, body(-1), { leaderOf, version: 7 });
  const { errorCode: refused, baseOffset } = responses[0]!.partitionResponses[0]!;
  assert.deepEqual([refused, baseOffset], [0, 0]);
  assert.deepEqual((await client.request(produce, body(0), { leaderOf, version: 7 })).responses, []);
  const { brokers } = await client.request(metadata, (version) => ({ topics: version === 0 ? [] : null }));
  assert.lengthOf(brokers, BROKERS);

  const about = { topics: [{ name: "a", partitionIndexes: [0] }] };
  const unknown = await client.request(describeProducers, about, { version: 0, leaderOf: { topic: "a", partition: 0 } })
    .then(({ topics }) => topics[0]!.partitions[0]!.errorCode, (error: unknown) => error);
  if (atLeast(release, "2.8")) assert.equal(unknown, 0);
  else assert.equal((unknown as KafkaError).code, "UNSUPPORTED_VERSION");
  const tooNew = await client.request(metadata, { topics: null }, { version: 99 }).catch((error: unknown) => error);
  assert.instanceOf(tooNew, KafkaError);
  assert.match((tooNew as KafkaError).message, /Metadata v99: we speak versions 0 to 13, \S+ speaks \d+ to \d+/);
}

for (const release of RELEASES) {
  testWith(["java", "mvn"], `Kafka ${release}: any request by a client, and random ones by hand`, async () => {
    await resolveJars(RELEASES);
    await using kafka = await RealKafka.start({ release, brokers: BROKERS });
    const client = await door.connect({ hosts: kafka.hosts });
    const line = new Line(door.dial, "127.0.0.1", kafka.brokers[0]!.port);
    try {
      for (const [topic, partitions] of [["a", 3], ["b", 1]] as const) {
        await client.admin.createTopic(topic, { partitions, replicationFactor: BROKERS });
      }
      await client.producer().produce([0, 1, 2].map((partition) => ({ topic: "a", partition, value: "v".repeat(50) })));
      const topic = await client.topic("a");
      for await (const _ of topic.simpleConsumer({ group: "g", until: "end" }));
      if (atLeast(release, "2.1")) await routes(client, release);
      const asked = await askAll(line, { runs: RUNS });
      assert.isAbove(Object.keys(asked).length, atLeast(release, "2.8") ? 15 : 6);
    } finally {
      line.close();
      await client.close();
    }
  });
}

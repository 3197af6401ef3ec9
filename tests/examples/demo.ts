/** The demo: four messages go round, on a cluster in this process or on a real one (`--hosts host:port`). */

import process from "node:process";
import { KafkaClient, KafkaError } from "@samsa/kafka";
import { Cluster } from "@samsa/kafka/testing";

const TOPIC = "my.test";

/** The one way in for a real cluster that this runtime has. */
function door(): Promise<typeof import("@samsa/kafka/node")> {
  if ("Deno" in globalThis) return import("@samsa/kafka/deno");
  if ("Bun" in globalThis) return import("@samsa/kafka/bun");
  return import("@samsa/kafka/node");
}

/** Finds the cluster, and says what it is. */
async function open(
  hosts: string | undefined,
): Promise<{ client: KafkaClient; what: string; close: () => Promise<void> }> {
  if (hosts !== undefined) {
    const { connect } = await door();
    const client = await connect({ hosts });
    return { client, what: `the cluster at ${hosts}`, close: () => client.close() };
  }
  const cluster = await Cluster.start({ brokers: 3 });
  const client = await KafkaClient.connect({ hosts: cluster.hosts, dial: cluster.dial });
  const close = async () => {
    await client.close();
    await cluster.close();
  };
  return { client, what: `an embedded Kafka ${cluster.release} of 3 brokers, in this process`, close };
}

/** Makes the topic if it is missing: by a request from Kafka 0.10.1 on; before, it has to be there. */
async function makeTopic(client: KafkaClient): Promise<void> {
  if (client.topics.has(TOPIC)) return;
  try {
    await client.admin.createTopic(TOPIC, { partitions: 1 });
  } catch (error) {
    if (!(error instanceof KafkaError) || error.code !== "UNSUPPORTED_FEATURE") throw error;
    throw new Error(
      `This Kafka cannot be asked to make topics (before 0.10.1): make ${TOPIC} by kafka-topics.sh first`,
    );
  }
}

async function main(hosts: string | undefined): Promise<void> {
  const { client, what, close } = await open(hosts);
  try {
    await makeTopic(client);
    const topic = await client.topic(TOPIC);
    const producer = topic.producer();
    const [first] = await producer.produce(
      [0, 1, 2, 3].map((i) => ({ value: `test message ${i ** 2}`, partition: 0 })),
    );
    await producer.close();
    // A real topic may hold earlier messages: only what was just written is shown.
    for await (const message of topic.simpleConsumer({ partitions: [0], from: first!.offset, until: "end" })) {
      console.log(message.offset - first!.offset, message.text());
    }
    console.log(`Four messages went round on ${what}. Brokers known: ${client.brokers.size}.`);
  } finally {
    await close();
  }
}

const at = process.argv.indexOf("--hosts");
try {
  await main(at < 0 ? undefined : process.argv[at + 1]);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

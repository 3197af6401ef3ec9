/** A page that produces and consumes: through the bridge, and on a cluster that runs in the page itself. */

import { connect, KafkaClient, KafkaError } from "../../../src/doors/websocket.ts";
import { Cluster } from "../../../src/doors/testing.ts";
import type { Round } from "../round.ts";
import { codecs } from "../../../src/doors/web_codecs.ts";

type Codec = "none" | "gzip" | "snappy" | "lz4";

/** What the policy refused. */
const violations: string[] = [];
addEventListener("securitypolicyviolation", ({ blockedURI, effectiveDirective }) => {
  violations.push(`${effectiveDirective} ${blockedURI}`);
});

const LARGE = "large ".repeat(100_000);

/** In each codec some small messages, a large one and one with headers go out; all of them come back as they were. */
async function round(client: KafkaClient, name: string, wanted: readonly Codec[], hasHeaders: boolean): Promise<Round> {
  const topic = await client.topic(name);
  const sent = new Map<string, string>();
  for (const compression of wanted) {
    const producer = topic.producer({ compression });
    const messages = Array.from({ length: 500 }, (_, i) => ({ key: `${compression} ${i}`, value: `value ${i} ☃` }));
    messages.push({ key: `${compression} large`, value: LARGE });
    const headers = hasHeaders ? { headers: { codec: compression } } : {};
    await producer.produce(messages.map((message) => ({ ...message, ...headers })));
    await producer.close();
    for (const { key, value } of messages) sent.set(key, value);
  }
  let consumed = 0;
  const wrong: string[] = [];
  for await (const message of topic.simpleConsumer({ until: "end" })) {
    const key = new TextDecoder().decode(message.key!);
    consumed++;
    if (sent.get(key) !== message.text()) wrong.push(`${key}: ${message.text().slice(0, 50)}`);
    const codec = message.headers[0]?.[1];
    if (hasHeaders && new TextDecoder().decode(codec!) !== key.split(" ")[0]) wrong.push(`${key}: its header`);
  }
  return { produced: sent.size, consumed, wrong };
}

/** What tests call. */
const calls = {
  violations,
  /** Through the bridge of the page's own host. */
  async bridged(
    { hosts, topic, wanted, hasHeaders }: {
      hosts: string;
      topic: string;
      wanted: readonly Codec[];
      hasHeaders: boolean;
    },
  ): Promise<Round> {
    const client = await connect({ hosts, bridge: "/bridge" });
    try {
      return await round(client, topic, wanted, hasHeaders);
    } finally {
      await client.close();
    }
  },
  /** On an embedded cluster of three brokers in the page, over memory. */
  async embedded(): Promise<Round> {
    const cluster = await Cluster.start({ brokers: 3, codecs, topics: { t: { partitions: 3, replicationFactor: 3 } } });
    const client = await KafkaClient.connect({ hosts: cluster.hosts, dial: cluster.dial, codecs });
    try {
      return await round(client, "t", ["none", "gzip", "snappy", "lz4"], true);
    } finally {
      await client.close();
      await cluster.close();
    }
  },
  /** The error of a host that the bridge does not forward to, or of TLS. */
  async refused(options: { hosts: string; tls?: boolean }): Promise<{ code: string; message: string; ms: number }> {
    const start = performance.now();
    try {
      const client = await connect({ ...options, bridge: "/bridge" });
      await client.close();
    } catch (error) {
      if (error instanceof KafkaError) {
        return { code: error.code, message: error.message, ms: performance.now() - start };
      }
      throw error;
    }
    throw new Error("It should have been refused");
  },
};

/** By this name tests find them. */
(globalThis as { calls?: typeof calls }).calls = calls;

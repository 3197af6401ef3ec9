/** What tests of the simple consumer begin with: messages in the topic `t`, a consumer of it, and a loop. */

import type { SimpleConsumer, SimpleConsumerOptions } from "../../../src/consumer/simple_consumer.ts";
import type { ProducerOptions } from "../../../src/producer/producer.ts";
import type { Rig } from "../client/rig.ts";

/** Produces texts to a partition, in batches of one unless the options say otherwise; their timestamps are 1000, 1001 and so on. */
export async function filled(
  { client }: Pick<Rig, "client">,
  values: Iterable<string>,
  partition = 0,
  options: ProducerOptions = { batchBytes: 1 },
): Promise<void> {
  const producer = (await client.topic("t")).producer(options);
  await producer.produce([...values].map((value, i) => ({ value, partition, timestamp: 1000 + i })));
  await producer.close();
}

/** A consumer of the topic. */
export async function reading(
  { client }: Pick<Rig, "client">,
  options: SimpleConsumerOptions = {},
): Promise<SimpleConsumer> {
  return (await client.topic("t")).simpleConsumer(options);
}

/** Reads texts into the list until the consumer is closed, or fails. */
export async function readInto(seen: string[], consumer: SimpleConsumer): Promise<void> {
  for await (const message of consumer) seen.push(message.text());
}

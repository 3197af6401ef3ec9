/** kafka-ts. */

import type { Client, Takes } from "./client.ts";
import type { Job } from "./job.ts";
import type { Value } from "./values.ts";

interface Message {
  readonly partition: number;
  readonly offset: bigint;
  readonly value: string;
}

interface KafkaTs {
  createProducer(options: object): { send(messages: object[]): Promise<void> };
  startConsumer(options: Record<string, unknown> & { onBatch(messages: Message[]): Promise<void> }): Promise<unknown>;
}

interface Module {
  createKafkaClient(options: object): KafkaTs;
  setLogger(logger: object): void;
}

const { createKafkaClient, setLogger }: Module = await import("kafka-ts" as string);
const silent = () => {};
setLogger({ debug: silent, info: silent, warn: console.error, error: console.error });

function connect(hosts: string): KafkaTs {
  const [host, port] = hosts.split(",")[0]!.split(":");
  return createKafkaClient({ clientId: "bench", bootstrapServers: [{ host, port: Number(port) }] });
}

/** Kafka-ts. */
export const client: Client = {
  text: true,

  // deno-lint-ignore require-await -- it connects with the first message
  async produce({ hosts, topic }: Job) {
    const producer = connect(hosts).createProducer({});
    return {
      list: (values: Value[]) => producer.send(values.map((value) => ({ topic, value }))),
      one: (value: Value) => producer.send([{ topic, value }]),
    };
  },

  consume({ hosts, group }: Job, topic: string, from: "earliest" | "latest", takes: Takes) {
    const { checks, hold } = takes;
    return connect(hosts).startConsumer({
      groupId: group,
      topics: [topic],
      fromTimestamp: from === "earliest" ? -2n : -1n,
      async onBatch(messages) {
        if (hold) await hold(messages);
        else if (checks) { for (const { partition, offset, value } of messages) takes.check(partition, offset, value); }
        else for (const { value } of messages) takes.take(value);
        takes.enough();
      },
    });
  },
};

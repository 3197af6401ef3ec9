/** @kafkats/client. */

import type { Client, Takes } from "./client.ts";
import type { Job } from "./job.ts";
import type { Value } from "./values.ts";

interface Message {
  readonly partition: number;
  readonly offset: bigint;
  readonly value: Uint8Array;
}

interface Kafkats {
  connect(): Promise<void>;
  producer(options: object): {
    send(topic: string, messages: object): Promise<unknown>;
  };
  consumer(options: object): {
    runBatch(topic: string, handler: (messages: Message[]) => Promise<void>, options?: object): Promise<void>;
    runEach(topic: string, handler: (message: Message) => Promise<void>, options?: object): Promise<void>;
  };
}

const { KafkaClient }: { KafkaClient: new (options: object) => Kafkats } = await import("@kafkats/client" as string);

async function connect(hosts: string): Promise<Kafkats> {
  const kafka = new KafkaClient({ brokers: hosts.split(","), clientId: "bench" });
  await kafka.connect();
  return kafka;
}

/** Kafkats. */
export const client: Client = {
  async produce({ hosts, topic, codec }: Job) {
    const producer = (await connect(hosts)).producer({ lingerMs: 0, compression: codec });
    return {
      list: (values: Value[]) => producer.send(topic, values.map((value) => ({ value }))),
      one: (value: Value) => producer.send(topic, { value }),
    };
  },

  async consume({ hosts, group, each }: Job, topic: string, from: "earliest" | "latest", takes: Takes) {
    const consumer = (await connect(hosts)).consumer({ groupId: group, autoOffsetReset: from, maxRecords: 5000 });
    const { checks, hold } = takes;
    if (each) {
      // deno-lint-ignore require-await -- its type asks for a promise
      return consumer.runEach(topic, async ({ partition, offset, value }) => {
        if (checks) takes.check(partition, offset, value);
        else takes.take(value);
        takes.enough();
      });
    }
    return consumer.runBatch(topic, async (messages) => {
      if (hold) await hold(messages);
      else if (checks) { for (const { partition, offset, value } of messages) takes.check(partition, offset, value); }
      else for (const { value } of messages) takes.take(value);
      takes.enough();
    });
  },
};

/** @platformatic/kafka. */

import type { Client, Takes } from "./client.ts";
import type { Job } from "./job.ts";
import type { Value } from "./values.ts";

interface Message {
  readonly partition: number;
  readonly offset: bigint;
  readonly value: Uint8Array;
}

interface MessageStream extends AsyncIterable<Message> {
  on(event: "data", listener: (message: Message) => void): this;
  on(event: "error", listener: (error: unknown) => void): this;
  pause(): this;
}

interface Module {
  readonly Producer: new (options: object) => { send(request: object): Promise<unknown> };
  readonly Consumer: new (options: object) => { consume(options: object): Promise<MessageStream> };
}

const { Producer, Consumer }: Module = await import("@platformatic/kafka" as string);
const MIB = 1 << 20;

/** Platformatic's. */
export const client: Client = {
  // deno-lint-ignore require-await -- it connects with the first message
  async produce({ hosts, topic, codec }: Job) {
    const producer = new Producer({ clientId: "bench", bootstrapBrokers: hosts.split(","), acks: -1 });
    const compression = codec === "none" ? {} : { compression: codec };
    const send = (messages: object[]) => producer.send({ messages, acks: -1, ...compression });
    return {
      list: (values: Value[]) => send(values.map((value) => ({ topic, value }))),
      one: (value: Value) => send([{ topic, value }]),
    };
  },

  async consume({ hosts, group, each }: Job, topic: string, from: "earliest" | "latest", takes: Takes) {
    const options = {
      groupId: group,
      clientId: "bench",
      bootstrapBrokers: hosts.split(","),
      maxBytesPerPartition: MIB,
    };
    const consumer = new Consumer(options);
    const start = { mode: from, fallbackMode: from };
    const stream = await consumer.consume({ topics: [topic], autocommit: true, ...start, maxBytesPerPartition: MIB });
    const { promise, reject } = Promise.withResolvers<void>();
    stream.on("error", reject);
    const { checks, hold } = takes;
    if (each) {
      for await (const { partition, offset, value } of stream) {
        if (checks) takes.check(partition, offset, value);
        else takes.take(value);
        if (takes.enough()) return;
      }
    }
    stream.on("data", (message) => {
      if (hold) {
        if (hold([message])) stream.pause();
      } else {
        if (checks) takes.check(message.partition, message.offset, message.value);
        else takes.take(message.value);
        takes.enough();
      }
    });
    return promise;
  },
};

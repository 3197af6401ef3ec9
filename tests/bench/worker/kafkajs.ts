/** kafkajs. */

import type { Client, Takes } from "./client.ts";
import type { Job } from "./job.ts";
import type { Value } from "./values.ts";

interface Message {
  readonly offset: string;
  readonly value: Uint8Array;
}

interface Handlers {
  eachBatch?(payload: { batch: { partition: number; messages: Message[] } }): Promise<void>;
  eachMessage?(payload: { partition: number; message: Message }): Promise<void>;
}

interface Kafkajs {
  producer(options?: object): {
    connect(): Promise<void>;
    send(request: object): Promise<unknown>;
  };
  consumer(options: object): {
    connect(): Promise<void>;
    subscribe(options: object): Promise<void>;
    run(handlers: Handlers): Promise<void>;
  };
}

interface Module {
  readonly Kafka: new (options: object) => Kafkajs;
  readonly CompressionTypes: Record<string, number>;
  readonly CompressionCodecs: Record<number, unknown>;
  readonly Partitioners: Record<string, unknown>;
  readonly logLevel: Record<string, number>;
}

const { default: module }: { default: Module } = await import("kafkajs" as string);
const { default: snappy }: { default: unknown } = await import("kafkajs-snappy" as string);
module.CompressionCodecs[module.CompressionTypes["Snappy"]!] = snappy;

const connect = (hosts: string) =>
  new module.Kafka({ brokers: hosts.split(","), clientId: "bench", logLevel: module.logLevel["ERROR"] });

/** Kafkajs. */
export const client: Client = {
  async produce({ hosts, topic, codec }: Job) {
    const producer = connect(hosts).producer({ createPartitioner: module.Partitioners["DefaultPartitioner"] });
    await producer.connect();
    const compression = { none: 0, gzip: 1, snappy: 2, lz4: 3, zstd: 4 }[codec];
    const send = (messages: object[]) => producer.send({ topic, acks: -1, compression, messages });
    return {
      list: (values: Value[]) => send(values.map((value) => ({ value }))),
      one: (value: Value) => send([{ value }]),
    };
  },

  async consume({ hosts, group, each }: Job, topic: string, from: "earliest" | "latest", takes: Takes) {
    const consumer = connect(hosts).consumer({ groupId: group });
    await consumer.connect();
    await consumer.subscribe({ topics: [topic], fromBeginning: from === "earliest" });
    const { checks, hold } = takes;
    if (each) {
      return consumer.run({
        // deno-lint-ignore require-await -- it asks for a promise
        async eachMessage({ partition, message: { offset, value } }) {
          if (checks) takes.check(partition, offset, value);
          else takes.take(value);
          takes.enough();
        },
      });
    }
    return consumer.run({
      async eachBatch({ batch: { partition, messages } }) {
        if (hold) await hold(messages);
        else if (checks) { for (const { offset, value } of messages) takes.check(partition, offset, value); }
        else for (const { value } of messages) takes.take(value);
        takes.enough();
      },
    });
  },
};

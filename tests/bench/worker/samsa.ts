/** Our own client, from the npm package. */

import process from "node:process";
import type * as Samsa from "../../../src/doors/node.ts";
import type { Client, Takes } from "./client.ts";
import type { Job } from "./job.ts";
import type { Value } from "./values.ts";

const runtime = process.versions["deno"] ? "deno" : process.versions["bun"] ? "bun" : "node";
const { connect }: typeof Samsa = await import(`@samsa/kafka/${runtime}`);

/** Samsa. */
export const client: Client = {
  async produce({ hosts, topic, codec, shape }: Job) {
    const kafka = await connect({ hosts });
    const options = { compression: codec, ...(shape === "plain" && { idempotent: false }) };
    const producer = (await kafka.topic(topic)).producer(options);
    return {
      list: (values: Value[]) => producer.produce(values),
      one: (value: Value) => producer.produce(value),
      enqueue: (value: Value | Value[]) => producer.enqueue(value),
      flush: () => producer.flush(),
    };
  },

  async consume({ hosts, each }: Job, name: string, from: "earliest" | "latest", takes: Takes) {
    const kafka = await connect({ hosts });
    const consumer = (await kafka.topic(name)).simpleConsumer({ from });
    const { checks, hold } = takes;
    if (hold) {
      for await (const batch of consumer.batches()) {
        const full = hold([...batch]);
        if (full) await full;
      }
    } else if (each) {
      for await (const message of consumer) {
        if (checks) takes.check(message.partition, message.offset, message.value!);
        else takes.take(message.value!);
        if (takes.enough()) return;
      }
    } else {
      for await (const batch of consumer.batches()) {
        for (const message of batch) {
          if (checks) takes.check(message.partition, message.offset, message.value!);
          else takes.take(message.value!);
        }
        if (takes.enough()) return;
      }
    }
  },
};

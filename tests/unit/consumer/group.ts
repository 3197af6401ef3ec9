/** A consumer with a group, and what is committed for it. */

import type { SimpleConsumer, SimpleConsumerOptions } from "../../../src/consumer/simple_consumer.ts";
import type { Rig } from "../client/rig.ts";
import { filled as produced, reading as consuming } from "./reader.ts";

export const GROUP = "g";

/** Produces the letters of a text, in one batch as far as it goes. */
export function filled(rig: Pick<Rig, "client">, values: string, partition = 0): Promise<void> {
  return produced(rig, values, partition, { lingerMs: 5 });
}

/** A consumer with the group. */
export function reading(rig: Pick<Rig, "client">, options: SimpleConsumerOptions = {}): Promise<SimpleConsumer> {
  return consuming(rig, { group: GROUP, ...options });
}

/** Reads up to a text, or to the end. */
export async function read(consumer: SimpleConsumer, last?: string): Promise<string> {
  let seen = "";
  for await (const message of consumer) {
    seen += message.text();
    if (message.text() === last) break;
  }
  return seen;
}

/** What is committed by partition. */
export function committed({ cluster }: Rig, keeper: "kafka" | "zookeeper" = "kafka"): number[][] {
  const offsets = cluster.committed(GROUP, keeper).get("t") ?? new Map();
  return [...offsets].map(([partition, { offset }]) => [partition, offset]).sort(([a], [b]) => a! - b!);
}

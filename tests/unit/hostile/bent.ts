/** What the tests of bad input share: logs to read, answers bent for one partition, and a reader that goes on whatever comes. */

import { crc32 } from "../../../src/bytes/crc32.ts";
import { crc32c } from "../../../src/bytes/crc32c.ts";
import { KafkaError } from "../../../src/base/errors.ts";
import type { SimpleConsumer } from "../../../src/consumer/simple_consumer.ts";
import { fetch } from "../../../src/protocol/fetch.ts";
import { decodeResponse, encodeResponse } from "../../../src/protocol/message.ts";
import type { Api, Response, ResponseIn } from "../../../src/wire/schema.ts";
import { joined } from "../../hostile/records.ts";
import type { Rig } from "../client/rig.ts";

/** Produces the values of each list as one batch, to a partition. */
export async function filled(
  { client }: Rig,
  partition: number,
  batches: readonly (readonly string[])[],
): Promise<void> {
  const producer = (await client.topic("t")).producer();
  for (const values of batches) await producer.produce(values.map((value) => ({ value, partition })));
  await producer.close();
}

/** Bends an API's true answers, in full, until the function that this gives is called. */
export function bend<A extends Api>(rig: Rig, api: A, change: (body: Response<A>) => ResponseIn<A>): () => void {
  return rig.cluster.control(api, async ({ answer, version }) => {
    const real = await answer();
    if (typeof real === "string") return real;
    return change(decodeResponse(api, version, joined(encodeResponse(api, version, 0, real)).subarray(4)));
  }, Infinity);
}

/** Bends what fetches bring of partition 0. */
export function bendRecords(rig: Rig, change: (records: Uint8Array) => Uint8Array): () => void {
  return bend(rig, fetch, (body) => {
    for (const it of body.responses.flatMap(({ partitions }) => partitions)) {
      if (it.partitionIndex === 0 && it.records && it.records.length > 0) it.records = change(it.records);
    }
    return body;
  });
}

/** Changes the entry (a batch, or a message of old) that begins at an offset, where it is among the records. */
export function changedEntry(
  records: Uint8Array,
  offset: number,
  change: (entry: Uint8Array) => Uint8Array,
): Uint8Array {
  const parts: Uint8Array[] = [];
  const view = new DataView(records.buffer, records.byteOffset, records.length);
  for (let at = 0; at < records.length;) {
    const end = at + 12 <= records.length ? Math.min(records.length, at + 12 + view.getInt32(at + 8)) : records.length;
    const entry = records.slice(at, end);
    const isIt = at + 12 <= records.length && Number(view.getBigInt64(at)) === offset;
    parts.push(isIt ? change(entry) : entry);
    at = end;
  }
  return joined(parts);
}

/** The same entry with something else in it, and a checksum that is right. */
export function resealed(entry: Uint8Array, change: (view: DataView) => void): Uint8Array {
  const bytes = entry.slice();
  const view = new DataView(bytes.buffer);
  change(view);
  if (bytes[16] === 2) view.setUint32(17, crc32c(bytes, 21));
  else view.setUint32(12, crc32(bytes, 16));
  return bytes;
}

/** The head of a batch with another body behind it: compressed in some way, or said to be. */
export function withBody(entry: Uint8Array, codec: number, body: Uint8Array): Uint8Array {
  return resealed(joined([entry.subarray(0, 61), body]), (view) => {
    view.setInt32(8, view.byteLength - 12);
    view.setInt16(21, codec);
  });
}

/** What a reader saw, and what it was told, when it went on whatever came: first without seeking, then past what is broken. */
export interface Story {
  /** The values of each partition. */
  readonly seen: readonly [string[], string[]];
  /** The values of partition 1 that came before the reader sought for the first time. */
  readonly before: number;
  readonly errors: readonly KafkaError[];
}

/** How often a reader looks again before it seeks. */
const PATIENCE = 12;

/** Reads to the end. */
export async function readOn(consumer: SimpleConsumer): Promise<Story> {
  const seen: [string[], string[]] = [[], []];
  const errors: KafkaError[] = [];
  let before = 0;
  for (let patience = PATIENCE; errors.length < 100;) {
    try {
      for await (const message of consumer) seen[message.partition]!.push(message.text());
      return { seen, before, errors };
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
      if (patience-- > 0) continue;
      if (patience === -1) before = seen[1].length;
      errors.push(error);
      consumer.seek(error.partition!, error.offset! + 1);
    }
  }
  throw new Error(`it never ends: ${errors.at(-1)}`);
}

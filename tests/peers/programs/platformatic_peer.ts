/** @platformatic/kafka. Without a group it reads by single fetches. */

import { Buffer } from "node:buffer";
import type { JobHeader, ReadRecord } from "../job.ts";
import { byTopic, data, job, load, tell, text, versionOf } from "./job_io.ts";

interface Topic {
  readonly id: string;
  readonly partitions: readonly { readonly leader: number; readonly leaderEpoch: number }[];
}

interface Closable {
  close(): Promise<void>;
  metadata(options: object): Promise<{ topics: Map<string, Topic> }>;
}

interface Admin extends Closable {
  createTopics(options: object): Promise<unknown>;
  listTopics(): Promise<string[]>;
  deleteTopics(options: object): Promise<void>;
}

interface Producer extends Closable {
  send(request: object): Promise<{ offsets: { partition: number; offset: bigint }[] }>;
}

interface Fetched {
  readonly firstOffset: bigint;
  readonly firstTimestamp: bigint;
  readonly records: readonly {
    readonly offsetDelta: number;
    readonly timestampDelta: bigint;
    readonly key: Uint8Array | null;
    readonly value: Uint8Array | null;
    readonly headers: readonly (readonly [Uint8Array, Uint8Array | null])[];
  }[];
}

interface Consumer extends Closable {
  readonly topics: { track(topic: string): boolean };
  listOffsets(options: object): Promise<Map<string, bigint[]>>;
  fetch(options: object): Promise<{ responses: { partitions: { records?: Fetched[] }[] }[] }>;
}

interface Module {
  readonly Admin: new (options: object) => Admin;
  readonly Producer: new (options: object) => Producer;
  readonly Consumer: new (options: object) => Consumer;
}

const { Admin, Producer, Consumer } = load<Module>("@platformatic/kafka");
const base = { clientId: "platformatic", bootstrapBrokers: job.hosts.split(",") };

async function write({ topic, codec, idempotent }: typeof job.writes[number]): Promise<number[]> {
  const producer = new Producer({ ...base, ...(idempotent !== null && { idempotent }) });
  const messages = job.records.map(({ partition, timestamp, key, value, headers }) => ({
    topic,
    partition,
    timestamp: BigInt(timestamp),
    ...(key !== null && { key: data(key)! }),
    ...(value !== null && { value: data(value)! }),
    headers: new Map(headers.map(([name, value]) => [Buffer.from(name), data(value)])),
  }));
  const compression = codec === "none" ? {} : { compression: codec };
  const bases = new Map<number, number>();
  for (const { partition, offset } of (await producer.send({ messages, acks: -1, ...compression })).offsets) {
    bases.set(partition, Number(offset));
  }
  await producer.close();
  return job.records.map(({ partition }) => {
    const offset = bases.get(partition)!;
    bases.set(partition, offset + 1);
    return offset;
  });
}

async function read(consumer: Consumer, topic: string, limits: readonly (readonly number[])[]): Promise<ReadRecord[]> {
  consumer.topics.track(topic);
  const { id, partitions } = (await consumer.metadata({ topics: [topic] })).topics.get(topic)!;
  const found: ReadRecord[] = [];
  for (const [partition = 0, first = 0, end = 0] of limits) {
    const { leader, leaderEpoch: currentLeaderEpoch } = partitions[partition]!;
    for (let next = first; next < end;) {
      const place = { partition, currentLeaderEpoch, fetchOffset: BigInt(next), lastFetchedEpoch: -1 };
      const wanted = [{ topicId: id, partitions: [{ ...place, partitionMaxBytes: 1 << 20 }] }];
      const { responses } = await consumer.fetch({ node: leader, topics: wanted });
      for (const record of responses[0]!.partitions[0]!.records?.flatMap(recordsOf(partition)) ?? []) {
        if (record[1] < next) continue;
        found.push(record);
        next = record[1] + 1;
      }
    }
  }
  return found;
}

function recordsOf(partition: number): (batch: Fetched) => ReadRecord[] {
  return ({ firstOffset, firstTimestamp, records }) =>
    records.map(({ offsetDelta, timestampDelta, key, value, headers }): ReadRecord => [
      partition,
      Number(firstOffset) + offsetDelta,
      Number(firstTimestamp + timestampDelta),
      text(key),
      text(value),
      headers.map(([name, value]): JobHeader => [Buffer.from(name).toString(), text(value)]),
    ]);
}

const admin = new Admin(base);
if (job.admin) {
  const topics = job.writes.map(({ topic }) => topic);
  await admin.createTopics({ topics, partitions: job.partitions, replicas: 2 });
}
const listed = await admin.listTopics();
const written: Record<string, number[]> = {};
for (const it of job.writes) written[it.topic] = await write(it);
const consumer = new Consumer({ ...base, groupId: "none" });
const ask = async (topic: string, timestamp: number) =>
  (await consumer.listOffsets({ topics: [topic], timestamp: BigInt(timestamp) })).get(topic)!.map(Number);
const offsets = await byTopic(job.reads, async (topic) => {
  const [first, end] = [await ask(topic, -2), await ask(topic, -1)];
  return first.map((offset, partition) => [partition, offset, end[partition]!] as const);
});
const since = await byTopic(
  job.searches,
  async (topic) => (await ask(topic, job.time)).map((offset, partition) => [partition, offset] as const),
);
const found = await byTopic(job.reads, (topic) => read(consumer, topic, offsets[topic]!));
await consumer.close();
if (job.admin) await admin.deleteTopics({ topics: [job.gone] });
await admin.close();
tell({ version: versionOf("@platformatic/kafka"), listed, written, offsets, since, read: found });

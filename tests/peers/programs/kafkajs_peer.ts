/** kafkajs. It reads in groups only. */

import type { Buffer } from "node:buffer";
import { zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { byTopic, data, job, load, tell, versionOf } from "./job_io.ts";

interface Limits {
  readonly partition: number;
  readonly low: string;
  readonly high: string;
  readonly offset: string;
}

interface Admin {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  createTopics(options: object): Promise<boolean>;
  listTopics(): Promise<string[]>;
  deleteTopics(options: object): Promise<void>;
  fetchTopicOffsets(topic: string): Promise<Limits[]>;
  fetchTopicOffsetsByTimestamp(topic: string, time: number): Promise<Limits[]>;
}

interface Producer {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  send(request: object): Promise<{ partition: number; baseOffset: string }[]>;
}

interface Module {
  readonly Kafka: new (options: object) => { admin(): Admin; producer(options: object): Producer };
  readonly CompressionTypes: Record<string, number>;
  readonly CompressionCodecs: Record<number, unknown>;
  readonly logLevel: Record<string, number>;
}

interface Lz4 {
  compressFrame(bytes: Buffer): Promise<Buffer>;
  decompressFrame(bytes: Buffer): Promise<Buffer>;
}

const { Kafka, CompressionTypes, CompressionCodecs, logLevel } = load<Module>("kafkajs");
CompressionCodecs[CompressionTypes["Snappy"]!] = load("kafkajs-snappy");
// It has no codecs for lz4 and zstd, but takes some.
const lz4 = load<Lz4>("lz4-napi");
CompressionCodecs[CompressionTypes["LZ4"]!] = () => ({
  compress: (encoder: { buffer: Buffer }) => lz4.compressFrame(encoder.buffer),
  decompress: (bytes: Buffer) => lz4.decompressFrame(bytes),
});
CompressionCodecs[CompressionTypes["ZSTD"]!] = () => ({
  compress: (encoder: { buffer: Buffer }) => Promise.resolve(zstdCompressSync(encoder.buffer)),
  decompress: (bytes: Buffer) => Promise.resolve(zstdDecompressSync(bytes)),
});

const kafka = new Kafka({ brokers: job.hosts.split(","), clientId: "kafkajs", logLevel: logLevel["ERROR"] });

/** Repeats of a name are a list of values. */
function headersOf(headers: readonly (readonly [string, string | null])[]): Record<string, (Buffer | null)[]> {
  const all: Record<string, (Buffer | null)[]> = {};
  for (const [name, value] of headers) (all[name] ??= []).push(data(value));
  return all;
}

async function write({ topic, codec, idempotent }: typeof job.writes[number]): Promise<number[]> {
  const producer = kafka.producer({
    createPartitioner: () => ({ message }: { message: { partition: number } }) => message.partition,
    ...(idempotent !== null && { idempotent }),
  });
  await producer.connect();
  const messages = job.records.map(({ partition, timestamp, key, value, headers }) => ({
    partition,
    timestamp: String(timestamp),
    key: data(key),
    value: data(value),
    headers: headersOf(headers),
  }));
  const compression = { none: 0, gzip: 1, snappy: 2, lz4: 3, zstd: 4 }[codec];
  const bases = new Map<number, number>();
  for (const { partition, baseOffset } of await producer.send({ topic, acks: -1, compression, messages })) {
    bases.set(partition, Number(baseOffset));
  }
  await producer.disconnect();
  return job.records.map(({ partition }) => {
    const offset = bases.get(partition)!;
    bases.set(partition, offset + 1);
    return offset;
  });
}

const admin = kafka.admin();
await admin.connect();
if (job.admin) {
  const sizes = { numPartitions: job.partitions, replicationFactor: 2 };
  await admin.createTopics({ topics: job.writes.map(({ topic }) => ({ topic, ...sizes })), waitForLeaders: true });
}
const listed = await admin.listTopics();
const written: Record<string, number[]> = {};
for (const it of job.writes) written[it.topic] = await write(it);
const offsets = await byTopic(
  job.reads,
  async (topic) =>
    (await admin.fetchTopicOffsets(topic)).map(({ partition, low, high }) =>
      [partition, Number(low), Number(high)] as const
    ),
);
const since = await byTopic(
  job.searches,
  async (topic) =>
    (await admin.fetchTopicOffsetsByTimestamp(topic, job.time)).map(({ partition, offset }) =>
      [partition, Number(offset)] as const
    ),
);
if (job.admin) await admin.deleteTopics({ topics: [job.gone] });
await admin.disconnect();
tell({ version: versionOf("kafkajs"), listed, written, offsets, since });

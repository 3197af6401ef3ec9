/** What parts of clients are given, and whether what came of it is right. */

import { compress as snappyCompress } from "snappyjs";
import { codecs } from "../../src/doors/codecs.ts";
import { decodeRequest } from "../../src/protocol/decode_request.ts";
import { fetch } from "../../src/protocol/fetch.ts";
import { encodeResponse } from "../../src/protocol/message.ts";
import { metadata } from "../../src/protocol/metadata.ts";
import { sliced } from "../../src/bytes/crc32c_tables.ts";
import { profiles, SAMPLE_BYTES, valueForms, valuesOf } from "./profiles.ts";
import type { CompressionCodec } from "../../src/records/compression.ts";
import { fetchTold, joined, metadataTold, produceTopics } from "./worker/part.ts";

const TOPICS = 10;
const METADATA_PARTITIONS = 100;
const FETCH_PARTITIONS = 10;
const RECORD_BYTES = 16 * 1024;
const CHECKSUM_BYTES = 2 << 20;

/** JSON-like text, as records are. */
const sample = (): Uint8Array => valuesOf(valueForms.json).subarray(0, SAMPLE_BYTES);
const codecOf = (name: string): CompressionCodec => codecs[profiles[name]!.codec as keyof typeof codecs]!;

/** The bytes that a client's part works on. */
export function partInput(name: string, client: string): Uint8Array {
  const { work, codec, size } = profiles[name]!;
  switch (work) {
    case "compress":
      return sample();
    case "decompress":
      // Blocks alone, without Kafka's framing: all can read them
      return codec === "snappy" ? snappyCompress(sample()) : codecOf(name).compress(sample()) as Uint8Array;
    case "checksum":
      return valuesOf({ bytes: 1024, count: CHECKSUM_BYTES / 1024, json: false });
    case "produce":
      return sample().subarray(0, RECORD_BYTES);
    case "metadata":
      return joined(encodeResponse(metadata, client === "kafkajs" ? 6 : 12, 1, metadataBody())).subarray(4);
    case "fetch":
      return joined(encodeResponse(fetch, 11, 1, fetchBody(size ?? RECORD_BYTES))).subarray(4);
    default:
      throw new Error(`${name} is no part`);
  }
}

function metadataBody() {
  return {
    brokers: [1, 2, 3].map((nodeId) => ({ nodeId, host: `broker-${nodeId}.example.com`, port: 9092 })),
    clusterId: "bench",
    controllerId: 1,
    topics: Array.from({ length: TOPICS }, (_, topic) => ({
      errorCode: 0,
      name: `bench.topic-${topic}`,
      topicId: `00000000-0000-4000-8000-00000000000${topic}`,
      partitions: Array.from({ length: METADATA_PARTITIONS }, (_, partition) => ({
        ...{ errorCode: 0, partitionIndex: partition, leaderId: partition % 3 + 1, leaderEpoch: 7 },
        ...{ replicaNodes: [1, 2, 3], isrNodes: [1, 2, 3].slice(0, 1 + partition % 3), offlineReplicas: [] },
      })),
    })),
  };
}

function fetchBody(recordBytes: number) {
  const records = sample().subarray(0, recordBytes);
  return {
    sessionId: 0,
    responses: Array.from({ length: TOPICS }, (_, topic) => ({
      topic: `bench.topic-${topic}`,
      partitions: Array.from({ length: FETCH_PARTITIONS }, (_, partitionIndex) => ({
        ...{ partitionIndex, errorCode: 0, highWatermark: 5_000_000_000 + partitionIndex, records },
        ...{ lastStableOffset: 5_000_000_000, logStartOffset: 7, abortedTransactions: [] },
        preferredReadReplica: -1,
      })),
    })),
  };
}

/** Throws unless this is what had to come of the work. */
export function partVerdict(name: string, input: Uint8Array, output: Uint8Array): void {
  const text = () => new TextDecoder().decode(output);
  const { work, size } = profiles[name]!;
  switch (work) {
    case "compress":
      return same(codecOf(name).decompress(output, SAMPLE_BYTES) as Uint8Array, sample());
    case "decompress":
      return same(output, sample());
    case "checksum":
      return same(text(), String(~sliced(-1, input, 0, size!) >>> 0));
    case "metadata":
      return same(
        text(),
        metadataTold(
          metadataBody().topics.flatMap(({ name, partitions }) =>
            partitions.map(({ partitionIndex: partition, leaderId: leader, replicaNodes, isrNodes }) => ({
              ...{ name, partition, leader, replicas: replicaNodes, inSync: isrNodes },
            }))
          ),
        ),
      );
    case "fetch":
      return same(
        text(),
        fetchTold(
          fetchBody(size ?? RECORD_BYTES).responses.flatMap(({ topic, partitions }) =>
            partitions.map(({ partitionIndex: partition, highWatermark, records }) => ({
              ...{ topic, partition, highWatermark, bytes: records.length },
            }))
          ),
        ),
      );
    case "produce":
      return sameRequest(input, output);
  }
}

function same<T extends string | Uint8Array>(actual: T, expected: T): void {
  let at = 0;
  while (at < expected.length && actual[at] === expected[at]) at++;
  if (actual.length === expected.length && at === expected.length) return;
  throw new Error(
    `it differs from ${at} on: ${actual.slice(at, at + 40)} where ${expected.slice(at, at + 40)} was expected`,
  );
}

/** Compares what a broker would read of the body of a request to Produce in version 9. */
function sameRequest(records: Uint8Array, body: Uint8Array): void {
  const head = [0, 0, 0, 9, 0, 0, 0, 1, 0, 5, 0x62, 0x65, 0x6e, 0x63, 0x68, 0];
  const { body: read } = decodeRequest(joined([Uint8Array.from(head), body]));
  const plain = (value: unknown) => JSON.stringify(value, (_, item) => item instanceof Uint8Array ? [...item] : item);
  const topicData = produceTopics(records).map(({ name, partitions }) => ({
    ...{ name, topicId: "00000000-0000-0000-0000-000000000000", partitionData: partitions },
  }));
  same(plain(read), plain({ transactionalId: null, acks: -1, timeoutMs: 30_000, topicData }));
}

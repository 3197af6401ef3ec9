/** Codecs, checksums and encodings of others: of clients, and of libraries that are nothing else. */

import { createRequire } from "node:module";
import { Buffer } from "node:buffer";
import * as zlib from "node:zlib";
import type { Job } from "./job.ts";
import { fetchTold, metadataTold, type Part, type Parts, produceTopics } from "./part.ts";

const require = createRequire(import.meta.url);
/** A file of a package that its package does not export. */
const inside = (path: string) => import(new URL(`../node_modules/${path}`, import.meta.url).href);

// deno-lint-ignore no-explicit-any -- other people's modules, without their types
type Any = any;

const buffer = (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
const bytesTold = (result: unknown) => result instanceof ArrayBuffer ? new Uint8Array(result) : result as Uint8Array;
const numberTold = (result: unknown) => String((result as number) >>> 0);

function coder(
  compress: ((bytes: Uint8Array) => unknown) | undefined,
  decompress: (bytes: Uint8Array) => unknown,
): Parts {
  return {
    ...compress && { compress: { run: compress, told: bytesTold } },
    decompress: { run: decompress, told: bytesTold },
  };
}

const checksum = (run: Part["run"]): Parts => ({ checksum: { run, told: numberTold } });

const loaders: Record<string, (job: Job) => Parts | Promise<Parts>> = {
  "node-zlib": ({ codec }) =>
    codec === "gzip"
      ? coder((bytes) => zlib.gzipSync(bytes), (bytes) => zlib.gunzipSync(bytes))
      : coder((bytes) => zlib.zstdCompressSync(bytes), (bytes) => zlib.zstdDecompressSync(bytes)),

  async fflate() {
    const { gzipSync, gunzipSync }: Any = await import("fflate" as string);
    return coder((bytes) => gzipSync(bytes), (bytes) => gunzipSync(bytes));
  },

  "snappy-napi"() {
    const { compressSync, uncompressSync } = require("snappy");
    return coder((bytes) => compressSync(bytes), (bytes) => uncompressSync(bytes));
  },

  snappyjs() {
    const { compress, uncompress } = require("snappyjs");
    return coder((bytes) => compress(bytes), (bytes) => uncompress(bytes));
  },

  "lz4-napi"() {
    const { compressFrameSync, decompressFrameSync } = require("lz4-napi");
    return coder((bytes) => compressFrameSync(buffer(bytes)), (bytes) => decompressFrameSync(buffer(bytes)));
  },

  lz4js() {
    const { compress, decompress } = require("lz4js");
    return coder((bytes) => compress(bytes), (bytes) => decompress(bytes));
  },

  async "zstd-wasm"() {
    const { init, compress, decompress } = require("@bokuweb/zstd-wasm");
    await init();
    return coder((bytes) => compress(bytes, 3), (bytes) => decompress(bytes));
  },

  async fzstd() {
    const { decompress }: Any = await import("fzstd" as string);
    return coder(undefined, (bytes) => decompress(bytes));
  },

  "node-rs"() {
    const { crc32c } = require("@node-rs/crc32");
    return checksum((bytes) => crc32c(bytes));
  },

  "fast-crc32c"() {
    const { calculate } = require("fast-crc32c/impls/js_crc32c");
    return checksum((bytes) => calculate(buffer(bytes)));
  },

  kafkajs,
  platformatic,
  kafkats,
  kafka_ts,
};

function kafkajs({ work, codec }: Job): Parts {
  if (codec === "snappy") {
    const snappy = require("kafkajs-snappy")();
    return coder(
      (bytes) => snappy.compress({ buffer: buffer(bytes) }),
      (bytes) => snappy.decompress(buffer(bytes)),
    );
  }
  if (work === "checksum") {
    const crc32c = require("kafkajs/src/protocol/recordBatch/crc32C/crc32C.js");
    return checksum((bytes) => crc32c(buffer(bytes)));
  }
  const metadata = require("kafkajs/src/protocol/requests/metadata/v6/response");
  const fetch = require("kafkajs/src/protocol/requests/fetch/v11/response");
  return {
    metadata: {
      run: (frame) => metadata.decode(buffer(frame).subarray(4)),
      told: (result: Any) =>
        metadataTold(
          result.topicMetadata.flatMap(({ topic, partitionMetadata }: Any) =>
            partitionMetadata.map(({ partitionId, leader, replicas, isr }: Any) => ({
              ...{ name: topic, partition: partitionId, leader, replicas, inSync: isr },
            }))
          ),
        ),
    },
    fetch: {
      run: (frame) => fetch.decode(buffer(frame).subarray(4)),
      told: (result: Any) => fetched(result.responses, "topicName", "partition", "messages"),
    },
  };
}

async function platformatic({ work, codec }: Job): Promise<Parts> {
  const root = "@platformatic/kafka/dist";
  if (codec !== "none") {
    const { compressionsAlgorithms } = await inside(`${root}/protocol/compression.js`);
    const { compressSync, decompressSync } = compressionsAlgorithms[codec];
    return coder((bytes) => compressSync(buffer(bytes)), (bytes) => decompressSync(buffer(bytes)));
  }
  if (work === "checksum") {
    // Its own, which it takes where @node-rs/crc32 is not installed
    const { crc32c } = await inside("@platformatic/wasm-utils/dist/index.js").catch(() =>
      require("@platformatic/wasm-utils")
    );
    return checksum((bytes) => crc32c(buffer(bytes)));
  }
  const { Reader } = await inside(`${root}/protocol/reader.js`);
  const metadata = await inside(`${root}/apis/metadata/metadata-v12.js`);
  const fetch = await inside(`${root}/apis/consumer/fetch-v11.js`);
  return {
    metadata: {
      run: (frame) => metadata.parseResponse(1, 3, 12, Reader.from(buffer(frame).subarray(5))),
      told: (result: Any) => described(result.topics),
    },
    fetch: {
      run: (frame) => fetch.parseResponse(1, 1, 11, Reader.from(buffer(frame).subarray(4))),
      told: (result: Any) => fetched(result.responses, "topicId", "partitionIndex", "records"),
    },
  };
}

async function kafkats({ work }: Job): Promise<Parts> {
  const { Decoder, Encoder, crc32c, requests, responses }: Any = await import("@kafkats/client" as string);
  if (work === "checksum") return checksum((bytes) => crc32c(buffer(bytes)));
  let topics: Any;
  return {
    metadata: {
      run: (frame) => responses.decodeMetadataResponse(new Decoder(buffer(frame).subarray(5)), 12),
      told: (result: Any) => described(result.topics),
    },
    fetch: {
      run: (frame) => responses.decodeFetchResponse(new Decoder(buffer(frame).subarray(4)), 11),
      told: (result: Any) => fetched(result.topics, "topic", "partitionIndex", "recordsData"),
    },
    produce: {
      run(records) {
        topics ??= produceTopics(buffer(records)).map(({ name, partitions }) => ({
          name,
          partitions: partitions.map(({ index, records }) => ({ partitionIndex: index, records })),
        }));
        const encoder = new Encoder();
        requests.encodeProduceRequest(encoder, 9, { acks: -1, timeoutMs: 30_000, topics });
        return encoder.toBuffer();
      },
      told: bytesTold,
    },
  };
}

function kafka_ts(): Parts {
  const { Decoder } = require("kafka-ts/dist/utils/decoder.js");
  const { METADATA_V12 } = require("kafka-ts/dist/api/metadata/v12.js");
  const { FETCH_V11 } = require("kafka-ts/dist/api/fetch/v11.js");
  return {
    metadata: {
      run: (frame) => METADATA_V12.response(new Decoder(buffer(frame).subarray(5))),
      told: (result: Any) => described(result.topics, "topicName"),
    },
    fetch: {
      run: (frame) => FETCH_V11.response(new Decoder(buffer(frame).subarray(4))),
      told: (result: Any) => fetched(result.responses, "topicName", "partitionIndex", "records"),
    },
  };
}

/** Metadata where its fields have Kafka's names. */
function described(topics: Any[], nameOf = "name"): string {
  return metadataTold(
    topics.flatMap((topic) =>
      topic.partitions.map((partition: Any) => ({
        name: topic[nameOf] ?? topic.name,
        partition: partition.partitionIndex,
        leader: partition.leaderId,
        replicas: partition.replicaNodes,
        inSync: partition.isrNodes,
      }))
    ),
  );
}

function fetched(topics: Any[], nameOf: string, indexOf: string, recordsOf: string): string {
  return fetchTold(
    topics.flatMap((topic) =>
      topic.partitions.map((partition: Any) => ({
        topic: topic[nameOf],
        partition: partition[indexOf],
        highWatermark: partition.highWatermark,
        bytes: partition[recordsOf]?.length ?? 0,
      }))
    ),
  );
}

/** Those of the job's client, or of the library that its shape names. */
export async function partsOf(job: Job): Promise<Parts> {
  return await loaders[job.client === "libraries" ? job.shape : job.client]!(job);
}

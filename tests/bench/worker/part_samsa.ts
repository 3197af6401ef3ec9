/** Our own codecs, checksums and encodings, from the npm package; checksums, which it does not export, from a bundle beside it. */

import process from "node:process";
import type * as Protocol from "../../../src/doors/protocol.ts";
import type * as Samsa from "../../../src/doors/node.ts";
import type * as Internals from "../internals.ts";
import type { Job } from "./job.ts";
import { fetchTold, joined, metadataTold, type Parts, produceTopics } from "./part.ts";

const runtime = process.versions["deno"] ? "deno" : process.versions["bun"] ? "bun" : "node";
const LIMIT = 1 << 26;
/** What stands before a request's body if its client id is `bench`. */
const SIZE_AND_HEAD_BYTES = 20;

async function codecParts({ codec }: Job): Promise<Parts> {
  const { codecs }: typeof Samsa = await import(`@samsa/kafka/${runtime}`);
  const own = codecs[codec as keyof typeof codecs]!;
  const told = (result: unknown) => result as Uint8Array;
  return {
    compress: { run: (bytes) => own.compress(bytes), told },
    decompress: { run: (bytes) => own.decompress(bytes, LIMIT), told },
  };
}

async function checksumParts({ shape }: Job): Promise<Parts> {
  const { accelerateCrc32c, crc32c }: typeof Internals = await import("../internals.ts");
  if (shape !== "tables") accelerateCrc32c();
  return { checksum: { run: (bytes) => crc32c(bytes), told: String } };
}

async function wireParts(): Promise<Parts> {
  const { metadata, fetch, produce, decodeResponse, encodeRequest }: typeof Protocol = await import(
    "@samsa/kafka/protocol" as string
  );
  let topicData: Parameters<typeof encodeRequest<typeof produce>>[3]["topicData"] | undefined;
  type Out<A extends typeof metadata | typeof fetch> = ReturnType<typeof decodeResponse<A>>;
  return {
    metadata: {
      run: (frame) => decodeResponse(metadata, 12, frame),
      told: (result) =>
        metadataTold(
          (result as Out<typeof metadata>).topics.flatMap(({ name, partitions }) =>
            partitions.map(({ partitionIndex, leaderId, replicaNodes, isrNodes }) => ({
              ...{ name: name!, partition: partitionIndex, leader: leaderId },
              ...{ replicas: replicaNodes, inSync: isrNodes },
            }))
          ),
        ),
    },
    fetch: {
      run: (frame) => decodeResponse(fetch, 11, frame),
      told: (result) =>
        fetchTold(
          (result as Out<typeof fetch>).responses.flatMap(({ topic, partitions }) =>
            partitions.map(({ partitionIndex: partition, highWatermark, records }) => ({
              ...{ topic, partition, highWatermark, bytes: records?.length ?? 0 },
            }))
          ),
        ),
    },
    produce: {
      // As the client does it: records stay where they are, for the socket to take
      run(records) {
        topicData ??= produceTopics(records).map(({ name, partitions }) => ({ name, partitionData: partitions }));
        return encodeRequest(produce, 9, { correlationId: 1, clientId: "bench" }, {
          ...{ acks: -1, timeoutMs: 30_000, topicData },
        });
      },
      told: (chunks) => joined(chunks as Uint8Array[]).subarray(SIZE_AND_HEAD_BYTES),
    },
  };
}

/** Samsa's. */
export function partsOf(job: Job): Promise<Parts> {
  if (job.codec !== "none") return codecParts(job);
  return job.work === "checksum" ? checksumParts(job) : wireParts();
}

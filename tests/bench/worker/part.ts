/** Drives a part of a client by itself, a codec, a checksum or an encoding, on bytes in memory. */

import { readFileSync, writeFileSync } from "node:fs";
import type { Job, Result } from "./job.ts";
import { Meter } from "./meter.ts";

/** One piece of work, as a client does it. */
export interface Part {
  /** Does it once; its result is thrown away. */
  run(input: Uint8Array): unknown;
  /** The result in a form that all clients' can be compared in: bytes, or text. */
  told(result: unknown): Uint8Array | string;
}

/** What a client can do of a job: its work. */
export type Parts = Partial<Record<Job["work"], Part>>;

/** What each step does at least: the clock costs something too. */
const STEP_BYTES = 64 * 1024;

/** Does the job's work over and over. */
export async function runPart(parts: Parts, job: Job): Promise<Result> {
  const part = parts[job.work];
  if (part === undefined) throw new Error(`there is no ${job.work} in it`);
  const input = readFileSync(job.pool);
  const bytes = new Uint8Array(input.buffer, input.byteOffset, input.length);
  if (job.verify) {
    const piece = job.work === "checksum" ? bytes.subarray(0, job.valueBytes) : bytes;
    writeFileSync(job.output, part.told(await part.run(piece)));
    return { messages: 0, seconds: 0, cpuSeconds: 0, rss: 0, heap: 0, buffers: 0 };
  }
  const step = job.work === "checksum" ? pieces(part, bytes, job.valueBytes) : whole(part, bytes, job);
  await repeat(step, job.warmupSeconds);
  const meter = new Meter();
  return meter.stop(await repeat(step, job.seconds));
}

/** A step of the work, which tells how much it has done. */
type Step = () => number | Promise<number>;

function whole(part: Part, bytes: Uint8Array, { work, valueBytes }: Job): Step {
  const done = work === "compress" || work === "decompress" ? valueBytes / 1000 : 1;
  return () => {
    const result = part.run(bytes);
    return result instanceof Promise ? result.then(() => done) : done;
  };
}

/** Pieces of the bytes in turn, each as a view of its own. */
function pieces(part: Part, bytes: Uint8Array, size: number): Step {
  const count = Math.max(1, Math.floor(STEP_BYTES / size));
  let at = 0;
  return () => {
    for (let i = 0; i < count; i++) {
      if (at + size > bytes.length) at = 0;
      part.run(bytes.subarray(at, at + size));
      at += size;
    }
    return count * size / 1000;
  };
}

async function repeat(step: Step, seconds: number): Promise<number> {
  const end = performance.now() + seconds * 1000;
  let done = 0;
  do {
    const result = step();
    done += typeof result === "number" ? result : await result;
  } while (performance.now() < end);
  return done;
}

/** One partition of Metadata, to compare. */
export interface PartitionTold {
  readonly name: string;
  readonly partition: number;
  readonly leader: number;
  readonly replicas: readonly number[];
  readonly inSync: readonly number[];
}

/** Partitions as text. */
export function metadataTold(partitions: Iterable<PartitionTold>): string {
  return Array.from(
    partitions,
    ({ name, partition, leader, replicas, inSync }) => `${name} ${partition} ${leader} ${replicas} ${inSync}\n`,
  ).join("");
}

/** One partition of a fetch, to compare. */
export interface FetchedTold {
  readonly topic: string;
  readonly partition: number;
  readonly highWatermark: number | bigint | string;
  /** Bytes of records; 0 for none in whatever form. */
  readonly bytes: number;
}

/** What was fetched as text. */
export function fetchTold(partitions: Iterable<FetchedTold>): string {
  return Array.from(
    partitions,
    ({ topic, partition, highWatermark, bytes }) => `${topic} ${partition} ${highWatermark} ${bytes}\n`,
  ).join("");
}

/** Chunks as one. */
export function joined(chunks: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}

/** The request that is encoded: as many bytes of records for each partition as there are in the input. */
export function produceTopics(
  records: Uint8Array,
): { name: string; partitions: { index: number; records: Uint8Array }[] }[] {
  return Array.from({ length: 10 }, (_, topic) => ({
    name: `bench.topic-${topic}`,
    partitions: Array.from({ length: 10 }, (_, index) => ({ index, records })),
  }));
}

/** What is written and read: by other clients as their job says, by ours for them to read, and what is in a log in the end. */

import { assert } from "chai";
import { Buffer } from "node:buffer";
import { connect } from "../../src/doors/deno.ts";
import type { Message } from "../../src/records/message.ts";
import type { Cluster } from "../../src/testing/mod.ts";
import { atLeast } from "../kafka/releases.ts";
import type { Base64, JobHeader, JobRecord, ReadRecord } from "./job.ts";
import type { Lack } from "./peers.ts";

/** How many partitions a topic has. */
export const PARTITIONS = 2;

/** How many records are written to a topic. */
export const COUNT = 24;

/**
 * When the first record was made, in ms since 1970; each next one a millisecond later. Not long ago: a broker that looks for
 * producers whose last record is old would forget one in the middle of a test.
 */
export const START: number = Date.now() - 3_600_000;

const base64 = (data: string | Uint8Array): Base64 => Buffer.from(data).toString("base64");
const bytesOf = (text: Base64 | null): Uint8Array | null => text === null ? null : Buffer.from(text, "base64");

/** Records that differ in all that clients may get wrong: nothing, little, much, no text, not there. */
export function recordsFor(release: string, lacks: readonly Lack[]): JobRecord[] {
  const can = (lack: Lack) => !lacks.includes(lack);
  const headers: JobHeader[] = [["z", base64("one")]];
  if (can("repeated headers")) headers.push(["z", base64("two")]);
  headers.push(["ü", base64(Uint8Array.of(0xff, 0, 0x80))]);
  if (can("header values of null")) headers.push(["none", null]);
  const hasHeaders = atLeast(release, "0.11") && can("headers");
  return Array.from({ length: COUNT }, (_, i): JobRecord => {
    const value = i === 3 ? null : i === 4 ? "" : i === 7 ? base64("much ".repeat(20_000)) : base64(`value ${i} äöü`);
    const isKeyless = i % 3 === 0 && (value !== null || can("records of nothing"));
    return {
      partition: i % PARTITIONS,
      timestamp: START + i,
      key: isKeyless ? null : i === 4 ? base64(Uint8Array.of(0, 0xff, 0xfe)) : base64(`key ${i}`),
      value,
      headers: hasHeaders && i % 5 === 1 ? headers : [],
    };
  });
}

/** Whether a release knows a codec. */
export function isKnown(codec: string, release: string): boolean {
  return codec !== "zstd" || atLeast(release, "2.1");
}

/** Writes all kinds of records with our own client, in batches of every codec that it and who reads them have. */
export async function writeOurs(cluster: Cluster, topic: string, readable: readonly string[]): Promise<void> {
  const { release } = cluster;
  const records = recordsFor(release, []);
  const kinds = (["gzip", "none", "snappy", "lz4", "zstd"] as const).filter((kind) =>
    kind === "none" || (isKnown(kind, release) && readable.includes(kind))
  );
  const client = await connect({ hosts: cluster.hosts });
  try {
    for (const [turn, compression] of kinds.entries()) {
      const producer = client.producer({ compression });
      const part = records.filter((_, i) => Math.floor(i * kinds.length / records.length) === turn);
      await producer.produce(part.map(({ partition, timestamp, key, value, headers }) => ({
        ...{ topic, partition, key: bytesOf(key), value: bytesOf(value) },
        headers: headers.map(([name, value]) => [name, bytesOf(value)] as const),
        ...(atLeast(release, "0.10") && { timestamp }),
      })));
      await producer.close();
    }
  } finally {
    await client.close();
  }
}

/** What a job's records are when they are read again: each partition's offsets go up from 0. */
export function placed(records: readonly JobRecord[]): ReadRecord[] {
  const next = Array.from({ length: PARTITIONS }, () => 0);
  return records.map(({ partition, timestamp, key, value, headers }): ReadRecord => {
    return [partition, next[partition]!++, timestamp, key, value, headers];
  });
}

/** What is in a topic, as our own reader finds it in the log. */
export async function inside(cluster: Cluster, topic: string): Promise<ReadRecord[]> {
  const all: ReadRecord[] = [];
  for (let partition = 0; partition < PARTITIONS; partition++) {
    all.push(...(await cluster.records(topic, partition)).map(asRead));
  }
  return all;
}

function asRead({ partition, offset, timestamp, key, value, headers }: Message): ReadRecord {
  const text = (bytes: Uint8Array | null) => bytes && base64(bytes);
  return [partition, offset, timestamp, text(key), text(value), headers.map(([name, value]) => [name, text(value)])];
}

/** Where an entry says its format, and a batch or a message its codec and, a batch alone, its producer. */
const AT = { magic: 16, attributes: 22, oldAttributes: 17, producerId: 43 };

/** The codecs that the entries of a topic are compressed with, and the ids of their producers. */
export function marksIn(cluster: Cluster, topic: string): { codecs: string[]; producerIds: number[] } {
  const names = ["none", "gzip", "snappy", "lz4", "zstd"];
  const codecs = new Set<string>();
  const producerIds = new Set<number>();
  for (const { log } of cluster.topics.get(topic)!.partitions) {
    for (const { bytes } of log.stored) {
      const isBatch = bytes[AT.magic]! >= 2;
      codecs.add(names[bytes[isBatch ? AT.attributes : AT.oldAttributes]! & 7]!);
      if (isBatch) producerIds.add(Number(new DataView(bytes.buffer, bytes.byteOffset).getBigInt64(AT.producerId)));
    }
  }
  return { codecs: [...codecs], producerIds: [...producerIds] };
}

/** Sorted by partition, and else as they are. */
export function sorted<T extends readonly [number, ...unknown[]]>(all: readonly T[]): T[] {
  return [...all].sort(([a], [b]) => a - b);
}

/** Compares records in all that release and client have: releases before 0.10 have no timestamps. */
export function assertSame(
  is: readonly ReadRecord[],
  should: readonly ReadRecord[],
  release: string,
  lacks: readonly Lack[],
  where: string,
): void {
  const hasTimes = atLeast(release, "0.10") && !lacks.includes("timestamps");
  const plain = (records: readonly ReadRecord[]) =>
    sorted(records).map(([partition, offset, timestamp, key, value, headers]) => {
      const time = hasTimes ? timestamp : null;
      return { partition, offset, time, key, value, headers: lacks.includes("headers") ? [] : headers };
    });
  assert.deepEqual(plain(is), plain(should), where);
}

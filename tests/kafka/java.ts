/** Writes and reads records with the Java client of a real cluster's own release. */

import { atLeast } from "./releases.ts";

/** Brokers, and a client's release whose programs are run on them: a real cluster with its own, say. */
export interface JavaCluster {
  readonly hosts: string;
  readonly release: string;
  /** Runs a program of the release, and gives what it printed. */
  tool(main: string, args: readonly string[], input?: string): Promise<string>;
}

/** How the producer compresses; which releases have which is Kafka's matter. */
export type JavaCompression = "none" | "gzip" | "snappy" | "lz4" | "zstd";

/** A header of a record: its name and its value. */
export type JavaHeader = readonly [name: string, value: Uint8Array | null];

/** A record for the Java producer. */
export interface JavaInput {
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  /** Chosen by the producer's own partitioner where it is not said. */
  readonly partition?: number | undefined;
  /** Milliseconds since 1970, from 0.10 on; by default the producer's clock. */
  readonly timestamp?: number | undefined;
  /** From 0.11 on. */
  readonly headers?: readonly JavaHeader[] | undefined;
}

/** Records for one topic, with one compression. */
export interface JavaBatch {
  readonly topic: string;
  /** `"none"` by default. */
  readonly compression?: JavaCompression | undefined;
  readonly records: readonly JavaInput[];
}

/** Where a record went. */
export interface JavaPlace {
  readonly partition: number;
  readonly offset: number;
}

/** A record as the Java consumer has read it. */
export interface JavaRecord extends JavaPlace {
  /** Milliseconds since 1970; −1 where the message has none, and null where the release knows of none. */
  readonly timestamp: number | null;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly JavaHeader[];
}

/** Settings of a Java client, by their names in Java. */
export type JavaSettings = Readonly<Record<string, string | number | boolean>>;

/** Each byte as two digits. */
const digits = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** Bytes as Words.java writes and reads them. */
function word(bytes: Uint8Array | null): string {
  if (bytes === null) return "-";
  let text = "x";
  for (const byte of bytes) text += digits[byte];
  return text;
}

function bytesOf(word: string): Uint8Array | null {
  if (word === "-") return null;
  const bytes = new Uint8Array((word.length - 1) / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = parseInt(word.slice(1 + 2 * i, 3 + 2 * i), 16);
  return bytes;
}

const settingsOf = (settings: JavaSettings): string[] =>
  Object.entries(settings).map(([name, value]) => `${name}=${value}`);

/** Writes records with the release's own producer, in one JVM; returns where each went, in their order. */
export async function javaProduce(
  kafka: JavaCluster,
  batches: readonly JavaBatch[],
  settings: JavaSettings = {},
): Promise<JavaPlace[]> {
  const lines: string[] = [];
  for (const { topic, compression = "none", records } of batches) {
    for (const { key, value, partition, timestamp, headers = [] } of records) {
      const named = headers.flatMap(([name, value]) => [word(new TextEncoder().encode(name)), word(value)]);
      const words = [compression, topic, partition ?? "-", timestamp ?? "-", word(key), word(value), ...named];
      lines.push(`${words.join(" ")}\n`);
    }
  }
  const out = await kafka.tool("Produce", [kafka.hosts, ...settingsOf(settings)], lines.join(""));
  const places = out.split("\n").slice(0, -1).map((line) => {
    const [partition = NaN, offset = NaN] = line.split(" ").map(Number);
    return { partition, offset };
  });
  if (places.length !== lines.length) throw new Error(`${lines.length} records, but ${places.length} places`);
  return places;
}

/**
 * Reads a topic from its beginning to where it ends now with the release's own consumer (that of 0.8.2 is its SimpleConsumer).
 * The records of a partition come in its order, the partitions in any.
 */
export async function javaConsume(
  kafka: JavaCluster,
  topic: string,
  settings: JavaSettings = {},
): Promise<JavaRecord[]> {
  const main = atLeast(kafka.release, "0.9") ? "Consume" : "SimpleConsume";
  const out = await kafka.tool(main, [kafka.hosts, topic, ...settingsOf(settings)]);
  return out.split("\n").slice(0, -1).map((line) => {
    const [partition, offset, timestamp, key = "-", value = "-", ...named] = line.split(" ");
    const headers: JavaHeader[] = [];
    for (let i = 0; i < named.length; i += 2) {
      const name = bytesOf(named[i] ?? "-") ?? new Uint8Array();
      headers.push([new TextDecoder().decode(name), bytesOf(named[i + 1] ?? "-")]);
    }
    return {
      partition: Number(partition),
      offset: Number(offset),
      timestamp: timestamp === "-" ? null : Number(timestamp),
      key: bytesOf(key),
      value: bytesOf(value),
      headers,
    };
  });
}

/** What a group has committed in a partition. */
export interface JavaOffset {
  readonly partition: number;
  readonly offset: number;
  readonly metadata: string;
}

/** What the release's own consumer, from 0.9 on, says that a group has committed, after it has committed these. */
export async function javaOffsets(
  kafka: JavaCluster,
  group: string,
  topic: string,
  commits: readonly JavaOffset[] = [],
): Promise<JavaOffset[]> {
  const words = commits.flatMap(({ partition, offset, metadata }) => [String(partition), String(offset), metadata]);
  const out = await kafka.tool("Offsets", [kafka.hosts, group, topic, ...words]);
  const found = out.split("\n").slice(0, -1).map((line) => {
    const [partition, offset, metadata = "-"] = line.split(" ");
    const text = new TextDecoder().decode(bytesOf(metadata) ?? new Uint8Array());
    return { partition: Number(partition), offset: Number(offset), metadata: text };
  });
  return found.sort((a, b) => a.partition - b.partition);
}

/** What is measured: the profiles, and how each client is driven best in them. */

import type { Job } from "./worker/job.ts";

/** The contents of values. */
export interface ValueForm {
  readonly bytes: number;
  /** How many different ones are sent in turn; every list's length divides it. */
  readonly count: number;
  readonly json: boolean;
}

/** What is measured of a client. */
export interface Profile {
  readonly title: string;
  readonly values: keyof typeof valueForms;
  readonly kind: Job["kind"];
  readonly codec?: Job["codec"];
  readonly callers?: number;
  readonly each?: boolean;
  /** Messages a list, and lists in flight, by client; `default` for the others. */
  readonly lists?: Readonly<Record<string, readonly [size: number, inFlight: number]>>;
  /** Messages of the backlog that a consumer reads, and how many of them are to warm up. */
  readonly backlog?: readonly [total: number, warmup: number];
  /** Whether a latency is measured as well. */
  readonly latency?: boolean;
  /** Of a part of a client: what it does, */
  readonly work?: Job["work"];
  /** to or with how many bytes at a time, */
  readonly size?: number;
  /** and what is counted, 1,000 bytes or frames. */
  readonly unit?: "KB" | "frames";
}

/** The values. */
export const valueForms = {
  small: { bytes: 100, count: 10_000, json: false },
  large: { bytes: 1000, count: 2000, json: false },
  json: { bytes: 300, count: 4000, json: true },
} as const satisfies Record<string, ValueForm>;

const many = { default: [1000, 4], samsa: [1000, 8], kafka_ts: [5000, 2] } as const;
const manyLarge = { default: [1000, 4], kafkajs: [1000, 2], platformatic: [1000, 2], kafkats: [200, 4] } as const;
const manyJson = { default: [1000, 4] } as const;

const small = { values: "small" } as const;
const large = { values: "large" } as const;
const json = { values: "json" } as const;

/** The sample that is compressed: our producer's batch. */
export const SAMPLE_BYTES: number = 256 * 1024;

const part = { ...json, kind: "part" } as const;
const compress = { ...part, work: "compress", unit: "KB", size: SAMPLE_BYTES } as const;
const decompress = { ...part, work: "decompress", unit: "KB", size: SAMPLE_BYTES } as const;
const checksum = { ...part, work: "checksum", unit: "KB" } as const;
const frames = { ...part, unit: "frames" } as const;

/** All of them, by name: those of whole clients and, from K on, those of parts of them. */
export const profiles: Readonly<Record<string, Profile>> = {
  P1: { ...small, title: "produce 100 B, many at a time", kind: "lists", lists: many },
  P2: { ...large, title: "produce 1 KB, many at a time", kind: "lists", lists: manyLarge },
  P3: { ...small, title: "produce 100 B, each awaited", kind: "callers", callers: 1, latency: true },
  P4: { ...small, title: "produce 100 B, 256 callers", kind: "callers", callers: 256, latency: true },
  P5g: { ...json, title: "produce 300 B, gzip", kind: "lists", codec: "gzip", lists: manyJson },
  P5s: { ...json, title: "produce 300 B, snappy", kind: "lists", codec: "snappy", lists: manyJson },
  C1: { ...small, title: "consume 100 B, batches", kind: "consume", backlog: [6_000_000, 1_000_000] },
  C1m: { ...small, title: "consume 100 B, messages", kind: "consume", each: true, backlog: [6_000_000, 1_000_000] },
  C2: { ...large, title: "consume 1 KB, batches", kind: "consume", backlog: [1_000_000, 150_000] },
  C3g: { ...json, title: "consume 300 B, gzip", kind: "consume", codec: "gzip", backlog: [2_000_000, 300_000] },
  C3s: { ...json, title: "consume 300 B, snappy", kind: "consume", codec: "snappy", backlog: [2_000_000, 300_000] },
  E1: { ...small, title: "1,000 messages a second, end to end", kind: "latency", latency: true },
  M: { ...small, title: "memory of a message held unread", kind: "retained", backlog: [300_000, 0] },
  L: { ...small, title: "memory, producing and consuming", kind: "load", lists: many, backlog: [6_000_000, 0] },
  Kg: { ...compress, title: "compress 256 KB, gzip", codec: "gzip" },
  Ks: { ...compress, title: "compress 256 KB, snappy", codec: "snappy" },
  Kl: { ...compress, title: "compress 256 KB, lz4", codec: "lz4" },
  Kz: { ...compress, title: "compress 256 KB, zstd", codec: "zstd" },
  Dg: { ...decompress, title: "decompress 256 KB, gzip", codec: "gzip" },
  Ds: { ...decompress, title: "decompress 256 KB, snappy", codec: "snappy" },
  Dl: { ...decompress, title: "decompress 256 KB, lz4", codec: "lz4" },
  Dz: { ...decompress, title: "decompress 256 KB, zstd", codec: "zstd" },
  R64: { ...checksum, title: "CRC-32C of 64 B", size: 64 },
  R1k: { ...checksum, title: "CRC-32C of 1 KB", size: 1 << 10 },
  R4k: { ...checksum, title: "CRC-32C of 4 KB", size: 1 << 12 },
  R16k: { ...checksum, title: "CRC-32C of 16 KB", size: 1 << 14 },
  R256k: { ...checksum, title: "CRC-32C of 256 KB", size: 1 << 18 },
  R1m: { ...checksum, title: "CRC-32C of 1 MB", size: 1 << 20 },
  Wm: { ...frames, title: "decode Metadata v12, 1,000 partitions (kafkajs: v6)", work: "metadata" },
  Wp: { ...frames, title: "encode Produce v9, 100 partitions with 16 KB of records each", work: "produce" },
  Wf: { ...frames, title: "decode Fetch v11, 100 partitions with 16 KB of records each, unopened", work: "fetch" },
  We: { ...frames, title: "decode Fetch v11, 100 partitions with nothing new", work: "fetch", size: 0 },
};

/** The job of a client in a profile, as far as the profile says it. */
export function jobOf(profile: Profile, client: string, lists?: readonly [size: number, inFlight: number]) {
  const form = valueForms[profile.values];
  const best = profile.lists?.[client] ?? profile.lists?.["default"] ?? [1, 1];
  const [listSize, inFlight] = profile.lists && lists ? lists : best;
  const [total, warmupCount] = profile.backlog ?? [0, 0];
  return {
    kind: profile.kind,
    codec: profile.codec ?? "none",
    callers: profile.callers ?? 1,
    each: profile.each ?? false,
    work: profile.work ?? "",
    valueBytes: profile.size ?? form.bytes,
    poolCount: form.count,
    numberAt: NUMBER_AT,
    ...{ listSize, inFlight, total, warmupCount },
  } as const;
}

/** Where the number of a value stands in it: behind `{"id":"`, in all of them. */
export const NUMBER_AT = 7;

const WORDS = ["amount", "blue", "city", "delivery", "eleven", "fast", "green", "house", "island", "journey", "kettle"];

/** The values of a form, one behind the other; each begins as JSON with its number. The same in every run. */
export function valuesOf({ bytes, count, json }: ValueForm): Uint8Array {
  const all = new Uint8Array(bytes * count);
  let state = 1;
  const chance = (below: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return Math.floor(state / 0x80000000 * below);
  };
  for (let i = 0; i < count; i++) {
    let text = `{"id":"${String(i).padStart(10, "0")}",`;
    while (text.length < bytes) {
      text += json
        ? `"${WORDS[chance(WORDS.length)]}":"${WORDS[chance(WORDS.length)]}-${chance(10_000)}",`
        : String.fromCharCode(48 + chance(75));
    }
    new TextEncoder().encodeInto(text.slice(0, bytes), all.subarray(i * bytes, (i + 1) * bytes));
  }
  return all;
}

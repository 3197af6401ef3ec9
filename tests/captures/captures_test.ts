/** Bytes that Kafka of every age sent, decoded: all releases' answers to ApiVersions, and their records in each format and codec. */

import { assert } from "chai";
import { readFileSync } from "node:fs";
import { apiVersions } from "../../src/protocol/api_versions.ts";
import { fetch } from "../../src/protocol/fetch.ts";
import { decodeResponse } from "../../src/protocol/message.ts";
import { type BuildOptions, recordsBuilder } from "../../src/records/builder.ts";
import type { Compression } from "../../src/records/compression.ts";
import type { Message } from "../../src/records/message.ts";
import { type RecordBatch, recordBatches } from "../../src/records/reading.ts";
import { minorReleases, releaseOf } from "../../src/testing/releases.ts";
import { codecs } from "../codecs.ts";
import { test } from "../harness.ts";

interface ExpectedRecord {
  readonly offset: number;
  readonly timestamp: number;
  readonly key: string | null;
  readonly value: string | null;
  readonly headers: readonly (readonly [string, string | null])[];
}

interface Capture {
  readonly file: string;
  readonly bytes: number;
  readonly api: "ApiVersions" | "Fetch";
  readonly version: number;
  readonly codec?: "none" | "gzip" | "snappy" | "lz4" | "zstd";
  readonly topic?: string;
  readonly records?: readonly [start: number, end: number];
  readonly magic?: number;
  readonly note?: string;
}

interface Index {
  readonly records: readonly ExpectedRecord[];
  readonly releases: readonly { readonly kafka: string; readonly files: readonly Capture[] }[];
}

const index: Index = JSON.parse(new TextDecoder().decode(read("index.json")));
const files = index.releases.flatMap(({ files }) => files);
const fetches = files.filter(({ api }) => api === "Fetch");
const options = { codecs, checkCrc: true, decompressedLimit: 1 << 20 };
/** The codecs that a format can hold. */
const codecsOf = (magic: number): Compression[] => ["gzip", "snappy", "lz4", ...magic === 2 ? ["zstd" as const] : []];

function read(file: string): Uint8Array {
  return new Uint8Array(readFileSync(new URL(file, import.meta.url)));
}

/** The one partition of a captured fetch. */
function fetched({ file, version, topic }: Capture) {
  const response = decodeResponse(fetch, version, read(file));
  assert.lengthOf(response.responses, 1, file);
  const [{ topic: name, partitions }] = response.responses as [typeof response.responses[0]];
  assert.equal(name, topic, file);
  assert.lengthOf(partitions, 1, file);
  return partitions[0]!;
}

function recordsOf(capture: Capture): Uint8Array {
  const { errorCode, records } = fetched(capture);
  assert.equal(errorCode, 0, capture.file);
  assert.deepEqual(records, read(capture.file).subarray(...capture.records!), `${capture.file}: the record set`);
  return records!;
}

async function messagesOf(batch: RecordBatch, topic: string): Promise<Message[]> {
  return [...await batch.open({ topic, partition: 0 }, options)];
}

function textOf(bytes: Uint8Array | null): string | null {
  return bytes === null ? null : new TextDecoder("utf-8", { fatal: true }).decode(bytes);
}

function plain(message: Message): ExpectedRecord {
  const { offset, timestamp, key, value, headers } = message;
  return {
    offset,
    timestamp,
    key: textOf(key),
    value: textOf(value),
    headers: headers.map(([name, content]) => [name, textOf(content)]),
  };
}

/** What a format leaves of the records. */
function expected(magic: number): ExpectedRecord[] {
  return index.records.map((record) => ({
    ...record,
    timestamp: magic === 0 ? -1 : record.timestamp,
    headers: magic < 2 ? [] : record.headers,
  }));
}

test("the captures are complete", () => {
  assert.lengthOf(index.releases, 32);
  assert.lengthOf(fetches, 16 * 4 + 14 * 4 + 16 * 5 + 12);
  for (const { file, bytes } of files) assert.equal(read(file).length, bytes, file);
});

test("every release's records decode to what its own producer was given", async () => {
  let count = 0;
  for (const capture of fetches) {
    const { file, codec, topic, magic, note } = capture;
    if (note !== undefined || topic === "capture-txn") continue;
    const batches = recordBatches(recordsOf(capture), { topic: topic!, partition: 0 });
    assert.lengthOf(batches, 1, file);
    const [batch] = batches as [RecordBatch];
    assert.equal(batch.magic, magic, file);
    assert.equal(batch.compression, codec, file);
    assert.equal(batch.lastOffset, index.records.length - 1, file);
    assert.deepEqual((await messagesOf(batch, topic!)).map(plain), expected(magic!), file);
    count++;
  }
  assert.equal(count, (15 + 13 + 16) * 4 + 12);
});

test("what we write is byte for byte what the Java producers wrote", () => {
  for (const capture of fetches) {
    const { file, codec, topic, magic, note } = capture;
    if (note !== undefined || codec !== "none" || topic === "capture-txn") continue;
    const theirs = recordsOf(capture).slice();
    const builder = recordsBuilder(magic as 0 | 1 | 2);
    for (const record of expected(magic!)) builder.append(record);
    // A broker puts the epoch of the partition's leader into a batch; the checksum leaves it out.
    if (magic === 2) theirs.fill(0xff, 12, 16);
    const producer = magic === 2 ? recordBatches(theirs, { topic: topic!, partition: 0 })[0]! : {};
    assert.deepEqual(builder.build({ compression: "none", codecs, ...producerOf(producer) }), theirs, file);
  }
});

/** Java's producers are idempotent by default since 3.0. */
function producerOf(batch: Partial<RecordBatch>): Partial<BuildOptions> {
  const { producerId = -1, producerEpoch = -1, baseSequence = -1 } = batch;
  return { producerId, producerEpoch, baseSequence };
}

test("written anew in each codec they are read back as what they were", async () => {
  let count = 0;
  for (const capture of fetches) {
    const { file, topic, magic, note } = capture;
    if (note !== undefined || topic === "capture-txn") continue;
    const origin = { topic: topic!, partition: 0 };
    const messages = await messagesOf(recordBatches(recordsOf(capture), origin)[0]!, topic!);
    for (const compression of codecsOf(magic!)) {
      const builder = recordsBuilder(magic as 0 | 1 | 2);
      for (const message of messages) builder.append(message);
      const bytes = await builder.build({ compression, codecs });
      const [batch] = recordBatches(bytes, origin) as [RecordBatch];
      assert.equal(batch.compression, compression, file);
      assert.deepEqual((await messagesOf(batch, topic!)).map(plain), expected(magic!), `${file}: ${compression}`);
      count++;
    }
  }
  assert.equal(count, (15 + 13) * 4 * 3 + (16 * 4 + 12) * 4);
});

test("an lz4 frame in magic 0 has the head that Kafka's brokers of that age wrote, and one in magic 1 and 2 the right one", async () => {
  let count = 0;
  for (const capture of fetches) {
    const { file, codec, topic, magic, note } = capture;
    if (note !== undefined || topic === "capture-txn" || codec !== "lz4") continue;
    const theirs = recordsOf(capture);
    const builder = recordsBuilder(magic as 0 | 1 | 2);
    for (const record of expected(magic!)) builder.append(record);
    const ours = await builder.build({ compression: "lz4", codecs });
    // Flags, the largest size of a block, and the checksum of both.
    assert.deepEqual(headOf(ours), headOf(theirs), file);
    assert.deepEqual(headOf(ours), [0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, magic === 0 ? 0x1a : 0x82], file);
    count++;
  }
  assert.equal(count, 15 + 13 + 16);
});

/** The first bytes of the one frame of lz4. */
function headOf(bytes: Uint8Array): number[] {
  const at = bytes.findIndex((_, i) => bytes[i] === 0x04 && bytes[i + 1] === 0x22 && bytes[i + 2] === 0x4d);
  return [...bytes.subarray(at, at + 7)];
}

test("transactions come with their control batches", async () => {
  const captures = fetches.filter(({ topic }) => topic === "capture-txn");
  assert.lengthOf(captures, 16);
  for (const capture of captures) {
    const { file } = capture;
    const batches = recordBatches(recordsOf(capture), { topic: "capture-txn", partition: 0 });
    assert.isTrue(batches.every(({ isTransactional, magic }) => isTransactional && magic === 2), file);
    const data = batches.filter(({ isControl }) => !isControl);
    const messages = (await Promise.all(data.map((batch) => messagesOf(batch, "capture-txn")))).flat().map(plain);
    const [first, second, third] = index.records as [ExpectedRecord, ExpectedRecord, ExpectedRecord];
    assert.deepEqual(messages, [first, second, { ...third, offset: 3 }], file);
    const ends = batches.filter(({ isControl }) => isControl);
    assert.deepEqual(ends.map(({ baseOffset, lastOffset }) => [baseOffset, lastOffset]), [[2, 2], [4, 4]], file);
    // A marker's key is its version and its kind: 1 commits, 0 aborts (KIP-98).
    const kinds = (await Promise.all(ends.map((batch) => messagesOf(batch, "capture-txn")))).flat()
      .map(({ key }) => [...key!]);
    assert.deepEqual(kinds, [[0, 0, 0, 1], [0, 0, 0, 0]], file);
    const producers = new Set(batches.map(({ producerId }) => producerId));
    assert.isTrue([...producers].every((id) => id >= 0), file);
    // They were fetched as read_uncommitted.
    assert.isNull(fetched(capture).abortedTransactions, file);
  }
});

test("a 0.11.0 broker's failure to convert headers down decodes as its error", () => {
  const captures = fetches.filter(({ note }) => note !== undefined);
  assert.lengthOf(captures, 8);
  for (const capture of captures) {
    const { errorCode, records } = fetched(capture);
    assert.equal(errorCode, -1, capture.file);
    assert.equal(records?.length ?? 0, 0, capture.file);
  }
});

test("every release's version ranges decode and make sense", () => {
  const captures = files.filter(({ api }) => api === "ApiVersions");
  assert.isAbove(captures.length, 30);
  for (const { file, version } of captures) {
    const { errorCode, apiKeys } = decodeResponse(apiVersions, version, read(file));
    assert.equal(errorCode, 0, file);
    const ranges = new Map(apiKeys.map(({ apiKey, minVersion, maxVersion }) => [apiKey, [minVersion, maxVersion]]));
    assert.equal(ranges.size, apiKeys.length, file);
    for (const [key, [min, max]] of ranges as Map<number, [number, number]>) {
      assert.isTrue(
        min >= 0 && min <= max && max < 30 && key >= 0 && key < 100,
        `${file}: ${key} has ${min} to ${max}`,
      );
    }
    const [, apiVersionsMax] = ranges.get(apiVersions.key)!;
    const [fetchMin, fetchMax] = ranges.get(fetch.key) as [number, number];
    assert.isAtLeast(apiVersionsMax!, version, file);
    assert.equal(fetchMin, file.startsWith("4.") ? 4 : 0, file);
    assert.isAtLeast(fetchMax, file.startsWith("0.10") ? 2 : 4, file);
  }
});

test("the embedded cluster's profile of every release lists what the release itself did", () => {
  const met = new Set<string>();
  for (const { kafka, files } of index.releases) {
    const { listed } = releaseOf(kafka);
    const capture = files.find(({ api, version }) => api === "ApiVersions" && version === 0);
    met.add(minorReleases.find((minor) => kafka.startsWith(`${minor}.`))!);
    if (!capture) continue;
    const { apiKeys } = decodeResponse(apiVersions, 0, read(capture.file));
    const theirs = apiKeys.map(({ apiKey, minVersion, maxVersion }) => [apiKey, [minVersion, maxVersion]] as const);
    const ours = new Set([...minorReleases.flatMap((minor) => [...releaseOf(minor).listed.keys()])]);
    assert.deepEqual(new Map(theirs.filter(([key]) => ours.has(key))), new Map(listed), kafka);
  }
  assert.sameMembers([...met], [...minorReleases]);
});

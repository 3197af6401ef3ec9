/** Whole frames, byte for byte as Kafka's own classes write them, and the traps of their headers. */

import { concat } from "@std/bytes";
import { assert } from "chai";
import { KafkaError } from "../../../src/base/errors.ts";
import { apiVersions } from "../../../src/protocol/api_versions.ts";
import { apis } from "../../../src/protocol/apis.ts";
import { decodeRequest } from "../../../src/protocol/decode_request.ts";
import { fetch } from "../../../src/protocol/fetch.ts";
import { listOffsets } from "../../../src/protocol/list_offsets.ts";
import {
  correlationIdOf,
  decodeRequestHead,
  decodeResponse,
  encodeRequest,
  encodeResponse,
} from "../../../src/protocol/message.ts";
import { metadata } from "../../../src/protocol/metadata.ts";
import { produce } from "../../../src/protocol/produce.ts";
import { test } from "../../harness.ts";

const head = { correlationId: 7, clientId: "me" };

function bytesOf(chunks: readonly Uint8Array[]): number[] {
  return [...concat(chunks)];
}

function errorOf(body: () => unknown): KafkaError {
  try {
    body();
  } catch (error) {
    assert.instanceOf(error, KafkaError);
    return error as KafkaError;
  }
  return assert.fail("nothing was thrown");
}

test("a request has size, key, version, correlation id, client id, and its body", () => {
  assert.deepEqual(bytesOf(encodeRequest(metadata, 0, head, { topics: [{ name: "ab" }] })), [
    ...[0, 0, 0, 20],
    ...[0, 3, 0, 0, 0, 0, 0, 7, 0, 2, 0x6d, 0x65],
    ...[0, 0, 0, 1, 0, 2, 0x61, 0x62],
  ]);
  assert.deepEqual(bytesOf(encodeRequest(apiVersions, 0, { correlationId: -1, clientId: null }, {})), [
    ...[0, 0, 0, 10],
    ...[0, 18, 0, 0, 255, 255, 255, 255, 255, 255],
  ]);
});

test("a flexible request has tags after its head, but a client id of the old kind", () => {
  const body = { clientSoftwareName: "s", clientSoftwareVersion: "1" };
  assert.deepEqual(bytesOf(encodeRequest(apiVersions, 3, head, body)), [
    ...[0, 0, 0, 18],
    ...[0, 18, 0, 3, 0, 0, 0, 7, 0, 2, 0x6d, 0x65, 0],
    ...[2, 0x73, 2, 0x31, 0],
  ]);
});

test("the response of ApiVersions has never tags in its head, others have", () => {
  const keys = { errorCode: 0, apiKeys: [{ apiKey: 18, minVersion: 0, maxVersion: 4 }] };
  assert.deepEqual(bytesOf(encodeResponse(apiVersions, 3, 7, keys)), [
    ...[0, 0, 0, 19],
    ...[0, 0, 0, 7],
    ...[0, 0, 2, 0, 18, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0],
  ]);
  assert.deepEqual(bytesOf(encodeResponse(produce, 9, 7, { responses: [] })), [
    ...[0, 0, 0, 11],
    ...[0, 0, 0, 7, 0],
    ...[1, 0, 0, 0, 0, 0],
  ]);
});

test("tags in a head are passed over", () => {
  const response = Uint8Array.from([0, 0, 0, 7, 2, 0, 1, 9, 5, 2, 9, 9, 1, 0, 0, 0, 3, 0]);
  assert.deepEqual(decodeResponse(produce, 9, response), { responses: [], throttleTimeMs: 3, nodeEndpoints: [] });
  const request = Uint8Array.from([0, 18, 0, 3, 0, 0, 0, 7, 255, 255, 1, 0, 1, 9, 1, 1, 0]);
  assert.equal(decodeRequest(request).clientId, null);
});

test("what follows a response is left alone, what is missing is not", () => {
  const frame = concat(encodeResponse(metadata, 1, 9, { brokers: [], topics: [] })).subarray(4);
  assert.equal(correlationIdOf(frame), 9);
  const longer = concat([frame, new Uint8Array(5)]);
  assert.deepEqual(decodeResponse(metadata, 1, longer), decodeResponse(metadata, 1, frame));
  const error = errorOf(() => decodeResponse(metadata, 1, frame.subarray(0, frame.length - 1)));
  assert.equal(error.code, "PROTOCOL_ERROR");
  assert.include(error.message, "Metadata response v1, topics: ");
  assert.equal(errorOf(() => correlationIdOf(new Uint8Array(3))).code, "PROTOCOL_ERROR");
});

test("a broker is told of versions and keys that are unknown, and still whom to answer", () => {
  const newer = Uint8Array.from([0, 18, 0, 99, 0, 0, 0, 7, 0, 1, 0x61, 0, 1, 1, 0]);
  assert.equal(errorOf(() => decodeRequest(newer)).code, "UNSUPPORTED_VERSION");
  assert.deepEqual(decodeRequestHead(newer), { apiKey: 18, version: 99, correlationId: 7, clientId: "a" });
  const unknown = Uint8Array.from([3, 232, 0, 0, 0, 0, 0, 7, 255, 255]);
  assert.equal(errorOf(() => decodeRequest(unknown)).code, "UNSUPPORTED_VERSION");
  assert.deepEqual(decodeRequestHead(unknown), { apiKey: 1000, version: 0, correlationId: 7, clientId: null });
});

test("a request that is longer than it should be is refused", () => {
  const frame = concat([...encodeRequest(metadata, 1, head, { topics: null }), Uint8Array.of(0)]).subarray(4);
  assert.include(errorOf(() => decodeRequest(frame)).message, "Metadata request v1: 1 bytes follow its end");
  assert.equal(decodeRequest(frame, true).version, 1);
});

test("large records go out by reference behind a head with the whole size", () => {
  const records = new Uint8Array(50_000);
  const topicData = [{ name: "t", partitionData: [{ index: 0, records }] }];
  const chunks = encodeRequest(produce, 7, head, { acks: -1, timeoutMs: 1000, topicData });
  assert.strictEqual(chunks[1], records);
  const size = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  assert.equal(new DataView(chunks[0]!.buffer, chunks[0]!.byteOffset).getInt32(0), size - 4);
});

test("Metadata asks for all topics with null, in version 0 with none", () => {
  assert.deepEqual(bytesOf(encodeRequest(metadata, 1, head, { topics: null })).slice(-4), [255, 255, 255, 255]);
  assert.deepEqual(bytesOf(encodeRequest(metadata, 0, head, { topics: [] })).slice(-4), [0, 0, 0, 0]);
  assert.equal(errorOf(() => encodeRequest(metadata, 0, head, { topics: null })).code, "INVALID_OPTION");
});

test("what a version cannot say is refused with its name", () => {
  const error = errorOf(() => encodeRequest(metadata, 3, head, { topics: null, allowAutoTopicCreation: false }));
  assert.equal(error.code, "UNSUPPORTED_FEATURE");
  assert.include(error.message, "Metadata request v3, allowAutoTopicCreation: ");
  assert.include(error.message, "version 4 or later");
});

test("ListOffsets v0 has its old shape", () => {
  const partitions = [{ partitionIndex: 1, timestamp: -1, maxNumOffsets: 2 }];
  const request = bytesOf(encodeRequest(listOffsets, 0, head, { replicaId: -1, topics: [{ name: "t", partitions }] }));
  assert.deepEqual(request.slice(16), [
    ...[255, 255, 255, 255],
    ...[0, 0, 0, 1, 0, 1, 0x74],
    ...[0, 0, 0, 1, 0, 0, 0, 1, 255, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 2],
  ]);
  const offsets = { partitionIndex: 1, errorCode: 0, oldStyleOffsets: [9, 0] };
  const frame = concat(encodeResponse(listOffsets, 0, 7, { topics: [{ name: "t", partitions: [offsets] }] })).subarray(
    4,
  );
  assert.deepEqual(decodeResponse(listOffsets, 0, frame).topics[0]!.partitions[0], {
    ...offsets,
    timestamp: -1,
    offset: -1,
    leaderEpoch: -1,
  });
});

test("Fetch v18 does not send its highest watermark, which is none", () => {
  const partition = { partition: 0, fetchOffset: 5, partitionMaxBytes: 100 };
  const topics = [{ topicId: "00000000-0000-0000-0000-000000000001", partitions: [partition] }];
  const body = { maxWaitMs: 1, minBytes: 1, topics };
  const last = concat(encodeRequest(fetch, 18, head, body)).subarray(4);
  const before = concat(encodeRequest(fetch, 17, head, body)).subarray(4);
  assert.equal(last.length, before.length);
  assert.include(decodeRequest(last).body, { maxBytes: 0x7fffffff, sessionEpoch: -1 });
});

test("the table has every API once", () => {
  const names = [...apis].map(([key, api]) => [key, api.key, api.name]);
  assert.deepEqual(names.map(([key, own]) => key === own), names.map(() => true));
  assert.lengthOf(names, 74);
});

test("a client id that is too long is refused", () => {
  const long = { correlationId: 1, clientId: "x".repeat(0x8000) };
  assert.equal(errorOf(() => encodeRequest(apiVersions, 0, long, {})).code, "INVALID_OPTION");
});

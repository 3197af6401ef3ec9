/** Bodies, heads and structs by themselves: what protocol tools take apart and put together. */

import { concat } from "@std/bytes";
import { assert } from "chai";
import { KafkaError } from "../../../src/base/errors.ts";
import { apiVersions } from "../../../src/protocol/api_versions.ts";
import {
  exactRequestBody,
  exactResponseBody,
  requestBody,
  responseBody,
  structBody,
} from "../../../src/protocol/body.ts";
import { isRequestOf, joinRequest, joinResponse, splitRequest, splitResponse } from "../../../src/protocol/envelope.ts";
import { fetch } from "../../../src/protocol/fetch.ts";
import { listOffsets } from "../../../src/protocol/list_offsets.ts";
import { decodeRequest } from "../../../src/protocol/decode_request.ts";
import { encodeRequest, encodeResponse } from "../../../src/protocol/message.ts";
import { metadata } from "../../../src/protocol/metadata.ts";
import { test } from "../../harness.ts";

function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    assert.instanceOf(error, KafkaError);
    return (error as KafkaError).code;
  }
  return "";
}

test("a body is what lies behind the head of a frame, in every version", () => {
  const body = { topics: [{ name: "t" }], allowAutoTopicCreation: false };
  for (const version of [4, 9, 12]) {
    const frame = concat(encodeRequest(metadata, version, { correlationId: 7, clientId: "c" }, body)).subarray(4);
    const split = splitRequest(frame);
    assert.deepEqual(split.head, { apiKey: 3, version, correlationId: 7, clientId: "c" });
    const codec = requestBody(metadata, version);
    assert.equal(codec.decode(split.body).topics![0]!.name, "t");
    assert.deepEqual(codec.encode(body), split.body);
    assert.deepEqual(joinRequest(metadata, split.head, split.body).subarray(4), frame);
    assert.deepEqual(codec.decodeFrom(frame, frame.length - split.body.length).end, frame.length);
  }
});

test("a response too; the head of ApiVersions is never flexible", () => {
  const bodies = { brokers: [], topics: [], errorCode: 0, apiKeys: [] };
  for (const [api, version, flexible] of [[metadata, 8, 0], [metadata, 9, 1], [apiVersions, 3, 0]] as const) {
    const frame = concat(encodeResponse<typeof api>(api, version, 9, bodies)).subarray(4);
    const { correlationId, body } = splitResponse(api, version, frame);
    assert.equal(correlationId, 9);
    assert.equal(frame.length - body.length, 4 + flexible);
    assert.deepEqual(joinResponse(api, version, correlationId, body).subarray(4), frame);
    assert.deepEqual(responseBody<typeof api>(api, version).encode(bodies), body);
  }
});

test("bytes behind a body, and too few, are told; decodeFrom leaves what follows alone", () => {
  const codec = responseBody(apiVersions, 0);
  const bytes = codec.encode({ errorCode: 0, apiKeys: [{ apiKey: 1, minVersion: 2, maxVersion: 3 }] });
  const longer = concat([bytes, Uint8Array.of(1, 2)]);
  assert.equal(codeOf(() => codec.decode(longer)), "PROTOCOL_ERROR");
  assert.throws(() => codec.decode(longer), /ApiVersions response v0: 2 bytes follow its end/);
  assert.equal(codec.decodeFrom(longer).end, bytes.length);
  assert.equal(codeOf(() => codec.decode(bytes.subarray(1))), "PROTOCOL_ERROR");
  assert.equal(codeOf(() => codec.decodeFrom(bytes, bytes.length + 1)), "PROTOCOL_ERROR");
  assert.equal(codeOf(() => responseBody(apiVersions, 99)), "UNSUPPORTED_VERSION");
  assert.equal(codeOf(() => exactRequestBody(apiVersions, 99)), "UNSUPPORTED_VERSION");
  assert.equal(codeOf(() => exactResponseBody(apiVersions, 99)), "UNSUPPORTED_VERSION");
});

test("an API that is not known has to be given, to find where its body begins", () => {
  const own = { ...metadata, key: 9999 };
  const head = { version: 9, correlationId: 1, clientId: null };
  const frame = joinRequest(own, head, Uint8Array.of(1, 2, 3)).subarray(4);
  assert.equal(codeOf(() => splitRequest(frame)), "UNSUPPORTED_VERSION");
  assert.deepEqual([...splitRequest(frame, own).body], [1, 2, 3]);
  assert.equal(splitRequest(frame, own).head.apiKey, 9999);
});

test("exact bodies keep each bit of an int64, defaults included", () => {
  const exact = exactResponseBody(listOffsets, 6), rounded = responseBody(listOffsets, 6);
  const offset = 0x7fff_ffff_ffff_ff17n;
  const partition = { partitionIndex: 0, errorCode: 0, timestamp: -1n, offset, leaderEpoch: 0 };
  const bytes = exact.encode({ topics: [{ name: "t", partitions: [partition] }] });
  assert.deepEqual(exact.encode(exact.decode(bytes)), bytes);
  assert.equal(exact.decode(bytes).topics[0]!.partitions[0]!.offset, offset);
  assert.notDeepEqual(rounded.encode(rounded.decode(bytes)), bytes);
  assert.equal(rounded.decode(bytes).topics[0]!.partitions[0]!.offset, 2 ** 63);

  // Lists of numbers have a way of their own, in each dialect.
  const partitions = [{ errorCode: 0, partitionIndex: 0, leaderId: 1, replicaNodes: [1, 2, 3], isrNodes: [] }];
  for (const version of [8, 9]) {
    const told = { brokers: [], topics: [{ errorCode: 0, name: "t", partitions }] };
    const wanted = responseBody(metadata, version).encode(told);
    const read = exactResponseBody(metadata, version).decode(wanted);
    assert.deepEqual(read.topics[0]!.partitions[0]!.replicaNodes, [1, 2, 3]);
    assert.deepEqual(exactResponseBody(metadata, version).encode(read), wanted);
  }

  // A tagged int64 whose default is Long.MAX_VALUE, and others whose default is -1.
  const exactFetch = exactRequestBody(fetch, 18);
  const read = exactFetch.decode(
    requestBody(fetch, 18).encode({
      ...{ maxWaitMs: 1, minBytes: 1 },
      topics: [{ partitions: [{ partition: 0, fetchOffset: 5, partitionMaxBytes: 1 }] }],
    }),
  );
  const first = read.topics[0]!.partitions[0]!;
  assert.deepEqual([first.highWatermark, first.logStartOffset], [0x7fff_ffff_ffff_ffffn, -1n]);
  const again = exactFetch.encode({ ...read, replicaState: { replicaId: -1, replicaEpoch: -1n } });
  assert.deepEqual(again, exactFetch.encode(read), "defaults are not sent");
});

test("a struct of one's own, by version and dialect", () => {
  const fields = {
    id: "int16",
    name: { is: "string", since: 1 },
    tags: { is: ["string"], since: 1, null: 1 },
  } as const;
  const old = structBody(fields), young = structBody(fields, { version: 1, flexible: true });
  assert.deepEqual([...old.encode({ id: 5 })], [0, 5]);
  assert.deepEqual([...young.encode({ id: 5, name: "a", tags: null })], [0, 5, 2, 97, 0, 0]);
  assert.deepEqual(young.decode(young.encode({ id: 5, name: "a", tags: ["x"] })), { id: 5, name: "a", tags: ["x"] });
  assert.equal(codeOf(() => old.encode({ id: 5, name: "a" })), "UNSUPPORTED_FEATURE");
  assert.equal(codeOf(() => old.encode({ id: 70_000 })), "INVALID_OPTION");
});

test("a decoded request has the type of its API where that is asked", () => {
  const frame = concat(encodeRequest(metadata, 4, { correlationId: 1, clientId: null }, { topics: [{ name: "t" }] }));
  const request = decodeRequest(frame.subarray(4));
  assert.isFalse(isRequestOf(request, fetch));
  assert.isTrue(isRequestOf(request, metadata) && request.body.topics![0]!.name === "t");
});

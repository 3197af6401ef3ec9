/** What members of a group say to one another, byte for byte as Java's `ConsumerProtocol` writes it. */

import { assert } from "chai";
import { KafkaError } from "../../../src/base/errors.ts";
import {
  consumerProtocolAssignment,
  consumerProtocolSubscription,
  decodeEmbedded,
  encodeEmbedded,
} from "../../../src/protocol/consumer_protocol.ts";
import { test } from "../../harness.ts";

const subscription = {
  topics: ["a", "bc"],
  userData: Uint8Array.of(9),
  ownedPartitions: [{ topic: "a", partitions: [1, 2] }],
  generationId: 5,
  rackId: "r",
};
const TOPICS = [0, 0, 0, 2, 0, 1, 97, 0, 2, 98, 99, 0, 0, 0, 1, 9];
const OWNED = [0, 0, 0, 1, 0, 1, 97, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2];
const GENERATION = [0, 0, 0, 5];
const RACK = [0, 1, 114];
const VERSIONS = [
  [0, 0, ...TOPICS],
  [0, 1, ...TOPICS, ...OWNED],
  [0, 2, ...TOPICS, ...OWNED, ...GENERATION],
  [0, 3, ...TOPICS, ...OWNED, ...GENERATION, ...RACK],
];
const ABSENT = { ownedPartitions: [], generationId: -1, rackId: null };

function errorOf(body: () => unknown): KafkaError {
  try {
    body();
  } catch (error) {
    assert.instanceOf(error, KafkaError);
    return error as KafkaError;
  }
  return assert.fail("nothing was thrown");
}

test("a subscription is what Java writes, and what a version lacks is dropped", () => {
  VERSIONS.forEach((bytes, version) => {
    assert.deepEqual([...encodeEmbedded(consumerProtocolSubscription, version, subscription)], bytes);
  });
  const { value } = decodeEmbedded(consumerProtocolSubscription, Uint8Array.from(VERSIONS[2]!));
  assert.deepEqual(value, { ...subscription, rackId: null });
  const least = encodeEmbedded(consumerProtocolSubscription, 3, { topics: [] });
  assert.deepEqual(decodeEmbedded(consumerProtocolSubscription, least), {
    version: 3,
    value: { topics: [], userData: null, ...ABSENT },
  });
});

test("an assignment is what Java writes", () => {
  const assignedPartitions = [{ topic: "a", partitions: [1, 2] }];
  const bytes = [0, 1, ...OWNED, 255, 255, 255, 255];
  assert.deepEqual([...encodeEmbedded(consumerProtocolAssignment, 1, { assignedPartitions })], bytes);
  assert.deepEqual(decodeEmbedded(consumerProtocolAssignment, Uint8Array.from(bytes)), {
    version: 1,
    value: { assignedPartitions, userData: null },
  });
});

test("a newer version is read as the newest that is known, what is no version is refused", () => {
  const newer = Uint8Array.from([0, 9, ...VERSIONS[3]!.slice(2), 1, 2, 3]);
  assert.deepEqual(decodeEmbedded(consumerProtocolSubscription, newer), { version: 9, value: subscription });
  const decode = (...bytes: number[]) => () => decodeEmbedded(consumerProtocolSubscription, Uint8Array.from(bytes));
  for (const bytes of [[], [0], [255, 255, ...TOPICS], VERSIONS[1]!.slice(0, -1), [0, 9, ...TOPICS]]) {
    const error = errorOf(decode(...bytes));
    assert.equal(error.code, "PROTOCOL_ERROR");
    assert.include(error.message, "ConsumerProtocolSubscription");
  }
  for (const version of [-1, 4, NaN]) {
    const error = errorOf(() => encodeEmbedded(consumerProtocolSubscription, version, { topics: [] }));
    assert.equal(error.code, "INVALID_OPTION");
  }
});

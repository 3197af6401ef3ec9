/** The choice of a version: the highest that both sides speak, or an error that names both ranges. */

import { assert } from "chai";
import type { KafkaError } from "../../../src/base/errors.ts";
import { BrokerVersions, type VersionRange, versionsOf082, versionsOf09 } from "../../../src/connection/versions.ts";
import { apiVersions } from "../../../src/protocol/api_versions.ts";
import { createTopics } from "../../../src/protocol/create_topics.ts";
import { fetch } from "../../../src/protocol/fetch.ts";
import { listGroups } from "../../../src/protocol/list_groups.ts";
import { metadata } from "../../../src/protocol/metadata.ts";
import { produce } from "../../../src/protocol/produce.ts";
import { test } from "../../harness.ts";

const speaking = (ranges: Record<number, VersionRange>) =>
  new BrokerVersions(new Map(Object.entries(ranges).map(([key, range]) => [Number(key), range])), "ApiVersions");

test("the highest version of both sides is taken, and the cap is kept", () => {
  assert.equal(speaking({ 3: [0, 9] }).pick(metadata), 9);
  assert.equal(speaking({ 3: [0, 99] }).pick(metadata), metadata.versions[1]);
  assert.equal(speaking({ 3: [0, 9] }).pick(metadata, 4), 4);
  assert.equal(speaking({ 3: [5, 9] }).best(metadata, 4), undefined);
});

test("where the ranges do not meet the error names both", () => {
  const refusal = (versions: BrokerVersions, cap?: number) => {
    try {
      versions.pick(metadata, cap);
    } catch (error) {
      assert.equal((error as KafkaError).code, "UNSUPPORTED_FEATURE");
      return (error as KafkaError).message;
    }
    throw new Error("It was expected to throw");
  };
  assert.include(refusal(speaking({ 3: [90, 99] })), "from 0 to 13; the broker speaks versions 90 to 99");
  assert.include(refusal(speaking({ 3: [5, 9] }), 4), "from 0 to 4; the broker speaks versions 5 to 9");
  assert.include(refusal(speaking({})), "the broker does not know it");
});

test("a range that makes no sense is no version", () => {
  assert.equal(speaking({ 3: [9, 5] }).best(metadata), undefined);
  assert.equal(speaking({ 3: [-5, -1] }).best(metadata), undefined);
});

test("Produce below 3 is never sent to a broker of 4.x, which lists it all the same (KAFKA-18659)", () => {
  const versions = speaking({ 0: [0, 12], 1: [4, 17] });
  assert.deepEqual(versions.range(0), [3, 12]);
  assert.equal(versions.best(produce, 2), undefined);
  assert.equal(versions.best(produce), 12);
  assert.equal(speaking({ 0: [0, 9], 1: [0, 12] }).best(produce, 2), 2);
});

test("brokers that cannot be asked speak what their release does", () => {
  assert.equal(versionsOf082.pick(metadata), 0);
  assert.equal(versionsOf082.pick(produce), 0);
  assert.equal(versionsOf082.best(listGroups), undefined);
  assert.equal(versionsOf09.pick(produce), 1);
  assert.equal(versionsOf09.pick(fetch), 1);
  assert.equal(versionsOf09.pick(listGroups), 0);
  for (const old of [versionsOf082, versionsOf09]) {
    assert.equal(old.best(apiVersions), undefined);
    assert.equal(old.best(createTopics), undefined);
  }
});

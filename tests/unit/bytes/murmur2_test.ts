/** murmur2 against Java's, on which the partition of a key depends. */

import { assert } from "chai";
import { murmur2 } from "../../../src/bytes/murmur2.ts";
import { test } from "../../harness.ts";
import { vectors } from "./vectors.ts";

test("murmur2() gives what org.apache.kafka.common.utils.Utils.murmur2 gives", () => {
  assert.isTrue(vectors.some(({ bytes }) => bytes.length === 0));
  for (const { name, bytes, murmur2: expected } of vectors) assert.equal(murmur2(bytes), expected, name);
});

test("murmur2() reads a view where it lies", () => {
  const { bytes, murmur2: expected } = vectors.find(({ bytes }) => bytes.length === 99)!;
  const larger = new Uint8Array(200);
  larger.set(bytes, 41);
  assert.equal(murmur2(larger.subarray(41, 140)), expected);
});

/** CRC-32C against Java's. */

import { assert } from "chai";
import { crc32c } from "../../../src/bytes/crc32c.ts";
import { test } from "../../harness.ts";
import { generated, vectors } from "./vectors.ts";

test("crc32c() gives what java.util.zip.CRC32C gives", () => {
  assert.isAbove(vectors.length, 150);
  for (const { name, bytes, crc32c: expected } of vectors) assert.equal(crc32c(bytes), expected, name);
});

test("crc32c() of a part is that of its bytes alone, wherever they lie", () => {
  const bytes = generated(3, 400);
  for (let start = 0; start < 20; start++) {
    for (const end of [start, start + 3, start + 63, start + 64, start + 101, 400]) {
      assert.equal(crc32c(bytes, start, end), crc32c(bytes.slice(start, end)), `${start} to ${end}`);
      assert.equal(crc32c(bytes.subarray(start, end)), crc32c(bytes.slice(start, end)), `view of ${start} to ${end}`);
    }
  }
});

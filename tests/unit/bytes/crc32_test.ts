/** CRC-32 against Java's. */

import { assert } from "chai";
import { crc32 } from "../../../src/bytes/crc32.ts";
import { test } from "../../harness.ts";
import { generated, vectors } from "./vectors.ts";

test("crc32() gives what java.util.zip.CRC32 gives", () => {
  assert.isAbove(vectors.length, 150);
  for (const { name, bytes, crc32: expected } of vectors) assert.equal(crc32(bytes), expected, name);
});

test("crc32() of a part is that of its bytes alone, wherever they lie", () => {
  const bytes = generated(3, 400);
  for (let start = 0; start < 20; start++) {
    for (const end of [start, start + 3, start + 63, start + 64, start + 101, 400]) {
      assert.equal(crc32(bytes, start, end), crc32(bytes.slice(start, end)), `${start} to ${end}`);
      assert.equal(crc32(bytes.subarray(start, end)), crc32(bytes.slice(start, end)), `view of ${start} to ${end}`);
    }
  }
});

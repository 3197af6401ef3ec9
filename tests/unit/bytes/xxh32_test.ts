/** XXH32 against values that the reference program gives. */

import { assert } from "chai";
import { xxh32 } from "../../../src/bytes/xxh32.ts";
import { test } from "../../harness.ts";

const ascii = (letters: string) => new TextEncoder().encode(letters);

test("known checksums", () => {
  assert.equal(xxh32(ascii("")), 0x02cc5d05);
  assert.equal(xxh32(ascii("a")), 0x550d7456);
  assert.equal(xxh32(ascii("abc")), 0x32d153ff);
  assert.equal(xxh32(ascii("Nobody inspects the spammish repetition")), 0xe2293b2f);
  assert.equal(xxh32(Uint8Array.from({ length: 16 }, (_, i) => i)), 0xb72837f4);
  assert.equal(xxh32(Uint8Array.from({ length: 1000 }, (_, i) => i)), 0xfacc21a4);
});

test("a part of the bytes, wherever it begins, has the checksum of its own", () => {
  const bytes = Uint8Array.from({ length: 200 }, (_, i) => i * 7);
  for (let start = 0; start < 5; start++) {
    for (let end = start; end < 60; end++) assert.equal(xxh32(bytes, start, end), xxh32(bytes.slice(start, end)));
  }
});

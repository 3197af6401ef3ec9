/** CRC-32C against Java's, by tables and folded. */

import { assert } from "chai";
import { accelerateCrc32c, crc32c } from "../../../src/bytes/crc32c.ts";
import { test } from "../../harness.ts";
import { newFolding, PIECE_BYTES } from "../../../src/bytes/crc32c_folding.ts";
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

test("folded, crc32c() gives the same, whatever the length and wherever the bytes lie", () => {
  const bytes = generated(7, 2 * PIECE_BYTES + 20_000);
  const parts: [number, number][] = [];
  for (
    const length of [8191, 8192, 8193, 8255, 8256, 10_001, 65_536, 131_023, 131_024, 131_025, PIECE_BYTES, 262_144]
  ) {
    for (const start of [0, 1, 3, 8, 16, 61, 4099]) {
      parts.push([start, start + length], [
        start,
        start + length + start,
      ]);
    }
  }
  const byTables = parts.map(([start, end]) => crc32c(bytes, start, end));
  assert.isTrue(accelerateCrc32c(), "this runtime has WebAssembly with vectors");
  parts.forEach(([start, end], i) => assert.equal(crc32c(bytes, start, end), byTables[i], `${start} to ${end}`));
  for (const { name, bytes, crc32c: expected } of vectors) assert.equal(crc32c(bytes), expected, name);
  bytes[100_000]! ^= 1;
  assert.notEqual(
    crc32c(bytes, 0, 262_144),
    byTables[parts.findIndex(([start, end]) => start === 0 && end === 262_144)],
  );
});

test("where WebAssembly is not allowed there is no folding", () => {
  const { Module } = WebAssembly;
  try {
    WebAssembly.Module = class {
      constructor() {
        throw new WebAssembly.CompileError("a content security policy forbids it");
      }
    } as unknown as typeof Module;
    assert.isUndefined(newFolding());
  } finally {
    WebAssembly.Module = Module;
  }
  assert.isDefined(newFolding());
});

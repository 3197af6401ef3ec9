/** CRC-32C against Java's, by tables and folded. */

import { assert } from "chai";
import { accelerateCrc32c, crc32c } from "../../../src/bytes/crc32c.ts";
import { test, wasmTest } from "../../harness.ts";
import { LazyFolding, PIECE_BYTES } from "../../../src/bytes/crc32c_folding.ts";
import { sliced } from "../../../src/bytes/crc32c_tables.ts";
import { generated, vectors } from "./vectors.ts";

// The first test here, since what is compiled once stays so
test("asking for faster checksums compiles nothing yet, nor do short data", () => {
  let tries = 0;
  const Module = class {
    constructor() {
      tries++;
    }
  } as unknown as typeof WebAssembly.Module;
  withWebAssembly({ Module }, () => {
    accelerateCrc32c();
    crc32c(generated(1, 2000));
  });
  assert.equal(tries, 0);
});

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
  for (const length of LENGTHS) {
    for (const start of [0, 1, 3, 8, 16, 61, 4099]) parts.push([start, start + length]);
  }
  accelerateCrc32c();
  for (const [start, end] of parts) {
    assert.equal(crc32c(bytes, start, end), ~sliced(-1, bytes, start, end) >>> 0, `${start} to ${end}`);
  }
  for (const { name, bytes, crc32c: expected } of vectors) assert.equal(crc32c(bytes), expected, name);
  const before = crc32c(bytes, 0, 262_144);
  bytes[100_000]! ^= 1;
  assert.notEqual(crc32c(bytes, 0, 262_144), before);
});

/** Where something changes: the first fold, a round more, another piece. */
const LENGTHS = [
  ...[2047, 2048, 2049, 2127, 2128, 6687, 6688, 6689, 6751, 6752, 6753, 8191, 8192, 10_001, 65_536],
  ...[PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, PIECE_BYTES + 2047, PIECE_BYTES + 2048, 2 * PIECE_BYTES, 262_145],
];

/** Runs with another WebAssembly, or none. */
function withWebAssembly<T>(other: Partial<typeof WebAssembly> | undefined, body: () => T): T {
  const own = Object.getOwnPropertyDescriptor(globalThis, "WebAssembly")!;
  try {
    Object.defineProperty(globalThis, "WebAssembly", { ...own, value: other });
    return body();
  } finally {
    Object.defineProperty(globalThis, "WebAssembly", own);
  }
}

wasmTest("folding is compiled when it is needed, once, and not unless somebody asked for it", () => {
  let compiled = 0;
  const { Instance, Memory } = WebAssembly;
  class Module extends WebAssembly.Module {
    constructor(bytes: BufferSource) {
      super(bytes);
      compiled++;
    }
  }
  withWebAssembly({ Instance, Memory, Module }, () => {
    const lazy = new LazyFolding();
    assert.isNull(lazy.get());
    lazy.wanted = true;
    assert.equal(compiled, 0);
    const folding = lazy.get();
    assert.isNotNull(folding, "this runtime has WebAssembly with vectors");
    assert.equal(compiled, 1);
    assert.equal(lazy.get(), folding);
    assert.equal(compiled, 1);
  });
});

wasmTest("where WebAssembly is not allowed, too old or not there, there is no folding, and it is tried once", () => {
  let tries = 0;
  const refusing = (error: () => Error) =>
    class {
      constructor() {
        tries++;
        throw error();
      }
    } as unknown as typeof WebAssembly.Module & typeof WebAssembly.Instance;
  const { Module, CompileError } = WebAssembly;
  const cases: (Partial<typeof WebAssembly> | undefined)[] = [
    { Module: refusing(() => new CompileError("violates the page's content security policy")) },
    { Module: refusing(() => new EvalError("unsafe-eval is not an allowed source of script")) },
    { Module: refusing(() => new CompileError("invalid numeric opcode 0xfd")) },
    { Module, Instance: refusing(() => new RangeError("out of memory")) },
  ];
  for (const other of cases) {
    tries = 0;
    const lazy = new LazyFolding();
    lazy.wanted = true;
    withWebAssembly(other, () => assert.isNull(lazy.get()));
    assert.equal(tries, 1);
    assert.isNull(lazy.get(), "what failed once is not tried again");
  }
  const lazy = new LazyFolding();
  lazy.wanted = true;
  withWebAssembly(undefined, () => assert.isNull(lazy.get()));
});

/** Our lz4 and the platform's zstd beside other implementations: each reads what the others have compressed. */

import { assert } from "chai";
import { Buffer } from "node:buffer";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { codecs } from "../codecs.ts";
import { run } from "../kafka/jvm.ts";
import { commandOf, folderOf, testWith } from "../tools.ts";

const NAMES = ["lz4", "zstd"] as const;

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");
const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "base64"));
const compress = (name: typeof NAMES[number], bytes: Uint8Array) => codecs[name]!.compress(bytes) as Uint8Array;

/** What is compressed: nothing, little, text over some blocks, what does not shrink, and both one after the other. */
function plains(): Uint8Array[] {
  let state = 1;
  const noise = Uint8Array.from({ length: 70_000 }, () => (state = Math.imul(state, 48271) >>> 1) >>> 9);
  const words = Array.from({ length: 30_000 }, (_, i) => `word ${i * i % 7919}`).join(" ");
  const text = new TextEncoder().encode(words);
  const few = new TextEncoder().encode("little");
  return [
    new Uint8Array(0),
    few,
    new Uint8Array(100_000),
    noise,
    text,
    Uint8Array.from([...noise, ...text.subarray(0, 9999)]),
  ];
}

testWith(
  ["python", "codecsOfC"],
  "lz4 and zstd of C read ours, and are read in all ways that they compress",
  async () => {
    const all = plains();
    const cases = all.map((plain) => ({
      plain: base64(plain),
      lz4: [base64(compress("lz4", plain))],
      zstd: [undefined, -5, 19].map((level) => base64(codecs.zstd!.compress(plain, level) as Uint8Array)),
    }));
    const program = fileURLToPath(new URL("./programs/codecs.py", import.meta.url));
    const args = ["-B", program, JSON.stringify({ folder: folderOf("codecsOfC") })];
    const told: Record<typeof NAMES[number], [how: string, packed: string][]>[] = JSON.parse(
      await run(commandOf("python"), args, { input: JSON.stringify(cases) }),
    );
    let count = 0;
    for (const [nth, plain] of all.entries()) {
      for (const name of NAMES) {
        for (const [how, packed] of told[nth]![name]) {
          const back = await codecs[name]!.decompress(bytesOf(packed), plain.length);
          assert.isTrue(Buffer.from(plain).equals(back), `${name}, ${how}, ${plain.length} bytes`);
          count++;
        }
      }
    }
    assert.isAbove(count, 400);
  },
);

interface Napi {
  compressFrameSync(bytes: Uint8Array, options?: { contentChecksum?: boolean; blockChecksums?: boolean }): Uint8Array;
  decompressFrameSync(bytes: Uint8Array): Uint8Array;
}

interface Lz4Js {
  compress(bytes: Uint8Array): Uint8Array;
  decompress(bytes: Uint8Array): Uint8Array;
}

interface ZstdWasm {
  init(): Promise<void>;
  compress(bytes: Uint8Array, level?: number): Uint8Array;
  decompress(bytes: Uint8Array): Uint8Array;
}

interface Fzstd {
  decompress(bytes: Uint8Array): Uint8Array;
}

/** A package of npm's out of the tools' folder. */
function load<T>(name: string): T {
  return createRequire(join(folderOf("codecsOfNpm"), "node_modules", "x.js"))(name);
}

function same(is: Uint8Array, should: Uint8Array, what: string): void {
  assert.isTrue(Buffer.from(should).equals(is), `${what}, ${should.length} bytes`);
}

testWith(["codecsOfNpm"], "lz4 of Rust and of JavaScript read ours, and are read", async () => {
  const napi = load<Napi>("lz4-napi"), js = load<Lz4Js>("lz4js");
  for (const plain of plains()) {
    const ours = compress("lz4", plain);
    same(napi.decompressFrameSync(Buffer.from(ours)), plain, "lz4-napi reads ours");
    same(js.decompress(ours), plain, "lz4js reads ours");
    for (const contentChecksum of [false, true]) {
      for (const blockChecksums of [false, true]) {
        const theirs = napi.compressFrameSync(Buffer.from(plain), { contentChecksum, blockChecksums });
        same(await codecs.lz4!.decompress(theirs, plain.length), plain, "we read lz4-napi's");
      }
    }
    // It says that its blocks depend on one another, for which Java refuses them.
    same(await codecs.lz4!.decompress(js.compress(plain), plain.length), plain, "we read lz4js's");
  }
});

testWith(["codecsOfNpm"], "zstd of WebAssembly and of JavaScript read the platform's, and are read", async () => {
  const wasm = load<ZstdWasm>("@bokuweb/zstd-wasm"), js = load<Fzstd>("fzstd");
  await wasm.init();
  for (const plain of plains()) {
    const ours = compress("zstd", plain);
    if (plain.length > 0) same(wasm.decompress(ours), plain, "zstd-wasm reads ours");
    same(js.decompress(ours), plain, "fzstd reads ours");
    for (const level of [1, 3, 19]) {
      same(await codecs.zstd!.decompress(wasm.compress(plain, level), plain.length), plain, "we read zstd-wasm's");
    }
  }
});

/** lz4: what is written can be read by Java, everything that frames may have is read, and what lies is refused. */

import { assert } from "chai";
import { KafkaError } from "../../../src/base/errors.ts";
import { xxh32 } from "../../../src/bytes/xxh32.ts";
import { lz4 } from "../../../src/records/lz4.ts";
import { legacyHead, rightHead } from "../../../src/records/lz4_head.ts";
import { test } from "../../harness.ts";
import { changed, joined } from "./samples.ts";

const LIMIT = 1 << 24;
const MAGIC = [0x04, 0x22, 0x4d, 0x18];

const compress = (bytes: Uint8Array) => lz4.compress(bytes) as Uint8Array;
const decompress = (bytes: Uint8Array, limit = LIMIT) => lz4.decompress(bytes, limit) as Uint8Array;
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const ascii = (letters: string) => new TextEncoder().encode(letters);

/** Bytes that compress hardly. */
function noise(length: number): Uint8Array {
  let state = 1;
  return Uint8Array.from({ length }, () => (state = Math.imul(state, 48271) >>> 1) >>> 9);
}

function word(value: number): Uint8Array {
  return Uint8Array.of(value, value >>> 8, value >>> 16, value >>> 24);
}

/** A block of a frame by hand: its bytes, and whether they are stored as they are. */
interface Block {
  readonly bytes: Uint8Array;
  readonly stored?: boolean;
}

/** What else a frame by hand may say. */
interface FrameParts {
  readonly content?: Uint8Array;
  readonly size?: number;
  readonly name?: number;
  readonly dictionary?: boolean;
}

/** A frame by hand, with whatever its flags ask for. */
function frame(
  flags: number,
  blocks: readonly Block[],
  { content = new Uint8Array(0), size, name = 4, dictionary = false }: FrameParts = {},
): Uint8Array {
  const head = joined(
    Uint8Array.of(flags, name << 4),
    ...flags & 8 ? [word(size ?? content.length), word(0)] : [],
    ...dictionary ? [word(7)] : [],
  );
  return joined(
    Uint8Array.from(MAGIC),
    head,
    Uint8Array.of(xxh32(head) >>> 8),
    ...blocks.flatMap(({ bytes, stored = false }) => [
      word(bytes.length + (stored ? 0x80000000 : 0)),
      bytes,
      ...flags & 16 ? [word(xxh32(bytes))] : [],
    ]),
    word(0),
    ...flags & 4 ? [word(xxh32(content))] : [],
  );
}

/** "abcdabcdabcdabcd": four literals, a match of seven that copies itself, and the last five. */
const REPEATED = Uint8Array.of(0x43, ...ascii("abcd"), 4, 0, 0x50, ...ascii("dabcd"));

test("what is compressed comes back, across any number of blocks", () => {
  for (const length of [0, 1, 4, 5, 11, 12, 13, 14, 255, 256, 4096, 65535, 65536, 65537, 131072, 200_000]) {
    for (const bytes of [noise(length), new Uint8Array(length), ascii("kafka ".repeat(length / 6))]) {
      const packed = compress(bytes);
      assert.deepEqual([...packed.subarray(0, 7)], [...MAGIC, 0x60, 0x40, 0x82]);
      assert.deepEqual([...packed.subarray(-4)], [0, 0, 0, 0]);
      assert.deepEqual(decompress(packed), bytes);
      assert.strictEqual(decompress(packed).constructor, Uint8Array);
      assert.isAtMost(packed.length, length + 11 + 4 * Math.ceil(length / 65536), "what does not shrink is stored");
    }
  }
  assert.isBelow(compress(new Uint8Array(100_000)).length, 500);
});

test("what is compressed may lie anywhere in its memory", () => {
  const bytes = joined(noise(100), ascii("kafka ".repeat(2000)), noise(3));
  const view = new Uint8Array(bytes.length + 5).subarray(3, 3 + bytes.length);
  view.set(bytes);
  const packed = compress(view);
  assert.deepEqual(packed, compress(bytes));
  const moved = new Uint8Array(packed.length + 9).subarray(5, 5 + packed.length);
  moved.set(packed);
  assert.deepEqual(decompress(moved), bytes);
});

test("every part that a frame may have is read", () => {
  const content = ascii("abcdabcdabcdabcd");
  const blocks = [{ bytes: REPEATED }];
  for (let flags = 0x40; flags < 0x80; flags++) {
    if (flags & 3) continue; // a bit that means nothing, and a dictionary
    for (const name of [4, 5, 6, 7]) {
      assert.equal(text(decompress(frame(flags, blocks, { content, name }))), text(content), `${flags}, ${name}`);
    }
    const stored = frame(flags, [{ bytes: content, stored: true }], { content });
    assert.equal(text(decompress(stored)), text(content), `${flags}, stored`);
    const mixed = [...blocks, { bytes: ascii("!"), stored: true }, ...blocks];
    const all = ascii(`${text(content)}!${text(content)}`);
    assert.equal(text(decompress(frame(flags, mixed, { content: all }))), text(all), `${flags}, mixed`);
    assert.equal(decompress(frame(flags, [])).length, 0);
  }
});

test("a linked block reaches into the ones before, an independent one does not", () => {
  const linked = [{ bytes: REPEATED }, { bytes: Uint8Array.of(0x04, 16, 0, 0x50, ...ascii("-end-")) }];
  assert.equal(text(decompress(frame(0x40, linked))), "abcdabcdabcdabcdabcdabcd-end-");
  assert.equal(
    text(decompress(frame(0x40, [{ bytes: ascii("abcd"), stored: true }, { bytes: Uint8Array.of(0x04, 4, 0, 0) }]))),
    "abcdabcdabcd",
  );
  refused(frame(0x60, linked), "behind the start of its window");
  // Nor does a linked one reach into another frame.
  const other = frame(0x40, [{ bytes: ascii("abcd"), stored: true }]);
  refused(joined(other, frame(0x40, [linked[1]!])), "behind the start of its window");
});

test("frames one behind the other are read, and those to be skipped are not", () => {
  const one = frame(0x60, [{ bytes: REPEATED }]);
  const skip = joined(Uint8Array.of(0x5f, 0x2a, 0x4d, 0x18), word(5), ascii("12345"));
  assert.equal(text(decompress(joined(skip, one, skip, skip, one, skip))), "abcdabcdabcdabcd".repeat(2));
  refused(skip, "there is no frame");
  refused(new Uint8Array(0), "there is no frame");
  refused(joined(one, ascii("junk")), "no frame begins with");
  refused(joined(one, ascii("x")), "1 bytes are left");
  refused(Uint8Array.of(0x02, 0x21, 0x4c, 0x18, 0, 0, 0, 0), "no frame begins with 184c2102");
});

test("matches of every length from every distance, at the end of a block and before another", () => {
  for (let distance = 1; distance <= 40; distance++) {
    for (let size = 4; size <= 80; size++) {
      const start = Uint8Array.from({ length: distance }, (_, i) => i + 1);
      const rest = size - 4;
      const block = Uint8Array.of(
        ...[Math.min(distance, 15) << 4 | Math.min(rest, 15), ...distance >= 15 ? [distance - 15] : [], ...start],
        ...[distance, 0, ...rest >= 15 ? [rest - 15] : [], 0x10, 99],
      );
      const expected = [...start, ...Array.from({ length: size }, (_, i) => start[i % distance]!), 99];
      assert.deepEqual([...decompress(frame(0x60, [{ bytes: block }]))], expected, `${size} from ${distance}`);
      const twice = frame(0x60, [{ bytes: block }, { bytes: block }]);
      assert.deepEqual([...decompress(twice)], [...expected, ...expected], `${size} from ${distance}, twice`);
      assert.deepEqual(
        [...decompress(twice, 2 * expected.length)],
        [...expected, ...expected],
        "with no room to spare",
      );
    }
  }
});

test("long lengths are several bytes", () => {
  const long = joined(Uint8Array.of(0xf0, 255, 255, 0), noise(525));
  assert.deepEqual(decompress(frame(0x60, [{ bytes: long }])), noise(525));
  const match = Uint8Array.of(0x1f, 65, 1, 0, 255, 255, 3, 0x10, 66);
  assert.equal(text(decompress(frame(0x60, [{ bytes: match }]))), "A".repeat(1 + 532) + "B");
});

test("what is damaged is refused by what its frame says of it", () => {
  const content = ascii("abcdabcdabcdabcd");
  const sound = frame(0x60 | 16 | 8 | 4, [{ bytes: REPEATED }], { content });
  assert.equal(text(decompress(sound)), text(content));
  refused(changed(sound, 4, 0x61 | 16 | 8 | 4), "dictionary");
  refused(frame(0x61, [{ bytes: REPEATED }], { dictionary: true }), "dictionary");
  refused(changed(sound, 4, 0x62), "flags that mean nothing");
  refused(changed(sound, 5, 0x41), "flags that mean nothing");
  refused(changed(sound, 5, 0x30), "flags that mean nothing");
  refused(changed(sound, 4, 0xa0), "no version 2");
  refused(changed(sound, 14, sound[14]! ^ 1), "head fails its checksum");
  refused(changed(sound, 20, 0x65), "block fails its checksum");
  refused(changed(sound, sound.length - 1, sound.at(-1)! ^ 1), "content fails its checksum");
  refused(frame(0x68, [{ bytes: REPEATED }], { size: 17 }), "says that it holds 17 bytes, and holds 16");
  for (let end = 0; end < sound.length; end++) refused(sound.subarray(0, end), "malformed lz4");
});

test("blocks that lie are refused", () => {
  const blocks: [number[], string][] = [
    [[], "ends where a sequence should begin"],
    [[0x40, 65, 66], "literals leave their block"],
    [[0xf0, 255], "literals leave their block"],
    [[0xf0], "literals leave their block"],
    [[0x10, 65, 0, 0, 0x10, 66], "behind the start of its window"],
    [[0x10, 65, 2, 0, 0x10, 66], "behind the start of its window"],
    [[0x10, 65, 1], "match leaves its block"],
    [[0x10, 65, 1, 0], "match leaves its block"],
    [[0x1f, 65, 1, 0], "match leaves its block"],
    [[0x1f, 65, 1, 0, 255], "match leaves its block"],
  ];
  for (const [bytes, why] of blocks) {
    if (bytes.length > 0) refused(frame(0x60, [{ bytes: Uint8Array.from(bytes) }]), why);
  }
  // 64 KB is what the head allows.
  refused(frame(0x60, [{ bytes: new Uint8Array(65537), stored: true }]), "65536 are allowed");
  assert.equal(decompress(frame(0x60, [{ bytes: new Uint8Array(65536), stored: true }])).length, 65536);
  const tooLong = Uint8Array.of(0x1f, 65, 1, 0, ...new Uint8Array(258).fill(255), 0, 0x10, 66);
  refused(frame(0x60, [{ bytes: tooLong }]), "more bytes than it may");
  assert.equal(decompress(frame(0x60, [{ bytes: tooLong }], { name: 5 })).length, 65811);
});

test("the limit holds to the byte, and nothing is made on a length's word", () => {
  const bytes = ascii("kafka ".repeat(30_000));
  const packed = compress(bytes);
  assert.equal(decompress(packed, bytes.length).length, bytes.length);
  refused(packed, `${bytes.length - 1} are allowed`, bytes.length - 1);
  refused(packed, "malformed lz4", 0);
  // It says that it holds 2^53 bytes; then that it holds what is allowed, and does not.
  const claims = frame(0x68, [{ bytes: REPEATED }], { size: 0xffffffff });
  refused(claims, "4294967295 bytes or more, and 16777216 are allowed");
  const modest = frame(0x68, [{ bytes: REPEATED }], { size: LIMIT, name: 7 });
  const before = madeBytes(() => refused(modest, `says that it holds ${LIMIT} bytes`));
  assert.isBelow(before, 100_000);
  assert.isBelow(madeBytes(() => refused(word(0x184d2204), "no version")), 10_000);
  // What is decompressed to little does not hold on to more.
  const small = decompress(frame(0x60, [{ bytes: REPEATED }], { name: 7 }));
  assert.isBelow(small.buffer.byteLength, 2048);
  assert.equal(decompress(frame(0x60, []), 0).length, 0);
});

test("the head of magic 0 has a checksum of its own, and is put right for reading", () => {
  for (const right of [compress(ascii("x")), frame(0x68, [{ bytes: REPEATED }], { content: ascii("a".repeat(16)) })]) {
    const legacy = legacyHead(right);
    assert.notDeepEqual(legacy, right);
    refused(legacy, "head fails its checksum");
    assert.deepEqual(rightHead(legacy), right);
    assert.strictEqual(rightHead(right), right, "nothing is copied without need");
    assert.strictEqual(legacyHead(legacy), legacy);
  }
  for (
    const junk of [
      new Uint8Array(0),
      ascii("no frame at all"),
      Uint8Array.from(MAGIC),
      compress(ascii("")).subarray(0, 6),
    ]
  ) {
    assert.strictEqual(legacyHead(junk), junk);
    assert.strictEqual(rightHead(junk), junk);
  }
});

/** The largest array that is made meanwhile. */
function madeBytes(body: () => void): number {
  const real = globalThis.Uint8Array;
  let largest = 0;
  globalThis.Uint8Array = new Proxy(real, {
    construct(target, args, newTarget) {
      if (typeof args[0] === "number") largest = Math.max(largest, args[0]);
      return Reflect.construct(target, args, newTarget);
    },
  });
  try {
    body();
  } finally {
    globalThis.Uint8Array = real;
  }
  return largest;
}

function refused(bytes: Uint8Array, why: string, limit = LIMIT): void {
  const error = caught(() => decompress(bytes, limit));
  assert.instanceOf(error, KafkaError, why);
  assert.equal((error as KafkaError).code, "CORRUPT_MESSAGE");
  assert.include((error as KafkaError).message, why);
}

function caught(body: () => unknown): unknown {
  try {
    body();
  } catch (error) {
    return error;
  }
  return undefined;
}

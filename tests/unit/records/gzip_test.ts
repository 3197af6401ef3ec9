/** gzip, by the platform's zlib and by its streams: several members, what lies behind them, and the limit. */

import { assert } from "chai";
import { codecs as ofPages } from "../../../src/doors/web_codecs.ts";
import type { CompressionCodec } from "../../../src/records/compression.ts";
import { gzipMembers } from "../../../src/records/gzip_members.ts";
import { gzip } from "../../codecs.ts";
import { test } from "../../harness.ts";
import { joined } from "./samples.ts";

const LIMIT = 1 << 20;
const JUNK = Uint8Array.of(1, 2, 3);

const ways: [string, CompressionCodec][] = [["the platform's", gzip], ["a page's", ofPages.gzip!]];

/** Text that needs codes of its own, repeats of every length and from many distances, and bytes that are stored. */
const plain = joined(
  ...Array.from({ length: 60 }, (_, i) => Uint8Array.from({ length: 5 * i }, (_, at) => at % (i + 1) * 7 + i)),
  ...Array.from({ length: 300 }, (_, i) => Uint8Array.from({ length: i }, (_, at) => at * at >> 2 ^ i)).flatMap((
    run,
  ) => [run, Uint8Array.of(7, run.length), run]),
  new TextEncoder().encode(Array.from({ length: 2000 }, (_, i) => `line ${i * i % 977}\n`).join("")),
  Uint8Array.from({ length: 2000 }, (_, i) => i * i * 31 >> 3 ^ i),
);

async function refused(codec: CompressionCodec, bytes: Uint8Array, what: string, limit = LIMIT): Promise<void> {
  let error: unknown;
  try {
    await codec.decompress(bytes, limit);
  } catch (cause) {
    error = cause;
  }
  assert.instanceOf(error, Error, what);
}

for (const [name, codec] of ways) {
  test(`${name} gzip: members one behind the other, and what is no member behind them`, async () => {
    const member = await codec.compress(plain);
    const empty = await codec.compress(new Uint8Array(0));
    const twice = joined(plain, plain);
    assert.equal((await codec.decompress(empty, LIMIT)).length, 0);
    assert.deepEqual(await codec.decompress(member, LIMIT), plain);
    assert.deepEqual(await codec.decompress(joined(member, empty, member), LIMIT), twice);
    for (const junk of [JUNK, Uint8Array.of(0), Uint8Array.of(0x1f, 0x8b), Uint8Array.of(0x1f, 0x8b, 9, 0, 0)]) {
      assert.deepEqual(await codec.decompress(joined(member, junk), LIMIT), plain, `${junk}`);
      assert.deepEqual(await codec.decompress(joined(member, member, junk), LIMIT), twice, `two, ${junk}`);
    }
  });

  test(`${name} gzip: the limit holds to the byte, over all members`, async () => {
    const member = await codec.compress(plain);
    assert.equal((await codec.decompress(member, plain.length)).length, plain.length);
    await refused(codec, member, "one", plain.length - 1);
    assert.equal((await codec.decompress(joined(member, member), 2 * plain.length)).length, 2 * plain.length);
    await refused(codec, joined(member, member), "two", 2 * plain.length - 1);
    await refused(codec, joined(member, JUNK), "one and junk", plain.length - 1);
    await refused(codec, member, "none", 0);
    const bomb = await codec.compress(new Uint8Array(32 << 20));
    assert.isBelow(bomb.length, 64_000);
    await refused(codec, bomb, "a bomb", LIMIT);
    await refused(codec, joined(bomb, JUNK), "a bomb with junk behind it", LIMIT);
  });

  test(`${name} gzip: what is torn or damaged is refused`, async () => {
    const member = await codec.compress(plain);
    await refused(codec, new Uint8Array(0), "nothing");
    await refused(codec, JUNK, "junk");
    for (const end of [1, 9, 10, 11, 100, member.length - 9, member.length - 8, member.length - 1]) {
      await refused(codec, member.subarray(0, end), `up to ${end}`);
      if (end > 10) await refused(codec, joined(member, member.subarray(0, end)), `a second one up to ${end}`);
    }
    for (const at of [1, 2, member.length - 1, member.length - 8]) {
      const damaged = member.slice();
      damaged[at]! ^= 1;
      await refused(codec, damaged, `at ${at}`);
    }
  });
}

test("members end where they end, whatever their heads and blocks", async () => {
  for (const bytes of [new Uint8Array(0), Uint8Array.of(7), plain, new Uint8Array(300_000)]) {
    for (const level of [undefined, 1, 9]) {
      const member = await gzip.compress(bytes, level);
      assert.deepEqual(gzipMembers(joined(member, member, JUNK)), [member, member]);
    }
  }
  const member = await gzip.compress(plain);
  const body = member.subarray(10);
  const name = [...new TextEncoder().encode("name"), 0];
  const heads: [number, number[]][] = [[1, []], [2, [0, 0]], [4, [3, 0, 9, 9, 9]], [8, name], [16, name], [
    31,
    [1, 0, 9, ...name, ...name, 0, 0],
  ]];
  for (const [flags, more] of heads) {
    const other = joined(Uint8Array.of(0x1f, 0x8b, 8, flags, 0, 0, 0, 0, 0, 3, ...more), body);
    assert.deepEqual(gzipMembers(joined(other, JUNK)), [other], `flags ${flags}`);
  }
  // Stored by hand: two blocks.
  const stored = Uint8Array.of(
    0x1f,
    0x8b,
    8,
    0,
    0,
    0,
    0,
    0,
    0,
    3,
    0,
    1,
    0,
    254,
    255,
    65,
    1,
    0,
    0,
    255,
    255,
    ...JUNK,
    4,
    5,
    6,
    7,
    8,
  );
  assert.equal(gzipMembers(stored)[0]!.length, stored.length);
});

test("levels are asked of the platform", async () => {
  const [lowest, highest] = gzip.levels!;
  assert.deepEqual([lowest, highest], [1, 9]);
  assert.isAbove((await gzip.compress(plain, 1)).length, (await gzip.compress(plain, 9)).length);
  assert.isUndefined(ofPages.gzip!.levels);
});

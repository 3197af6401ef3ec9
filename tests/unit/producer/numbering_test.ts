/** How batches are numbered: without gaps, around the end of the numbers, and anew in the next epoch. */

import { assert } from "chai";
import { recordsBuilder, renumbered } from "../../../src/records/builder.ts";
import { BATCH, int64At } from "../../../src/records/layout.ts";
import { recordBatches } from "../../../src/records/reading.ts";
import { EPOCH_MAX, Numbering, sequenceAfter } from "../../../src/producer/numbering.ts";
import { test } from "../../harness.ts";

const IDENTITY = { producerId: 2 ** 40 + 1, epoch: 5 };

function begun(epoch = 5): Numbering {
  const numbering = new Numbering();
  numbering.begin({ ...IDENTITY, epoch });
  return numbering;
}

test("numbers count records, from 0 on and without gaps", () => {
  const numbering = begun();
  assert.deepEqual([3, 1, 10].map((count) => numbering.stamp(count)), [
    { ...IDENTITY, sequence: 0 },
    { ...IDENTITY, sequence: 3 },
    { ...IDENTITY, sequence: 4 },
  ]);
});

test("after 2^31 - 1 comes 0, also in the middle of a batch", () => {
  const last = 2 ** 31 - 1;
  assert.equal(sequenceAfter(last - 1, 1), last);
  assert.equal(sequenceAfter(last, 1), 0);
  assert.equal(sequenceAfter(last - 1, 5), 3);
  assert.equal(sequenceAfter(0, last), last);
});

test("it is proven by an acknowledgement, and not any more after a failure, a gap or a new epoch", () => {
  for (const end of ["doubt", "break", "renew", "forget"] as const) {
    const numbering = begun();
    assert.isFalse(numbering.isProven);
    numbering.prove();
    assert.isTrue(numbering.isProven);
    numbering[end]();
    assert.isFalse(numbering.isProven, end);
  }
});

test("where numbers are broken they begin anew in the next epoch, and after the last epoch under another id", () => {
  const numbering = begun(EPOCH_MAX - 1);
  numbering.stamp(7);
  numbering.break();
  assert.isTrue(numbering.isBroken);
  numbering.renew();
  assert.isFalse(numbering.isBroken);
  assert.deepEqual(numbering.stamp(1), { ...IDENTITY, epoch: EPOCH_MAX, sequence: 0 });
  numbering.break();
  numbering.renew();
  assert.isFalse(numbering.isBroken);
  assert.isUndefined(numbering.identity);
  numbering.begin({ producerId: 9, epoch: 0 });
  assert.deepEqual(numbering.stamp(1), { producerId: 9, epoch: 0, sequence: 0 });
});

test("an id that no broker takes is forgotten", () => {
  const numbering = begun();
  numbering.forget();
  assert.isTrue(numbering.isBroken);
  assert.isUndefined(numbering.identity);
  numbering.renew();
  assert.isFalse(numbering.isBroken);
  assert.isUndefined(numbering.identity);
});

test("a batch under other numbers is a copy that differs in nothing else, and has its checksum", () => {
  const builder = recordsBuilder(2);
  builder.append({ key: "k", value: "v", headers: [], timestamp: 7 });
  const options = { compression: "none", codecs: {}, producerId: 1, producerEpoch: 0, baseSequence: 40 } as const;
  const before = builder.build(options) as Uint8Array;
  const kept = before.slice();
  const after = renumbered(before, { producerId: IDENTITY.producerId, epoch: EPOCH_MAX, sequence: 2 ** 31 - 1 });
  assert.deepEqual(before, kept, "what there was may be on its way");
  const view = new DataView(after.buffer, after.byteOffset);
  assert.equal(int64At(view, BATCH.producerId), IDENTITY.producerId);
  assert.equal(view.getInt16(BATCH.producerEpoch), EPOCH_MAX);
  assert.equal(view.getInt32(BATCH.baseSequence), 2 ** 31 - 1);
  const differing = [...after.keys()].filter((i) => after[i] !== before[i]);
  assert.isTrue(
    differing.every((i) =>
      (i >= BATCH.crc && i < BATCH.attributes) || (i >= BATCH.producerId && i < BATCH.recordCount)
    ),
  );
  const origin = { topic: "t", partition: 0 };
  const [batch] = recordBatches(after, origin);
  const list = batch!.open(origin, { codecs: {}, checkCrc: true, decompressedLimit: 1000 });
  assert.equal((list as { count: number }).count, 1);
});

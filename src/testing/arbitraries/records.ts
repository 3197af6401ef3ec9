/** Any records, and batches of them as they may lie in a log: every format, codec and mark. */

import fc, { type Arbitrary } from "fast-check";
import { joined } from "../../protocol/body.ts";
import type { Codecs, Compression } from "../../records/compression.ts";
import { encodeBatch, type PlacedBatch, type PlacedRecord } from "../../records/placed.ts";
import type { RecordInput } from "../../records/record.ts";
import { anyText } from "./messages.ts";

/** Which batches are drawn. */
export interface BatchOptions {
  /** Which formats: 2 since Kafka 0.11, 1 in 0.10, 0 before; all if not said. */
  readonly magics?: readonly (0 | 1 | 2)[];
  /** With which codecs batches may be compressed, if they are; with none if not said. */
  readonly codecs?: Codecs;
  /** How many records a batch has at most; 8 if not said. */
  readonly recordsMax?: number;
  /** Whether there are batches that only brokers write: markers of transactions, and batches that compaction has emptied. True if not said. */
  readonly brokersOwn?: boolean;
}

/** Batches one behind the other, and their bytes. */
export interface PlacedBatches {
  /** Their offsets go up from batch to batch. */
  readonly batches: readonly PlacedBatch[];
  /** What a Fetch response carries for them. */
  readonly bytes: Uint8Array;
}

const RECORDS_MAX = 8;
const MAGICS = [2, 1, 0] as const;

const content: Arbitrary<Uint8Array | null> = fc.option(
  fc.oneof(fc.uint8Array({ maxLength: 80, size: "max" }), anyText().map((text) => new TextEncoder().encode(text))),
);
const headers: Arbitrary<(readonly [string, Uint8Array | null])[]> = fc.oneof(
  { weight: 2, arbitrary: fc.constant(null).map(() => []) },
  { weight: 1, arbitrary: fc.array(fc.tuple(anyText(), content), { maxLength: 4 }) },
);
const timestamp: Arbitrary<number> = fc.oneof(
  fc.integer({ min: 1_700_000_000_000, max: 1_700_000_001_000 }),
  fc.maxSafeNat(),
  fc.constantFrom(-1, 0, Number.MAX_SAFE_INTEGER),
);

/**
 * Any record that the format (2 if not said) can hold: keys and values of bytes or null, headers with repeated names and nulls,
 * timestamps near and far apart, and none.
 */
export function anyRecord(magic: 0 | 1 | 2 = 2): Arbitrary<RecordInput> {
  return fc.record(
    { key: content, value: content, headers: magic === 2 ? headers : fc.constant([]), timestamp },
    { noNullPrototype: true },
  );
}

/** Any batch, as a value for `encodeBatch` of `@samsa/kafka/protocol`: with gaps between its offsets, epochs, numbers, marks. */
export function anyBatch(options: BatchOptions = {}): Arbitrary<PlacedBatch> {
  const { magics = MAGICS, codecs = {}, recordsMax = RECORDS_MAX, brokersOwn = true } = options;
  const names = Object.keys(codecs) as Exclude<Compression, "none">[];
  const ofProducers = magics.map((magic) => anyDataBatch(magic, names, recordsMax));
  if (!brokersOwn || !magics.includes(2)) return fc.oneof(...ofProducers);
  return fc.oneof(
    ...ofProducers.map((arbitrary) => ({ arbitrary, weight: 4 })),
    { arbitrary: anyMarker(), weight: 1 },
    { arbitrary: anyEmptied(), weight: 1 },
  );
}

/** Any batches one behind the other, and their bytes. The codecs have to answer at once. */
export function anyBatches(options: BatchOptions = {}): Arbitrary<PlacedBatches> {
  const { codecs = {} } = options;
  return fc.array(anyBatch(options), { minLength: 1, maxLength: 4 }).map((drawn) => {
    let next = 0;
    const batches = drawn.map((batch) => {
      const moved = movedTo(batch, next);
      next = (moved.lastOffset ?? moved.records.at(-1)!.offset) + 1;
      return moved;
    });
    const bytes = batches.map((batch) => {
      const encoded = encodeBatch(batch, codecs);
      if (encoded instanceof Uint8Array) return encoded;
      throw new TypeError(`anyBatches: the codec for ${batch.compression} answers with a promise`);
    });
    return { batches, bytes: joined(bytes) };
  });
}

/** The same batch where its first offset is not before `from`. */
function movedTo(batch: PlacedBatch, from: number): PlacedBatch {
  const by = Math.max(0, from - Math.min(batch.baseOffset ?? Infinity, batch.records[0]?.offset ?? Infinity));
  return {
    ...batch,
    records: batch.records.map((record) => ({ ...record, offset: record.offset + by })),
    ...batch.baseOffset !== undefined && { baseOffset: batch.baseOffset + by },
    ...batch.lastOffset !== undefined && { lastOffset: batch.lastOffset + by },
  };
}

const offset: Arbitrary<number> = fc.oneof(fc.nat({ max: 1000 }), fc.nat({ max: 0x7fff_ffff }), fc.nat().map(far));
/** How far an offset lies behind the one before: mostly next to it. */
const step: Arbitrary<number> = fc.oneof(
  { weight: 4, arbitrary: fc.constant(1) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 50 }) },
);

/** Beyond 32 bits, and still far from where numbers round. */
function far(nat: number): number {
  return nat * 0x10_0000;
}

const identity = fc.oneof(
  { withCrossShrink: true },
  fc.constant({ producerId: -1, producerEpoch: -1, baseSequence: -1, transactional: false }),
  fc.record({
    producerId: fc.maxSafeNat(),
    producerEpoch: fc.nat({ max: 0x7fff }),
    baseSequence: fc.nat({ max: 0x7fffffff }),
    transactional: fc.boolean(),
  }, { noNullPrototype: true }),
);
const leaderEpoch: Arbitrary<number> = fc.oneof(fc.constant(-1), fc.nat());

function anyDataBatch(
  magic: 0 | 1 | 2,
  codecs: readonly Exclude<Compression, "none">[],
  recordsMax: number,
): Arbitrary<PlacedBatch> {
  const known = codecs.filter((name) => magic === 2 || name !== "zstd");
  const drawn = fc.record({
    base: offset,
    steps: fc.array(fc.tuple(step, anyRecord(magic)), { minLength: 1, maxLength: recordsMax }),
    compression: fc.constantFrom<Compression>("none", ...known),
    appendTime: magic === 0 ? fc.constant(undefined) : fc.option(timestamp, { nil: undefined, freq: 4 }),
    before: step,
    behind: step,
    ...{ identity, leaderEpoch },
  });
  return drawn.map(({ base, steps, compression, appendTime, before, behind, identity, leaderEpoch }) => {
    let at = base - 1 + before;
    const records = steps.map(([step, record], i): PlacedRecord => ({ ...record, offset: i === 0 ? at : at += step }));
    const batch: PlacedBatch = { magic, compression, records, ...appendTime !== undefined && { appendTime } };
    if (magic < 2) return batch;
    return { ...batch, baseOffset: base, lastOffset: at - 1 + behind, leaderEpoch, ...identity };
  });
}

/** The end of a transaction: its key says whether it was committed, its value in which epoch of the coordinator. */
function anyMarker(): Arbitrary<PlacedBatch> {
  const drawn = fc.tuple(offset, fc.boolean(), fc.nat(), timestamp, fc.maxSafeNat(), fc.nat({ max: 0x7fff }));
  return drawn.map(([offset, commits, coordinatorEpoch, timestamp, producerId, producerEpoch]) => {
    const value = new Uint8Array(6);
    new DataView(value.buffer).setInt32(2, coordinatorEpoch);
    const record = { key: Uint8Array.of(0, 0, 0, commits ? 1 : 0), value, headers: [], timestamp, offset };
    const marks = { transactional: true, control: true, baseSequence: -1 };
    return {
      ...{ magic: 2, compression: "none", records: [record], baseOffset: offset, lastOffset: offset, leaderEpoch: 0 },
      ...{ producerId, producerEpoch, ...marks },
    };
  });
}

/** What compaction leaves where no record is left: the head, for the producer's numbers in it. */
function anyEmptied(): Arbitrary<PlacedBatch> {
  return fc.tuple(offset, step, leaderEpoch, identity).map(([baseOffset, step, leaderEpoch, identity]) => ({
    ...{ magic: 2, compression: "none", records: [], baseOffset, lastOffset: baseOffset - 1 + step, leaderEpoch },
    ...identity,
  }));
}

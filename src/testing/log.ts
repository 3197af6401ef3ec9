/** One replica's log of a partition: what was appended, as bytes with the offsets that they were given. */

import { type EpochEnd, LeaderEpochs } from "./leader_epochs.ts";
import { ProducerState } from "./producer_state.ts";

/** What one append left in the log: one record batch, or the entries of a message set. */
export interface Stored {
  /** The first offset. */
  readonly baseOffset: number;
  /** The last offset. */
  readonly lastOffset: number;
  /** The largest timestamp inside, in ms since 1970; -1 where there is none. */
  readonly maxTimestamp: number;
  /** Under which leader it was written. */
  readonly leaderEpoch: number;
  /** The bytes as they are on the wire. Nobody changes them any more. */
  readonly bytes: Uint8Array;
}

/** How much of a log to read. */
export interface ReadLimit {
  /** At most so many bytes. */
  readonly bytes: number;
  /** Whether the first entry is given whole even if it is larger (KIP-74). */
  readonly wholeFirst: boolean;
  /** Whether bytes that hold not even one whole entry are given at all; before Fetch version 3 they are. */
  readonly torn: boolean;
}

const NOTHING = new Uint8Array(0);
/** An entry's offset and size, which its size does not count. */
const ENTRY_HEAD = 12;
const SIZE_AT = 8;
const MAGIC_AT = 16;
const EPOCH_AT = 12;
const ATTRIBUTES_AT = 17;

/**
 * One log. It ends where the next record will be written; what is below its high watermark is on all replicas in sync, and only
 * that is shown to consumers.
 */
export class Log {
  /** Who has written here, and how far each has come. */
  readonly producers: ProducerState = new ProducerState();
  /** Told when a leader has appended, and where. */
  onAppend: ((baseOffset: number) => void) | undefined;
  readonly #stored: Stored[] = [];
  readonly #epochs = new LeaderEpochs();
  #startOffset = 0;
  #endOffset = 0;
  #highWatermark = 0;
  #modifiedAt = 0;

  /** The first offset that is there. */
  get startOffset(): number {
    return this.#startOffset;
  }

  /** The offset that the next record will get. */
  get endOffset(): number {
    return this.#endOffset;
  }

  /** The offset behind the last record that is committed. */
  get highWatermark(): number {
    return this.#highWatermark;
  }

  /** The epoch of the leader that wrote, or would write, its end; -1 if nobody has. */
  get lastEpoch(): number {
    return this.#epochs.last;
  }

  /** When it was last appended to, in ms since 1970. */
  get modifiedAt(): number {
    return this.#modifiedAt;
  }

  /** What is stored, the oldest first. */
  get stored(): readonly Stored[] {
    return this.#stored;
  }

  /**
   * Appends `count` records. `bytes` belong to the log from now on; their offsets and the leader's epoch are written into them,
   * but for offsets that are compressed (magic 0), which the caller has set.
   */
  append(bytes: Uint8Array, count: number, maxTimestamp: number, leaderEpoch: number, wall: number): number {
    const baseOffset = this.#endOffset;
    assignOffsets(bytes, baseOffset, count, leaderEpoch);
    this.#add({ baseOffset, lastOffset: baseOffset + count - 1, maxTimestamp, leaderEpoch, bytes }, wall);
    this.onAppend?.(baseOffset);
    return baseOffset;
  }

  /** Appends what another replica has, as it is. */
  copy(stored: Stored, wall: number): void {
    this.#add(stored, wall);
  }

  /** A leader of that epoch goes on from here. */
  beginEpoch(epoch: number): void {
    this.#epochs.begin(epoch, this.#endOffset);
  }

  /** Where an epoch, or the last one before it, ends here (`UnifiedLog.endOffsetForEpoch`). */
  endOfEpoch(epoch: number): EpochEnd {
    return this.#epochs.endOf(epoch, this.#endOffset);
  }

  /** What lies below `offset` is committed; it never goes back but by {@linkcode truncateTo}. */
  commit(offset: number): void {
    this.#highWatermark = Math.max(this.#highWatermark, Math.min(offset, this.#endOffset));
  }

  /** Drops what lies from `offset` on, with the append that it is in the middle of; and leaders that wrote nothing before it. */
  truncateTo(offset: number): void {
    const first = this.#find(offset);
    const end = Math.max(this.#startOffset, Math.min(offset, this.#stored[first]?.baseOffset ?? this.#endOffset));
    this.#stored.splice(first);
    this.#endOffset = end;
    this.#epochs.truncateTo(end);
    this.producers.truncateTo(end, this.#stored);
    this.#highWatermark = Math.min(this.#highWatermark, end);
  }

  /** Its broker has started again: only what is in the log is still known. */
  reopen(): void {
    this.producers.rebuild(this.#stored);
  }

  /** Drops everything and begins at `offset`: what a follower does whose leader has nothing older any more. */
  restartAt(offset: number): void {
    this.#stored.splice(0);
    this.#epochs.truncateTo(0);
    this.producers.rebuild([]);
    this.#startOffset = this.#endOffset = this.#highWatermark = offset;
  }

  /** Committed bytes from the entry that holds `offset` on; like a broker's file, they may end inside an entry. */
  read(offset: number, limit: ReadLimit): Uint8Array {
    let at = this.#find(offset);
    const first = this.#stored[at];
    if (!first || first.lastOffset >= this.#highWatermark) return NOTHING;
    const head = first.bytes.subarray(entryAt(first.bytes, offset));
    const firstSize = entrySize(head, 0);
    const room = limit.wholeFirst ? Math.max(limit.bytes, firstSize) : limit.bytes;
    if (room <= 0 || (room < firstSize && !limit.torn)) return NOTHING;
    const parts = [head];
    let size = head.length;
    while (size < room && ++at < this.#stored.length) {
      const { bytes, lastOffset } = this.#stored[at]!;
      if (lastOffset >= this.#highWatermark) break;
      parts.push(bytes);
      size += bytes.length;
    }
    return join(parts, Math.min(room, size));
  }

  /** All that is stored from `offset` on; what a follower copies. */
  from(offset: number): readonly Stored[] {
    return this.#stored.slice(this.#find(offset));
  }

  /** What holds `offset`, or comes first after it. */
  at(offset: number): Stored | undefined {
    return this.#stored[this.#find(offset)];
  }

  /** Drops what is wholly below `offset`, as retention does, and begins there. */
  deleteBefore(offset: number): void {
    this.#startOffset = Math.max(this.#startOffset, Math.min(offset, this.#highWatermark));
    let gone = 0;
    while (gone < this.#stored.length && this.#stored[gone]!.lastOffset < this.#startOffset) gone++;
    this.#stored.splice(0, gone);
    this.#epochs.deleteBefore(this.#startOffset);
  }

  #add(stored: Stored, wall: number): void {
    this.#epochs.begin(stored.leaderEpoch, stored.baseOffset);
    this.#stored.push(stored);
    this.producers.append(stored);
    this.#endOffset = stored.lastOffset + 1;
    this.#modifiedAt = wall;
  }

  #find(offset: number): number {
    let low = 0, high = this.#stored.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#stored[middle]!.lastOffset < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** How many bytes the entry at `at` takes, its offset and size included. */
export function entrySize(bytes: Uint8Array, at: number): number {
  return ENTRY_HEAD + viewOf(bytes).getInt32(at + SIZE_AT);
}

/** A view of all of the bytes. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** One array of the first `size` bytes; a copy only where there is more than one part. */
export function join(parts: readonly Uint8Array[], size: number): Uint8Array {
  if (parts.length === 1) return parts[0]!.subarray(0, size);
  const whole = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    const fits = part.subarray(0, size - at);
    whole.set(fits, at);
    at += fits.length;
  }
  return whole;
}

/** Where the entry begins that holds `offset`: entries of a message set have one offset each, or their last if compressed. */
function entryAt(bytes: Uint8Array, offset: number): number {
  if (bytes[MAGIC_AT]! >= 2) return 0;
  const view = viewOf(bytes);
  let at = 0;
  while (Number(view.getBigInt64(at)) < offset) at += entrySize(bytes, at);
  return at;
}

function assignOffsets(bytes: Uint8Array, baseOffset: number, count: number, leaderEpoch: number): void {
  const view = viewOf(bytes);
  if (bytes[MAGIC_AT]! >= 2) {
    view.setBigInt64(0, BigInt(baseOffset));
    view.setInt32(EPOCH_AT, leaderEpoch);
    return;
  }
  const compressed = (bytes[ATTRIBUTES_AT]! & 7) !== 0;
  let offset = compressed ? baseOffset + count - 1 : baseOffset;
  for (let at = 0; at < bytes.length; at += entrySize(bytes, at)) view.setBigInt64(at, BigInt(offset++));
}

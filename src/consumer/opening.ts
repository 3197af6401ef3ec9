/** A batch whose codec answers later: waited for as long as is sensible. */

import { abortable, withDeadline } from "../base/async.ts";
import { brokerError, errorNumbers } from "../base/error_codes.ts";
import { KafkaError } from "../base/errors.ts";
import type { World } from "../base/world.ts";
import type { RecordBatch } from "../records/reading.ts";
import type { RecordList } from "../records/record_list.ts";
import type { Cursor } from "./cursor.ts";

/** A batch that is taken out of what was fetched. */
export interface Taken {
  readonly cursor: Cursor;
  readonly generation: number;
  readonly batch: RecordBatch;
  readonly highWatermark: number;
}

/** An opened batch that is being read. */
export interface Reading {
  readonly cursor: Cursor;
  readonly generation: number;
  readonly list: RecordList;
  /** The last offset that is finished with its last message. */
  readonly lastOffset: number;
  readonly highWatermark: number;
  /** Where in the list the reader's messages end. */
  readonly to: number;
  /** The next one. */
  index: number;
}

/** What came of opening a batch. */
export type Opened = { readonly list: RecordList } | { readonly error: unknown };

/** The opening of one batch. */
export class Opening {
  /** Which batch. */
  readonly taken: Taken;
  readonly #world: World;
  readonly #timeoutMs: number;
  readonly #work: Promise<Opened>;

  /** Whoever waits does so for at most `timeoutMs` milliseconds: the codec may be a user's, and never answer. */
  constructor(world: World, timeoutMs: number, taken: Taken, work: Promise<RecordList>) {
    this.taken = taken;
    this.#world = world;
    this.#timeoutMs = timeoutMs;
    this.#work = world.outside(() => work).then((list) => ({ list }), (error) => ({ error }));
  }

  /** What came of it; undefined if the consumer has ended meanwhile. Rejects with the signal's reason. */
  async outcome(signal: AbortSignal | undefined, ended: AbortSignal): Promise<Opened | undefined> {
    const world = this.#world, name = "a codec that decompresses";
    const late = this.#late();
    try {
      return await withDeadline(
        world,
        this.#timeoutMs,
        signal,
        () => late,
        (deadline) => abortable(world, name, abortable(world, name, this.#work, deadline.signal), ended),
      );
    } catch (error) {
      if (error === late) return { error };
      if (ended.aborted) return undefined;
      throw error;
    }
  }

  #late(): KafkaError {
    const { cursor: { topic, partition }, batch: { compression, baseOffset: offset } } = this.taken;
    const detail = `the codec for ${compression} has not decompressed a batch within ${this.#timeoutMs} ms`;
    const error = brokerError(errorNumbers.UNSUPPORTED_COMPRESSION_TYPE);
    return new KafkaError(error, detail, { topic, partition, offset });
  }
}

/** What a loop is given of an opened batch: nothing that lies in front of the cursor's place, which is moved where nothing is left. */
export function readingOf({ cursor, generation, batch, highWatermark }: Taken, list: RecordList): Reading | undefined {
  if (cursor.generation !== generation) return undefined;
  const index = list.indexOf(cursor.position ?? 0);
  // A run of plain messages may go on behind the end that was asked for: what lies there is not finished.
  const isCut = batch.lastOffset >= cursor.end;
  const to = isCut ? list.indexOf(cursor.end) : list.count;
  const lastOffset = isCut ? cursor.end - 1 : batch.lastOffset;
  if (index < to) return { cursor, generation, list, index, to, lastOffset, highWatermark };
  cursor.position = lastOffset + 1;
  return undefined;
}

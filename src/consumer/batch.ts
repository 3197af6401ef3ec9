/** Messages of one partition that came together, for loops that take them by the batch. */

import type { Message } from "../records/message.ts";
import type { RecordList } from "../records/record_list.ts";

/** What a batch knows besides its messages. */
export interface BatchParts {
  readonly list: RecordList;
  /** The first message of the list that belongs to it. */
  readonly from: number;
  /** The first message of the list behind it. */
  readonly to: number;
  readonly lastOffset: number;
  readonly highWatermark: number;
  readonly signal: AbortSignal;
  /** Its messages, where interceptors have seen them. */
  readonly messages?: readonly Message[] | undefined;
}

/** Messages of one partition, in order: what was left of a record batch. */
export class Batch implements Iterable<Message> {
  /** The offset behind the last one: finished when the loop asks for the next batch. */
  readonly lastOffset: number;
  /** The offset behind the last message that every in-sync replica has, when it was fetched. */
  readonly highWatermark: number;
  /** Aborts when the partition is not this consumer's any more, or the consumer is closed. */
  readonly signal: AbortSignal;
  readonly #list: RecordList;
  readonly #from: number;
  readonly #to: number;
  readonly #messages: readonly Message[] | undefined;

  /** A part of a list. */
  constructor({ list, from, to, lastOffset, highWatermark, signal, messages }: BatchParts) {
    this.#list = list;
    this.#from = from;
    this.#to = to;
    this.lastOffset = lastOffset;
    this.highWatermark = highWatermark;
    this.signal = signal;
    this.#messages = messages;
  }

  /** The topic. */
  get topic(): string {
    return this.#list.topic;
  }

  /** The partition. */
  get partition(): number {
    return this.#list.partition;
  }

  /** How many messages it has; at least one. */
  get count(): number {
    return this.#to - this.#from;
  }

  /** The offset of its first message. */
  get baseOffset(): number {
    return this.#list.at(this.#from).offset;
  }

  /** Goes over the messages. */
  [Symbol.iterator](): Iterator<Message> {
    if (this.#messages) return this.#messages[Symbol.iterator]();
    const list = this.#list;
    if (this.#from === 0 && this.#to === list.count) return list[Symbol.iterator]();
    let index = this.#from;
    const to = this.#to;
    return {
      next(): IteratorResult<Message> {
        return index < to ? { done: false, value: list.at(index++) } : { done: true, value: undefined };
      },
    };
  }
}

/** The records of an opened batch: where each lies, and a message for it when it is asked for. */

import { KafkaError } from "../base/errors.ts";
import { Message, type MessageSource } from "./message.ts";

/** The records of one batch, in order. It keeps four bytes a record; messages are made when they are asked for. */
export class RecordList implements Iterable<Message> {
  readonly #source: MessageSource;
  readonly #positions: Int32Array;

  /** The records of a source, each by the position that it begins at. */
  constructor(source: MessageSource, positions: Int32Array) {
    this.#source = source;
    this.#positions = positions;
  }

  /** How many there are. */
  get count(): number {
    return this.#positions.length;
  }

  /** The topic that they were read from. */
  get topic(): string {
    return this.#source.topic;
  }

  /** The partition that they were read from. */
  get partition(): number {
    return this.#source.partition;
  }

  /** The message of an index from 0 up to, but without, `count`. */
  at(index: number): Message {
    const at = this.#positions[index];
    if (at === undefined) {
      throw new KafkaError("INVALID_OPTION", `there is no record ${index} in a list of ${this.count}`);
    }
    return new Message(this.#source, at);
  }

  /** The first index whose record has that offset or a later one; `count` if there is none. */
  indexOf(offset: number): number {
    const positions = this.#positions;
    let index = 0;
    while (index < positions.length && this.#source.offsetAt(positions[index]!) < offset) index++;
    return index;
  }

  /** Goes over the messages. */
  [Symbol.iterator](): Iterator<Message> {
    return new Messages(this.#source, this.#positions);
  }
}

/** Written by hand: a generator takes several times as long for each message. */
class Messages implements Iterator<Message> {
  readonly #source: MessageSource;
  readonly #positions: Int32Array;
  #index = 0;

  constructor(source: MessageSource, positions: Int32Array) {
    this.#source = source;
    this.#positions = positions;
  }

  next(): IteratorResult<Message> {
    if (this.#index >= this.#positions.length) return { done: true, value: undefined };
    return { done: false, value: new Message(this.#source, this.#positions[this.#index++]!) };
  }
}

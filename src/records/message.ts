/** A record as the user sees it: a pointer into the batch it lies in, from which each part is taken when it is asked for. */

import { brokerError, errorNumbers } from "../base/error_codes.ts";
import { KafkaError } from "../base/errors.ts";
import { textOf } from "./text.ts";

/** A header as it was read: its name, and its value as a view. */
export type Header = readonly [name: string, value: Uint8Array | null];

/** Opened records, of one format, that messages point into. `at` is where a record begins; what it names was checked. */
export interface MessageSource {
  /** The topic that they were read from. */
  readonly topic: string;
  /** The partition that they were read from. */
  readonly partition: number;
  /** The offset of a record. */
  offsetAt(at: number): number;
  /** The timestamp of a record, in milliseconds since 1970; -1 if it has none. */
  timestampAt(at: number): number;
  /** The key of a record, as a view. */
  keyAt(at: number): Uint8Array | null;
  /** The value of a record, as a view. */
  valueAt(at: number): Uint8Array | null;
  /** The headers of a record. */
  headersAt(at: number): readonly Header[];
}

/** What is to be different in a message; what is left out stays. Text becomes UTF-8. */
export interface MessageChanges {
  /** Another key, or `null` for none. */
  readonly key?: string | Uint8Array | null | undefined;
  /** Another value. */
  readonly value?: string | Uint8Array | null | undefined;
  /** Other headers, in their order. */
  readonly headers?: readonly (readonly [name: string, value: string | Uint8Array | null])[] | undefined;
}

/**
 * A message that was read. Bytes are views of what came from the broker, made anew each time: they keep all of the fetched
 * data in memory, so copy with `slice()` what is to be kept for long.
 */
export class Message {
  readonly #source: MessageSource;
  readonly #at: number;

  /** The message that begins at a position of its source. */
  constructor(source: MessageSource, at: number) {
    this.#source = source;
    this.#at = at;
  }

  /** The topic that it was read from. */
  get topic(): string {
    return this.#source.topic;
  }

  /** The partition that it was read from. */
  get partition(): number {
    return this.#source.partition;
  }

  /** Its number in the partition. */
  get offset(): number {
    return this.#source.offsetAt(this.#at);
  }

  /**
   * Milliseconds since 1970: when it was made, or when the broker appended it if the topic is set so
   * (`message.timestamp.type`); -1 where there is none, as in all that Kafka before 0.10 wrote.
   */
  get timestamp(): number {
    return this.#source.timestampAt(this.#at);
  }

  /** The key, or `null` if it has none. */
  get key(): Uint8Array | null {
    return this.#source.keyAt(this.#at);
  }

  /** The value; `null` for a tombstone. */
  get value(): Uint8Array | null {
    return this.#source.valueAt(this.#at);
  }

  /** The headers in their order, with repeated names; decoded each time. */
  get headers(): readonly Header[] {
    return this.#source.headersAt(this.#at);
  }

  /** The same message with another key, value or headers, as an interceptor may give it; where it stands in the log stays. */
  with(changes: MessageChanges): Message {
    return new Message(new Changed(this.#source, changes), this.#at);
  }

  /** The value as UTF-8, with U+FFFD for what is not; `""` for a tombstone. */
  text(): string {
    const value = this.value;
    return value === null ? "" : textOf(value);
  }

  /** What the value is in JSON, `null` for a tombstone; a `KafkaError` that says which message if it is not JSON. */
  json(): unknown {
    const text = this.text();
    if (text === "" && this.value === null) return null;
    try {
      return JSON.parse(text);
    } catch (cause) {
      const { topic, partition, offset } = this;
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new KafkaError(
        brokerError(errorNumbers.INVALID_RECORD),
        `the message of ${topic}/${partition} at offset ${offset} is not JSON: ${why}`,
        { topic, partition, offset, cause },
      );
    }
  }
}

/** One record of a source, with other parts. */
class Changed implements MessageSource {
  readonly #source: MessageSource;
  readonly #key: Uint8Array | null | undefined;
  readonly #value: Uint8Array | null | undefined;
  readonly #headers: readonly Header[] | undefined;

  constructor(source: MessageSource, { key, value, headers }: MessageChanges) {
    this.#source = source;
    this.#key = bytesOf(key);
    this.#value = bytesOf(value);
    this.#headers = headers?.map(([name, value]) => [name, bytesOf(value) ?? null]);
  }

  get topic(): string {
    return this.#source.topic;
  }

  get partition(): number {
    return this.#source.partition;
  }

  offsetAt(at: number): number {
    return this.#source.offsetAt(at);
  }

  timestampAt(at: number): number {
    return this.#source.timestampAt(at);
  }

  keyAt(at: number): Uint8Array | null {
    return this.#key === undefined ? this.#source.keyAt(at) : this.#key;
  }

  valueAt(at: number): Uint8Array | null {
    return this.#value === undefined ? this.#source.valueAt(at) : this.#value;
  }

  headersAt(at: number): readonly Header[] {
    return this.#headers ?? this.#source.headersAt(at);
  }
}

const encoder = new TextEncoder();

function bytesOf(given: string | Uint8Array | null | undefined): Uint8Array | null | undefined {
  return typeof given === "string" ? encoder.encode(given) : given;
}

/** Shows its parts where consoles would show an empty object; Node, Deno and Bun ask for this symbol, and others never do. */
Object.defineProperty(Message.prototype, Symbol.for("nodejs.util.inspect.custom"), {
  value(this: Message): unknown {
    const { topic, partition, offset, timestamp, key, value, headers } = this;
    return { topic, partition, offset, timestamp, key, value, headers };
  },
});

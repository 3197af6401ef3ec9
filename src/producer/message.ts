/** What users give to a producer, and what it becomes before a partition is chosen. */

import { KafkaError } from "../base/errors.ts";
import { brief } from "../base/options.ts";
import type { RecordInput } from "../records/builder.ts";

/** Text, which travels as UTF-8, or bytes. */
export type Bytes = string | Uint8Array;

/** Headers in order, repeats kept; or a record of them. */
export type HeadersInput =
  | readonly (readonly [name: string, value: Bytes | null])[]
  | Readonly<Record<string, Bytes | null>>;

/** A message for a producer of one topic. */
export interface ProducerMessage {
  /** What decides the partition, and what a compacted topic keeps the last message of; null (the default) is no key. */
  readonly key?: Bytes | null | undefined;
  /** The content; null (the default) is a tombstone. */
  readonly value?: Bytes | null | undefined;
  /** Named values beside the content; from Kafka 0.11 on. */
  readonly headers?: HeadersInput | undefined;
  /** Which partition; else the partitioner chooses. */
  readonly partition?: number | undefined;
  /** Milliseconds since 1970, or a date; now, if not said. Before Kafka 0.10 it is not stored. */
  readonly timestamp?: number | Date | undefined;
}

/** A message for a producer of many topics. */
export interface TopicMessage extends ProducerMessage {
  /** Which topic. */
  readonly topic: string;
}

/** Where a message went. */
export interface Delivery {
  /** The topic. */
  readonly topic: string;
  /** The partition. */
  readonly partition: number;
  /** Its offset there; -1 if the broker was not asked (`acks: 0`). */
  readonly offset: number;
  /** Milliseconds since 1970: the broker's own time where the topic wants that, else the message's. */
  readonly timestamp: number;
}

/** A message whose partition is not chosen yet. */
export interface Outgoing extends RecordInput {
  readonly topic: string;
  readonly partition: number | undefined;
}

const NO_HEADERS: RecordInput["headers"] = [];

/** One message as it is read from what a user gave, used again for the next: a message that need not wait costs no object. */
export class Draft implements Outgoing {
  topic = "";
  partition: number | undefined = undefined;
  key: Bytes | null = null;
  value: Bytes | null = null;
  headers: RecordInput["headers"] = NO_HEADERS;
  timestamp = 0;

  /** Reads a message that was made at `wall`, if it does not say; `INVALID_OPTION` says which part of it cannot be sent. */
  read(input: Bytes | ProducerMessage, topic: string | undefined, wall: number): void {
    if (typeof input === "string" || input instanceof Uint8Array) {
      this.topic = named(topic);
      this.partition = undefined;
      this.key = null;
      this.value = input;
      this.headers = NO_HEADERS;
      this.timestamp = wall;
      return;
    }
    if (typeof input !== "object" || input === null) throw invalid("a message", "a text, bytes or an object", input);
    const { key = null, value = null, headers, partition, timestamp } = input;
    if (!isBytesOrNull(key)) throw invalid("key", "a text, bytes or null", key);
    if (!isBytesOrNull(value)) throw invalid("value", "a text, bytes or null", value);
    if (partition !== undefined && !(Number.isInteger(partition) && partition >= 0)) {
      throw invalid("partition", "a whole number from 0", partition);
    }
    const name = named((input as Partial<TopicMessage>).topic ?? topic);
    const list = headers === undefined ? NO_HEADERS : pairs(headers);
    const at = timestamp === undefined ? wall : millisecondsOf(timestamp);
    // Only now: until here the user's own getters may have run, and asked for this draft themselves.
    this.topic = name;
    this.partition = partition;
    this.key = key;
    this.value = value;
    this.headers = list;
    this.timestamp = at;
  }

  /** The message by itself, for whoever keeps it. */
  copy(): Outgoing {
    const { topic, partition, key, value, headers, timestamp } = this;
    return { topic, partition, key, value, headers, timestamp };
  }
}

function named(topic: string | undefined): string {
  if (typeof topic === "string" && topic !== "") return topic;
  throw invalid("topic", "a text that is not empty", topic);
}

function millisecondsOf(timestamp: number | Date): number {
  const ms = timestamp instanceof Date ? timestamp.getTime() : timestamp;
  if (Number.isSafeInteger(ms) && ms >= 0) return ms;
  throw invalid("timestamp", "whole milliseconds since 1970, or a date", timestamp);
}

function pairs(headers: HeadersInput): RecordInput["headers"] {
  if (typeof headers !== "object" || headers === null) throw invalid("headers", "pairs or an object", headers);
  const list = Array.isArray(headers) ? headers as RecordInput["headers"] : Object.entries(headers);
  for (const pair of list) {
    if (!Array.isArray(pair) || pair.length !== 2 || typeof pair[0] !== "string" || !isBytesOrNull(pair[1])) {
      throw invalid("a header", "a pair of a text and a text, bytes or null", pair);
    }
  }
  return list;
}

function isBytesOrNull(value: unknown): value is Bytes | null {
  return value === null || typeof value === "string" || value instanceof Uint8Array;
}

function invalid(what: string, allowed: string, value: unknown): KafkaError {
  return new KafkaError("INVALID_OPTION", `produce: ${what} must be ${allowed}, not ${brief(value)}`);
}

/** Producers and consumers that go on while something happens to the brokers, and keep what they were told. */

import type { Compression, Message, SimpleConsumer, Topic } from "@samsa/kafka";
import { type Id, idOf, type Reader } from "./verdict.ts";

/** How much, and how. */
export interface TrafficOptions {
  readonly partitions: number;
  /** How many producers, and as many consumers. */
  readonly clients: number;
  /** Messages a second, of all producers together. */
  readonly rate: number;
  readonly compression?: Compression | undefined;
  readonly lingerMs?: number | undefined;
}

/** Each value has about so many characters. */
const VALUE_SIZE = 100;
const TICK_MS = 10;
const CAUGHT_UP_MS = 60_000;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Who a message says that it is: its value holds its number, its producer, and which one in its partition it is. */
export function idIn(message: Message): Id {
  const [, producer, sequence] = message.text().split(" ");
  return idOf(Number(producer), Number(sequence));
}

/** What a consumer was given. */
class Reading implements Reader {
  readonly name: string;
  readonly partitions: { readonly offsets: number[]; readonly ids: Id[] }[];
  readonly consumer: SimpleConsumer;
  /** Milliseconds that it waited for a message at most. */
  longestWaitMs = 0;
  /** What ended it, if it was an error. */
  error: unknown;
  readonly #ended: Promise<void>;

  constructor(name: string, consumer: SimpleConsumer, partitions: number) {
    this.name = name;
    this.consumer = consumer;
    this.partitions = Array.from({ length: partitions }, () => ({ offsets: [], ids: [] }));
    this.#ended = this.#read();
  }

  async #read(): Promise<void> {
    let last = performance.now();
    try {
      for await (const message of this.consumer) {
        const now = performance.now();
        this.longestWaitMs = Math.max(this.longestWaitMs, now - last);
        last = now;
        const { offsets, ids } = this.partitions[message.partition]!;
        offsets.push(message.offset);
        ids.push(idIn(message));
      }
    } catch (error) {
      this.error = error;
    }
  }

  async close(): Promise<void> {
    await this.consumer.close();
    await this.#ended;
  }
}

/** The traffic on one topic, from when it is made until it is told to stop. */
export class Traffic {
  /** How many messages each producer has asked for, by producer and partition. */
  readonly produced: number[][];
  /** What was acknowledged, by partition: where each message is said to be. */
  readonly acknowledged: Map<Id, number>[];
  readonly readers: readonly Reading[];
  /** The errors that users were given. */
  readonly errors: unknown[] = [];
  /** Milliseconds that a message waited for its acknowledgement at most. */
  longestWaitMs = 0;
  #count = 0;
  #stopping = false;
  readonly #topic: Topic;
  readonly #options: TrafficOptions;
  readonly #producing: Promise<void>[];

  /** Starts it. */
  constructor(topic: Topic, options: TrafficOptions) {
    this.#topic = topic;
    this.#options = options;
    const { partitions, clients } = options;
    const each = Array.from({ length: clients }, (_, i) => i);
    this.produced = each.map(() => new Array<number>(partitions).fill(0));
    this.acknowledged = Array.from({ length: partitions }, () => new Map());
    this.readers = each.map((i) => new Reading(`consumer ${i}`, topic.simpleConsumer(), partitions));
    this.#producing = each.map((i) => this.#produce(i));
  }

  /** How many messages were asked for. */
  get count(): number {
    return this.#count;
  }

  /** How many of them are acknowledged. */
  get acknowledgedCount(): number {
    return this.acknowledged.reduce((sum, { size }) => sum + size, 0);
  }

  /** At a steady rate, whatever the cluster does: what cannot be sent waits in the producer. */
  async #produce(producer: number): Promise<void> {
    const { partitions, clients, rate, compression, lingerMs } = this.#options;
    await using client = this.#topic.producer({ compression, lingerMs });
    const start = performance.now();
    const sent: Promise<void>[] = [];
    for (let own = 0; !this.#stopping; await sleep(TICK_MS)) {
      const due = (performance.now() - start) / 1000 * rate / clients;
      for (; own < due; own++) {
        const partition = own % partitions;
        const sequence = this.produced[producer]![partition]!++;
        const value = `${this.#count++} ${producer} ${sequence} `.padEnd(VALUE_SIZE, "x");
        const from = performance.now();
        sent.push(
          client.produce({ partition, value }).then(({ offset }) => {
            this.acknowledged[partition]!.set(idOf(producer, sequence), offset);
            this.longestWaitMs = Math.max(this.longestWaitMs, performance.now() - from);
          }, (error) => void this.errors.push(error)),
        );
      }
    }
    await Promise.all(sent);
  }

  /** Lets the producers finish, then the consumers read on to the end. */
  async finish(): Promise<void> {
    await this.#endProducing();
    const ends = await this.#topic.latestOffsets();
    const end = performance.now() + CAUGHT_UP_MS;
    const behind = () =>
      this.readers.some(({ partitions, error }) =>
        error === undefined && [...ends].some(([partition, offset]) => partitions[partition]!.offsets.length < offset)
      );
    while (behind() && performance.now() < end) await sleep(TICK_MS);
    await this.close();
    for (const { error } of this.readers) if (error !== undefined) this.errors.push(error);
  }

  async #endProducing(): Promise<void> {
    this.#stopping = true;
    await Promise.all(this.#producing);
  }

  /** Ends everything, finished or not. */
  async close(): Promise<void> {
    await Promise.allSettled([this.#endProducing(), ...this.readers.map((reader) => reader.close())]);
  }
}

/** What a client is made to do for hours: it produces, reads, seeks, pauses, comes and goes, by chance but by one seed. */

import type { KafkaClient, Message, Producer, SimpleConsumer, Topic } from "@samsa/kafka";
import { door } from "../../package/door.ts";
import type { RealKafka } from "../launcher.ts";

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** The topic's name and size. */
export const TOPIC = "endurance";
export const PARTITIONS = 6;
/** The only broker. */
const BROKER = 1;

const BURST_MAX = 1_500;
const VALUE_MAX = 1_200;
const PAUSE_MS_MAX = 250;
const READ_MS_MAX = 2_000;
/** One of so many messages, or actions, has something rare happen. */
const RARE = 2_000;
const CAUGHT_UP_MS = 60_000;

/** On a busy machine a broker may take longer to come back than clients wait for one if not told otherwise. */
const PATIENCE = { bootstrapTimeoutMs: 120_000, requestTimeoutMs: 60_000 };

/** Numbers from 0 to 1 by a seed (mulberry32). */
export function chanceOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 15), z | 1);
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61);
    return ((z ^ (z >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** All that goes on with one client. */
export class Work {
  produced = 0;
  read = 0;
  restarts = 0;
  readonly #kafka: RealKafka;
  readonly #client: KafkaClient;
  readonly #topic: Topic;
  readonly #chance: () => number;
  readonly #value: Uint8Array;
  readonly #producers: readonly Producer[];
  readonly #consumers: readonly SimpleConsumer[];
  readonly #reading: readonly Promise<void>[];
  #resting = false;
  #error: unknown;

  private constructor(kafka: RealKafka, client: KafkaClient, topic: Topic, seed: number) {
    this.#kafka = kafka;
    this.#client = client;
    this.#topic = topic;
    this.#chance = chanceOf(seed);
    this.#value = new Uint8Array(VALUE_MAX).map((_, i) => i * 7);
    this.#producers = [
      topic.producer(),
      topic.producer({ compression: "gzip", lingerMs: 5 }),
      topic.producer({ compression: "snappy", acks: 1 }),
    ];
    this.#consumers = [topic.simpleConsumer(), topic.simpleConsumer({ from: "latest" })];
    const [calm, restless] = this.#consumers as [SimpleConsumer, SimpleConsumer];
    this.#reading = [this.#readMessages(calm), this.#readBatches(restless)];
    for (const reading of this.#reading) reading.catch((error) => this.#error ??= error);
  }

  /** Begins on a real cluster. */
  static async start(kafka: RealKafka, seed: number): Promise<Work> {
    const client = await door.connect({ hosts: kafka.hosts, ...PATIENCE });
    return new Work(kafka, client, await client.topic(TOPIC), seed);
  }

  #below(limit: number): number {
    return Math.floor(this.#chance() * limit);
  }

  /** Everything at once until a time, and the broker goes and comes if it is told to. Throws what any of it threw. */
  async go(untilMs: number, restart: boolean): Promise<void> {
    this.#resting = false;
    const tasks = [
      ...this.#producers.map((producer, i) => this.#produce(producer, i, untilMs)),
      this.#comeAndGo(untilMs),
      this.#seekAbout(untilMs),
    ];
    if (restart) tasks.push(this.#restartBroker());
    const ends = await Promise.allSettled(tasks);
    for (const end of ends) if (end.status === "rejected") throw end.reason;
    if (this.#error !== undefined) throw this.#error;
  }

  /** Everything that was sent is acknowledged, everything that was written is read, nothing goes on. */
  async rest(): Promise<void> {
    this.#resting = true;
    for (const producer of this.#producers) await producer.flush();
    for (const consumer of this.#consumers) consumer.resume();
    const ends = await this.#topic.latestOffsets();
    const end = performance.now() + CAUGHT_UP_MS;
    const isBehind = () =>
      this.#consumers.some(({ positions }) =>
        [...ends].some(([partition, offset]) => (positions.get(partition) ?? 0) < offset - 1)
      );
    while (isBehind() && this.#error === undefined) {
      if (performance.now() > end) throw new Error("a consumer does not get to the end of the log");
      await sleep(20);
    }
    if (this.#error !== undefined) throw this.#error;
  }

  async #produce(producer: Producer, which: number, untilMs: number): Promise<void> {
    while (performance.now() < untilMs) {
      const burst = 1 + this.#below(BURST_MAX);
      const message = () => ({
        key: this.#chance() < 0.5 ? `key ${this.#below(1_000)}` : null,
        value: this.#value.subarray(0, this.#below(VALUE_MAX)),
      });
      if (which === 1) {
        for (let i = 0; i < burst; i++) await producer.enqueue(message());
        if (this.#chance() < 0.2) await producer.flush();
      } else if (this.#chance() < 0.5) await producer.produce(Array.from({ length: burst }, message));
      else await Promise.all(Array.from({ length: burst }, () => producer.produce(message())));
      this.produced += burst;
      await sleep(this.#below(PAUSE_MS_MAX));
    }
  }

  /** Every message of every partition, with a pause now and then. */
  async #readMessages(consumer: SimpleConsumer): Promise<void> {
    for await (const message of consumer) {
      this.#look(message);
      if (this.#below(RARE) === 0 && !this.#resting) await sleep(this.#below(2 * PAUSE_MS_MAX));
    }
  }

  async #readBatches(consumer: SimpleConsumer): Promise<void> {
    for await (const batch of consumer.batches()) {
      for (const message of batch) this.#look(message);
      if (this.#below(RARE / 20) === 0 && !this.#resting) await sleep(this.#below(PAUSE_MS_MAX));
    }
  }

  #look(message: Message): void {
    if ((message.value?.length ?? 0) >= VALUE_MAX) throw new Error(`at ${message.offset} is what nobody has sent`);
    this.read++;
  }

  /** The second consumer is sent here and there, and held. */
  async #seekAbout(untilMs: number): Promise<void> {
    const consumer = this.#consumers[1]!;
    await consumer.start();
    while (performance.now() < untilMs) {
      const partition = this.#below(PARTITIONS);
      const what = this.#chance();
      if (what < 0.1) consumer.seek(partition, "earliest");
      else if (what < 0.2) consumer.seek(partition, "latest");
      else if (what < 0.4) consumer.seek(partition, Math.max(0, (consumer.positions.get(partition) ?? 0) - 500));
      else if (what < 0.6) consumer.pause([partition]);
      else consumer.resume();
      await sleep(this.#below(2 * PAUSE_MS_MAX));
    }
  }

  /** Producers, consumers and whole clients that live for a moment. */
  async #comeAndGo(untilMs: number): Promise<void> {
    while (performance.now() < untilMs) {
      const isWhole = this.#chance() < 0.3;
      const client = isWhole ? await door.connect({ hosts: this.#kafka.hosts, ...PATIENCE }) : this.#client;
      try {
        const topic = await client.topic(TOPIC);
        await using producer = topic.producer();
        await producer.produce({ value: "for a moment" });
        this.produced++;
        const consumer = topic.simpleConsumer({ partitions: [this.#below(PARTITIONS)] });
        // Sometimes it is closed while its loop waits, sometimes while it reads.
        const closed = sleep(this.#below(READ_MS_MAX)).then(() => consumer.close());
        for await (const message of consumer) {
          this.#look(message);
          if (performance.now() > untilMs) break;
        }
        await closed;
      } finally {
        if (isWhole) await client.close();
      }
      await sleep(this.#below(PAUSE_MS_MAX));
    }
  }

  async #restartBroker(): Promise<void> {
    await sleep(this.#below(1_000));
    if (this.#chance() < 0.5) await this.#kafka.kill(BROKER);
    else await this.#kafka.stop(BROKER);
    await sleep(this.#below(1_000));
    await this.#kafka.start(BROKER);
    this.restarts++;
  }

  /** Ends all of it. */
  async close(): Promise<void> {
    await this.#client.close();
    await Promise.allSettled(this.#reading);
  }
}

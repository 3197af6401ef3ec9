/** Who uses a client while its brokers lie: each promise has to settle in time, and each error has to be one of ours. */

import { KafkaError } from "../../src/base/errors.ts";
import type { KafkaClient } from "../../src/client/client.ts";
import type { SimpleConsumer } from "../../src/consumer/simple_consumer.ts";
import type { Delivery } from "../../src/producer/message.ts";
import type { Producer } from "../../src/producer/producer.ts";
import type { Message } from "../../src/records/message.ts";
import type { Chance } from "../../src/testing/chance.ts";
import type { Process } from "../../src/testing/world.ts";

/** The times of the client under test, in milliseconds. */
export const TIMES = { request: 3000, delivery: 8000, connect: 1000, bootstrap: 5000 } as const;
/** What a promise may take above its deadline: the world's clock may be coarse, and a test may be between two steps. */
const SLACK_MS = 1500;
/** A consumer that has nothing to wait for closes within this time. */
const CLOSE_MS = 5000;
/** How long a reader waits after it was told of a failure. */
const AFTER_FAILURE_MS = 100;

/** Where errors are held to what they have to be. */
export interface Judge {
  readonly process: Process;
  /** Codes of errors, with how often they were told. */
  readonly codes: Map<string, number>;
  /** Takes notes for whoever looks for a fault. */
  readonly note: (what: string) => void;
}

/** A message where somebody believes that it is. */
export interface Believed {
  readonly partition: number;
  readonly offset: number;
  readonly text: string;
}

/** What the users of a run share. */
export interface Scene extends Judge {
  /** Takes what was acknowledged, and what was read. */
  readonly believe: (message: Believed) => void;
  readonly client: KafkaClient;
  readonly topic: string;
  readonly partitions: number;
  /** Aborts when the users are to stop. */
  readonly over: AbortSignal;
}

/** Why users stop. */
export const OVER = { name: "over" };

/** Fails the run unless the promise settles in time, or rejects with something else than an error of ours. */
export async function settled<T>(judge: Judge, what: string, ms: number, promise: Promise<T>): Promise<T | undefined> {
  const { process } = judge;
  const timer = process.timer(ms + SLACK_MS, () => process.world.fail(`${what} has not settled within ${ms} ms`));
  try {
    return await promise;
  } catch (error) {
    told(judge, what, error);
    return undefined;
  } finally {
    timer.cancel();
  }
}

function told({ process, codes, note }: Judge, what: string, error: unknown): void {
  const { topic, partition, offset } = error as Partial<KafkaError>;
  note(`${what}: ${String(error).slice(0, 300)} (${topic}/${partition} at ${offset})`);
  if (error === OVER) return;
  if (!(error instanceof KafkaError)) {
    process.world.fail(`${what} rejected with what is no KafkaError: ${String(error).slice(0, 200)}`, error);
    return;
  }
  codes.set(error.code, (codes.get(error.code) ?? 0) + 1);
  if (error.message.includes("undefined") || error.message.includes("[object")) {
    process.world.fail(`${what} has a text with holes: ${error.message}`, error);
  }
}

/** Produces until it is over, in every way there is. */
export async function write(scene: Scene, chance: Chance, producer: Producer): Promise<void> {
  const { process, over, topic } = scene;
  for (let n = 0; !over.aborted; n++) {
    const value = `${n} ${"x".repeat(chance.delay(200))}`;
    const message = { topic, value, ...(chance.once(3) && { partition: chance.below(scene.partitions) }) };
    const abort = new AbortController();
    switch (chance.below(5)) {
      case 0:
        believeAll(scene, value, await settled(scene, "a list", TIMES.delivery, producer.produce([message, message])));
        break;
      case 1:
        await settled(scene, "enqueue", TIMES.delivery, Promise.resolve(producer.enqueue(message)));
        if (chance.once(2)) await settled(scene, "flush", TIMES.delivery, producer.flush());
        break;
      case 2: {
        const end = settled(scene, "an aborted produce", 1000, producer.produce(message, { signal: abort.signal }));
        await process.sleep(chance.below(1000));
        abort.abort(OVER);
        await end;
        break;
      }
      default:
        believeAll(scene, value, await settled(scene, "produce", TIMES.delivery, producer.produce(message)));
    }
    await process.sleep(chance.delay(100));
  }
}

function believeAll({ believe }: Scene, text: string, deliveries: Delivery | Delivery[] | undefined): void {
  for (const { partition, offset } of [deliveries ?? []].flat()) if (offset >= 0) believe({ partition, offset, text });
}

/** Reads until it is over; what stops a partition is passed over in one of the ways there are. */
export async function read(scene: Scene, chance: Chance, consumer: SimpleConsumer): Promise<void> {
  const { process, over, believe } = scene;
  while (!over.aborted) {
    try {
      if (chance.once(3)) await readBatches(consumer, believe);
      else for await (const message of consumer) see(message, believe);
    } catch (error) {
      if (error === OVER) return;
      told(scene, "the reader's loop", error);
      if (!(error instanceof KafkaError)) return;
      await process.sleep(AFTER_FAILURE_MS);
      if (!over.aborted) passOver(chance, consumer, error);
    }
  }
}

async function readBatches(consumer: SimpleConsumer, believe: Scene["believe"]): Promise<void> {
  for await (const batch of consumer.batches()) {
    if (batch.count < 1) throw new Error("a batch without messages");
    for (const message of batch) see(message, believe);
  }
}

/** Looks at all that a message has. */
function see(message: Message, believe: Scene["believe"]): void {
  void [message.key, message.headers.length, message.timestamp];
  believe({ partition: message.partition, offset: message.offset, text: message.text() });
}

/** Behind it, or to an end of the log; the readers of a topic that could not be found begin once more. */
function passOver(chance: Chance, consumer: SimpleConsumer, { partition, offset }: KafkaError): void {
  if (partition === undefined) return;
  try {
    if (offset !== undefined && offset >= 0 && offset < Number.MAX_SAFE_INTEGER && chance.once(2)) {
      consumer.seek(partition, offset + 1);
    } else consumer.seek(partition, chance.pick(["earliest", "latest"] as const));
  } catch (error) {
    if (!(error instanceof KafkaError) || error.code !== "INVALID_OPTION") throw error;
  }
}

/** Reads to the end again and again; gives up in the middle. */
export async function readToEnds(scene: Scene, chance: Chance): Promise<void> {
  const { process, over, client, topic } = scene;
  while (!over.aborted) {
    await process.sleep(chance.delay(1500));
    const found = await settled(scene, "topic()", TIMES.request, client.topic(topic));
    if (!found || over.aborted) continue;
    const consumer = found.simpleConsumer({ until: "end", decompressedBytes: 4_000_000, maxWaitMs: 100 });
    const loop = settled(scene, "a loop to the end", 60_000, readBatches(consumer, scene.believe));
    await process.sleep(chance.below(4000));
    await settled(scene, "the close of a consumer", CLOSE_MS, consumer.close());
    await loop;
  }
}

/** Asks for everything else there is. */
export async function ask(scene: Scene, chance: Chance): Promise<void> {
  const { process, over, client, topic } = scene;
  for (let n = 0; !over.aborted; n++) {
    await process.sleep(chance.delay(300));
    switch (chance.below(6)) {
      case 0:
        await settled(scene, "refresh", TIMES.request, client.refresh());
        break;
      case 1:
        await settled(scene, "topic() of none", TIMES.request, client.topic("nothing").then(() => {}));
        break;
      case 2:
        await settled(scene, "createTopic", TIMES.request, client.admin.createTopic(`made ${n}`.replace(" ", "-")));
        break;
      case 3:
        await settled(scene, "deleteTopic", TIMES.request, client.admin.deleteTopic(`made-${n - 1}`));
        break;
      default: {
        const found = await settled(scene, "topic()", TIMES.request, client.topic(topic));
        if (!found) break;
        const query = chance.pick([
          () => found.earliestOffsets(),
          () => found.latestOffsets(),
          () => found.offsetsAt(new Date(1_700_000_000_000)),
        ]);
        const offsets = await settled(scene, "offsets", TIMES.request, query());
        for (const [partition, offset] of offsets ?? []) {
          if (!(partition >= 0 && Number.isSafeInteger(offset) && offset >= 0)) {
            process.world.fail(`offsets: ${partition} has ${offset}`);
          }
        }
      }
    }
  }
}

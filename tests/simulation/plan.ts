/** What one seed of the round trip does: its cluster, its options, its messages and its faults, all drawn before it runs. */

import type { ClientOptions } from "../../src/client/options.ts";
import type { SimpleConsumerOptions } from "../../src/consumer/simple_consumer.ts";
import type { ProducerMessage } from "../../src/producer/message.ts";
import type { ProducerOptions } from "../../src/producer/producer.ts";
import type { Chance } from "../../src/testing/chance.ts";
import { commonFaults, drawFaults, type Fault } from "../../src/testing/faults.ts";
import { releaseNames } from "../../src/testing/releases.ts";

/** Within so many virtual milliseconds faults begin. */
export const FAULTS_WITHIN_MS = 3000;

/** From this virtual millisecond on nothing is wrong any more: the longest fault takes three seconds. */
export const CALM_AT_MS = 6500;

/** How a call hands its messages over. */
export type Way = "await" | "forget" | "enqueue";

/** One call of the producer. */
export interface PlannedCall {
  readonly way: Way;
  /** How long the writer waits before it. */
  readonly pauseMs: number;
  /** The number of its first message; the others follow. */
  readonly first: number;
  readonly messages: readonly ProducerMessage[];
  /** Whether a single message is handed over by itself, not in a list. */
  readonly single: boolean;
  /** After so long its signal aborts, if it has one. */
  readonly abortMs: number | undefined;
  /** Whether a flush follows. */
  readonly flush: boolean;
}

/** One life of the reader with a group: from opening its consumer to closing it. */
export interface GroupLife {
  readonly autoCommit: boolean;
  readonly autoCommitMs: number;
  readonly byBatch: boolean;
  /** How often it commits what it has in hand; Infinity: never. */
  readonly commitsEvery: number;
  /** How long it takes for a message or a batch. */
  readonly dawdleMs: number;
  /** After so many messages or batches it leaves its loop with the last in hand. */
  readonly leavesAfter: number;
  /** After so long it closes its consumer, whatever is under way. */
  readonly leavesAfterMs: number;
  /** How long it stays away. */
  readonly restMs: number;
}

/** One seed of the round trip. */
export interface Plan {
  readonly release: string;
  readonly brokers: number;
  readonly partitions: number;
  /** Whether a replica that is not in sync may lead: then what was acknowledged may be lost, and is if that happens. */
  readonly uncleanElections: boolean;
  /** Whether writer and reader share a client. */
  readonly oneClient: boolean;
  readonly client: Omit<ClientOptions, "hosts" | "dial">;
  readonly producer: ProducerOptions;
  readonly consumer: SimpleConsumerOptions;
  readonly calls: readonly PlannedCall[];
  /** Whether the reader takes batches instead of messages. */
  readonly byBatch: boolean;
  /** After how many messages the reader that reads along leaves its loop, and begins another; 0: never. */
  readonly leavesAfter: number;
  /** How long its readers take for a message or a batch, in milliseconds. */
  readonly dawdleMs: number;
  /** When partitions are paused, and for how long. */
  readonly pauses: readonly { readonly atMs: number; readonly ms: number; readonly partition: number }[];
  /** When the reader that reads along goes elsewhere in a partition: to the share of what is there then, in thousandths. */
  readonly seeks: readonly { readonly atMs: number; readonly partition: number; readonly share: number }[];
  /** When a second reader, to the end, begins. */
  readonly endReaderAtMs: number;
  /** How the reader with a group lives, again and again; empty: there is none. */
  readonly lives: readonly GroupLife[];
  readonly faults: readonly Fault[];
}

/** Draws a plan. Each part has a stream of its own, so that one more draw in one does not move the others. */
export function drawPlan(chance: Chance): Plan {
  const shape = chance.fork("shape");
  const brokers = 1 + shape.below(3);
  const partitions = 1 + shape.below(4);
  const lives = drawLives(chance.fork("lives"));
  return {
    release: shape.pick(releaseNames),
    brokers,
    partitions,
    oneClient: shape.once(3),
    client: drawClientOptions(chance.fork("client")),
    producer: drawProducer(chance.fork("producer")),
    consumer: drawConsumer(chance.fork("consumer")),
    calls: drawCalls(chance.fork("calls"), { first: 0, most: 14, topics: [{ partitions }] }),
    byBatch: shape.once(3),
    leavesAfter: shape.once(2) ? 1 + shape.below(6) : 0,
    dawdleMs: shape.pick([0, 0, 15, 150]),
    pauses: drawPauses(chance.fork("pauses"), partitions),
    seeks: drawSeeks(chance.fork("seeks"), partitions),
    endReaderAtMs: shape.below(CALM_AT_MS),
    lives,
    // What a group has committed may be gone then.
    uncleanElections: lives.length === 0 && chance.fork("unclean").once(3),
    faults: drawFaults(chance.fork("faults"), FAULTS_WITHIN_MS, [...commonFaults, "crash", "crash"]),
  };
}

/** Timeouts and backoffs, short and long. */
export function drawClientOptions(chance: Chance): Plan["client"] {
  return {
    connectTimeoutMs: chance.pick([700, 2000, 10_000]),
    bootstrapTimeoutMs: chance.pick([1000, 10_000]),
    requestTimeoutMs: chance.pick([300, 1000, 5000]),
    metadataMaxAgeMs: chance.pick([300, 2000, 300_000]),
    backoffMs: chance.pick([1, 20, 100]),
    backoffMsMax: chance.pick([100, 1000]),
  };
}

function drawProducer(chance: Chance): ProducerOptions {
  return {
    acks: chance.pick(["all", "all", "all", 1, 0] as const),
    compression: chance.pick(["none", "snappy"] as const),
    lingerMs: chance.pick([0, 0, 5, 200, 3_600_000]),
    batchBytes: chance.pick([1, 150, 1000, 262_144]),
    bufferBytes: chance.pick([1, 300, 3000, 33_554_432]),
    maxInFlight: chance.pick([1, 2, 5]),
    deliveryTimeoutMs: chance.pick([300, 1500, 5000, 15_000]),
    requestTimeoutMs: chance.pick([200, 1000, undefined]),
  };
}

function drawConsumer(chance: Chance): SimpleConsumerOptions {
  return {
    minBytes: chance.pick([0, 1, 500]),
    maxWaitMs: chance.pick([20, 100, 500]),
    partitionBytes: chance.pick([30, 200, 1_048_576]),
    responseBytes: chance.pick([1, 400, 8_388_608]),
    bufferBytes: chance.pick([1, 1000, 33_554_432]),
  };
}

/** What calls are drawn of. */
export interface CallsToDraw {
  /** The first message's number. */
  readonly first: number;
  /** At most so many calls. */
  readonly most: number;
  /** Where messages go; a name only where a producer has several. */
  readonly topics: readonly { readonly name?: string; readonly partitions: number }[];
}

/** Draws what a user of a producer does. */
export function drawCalls(chance: Chance, { first, most, topics }: CallsToDraw): PlannedCall[] {
  const count = 1 + chance.below(most);
  const isHasty = chance.once(2);
  const calls: PlannedCall[] = [];
  for (let i = 0; i < count; i++) {
    const single = chance.once(2);
    const size = single ? 1 : chance.below(6);
    const messages = Array.from({ length: size }, (_, nth) => drawMessage(chance, first + nth, topics));
    calls.push({
      way: chance.pick(["await", "forget", "forget", "enqueue"] as const),
      pauseMs: isHasty || chance.once(2) ? 0 : chance.below(600),
      first,
      messages,
      single,
      abortMs: chance.once(12) ? chance.below(800) : undefined,
      flush: chance.once(8),
    });
    first += size;
  }
  return calls;
}

/** Its value begins with its number, by which it is found again. */
function drawMessage(chance: Chance, number: number, topics: CallsToDraw["topics"]): ProducerMessage {
  const { name, partitions } = topics.length === 1 ? topics[0]! : chance.pick(topics);
  const padding = chance.once(8) ? chance.below(1200) : chance.below(40);
  return {
    ...(name !== undefined && { topic: name }),
    value: `${number} ${".".repeat(padding)}`,
    key: chance.once(3) ? `key ${chance.below(5)}` : null,
    partition: chance.once(3) ? chance.below(partitions) : undefined,
    timestamp: chance.once(2) ? 1_700_000_000_000 + number : undefined,
  };
}

function drawPauses(chance: Chance, partitions: number): Plan["pauses"] {
  const count = chance.once(2) ? 0 : 1 + chance.below(3);
  return Array.from({ length: count }, () => ({
    atMs: chance.below(CALM_AT_MS),
    ms: 1 + chance.below(2000),
    partition: chance.below(partitions),
  }));
}

function drawSeeks(chance: Chance, partitions: number): Plan["seeks"] {
  const count = chance.once(2) ? 0 : 1 + chance.below(12);
  return Array.from({ length: count }, () => ({
    atMs: chance.below(CALM_AT_MS),
    partition: chance.below(partitions),
    share: chance.below(1001),
  }));
}

function drawLives(chance: Chance): GroupLife[] {
  const count = chance.once(2) ? 0 : 1 + chance.below(4);
  return Array.from({ length: count }, () => {
    const autoCommit = !chance.once(3);
    return {
      autoCommit,
      autoCommitMs: chance.pick([20, 200, 5000]),
      byBatch: chance.once(3),
      commitsEvery: chance.pick([autoCommit ? Infinity : 1, 1, 3]),
      dawdleMs: chance.pick([0, 5, 50]),
      leavesAfter: 2 + chance.below(10),
      leavesAfterMs: 200 + chance.below(2000),
      restMs: chance.below(100),
    };
  });
}

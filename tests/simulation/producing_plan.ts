/** What one seed of the producers' scenario does: brokers, topics, producers with what their users do, and faults, all drawn before it runs. */

import type { ClientOptions } from "../../src/client/options.ts";
import type { ProducerOptions } from "../../src/producer/producer.ts";
import type { Chance } from "../../src/testing/chance.ts";
import { commonFaults, drawFaults, type Fault } from "../../src/testing/faults.ts";
import { EPOCH_MAX } from "../../src/producer/numbering.ts";
import { releaseNames, releaseOf } from "../../src/testing/releases.ts";
import { NUMBERS_EACH } from "./numbers.ts";
import { CALM_AT_MS, drawCalls, drawClientOptions, FAULTS_WITHIN_MS, type PlannedCall } from "./plan.ts";

/** A topic to begin with. */
export interface PlannedTopic {
  readonly name: string;
  readonly partitions: number;
  readonly replicationFactor: number;
  readonly configs: Readonly<Record<string, string>>;
}

/** A producer, and its user. */
export interface PlannedProducer {
  readonly options: ProducerOptions;
  /** Which client it belongs to. */
  readonly client: number;
  /** The only topic that it knows; undefined: all of them. */
  readonly topic: string | undefined;
  readonly calls: readonly PlannedCall[];
  /** When it is closed whatever its user does; undefined: when its user is done. */
  readonly closeAtMs: number | undefined;
  /** For how long that close may wait. */
  readonly closeMs: number | undefined;
  /** Whether interceptors watch every message. */
  readonly isIntercepted: boolean;
}

/** One seed of the producers' scenario. */
export interface ProducingPlan {
  readonly release: string;
  /** As which newer release some brokers come back that have died; undefined: none. */
  readonly upgradeTo: string | undefined;
  readonly brokers: number;
  /** With which epoch producers begin: mostly 0, or so late that the last one comes soon. */
  readonly firstEpoch: number;
  /** With which number sequences begin in a producer's first epoch: mostly 0, or so late that they go round soon. */
  readonly firstSequence: number;
  readonly topics: readonly PlannedTopic[];
  /** How each client's connections are; its process is called by its place. */
  readonly clients: readonly Omit<ClientOptions, "hosts" | "dial">[];
  readonly producers: readonly PlannedProducer[];
  readonly faults: readonly Fault[];
}

/** Faults of this stage; several times, so that about as many are drawn as of all others. */
const OWN_FAULTS: readonly string[] = [
  ...["crash", "crash", "crash", "leader", "leader", "lag", "lag", "answer", "answer", "answer"],
  ...["throttle", "quota", "grow", "delete", "retire", "death"],
];

/** Draws a plan. Each part has a stream of its own, so that one more draw in one does not move the others. */
export function drawProducingPlan(chance: Chance): ProducingPlan {
  const shape = chance.fork("shape");
  const brokers = 1 + shape.below(3);
  const release = shape.pick(releaseNames);
  // Before 2.5 brokers take nothing but 0 from a producer that they do not know.
  const lateSequences = releaseOf(release).producers.unknown === undefined ? [2 ** 31 - 3, 2 ** 31 - 20] : [0];
  const topics = drawTopics(chance.fork("topics"), brokers);
  const clients = 1 + shape.below(2);
  return {
    release,
    upgradeTo: shape.once(4) ? shape.pick(upgradesOf(release)) : undefined,
    brokers,
    firstEpoch: shape.pick([0, 0, 0, EPOCH_MAX - 2, EPOCH_MAX - 1, EPOCH_MAX]),
    firstSequence: shape.pick([0, 0, ...lateSequences]),
    topics,
    clients: Array.from({ length: clients }, (_, nth) => drawClientOptions(chance.fork(`client ${nth}`))),
    producers: Array.from(
      { length: clients + shape.below(2) },
      (_, nth) => drawProducer(chance.fork(`producer ${nth}`), nth, nth % clients, topics),
    ),
    faults: drawFaults(chance.fork("faults"), FAULTS_WITHIN_MS, [...commonFaults, ...OWN_FAULTS]),
  };
}

/** What a release can be upgraded to while clients go on: to 4.x only from 3.3 on, which has its controllers. */
function upgradesOf(release: string): readonly string[] {
  const from = releaseNames.indexOf(release);
  return releaseNames.slice(from).filter((name) => !releaseOf(name).name.startsWith("4.") || releaseOf(release).raft);
}

function drawTopics(chance: Chance, brokers: number): PlannedTopic[] {
  return Array.from({ length: 1 + chance.below(3) }, (_, nth) => {
    const replicationFactor = 1 + chance.below(brokers);
    return {
      name: `t${nth}`,
      partitions: 1 + chance.below(3),
      replicationFactor,
      configs: {
        ...(chance.once(2) && { "min.insync.replicas": `${1 + chance.below(replicationFactor)}` }),
        ...(chance.once(4) && { "unclean.leader.election.enable": "true" }),
        ...(chance.once(4) && { "max.message.bytes": `${chance.pick([400, 1000, 3000])}` }),
      },
    };
  });
}

function drawProducer(
  chance: Chance,
  nth: number,
  client: number,
  topics: readonly PlannedTopic[],
): PlannedProducer {
  const topic = chance.once(3) ? chance.pick(topics) : undefined;
  const calls = { first: nth * NUMBERS_EACH, most: chance.pick([10, 30, 80]) };
  return {
    options: drawOptions(chance.fork("options")),
    client,
    topic: topic?.name,
    calls: drawCalls(chance.fork("calls"), {
      ...calls,
      topics: topic ? [{ partitions: topic.partitions }] : topics,
    }),
    closeAtMs: chance.once(6) ? chance.below(CALM_AT_MS) : undefined,
    closeMs: chance.once(2) ? chance.below(3000) : undefined,
    isIntercepted: chance.once(2),
  };
}

function drawOptions(chance: Chance): ProducerOptions {
  const lingerMs = chance.pick([0, 0, 0, 5, 200, 3_600_000]);
  const acks = chance.pick(["all", "all", "all", "all", "all", "all", 1, 0] as const);
  return {
    acks,
    ...(acks === "all" && chance.once(6) && { idempotent: false }),
    compression: chance.pick(["none", "snappy"] as const),
    lingerMs,
    batchBytes: chance.pick([1, 1, 150, 1000, 262_144]),
    bufferBytes: chance.pick([1, 300, 3000, 33_554_432, 33_554_432]),
    maxInFlight: chance.pick([1, 2, 3, 5, 5, 5]),
    // Who waits for what lingers for an hour waits for its end.
    deliveryTimeoutMs: chance.pick(lingerMs > 1000 ? [300, 1500] : [300, 1500, 5000, 15_000, 120_000]),
    requestTimeoutMs: chance.pick([200, 1000, undefined]),
  };
}

/** A client and an embedded cluster in made-up time: what the tests of client, producer and consumer play on. */

import { KafkaError } from "../../../src/base/errors.ts";
import { KafkaClient } from "../../../src/client/client.ts";
import type { ClientOptions } from "../../../src/client/options.ts";
import { snappy } from "../../../src/records/snappy.ts";
import { Cluster, type ClusterOptions } from "../../../src/testing/cluster.ts";
import { dialOf, Network } from "../../../src/testing/network.ts";
import type { Dial } from "../../../src/transport/transport.ts";
import { type Process, SimulatedWorld } from "../../../src/testing/world.ts";

/** What a test plays with. */
export interface Rig {
  readonly world: SimulatedWorld;
  /** The client's machine. */
  readonly process: Process;
  readonly network: Network;
  readonly cluster: Cluster;
  readonly client: KafkaClient;
  /** Another client on the same machine; whoever asks for it closes it. */
  connect(options?: Partial<ClientOptions>): Promise<KafkaClient>;
}

/** How it is set up. */
export interface RigOptions extends
  Pick<
    ClusterOptions,
    "brokers" | "release" | "topics" | "connectionsMaxIdleMs" | "strict" | "producerEpochs" | "sasl"
  > {
  readonly client?: Partial<ClientOptions>;
  /** Where the client's connections really go. */
  readonly dialed?: (dial: Dial) => Dial;
  readonly seed?: number;
  /** All must be over by then, in virtual milliseconds; ten minutes if not said. */
  readonly limitMs?: number;
}

const LIMIT_MS = 600_000;

/** Plays a test; fails where it throws, where anything is left over, and where it would wait for ever. */
export async function play(options: RigOptions, body: (rig: Rig) => Promise<void>): Promise<void> {
  const world = new SimulatedWorld(options.seed ?? 1);
  const network = new Network(world);
  const process = world.process("client");
  const {
    brokers,
    release,
    topics = { t: {} },
    connectionsMaxIdleMs,
    strict,
    producerEpochs,
    sasl,
    dialed = (dial) => dial,
  } = options;
  const report = await world.run(async () => {
    const cluster = await Cluster.start({
      ...{ brokers, release, topics, connectionsMaxIdleMs, strict, producerEpochs, sasl },
      simulation: { world, network },
      // Brokers know at once what the test has done.
      ...{ metadataDelayMs: 0, replicationDelayMs: 0, sessionMs: 0 },
    });
    const connect = (more: Partial<ClientOptions> = {}) =>
      KafkaClient.connect({
        hosts: cluster.hosts,
        dial: dialed(dialOf(network, process)),
        world: process,
        codecs: { snappy },
        ...options.client,
        ...more,
      });
    const client = await connect();
    await body({ world, process, network, cluster, client, connect });
    await client.close();
    await cluster.close();
  }, options.limitMs ?? LIMIT_MS);
  if (report.failure !== undefined) throw world.cause ?? new Error(report.failure);
}

/** The error that a promise rejects with. */
export async function failure(promise: Promise<unknown>): Promise<KafkaError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof KafkaError) return error;
    throw error;
  }
  throw new Error("it did not fail");
}

/** The error that a call throws. */
export function thrown(call: () => unknown): KafkaError {
  try {
    call();
  } catch (error) {
    if (error instanceof KafkaError) return error;
    throw error;
  }
  throw new Error("it did not throw");
}

/** The texts in a partition's log. */
export async function texts(cluster: Cluster, partition = 0, topic = "t"): Promise<string[]> {
  return (await cluster.records(topic, partition)).map((message) => message.text());
}

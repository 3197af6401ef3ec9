/** One seed: a whole client works against brokers that lie, then against brokers that have stopped lying; and what must hold. */

import { KafkaError } from "../../src/base/errors.ts";
import { KafkaClient } from "../../src/client/client.ts";
import type { SimpleConsumer } from "../../src/consumer/simple_consumer.ts";
import type { Chance } from "../../src/testing/chance.ts";
import { Cluster } from "../../src/testing/cluster.ts";
import { dialOf, Network } from "../../src/testing/network.ts";
import { releaseNames } from "../../src/testing/releases.ts";
import { type Process, type Report, SimulatedWorld } from "../../src/testing/world.ts";
import { codecs } from "../codecs.ts";
import { countAllocations } from "./allocations.ts";
import { drawHostility, Hostile, type Hostility, isHonest, type Tally } from "./layer.ts";
import { ask, type Believed, type Judge, OVER, read, readToEnds, type Scene, settled, TIMES, write } from "./users.ts";

/** What a seed came to. */
export interface HostileReport extends Report {
  /** Answers that were bent, by API and kind. */
  readonly tally: Tally;
  /** Codes of the errors that users were told, with how often. */
  readonly codes: ReadonlyMap<string, number>;
  /** The largest array that was asked for. */
  readonly largest: number;
  /** How the run went on when the brokers had stopped lying. */
  readonly after: "works" | "works over new connections" | "misled" | "never connected" | "failed";
  /** With `log: true`, what was done, and every traced thing. */
  readonly log: readonly string[];
  /** What was thrown, if the failure came from that. */
  readonly cause: unknown;
}

const TOPIC = "t";
/** All must be over by then. */
const LIMIT_MS = 600_000;
/** So many things may happen in one run: more is a hot loop. */
const STEPS_MAX = 1_500_000;
/** The largest frame of a broker that the client takes, and the largest batch. */
const FRAME_BYTES_MAX = 4_000_000;
/** A frame that grows as it arrives is copied from one array into another of twice the size at most. */
const ARRAY_BYTES_MAX = 2 * FRAME_BYTES_MAX + 1_000_000;
/** How long the lies go on, at most. */
const LIES_MS = 20_000;
/** When the truth is told again, work has to succeed within this time. */
const RECOVERY_MS = 60_000;

/** Plays one seed. */
export async function play(seed: number, options: { readonly log?: boolean } = {}): Promise<HostileReport> {
  const world = new SimulatedWorld(seed, options);
  const allocations = countAllocations(ARRAY_BYTES_MAX, (bytes, where) => {
    world.fail(`an array of ${bytes} bytes was made: ${where}`);
  });
  const run = new Run(world, options.log ?? false);
  try {
    const report = await world.run(() => run.run(), LIMIT_MS);
    const failure = report.failure ?? (report.steps > STEPS_MAX ? `${report.steps} steps: a hot loop` : undefined);
    return {
      ...report,
      ...(failure !== undefined && { failure }),
      tally: run.hostile?.tally ?? new Map(),
      codes: run.codes,
      largest: allocations.largest,
      after: failure === undefined ? run.after : "failed",
      log: [...run.notes, ...world.log ?? []],
      cause: world.cause,
    };
  } finally {
    allocations.end();
  }
}

/** What a seed draws before it runs. */
interface Plan {
  readonly release: string;
  readonly brokers: number;
  readonly partitions: number;
  readonly hostility: Hostility;
  /** Whether brokers lie from the first word on. */
  readonly fromStart: boolean;
  readonly liesMs: number;
  readonly compression: "none" | "gzip" | "snappy" | "lz4";
  readonly acks: 0 | 1 | "all";
}

function drawPlan(chance: Chance): Plan {
  const isLz4 = chance.fork("codec").once(2);
  return {
    release: chance.once(3) ? chance.pick(releaseNames) : releaseNames.at(-1)!,
    brokers: 1 + chance.below(3),
    partitions: 1 + chance.below(3),
    hostility: drawHostility(chance.fork("hostility")),
    fromStart: chance.once(3),
    liesMs: 3000 + chance.below(LIES_MS - 3000),
    compression: chance.pick(["none", "gzip", isLz4 ? "lz4" : "snappy"]),
    acks: chance.pick(["all", "all", "all", 1, 0]),
  };
}

/** One run. */
class Run {
  after: HostileReport["after"] = "never connected";
  hostile: Hostile | undefined;
  readonly codes = new Map<string, number>();
  readonly notes: string[] = [];
  /** What users take for true, by its place: what was said last. */
  readonly #believed = new Map<string, Believed>();
  readonly #world: SimulatedWorld;
  readonly #network: Network;
  readonly #process: Process;
  readonly #chance: Chance;
  readonly #plan: Plan;
  readonly #log: boolean;
  #cluster!: Cluster;

  constructor(world: SimulatedWorld, log: boolean) {
    this.#world = world;
    this.#network = new Network(world);
    this.#process = world.process("client");
    this.#chance = world.chance.fork("hostile run");
    this.#plan = drawPlan(this.#chance.fork("plan"));
    this.#log = log;
    if (log) this.notes.push(JSON.stringify(this.#plan));
  }

  async run(): Promise<void> {
    const { release, brokers, partitions, fromStart, liesMs } = this.#plan;
    const simulation = { world: this.#world, network: this.#network };
    const topics = { [TOPIC]: { partitions } };
    this.#cluster = await Cluster.start({ brokers, release, topics, simulation, codecs });
    await this.#fill();
    if (fromStart) this.#lie();
    const client = await this.#connectUntilItGoes(liesMs);
    if (!this.hostile) this.#lie();
    if (client) await this.#work(client, liesMs);
    this.hostile!.end();
    if (isHonest(this.#plan.hostility)) await this.#checkBelieved();
    await this.#freshClientWorks();
    await this.#cluster.close();
  }

  readonly #note = (what: string): void => {
    if (this.#log) this.notes.push(`${this.#process.now()} ${what}`);
  };

  #lie(): void {
    const referee = this.#world.process("liar");
    this.hostile = new Hostile(referee, this.#cluster, this.#chance.fork("lies"), this.#plan.hostility, this.#note);
  }

  #connect(): Promise<KafkaClient> {
    return KafkaClient.connect({
      hosts: this.#cluster.hosts,
      dial: dialOf(this.#network, this.#process),
      world: this.#process,
      codecs,
      requestTimeoutMs: TIMES.request,
      connectTimeoutMs: TIMES.connect,
      bootstrapTimeoutMs: TIMES.bootstrap,
      metadataMaxAgeMs: 1500,
      frameBytesMax: FRAME_BYTES_MAX,
    });
  }

  /** What is there before the lies begin. */
  async #fill(): Promise<void> {
    const client = await this.#connect();
    const { partitions, compression } = this.#plan;
    const producer = (await client.topic(TOPIC)).producer({ compression, batchBytes: 2000 });
    const messages = Array.from({ length: 20 * partitions }, (_, n) => ({
      value: `first ${n} ${"y".repeat(n * 7)}`,
      key: n % 2 === 0 ? `key ${n}` : null,
      partition: n % partitions,
    }));
    await producer.produce(messages);
    await client.close();
  }

  async #connectUntilItGoes(ms: number): Promise<KafkaClient | undefined> {
    const until = this.#process.now() + ms;
    while (this.#process.now() < until) {
      const client = await settled(this.#judge, "connect", TIMES.bootstrap, this.#connect());
      if (client) return client;
      await this.#process.sleep(100);
    }
    return undefined;
  }

  get #judge(): Judge {
    return { process: this.#process, codes: this.codes, note: this.#note };
  }

  async #work(client: KafkaClient, liesMs: number): Promise<void> {
    const over = new AbortController();
    const { compression, acks, partitions } = this.#plan;
    const believe = (message: Believed) => this.#believe(message);
    const scene: Scene = { ...this.#judge, client, topic: TOPIC, partitions, over: over.signal, believe };
    const producer = client.producer({
      ...{ compression, acks, batchBytes: 2000, bufferBytes: 20_000 },
      ...{ deliveryTimeoutMs: TIMES.delivery, requestTimeoutMs: TIMES.request },
    });
    const consumer = await this.#consumer(scene);
    const chance = this.#chance;
    const readOver = new AbortController();
    const seen = new Set<string>();
    const reader: Scene = {
      ...scene,
      over: readOver.signal,
      believe: (message) => {
        seen.add(`${message.partition} ${message.text}`);
        this.#believe(message);
      },
    };
    const reading = consumer && read(reader, chance.fork("read"), consumer);
    const users = [
      write(scene, chance.fork("write"), producer),
      readToEnds(scene, chance.fork("ends")),
      ask(scene, chance.fork("ask")),
    ];
    await this.#process.sleep(liesMs);
    over.abort(OVER);
    this.hostile!.end();
    await Promise.all(users);
    await settled(scene, "the close of a producer", TIMES.delivery, producer.close());
    await this.#recovers(client, consumer, seen);
    readOver.abort(OVER);
    if (consumer) await settled(scene, "the close of the reader", 5000, consumer.close());
    await reading;
    await settled(scene, "the close of the client", 5000, client.close());
  }

  /** A reader that lives through all of it, if its topic can be found at all. */
  async #consumer(scene: Scene): Promise<SimpleConsumer | undefined> {
    const topic = await settled(scene, "topic()", TIMES.request, scene.client.topic(TOPIC));
    return topic?.simpleConsumer({
      ...{ decompressedBytes: FRAME_BYTES_MAX, partitionBytes: 20_000, responseBytes: 100_000, maxWaitMs: 200 },
      ...{ checkCrc: !this.#chance.fork("crc").once(5) },
    });
  }

  /** The brokers tell the truth again: the same client, and the same reader, go on; if need be over new connections. */
  async #recovers(client: KafkaClient, consumer: SimpleConsumer | undefined, seen: Set<string>): Promise<void> {
    const first = await this.#marksArrive(client, consumer, seen, "a");
    if (first === undefined) return void (this.after = "works");
    // A connection may have learned of versions that do not exist; those of a broker that starts again are new.
    for (const link of [...this.#network.links]) link.cut("none", "both");
    const second = await this.#marksArrive(client, consumer, seen, "b");
    if (second === undefined) return void (this.after = "works over new connections");
    if (!this.#isMisled(client)) return this.#world.fail(`it does not work again: ${second}; before ${first}`);
    this.after = "misled";
  }

  /** A leader epoch from the future was believed, so what is true now counts as out of date: nobody could tell. */
  #isMisled(client: KafkaClient): boolean {
    const { partitions } = client.topics.get(TOPIC) ?? { partitions: [] };
    return partitions.some(({ partition, leaderEpoch }) => {
      const real = this.#cluster.topics.get(TOPIC)!.partitions[partition];
      return !real || leaderEpoch > real.leaderEpoch;
    });
  }

  /** Messages to each partition are acknowledged, and seen by the reader; undefined, or what is missing. */
  async #marksArrive(
    client: KafkaClient,
    consumer: SimpleConsumer | undefined,
    seen: Set<string>,
    name: string,
  ): Promise<string | undefined> {
    const until = this.#process.now() + RECOVERY_MS;
    const { partitions } = this.#plan;
    let why = "";
    for (let n = 0; this.#process.now() < until; n++) {
      let all = true;
      for (let partition = 0; partition < partitions; partition++) {
        const value = `mark ${name} ${n}`;
        try {
          const producer = client.producer({ deliveryTimeoutMs: 3000, requestTimeoutMs: 1000 });
          try {
            await producer.produce({ topic: TOPIC, partition, value });
          } finally {
            await producer.close();
          }
        } catch (error) {
          if (!(error instanceof KafkaError)) throw error;
          [all, why] = [false, `producing to ${partition}: ${error.message}`];
        }
      }
      if (consumer) await this.#process.sleep(2500);
      for (let partition = 0; consumer && partition < partitions; partition++) {
        if (![...seen].some((text) => text.startsWith(`${partition} mark ${name} `))) {
          [all, why] = [false, `reading from ${partition}, at ${consumer.positions.get(partition)}`];
        }
      }
      if (all) return undefined;
    }
    return why;
  }

  #believe({ partition, offset, text }: Believed): void {
    this.#believed.set(`${partition}/${offset}`, { partition, offset, text });
  }

  /** Where nothing that could be believed was a lie, everything that was acknowledged or read is so. */
  async #checkBelieved(): Promise<void> {
    const logs: Map<number, string>[] = [];
    for (let partition = 0; partition < this.#plan.partitions; partition++) {
      const records = await this.#cluster.records(TOPIC, partition);
      logs.push(new Map(records.map((message) => [message.offset, message.text()])));
    }
    for (const { partition, offset, text } of this.#believed.values()) {
      const real = logs[partition]?.get(offset);
      if (real !== text) this.#world.fail(`${partition}/${offset} was believed to be "${text}", and is "${real}"`);
    }
  }

  /** Whatever a client was made to believe, the cluster is unharmed: the next client works, and sees what is there. */
  async #freshClientWorks(): Promise<void> {
    const client = await this.#connect();
    const topic = await client.topic(TOPIC);
    const producer = topic.producer();
    for (let partition = 0; partition < this.#plan.partitions; partition++) {
      await producer.produce({ partition, value: "fresh" });
    }
    const last = new Map<number, string>();
    for await (const message of topic.simpleConsumer({ until: "end" })) last.set(message.partition, message.text());
    for (let partition = 0; partition < this.#plan.partitions; partition++) {
      if (last.get(partition) !== "fresh") this.#world.fail(`a fresh client saw ${last.get(partition)}`);
    }
    await client.close();
  }
}

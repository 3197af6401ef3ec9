/** The round trip in a made-up world: a cluster, a writer, readers and faults from one seed; and whether all was well in the end. */

import type { KafkaClient } from "../../src/client/client.ts";
import type { Topic } from "../../src/client/topic.ts";
import type { SimpleConsumer } from "../../src/consumer/simple_consumer.ts";
import type { Message } from "../../src/records/message.ts";
import { Cluster } from "../../src/testing/cluster.ts";
import { playFaults } from "../../src/testing/faults.ts";
import { Network } from "../../src/testing/network.ts";
import { kindOfHappening, type Process, SimulatedWorld } from "../../src/testing/world.ts";
import { Ledger, type Seen } from "./ledger.ts";
import { Patience, PROGRESS_MS } from "./patience.ts";
import { CALM_AT_MS, drawPlan, type Plan } from "./plan.ts";
import { Resumer } from "./resumer.ts";
import type { PlayOptions, PlayReport } from "./seeds.ts";
import { Watch } from "./watch.ts";
import { Writer } from "./writer.ts";

const TOPIC = "t";

/** All must be over by then. */
const LIMIT_MS = 300_000;

const RESTART = kindOfHappening("restart");
const USER = kindOfHappening("user");

/** Runs one seed. */
export async function roundTrip(seed: number, options: PlayOptions = {}): Promise<PlayReport> {
  const world = new SimulatedWorld(seed, { log: options.log });
  const drawn = drawPlan(world.chance.fork("plan"));
  const { faults = drawn.faults, calls = [...drawn.calls.keys()] } = options;
  const plan = { ...drawn, faults, calls: drawn.calls.filter((_, nth) => calls.includes(nth)) };
  const watch = new Watch((fault) => world.fail(fault));
  try {
    const report = await world.run(() => new RoundTrip(world, plan, watch).run(), LIMIT_MS);
    return { ...report, faults, calls, log: world.log, cause: world.cause };
  } finally {
    watch.end();
  }
}

/** One run. */
class RoundTrip {
  readonly #world: SimulatedWorld;
  readonly #plan: Plan;
  readonly #network: Network;
  /** Keeps the time, and is never frozen. */
  readonly #referee: Process;
  readonly #patience: Patience;
  readonly #ledger: Ledger;
  readonly #watch: Watch;
  readonly #restarts = new Set<Promise<void>>();
  #cluster!: Cluster;

  constructor(world: SimulatedWorld, plan: Plan, watch: Watch) {
    this.#world = world;
    this.#plan = plan;
    this.#watch = watch;
    this.#network = new Network(world);
    this.#referee = world.process("referee");
    this.#patience = new Patience(this.#referee);
    this.#ledger = new Ledger(plan);
  }

  async run(): Promise<void> {
    const { brokers, partitions, release, oneClient, uncleanElections } = this.#plan;
    this.#cluster = await Cluster.start({
      brokers,
      ...{ release, uncleanElections },
      simulation: { world: this.#world, network: this.#network },
      topics: { [TOPIC]: { partitions, replicationFactor: brokers } },
    });
    const writing = this.#world.process("writer");
    const reading = oneClient ? writing : this.#world.process("reader");
    this.#play([writing, reading]);
    const client = await this.#connected(writing);
    const other = oneClient ? client : await this.#connected(reading);
    const along = (await this.#topic(other)).simpleConsumer(this.#plan.consumer);
    const seen = this.#readAlong(along);
    const endReader = this.#referee.task("reader to the end", () => this.#readToEnd(other, this.#plan.endReaderAtMs));
    const resumer = this.#resumer(await this.#topic(other));
    const resuming = this.#referee.task("reader with a group", () => resumer.run());
    await this.#write(await this.#topic(client));
    await this.#untilCalm();
    resumer.calm();
    await this.#progress(client);
    await Promise.all([endReader, resuming]);
    await this.#untilReplicated();
    await resumer.finish(this.#ends());
    await this.#readToEnd(other, 0);
    await this.#untilSeen(seen.seen);
    await along.close();
    await seen.done;
    await this.#check(seen.seen);
    await Promise.all([client.close(), other.close()]);
    await this.#cluster.close();
  }

  #play(clients: readonly Process[]): void {
    const world = this.#world;
    const addresses = this.#cluster.hosts.split(",");
    const isMortal = ({ name, isDead }: Process) => name.startsWith("broker") && !isDead;
    playFaults({
      world,
      network: this.#network,
      addresses,
      get processes() {
        return [...clients, ...world.processes.filter(isMortal)];
      },
      crash: (which, ms) => this.#crash(which, ms),
    }, this.#plan.faults);
  }

  /** A broker dies and comes back, or copies nothing for a while, or hears nothing of the others; or a partition's leadership moves. */
  #crash(which: number, ms: number): void {
    const { brokers, partitions } = this.#plan;
    const id = 1 + which % brokers;
    const isAlive = (id: number) => this.#cluster.brokers.some((broker) => broker.id === id && broker.alive);
    if (!isAlive(id)) return;
    if (ms % 5 < 2) {
      const partition = ms % partitions;
      if (this.#cluster.partition(TOPIC, partition).isr.includes(id)) this.#cluster.moveLeader(TOPIC, partition, id);
      return;
    }
    if (ms % 5 === 2) {
      const end = ms % 2 === 0 ? this.#cluster.hold(id) : this.#cluster.cutOff(id);
      return void this.#world.schedule(this.#referee, ms * 1000, RESTART, end);
    }
    this.#cluster.kill(id);
    this.#world.schedule(this.#referee, ms * 1000, RESTART, () => {
      const restart = this.#cluster.start(id).catch((error) =>
        this.#world.fail(`broker ${id} did not start: ${error}`)
      );
      this.#restarts.add(restart);
    });
  }

  #connected(process: Process): Promise<KafkaClient> {
    return this.#patience.connected(this.#network, process, this.#cluster.hosts, this.#plan.client);
  }

  #topic(client: KafkaClient): Promise<Topic> {
    return this.#patience.topic(client, TOPIC);
  }

  async #write(topic: Topic): Promise<void> {
    const { producer: options, calls } = this.#plan;
    const producer = topic.producer({ ...options, onDelivery: (report) => this.#ledger.told(report) });
    const writer = new Writer({ user: this.#referee, calls, books: this.#ledger, producer });
    await writer.run();
    await writer.close();
  }

  #resumer(topic: Topic): Resumer {
    return new Resumer({
      referee: this.#referee,
      cluster: this.#cluster,
      topic,
      plan: this.#plan,
      expect: (error, what, codes, since) => this.#patience.expect(error, what, codes, since),
    });
  }

  /** Reads while others write, until it is closed. */
  #readAlong(consumer: SimpleConsumer): { seen: Seen[]; done: Promise<void> } {
    const seen: Seen[] = [];
    for (const { atMs, ms, partition } of this.#plan.pauses) this.#pause(consumer, atMs, ms, partition);
    for (const { atMs, partition, share } of this.#plan.seeks) {
      this.#at(atMs, () => {
        if (!consumer.positions.has(partition)) return;
        const offset = Math.floor(this.#ends()[partition]! * share / 1000);
        consumer.seek(partition, offset);
        seen.push({ partition, offset, text: undefined });
      });
    }
    const since = this.#referee.now();
    const done = this.#referee.task("reader that reads along", async () => {
      while (!await this.#loop(consumer, seen, this.#plan.leavesAfter, since));
    });
    return { seen, done };
  }

  #pause(consumer: SimpleConsumer, atMs: number, ms: number, partition: number): void {
    this.#at(atMs, () => {
      if (!consumer.positions.has(partition)) return;
      consumer.pause([partition]);
      // Not before, or a coarse clock could put the end first.
      this.#world.schedule(this.#referee, ms * 1000, USER, () => consumer.resume());
    });
  }

  /** Has the user do something; not at all if it is too late for that. */
  #at(ms: number, act: () => void): void {
    const delay = ms * 1000 - this.#world.now;
    if (delay > 0) this.#world.schedule(this.#referee, delay, USER, act);
  }

  /** One loop; true when it ended because the consumer has. */
  async #loop(consumer: SimpleConsumer, seen: Seen[], leavesAfter: number, since: number): Promise<boolean> {
    const { dawdleMs } = this.#plan;
    let count = 0;
    const take = (message: Message) => {
      const { partition, offset } = message;
      seen.push({ partition, offset, text: message.text() });
    };
    try {
      if (this.#plan.byBatch) {
        for await (const batch of consumer.batches()) {
          for (const message of batch) take(message);
          if (++count === leavesAfter) return false;
          if (dawdleMs > 0) await this.#referee.sleep(dawdleMs);
        }
      } else {
        for await (const message of consumer) {
          take(message);
          if (++count === leavesAfter) return false;
          if (dawdleMs > 0) await this.#referee.sleep(dawdleMs);
        }
      }
    } catch (error) {
      this.#patience.expect(error, "reading", ["REQUEST_TIMEOUT"], since);
      return false;
    }
    return true;
  }

  /** Reads from the start to the end of the log, and sees exactly what was there. */
  async #readToEnd(client: KafkaClient, atMs: number): Promise<void> {
    await this.#sleepUntil(atMs);
    const consumer = (await this.#topic(client)).simpleConsumer({ ...this.#plan.consumer, until: "end" });
    const before = this.#endsForSure();
    const seen: Seen[] = [];
    const since = this.#referee.now();
    while (!await this.#loop(consumer, seen, 0, since));
    this.#ledger.readToEnd(seen, before, this.#ends());
  }

  #ends(): number[] {
    return this.#cluster.topics.get(TOPIC)!.partitions.map(({ highWatermark }) => highWatermark);
  }

  /** How much whoever leads, or will, knows to be committed: a reader may be told that the log ends there. */
  #endsForSure(): number[] {
    return this.#cluster.topics.get(TOPIC)!.partitions.map((partition) =>
      Math.min(...partition.replicas.map((id) => partition.logOf(id).highWatermark))
    );
  }

  /** In calm every replica comes to have all, to be in sync, and to know that it is committed. */
  async #untilReplicated(): Promise<void> {
    const startedAt = this.#referee.now();
    const isDone = () =>
      [...this.#cluster.topics.get(TOPIC)!.partitions].every((partition) =>
        partition.isr.length === partition.replicas.length && partition.leader >= 0 &&
        partition.replicas.every((id) => partition.logOf(id).highWatermark === partition.endOffset)
      );
    while (!isDone()) {
      if (this.#referee.now() - startedAt > PROGRESS_MS) throw new Error("replicas have not come to agree");
      await this.#referee.sleep(20);
    }
  }

  async #sleepUntil(ms: number): Promise<void> {
    const left = ms - this.#referee.now();
    if (left > 0) await this.#referee.sleep(left);
  }

  async #untilCalm(): Promise<void> {
    await this.#sleepUntil(CALM_AT_MS);
    await Promise.all(this.#restarts);
  }

  /** After the faults everything works again, over the connections that went through them. */
  async #progress(client: KafkaClient): Promise<void> {
    const startedAt = this.#referee.now();
    const topic = await this.#topic(client);
    const producer = topic.producer({ deliveryTimeoutMs: LIMIT_MS });
    const messages = Array.from(topic.partitions.keys(), (partition) => ({
      value: this.#ledger.last(partition),
      partition,
      timestamp: 1_690_000_000_000,
    }));
    this.#ledger.lastDelivered(await producer.produce(messages));
    await producer.close();
    const ms = this.#referee.now() - startedAt;
    if (ms > PROGRESS_MS) throw new Error(`a message took ${ms} ms in calm`);
  }

  async #untilSeen(seen: readonly Seen[]): Promise<void> {
    const startedAt = this.#referee.now();
    const isSeen = (end: number, partition: number) => {
      const last = seen.findLast((message) => message.partition === partition);
      return (last ? last.offset + (last.text === undefined ? 0 : 1) : 0) === end;
    };
    while (!this.#ends().every(isSeen)) {
      if (this.#referee.now() - startedAt > PROGRESS_MS) {
        throw new Error("the reader that reads along has not seen all");
      }
      await this.#referee.sleep(20);
    }
  }

  async #check(along: readonly Seen[]): Promise<void> {
    const logs: string[][] = [];
    const { partitions } = this.#cluster.topics.get(TOPIC)!;
    for (let partition = 0; partition < this.#plan.partitions; partition++) {
      const records = await this.#cluster.records(TOPIC, partition);
      logs.push(records.map((message) => message.text()));
    }
    const isUnclean = partitions.map((partition) => partition.uncleanElections > 0);
    // One replica's word is not enough where that replica is deposed.
    const isLossy = partitions.map((partition, nth) =>
      isUnclean[nth]! || (this.#plan.producer.acks !== "all" && partition.leaderEpoch > 0)
    );
    this.#ledger.check(logs, along, this.#watch, { isUnclean, isLossy });
    this.#ledger.trace(logs, (label, value) => this.#world.trace(label, value));
  }
}

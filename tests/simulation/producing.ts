/** Producers in a made-up world: a cluster, clients, what their users do, and faults from one seed; and whether they have kept their word in the end. */

import { errorNumbers } from "../../src/base/error_codes.ts";
import { KafkaError } from "../../src/base/errors.ts";
import type { KafkaClient } from "../../src/client/client.ts";
import type { OutgoingMessage } from "../../src/producer/interceptors.ts";
import { Numbering } from "../../src/producer/numbering.ts";
import type { Producer } from "../../src/producer/producer.ts";
import { Cluster } from "../../src/testing/cluster.ts";
import { playFaults } from "../../src/testing/faults.ts";
import { Network } from "../../src/testing/network.ts";
import { type Process, SimulatedWorld } from "../../src/testing/world.ts";
import { Books } from "./books.ts";
import { Mishaps } from "./mishaps.ts";
import { FIRST_LAST, numberOf, NUMBERS_EACH } from "./numbers.ts";
import { Patience, PROGRESS_MS } from "./patience.ts";
import { CALM_AT_MS } from "./plan.ts";
import { drawProducingPlan, type PlannedProducer, type ProducingPlan } from "./producing_plan.ts";
import type { PlayOptions, PlayReport } from "./seeds.ts";
import { Watch } from "./watch.ts";
import { Writer } from "./writer.ts";

/** All must be over by then. */
const LIMIT_MS = 600_000;

/** What the last messages may meet, if they come into a batch that was begun in bad weather, or behind one: the next try is beyond it. */
const MENDED = ["DELIVERY_TIMEOUT", "UNKNOWN_TOPIC_OR_PARTITION", "UNKNOWN_PRODUCER_ID", "BATCH_REFUSED"];

/** What a strict cluster believes of a client that has done nothing wrong: a request sets out before the answer has come that asks for silence. */
const BY_THE_NETWORK = /before it was to be asked again/;

/** Runs one seed. */
export async function producing(seed: number, options: PlayOptions = {}): Promise<PlayReport> {
  const world = new SimulatedWorld(seed, { log: options.log });
  const drawn = drawProducingPlan(world.chance.fork("plan"));
  const all = drawn.producers.reduce((sum, { calls }) => sum + calls.length, 0);
  const { faults = drawn.faults, calls = Array.from({ length: all }, (_, nth) => nth) } = options;
  const plan = { ...drawn, faults, producers: onlyCalls(drawn.producers, calls) };
  const watch = new Watch((fault) => world.fail(fault), plan.firstSequence);
  const unplant = beginSequences(plan.firstSequence);
  try {
    const report = await world.run(() => new Producing(world, plan, watch).run(), LIMIT_MS);
    return { ...report, faults, calls, log: world.log, cause: world.cause };
  } finally {
    unplant();
    watch.end();
  }
}

/** The producers with those of their calls whose places, counted over all of them, are listed. */
function onlyCalls(producers: readonly PlannedProducer[], places: readonly number[]): PlannedProducer[] {
  let place = 0;
  return producers.map((producer) => ({ ...producer, calls: producer.calls.filter(() => places.includes(place++)) }));
}

/** Has the sequences of a producer's first epoch begin later than at 0; brokers take any that they know nothing before. */
function beginSequences(first: number): () => void {
  const { stamp, renew } = Numbering.prototype;
  if (first === 0) return () => {};
  const begun = new WeakSet<Numbering>();
  Numbering.prototype.stamp = function (count) {
    // As if so many records had been numbered before.
    if (!begun.has(this)) stamp.call(this, first);
    begun.add(this);
    return stamp.call(this, count);
  };
  Numbering.prototype.renew = function () {
    begun.add(this);
    renew.call(this);
  };
  return () => Object.assign(Numbering.prototype, { stamp, renew });
}

/** A producer that runs, and its user. */
interface Running {
  readonly nth: number;
  readonly planned: PlannedProducer;
  readonly process: Process;
  readonly client: KafkaClient;
  readonly producer: Producer;
  readonly writer: Writer;
  /** Whether nobody closes it before the end. */
  readonly staysOpen: boolean;
}

/** One run. */
class Producing {
  readonly #world: SimulatedWorld;
  readonly #plan: ProducingPlan;
  readonly #network: Network;
  /** Keeps the time, and is never frozen. */
  readonly #referee: Process;
  readonly #patience: Patience;
  readonly #watch: Watch;
  readonly #books: Books;
  #cluster!: Cluster;
  #mishaps!: Mishaps;

  constructor(world: SimulatedWorld, plan: ProducingPlan, watch: Watch) {
    this.#world = world;
    this.#plan = plan;
    this.#watch = watch;
    this.#network = new Network(world);
    this.#referee = world.process("referee");
    this.#patience = new Patience(this.#referee);
    this.#books = new Books(plan.producers, (error) => this.#isExpected(error));
  }

  async run(): Promise<void> {
    const { brokers, topics, release, firstEpoch, clients } = this.#plan;
    this.#cluster = await Cluster.start({
      brokers,
      release,
      producerEpochs: firstEpoch,
      strict: true,
      simulation: { world: this.#world, network: this.#network },
      topics: Object.fromEntries(topics.map(({ name, ...topic }) => [name, topic])),
    });
    const processes = clients.map((_, nth) => this.#world.process(`client ${nth}`));
    this.#mishaps = new Mishaps({
      ...{ referee: this.#referee, cluster: this.#cluster, plan: this.#plan, clients: processes },
    });
    this.#play(processes);
    await Promise.all(processes.map((process, nth) => this.#untilDeath(process, () => this.#runClient(process, nth))));
    await this.#check();
    await this.#closeCluster();
  }

  /** A strict cluster tells what it holds against its clients; but it does not know what the network has kept back. */
  async #closeCluster(): Promise<void> {
    try {
      await this.#cluster.close();
    } catch (error) {
      if (!BY_THE_NETWORK.test(String(error))) throw error;
    }
  }

  #play(clients: readonly Process[]): void {
    const world = this.#world;
    const isMortal = ({ name, isDead }: Process) => name.startsWith("broker") && !isDead;
    playFaults({
      world,
      network: this.#network,
      addresses: this.#cluster.hosts.split(","),
      get processes() {
        return [...clients, ...world.processes.filter(isMortal)];
      },
      crash: (which, ms) => this.#mishaps.crash(which, ms),
      special: this.#mishaps.special,
    }, this.#plan.faults);
  }

  /** What runs in a process that is killed never ends; whoever waits for it goes on. */
  async #untilDeath(process: Process, run: () => Promise<void>): Promise<void> {
    const dead = this.#referee.deferred<void>(`death or end of ${process.name}`);
    process.atDeath(() => dead.resolve());
    run().then(() => dead.resolve(), (error) => dead.reject(error));
    await dead.promise;
  }

  /** A client's whole life: its producers, their users, and calm. */
  async #runClient(process: Process, nth: number): Promise<void> {
    const options = this.#plan.clients[nth]!;
    process.atDeath(() =>
      this.#plan.producers.forEach(({ client }, number) => client === nth && this.#books.died(number))
    );
    const client = await this.#patience.connected(this.#network, process, this.#cluster.hosts, options);
    const running: Running[] = [];
    for (const [number, planned] of this.#plan.producers.entries()) {
      if (planned.client === nth) running.push(await this.#start(process, client, planned, number));
    }
    await Promise.all(running.map(async ({ writer, staysOpen, planned: { closeAtMs, closeMs } }) => {
      const over = writer.run();
      if (staysOpen) return await over;
      await this.#sleepUntil(process, closeAtMs!);
      const ending = new AbortController();
      const timer = closeMs === undefined ? undefined : process.timer(closeMs, () => ending.abort(TOO_LONG));
      await writer.close(ending.signal);
      timer?.cancel();
      await over;
    }));
    await this.#sleepUntil(process, CALM_AT_MS);
    await this.#mishaps.over();
    await Promise.all(running.map((one) => this.#end(one)));
    await client.close();
  }

  async #start(process: Process, client: KafkaClient, planned: PlannedProducer, nth: number): Promise<Running> {
    const onDelivery = (report: Parameters<Books["told"]>[1]) => this.#books.told(nth, report);
    const interceptors = planned.isIntercepted ? [{ onAcknowledgement: this.#intercepted }] : undefined;
    const options = { ...planned.options, onDelivery, interceptors };
    const { topic } = planned;
    const producer = topic === undefined
      ? client.producer(options)
      : (await this.#patience.topic(client, topic, true)).producer(options);
    const writer = new Writer({
      user: process,
      calls: planned.calls,
      books: this.#books,
      producer: producer as Producer,
    });
    return {
      ...{ nth, planned, process, client, producer: producer as Producer, writer },
      staysOpen: planned.closeAtMs === undefined,
    };
  }

  readonly #intercepted = (report: Parameters<Books["told"]>[1], { value }: OutgoingMessage): void =>
    this.#books.intercepted(numberOf(value as string), report);

  /** After the faults a producer that went through all of them still works, and then ends. */
  async #end(running: Running): Promise<void> {
    const { planned, producer, writer, staysOpen, nth, process } = running;
    if (!staysOpen) return;
    const places = this.#plan.topics.filter(({ name }) => (planned.topic ?? name) === name)
      .flatMap(({ name, partitions }) => Array.from({ length: partitions }, (_, partition) => ({ name, partition })));
    const since = process.now();
    // What may be written and is refused for what is missing before it waits for its deadline, since nobody can tell what became of it.
    const { deliveryTimeoutMs, requestTimeoutMs } = planned.options;
    // Who gives up on an answer sooner than a slow cluster gives it, asks again and again behind its own requests.
    const boundMs = (PROGRESS_MS + deliveryTimeoutMs!) * (requestTimeoutMs === 200 ? 2 : 1);
    const first = nth * NUMBERS_EACH + FIRST_LAST;
    // A number that failed is given up: another try is another message.
    await Promise.all(places.map(async ({ name, partition }, i) => {
      for (let number = first + i;; number += places.length) {
        const topic = planned.topic === undefined ? { topic: name } : {};
        const message = { ...topic, value: `${number} last`, partition, timestamp: 1_690_000_000_000 };
        const sent = producer.produce(message);
        producer.flush().catch(() => {});
        try {
          this.#books.settled(number, await sent);
          return;
        } catch (error) {
          if (error instanceof KafkaError) this.#books.settled(number, error);
          this.#patience.expect(error, `producing to ${name}/${partition}`, MENDED, since + boundMs);
        }
      }
    }));
    const ms = process.now() - since;
    if (ms > boundMs) throw new Error(`the last messages of producer ${nth} took ${ms} ms in calm`);
    await writer.close();
  }

  /** Whether there was a cause for an error that a producer tells. */
  #isExpected({ code, topic, persisted }: KafkaError): boolean {
    const { faults, producers, topics, upgradeTo } = this.#plan;
    const { lies, deleted, retired } = this.#mishaps;
    const isSkewed = faults.some(({ kind }) => kind === "skew");
    const isLie = [...lies].some((number) => KafkaError.ofBroker(number, "").code === code);
    switch (code) {
      case "DELIVERY_TIMEOUT":
        return faults.length > 0 || producers.some(({ options }) => options.deliveryTimeoutMs! < 15_000);
      case "CLOSED":
        return producers.some(({ closeAtMs, calls }) =>
          closeAtMs !== undefined || calls.some(({ abortMs }) => abortMs !== undefined)
        );
      case "INVALID_TIMESTAMP":
        return isSkewed;
      case "BATCH_REFUSED":
        return isSkewed || lies.has(errorNumbers.INVALID_RECORD);
      case "MESSAGE_TOO_LARGE":
        return topics.some(({ configs }) => configs["max.message.bytes"] !== undefined);
      case "UNKNOWN_TOPIC_OR_PARTITION":
        return topic !== undefined && deleted.has(topic);
      case "UNKNOWN_PRODUCER_ID":
        // What may have been written is not there any more, and nobody can say whether it ever was.
        return topic !== undefined && persisted === "possibly" &&
          (deleted.has(topic) || retired.has(topic) || isSkewed);
      case "UNSUPPORTED_FEATURE":
      case "UNSUPPORTED_FOR_MESSAGE_FORMAT":
        // Nobody knows if it was written, and its new leader is too old to be asked.
        return upgradeTo !== undefined && persisted === "possibly";
      case "UNKNOWN_SERVER_ERROR":
      case "INVALID_RECORD":
        return isLie;
      default:
        return false;
    }
  }

  async #sleepUntil(process: Process, ms: number): Promise<void> {
    const left = ms - process.now();
    if (left > 0) await process.sleep(left);
  }

  async #check(): Promise<void> {
    // All clients may have died or ended before what was to come back has come back.
    await this.#sleepUntil(this.#referee, CALM_AT_MS);
    await this.#mishaps.over();
    await this.#mishaps.settled();
    const lives = await this.#mishaps.lives();
    this.#books.check(lives, this.#watch);
    this.#books.trace(lives, (label, value) => this.#world.trace(label, value));
  }
}

/** One for all: an abort without a reason makes an error with a stack each time. */
const TOO_LONG = { name: "the close took too long" };

/** What can go wrong only where there are brokers, topics and producers; and what is known of each partition's lives when all is over. */

import { errorNumbers } from "../../src/base/error_codes.ts";
import { KafkaError } from "../../src/base/errors.ts";
import { produce } from "../../src/protocol/produce.ts";
import { snappy } from "../../src/records/snappy.ts";
import type { Cluster } from "../../src/testing/cluster.ts";
import type { Control, ControlledCall } from "../../src/testing/controls.ts";
import type { Log, Stored } from "../../src/testing/log.ts";
import { releaseOf } from "../../src/testing/releases.ts";
import { openStored } from "../../src/testing/stored.ts";
import { kindOfHappening, type Process } from "../../src/testing/world.ts";
import type { PartitionLife } from "./books.ts";
import { PROGRESS_MS } from "./patience.ts";
import type { PlannedTopic, ProducingPlan } from "./producing_plan.ts";

const RESTART = kindOfHappening("restart");

/** While no broker can make a topic, it is tried so often. */
const AGAIN_MS = 100;

/** A produce request whose answer is to be bent. */
type Call = ControlledCall<typeof produce>;
type ProduceAnswer = Exclude<Awaited<ReturnType<Call["answer"]>>, "drop" | "close">;

/** Answers instead of the true ones: error codes, and whether the broker does what it was asked all the same. */
const LIES: readonly { readonly errorCode: number; readonly isDone: boolean; readonly since?: number }[] = [
  { errorCode: errorNumbers.NOT_ENOUGH_REPLICAS, isDone: false },
  { errorCode: errorNumbers.NOT_ENOUGH_REPLICAS_AFTER_APPEND, isDone: true },
  { errorCode: errorNumbers.REQUEST_TIMED_OUT, isDone: false },
  { errorCode: errorNumbers.REQUEST_TIMED_OUT, isDone: true },
  { errorCode: 13, isDone: true }, // NETWORK_EXCEPTION
  { errorCode: errorNumbers.CORRUPT_MESSAGE, isDone: false },
  { errorCode: errorNumbers.NOT_LEADER_OR_FOLLOWER, isDone: false },
  // As a leader answers that is deposed while it waits for its followers (`DelayedProduce`).
  { errorCode: errorNumbers.NOT_LEADER_OR_FOLLOWER, isDone: true },
  { errorCode: errorNumbers.UNKNOWN_SERVER_ERROR, isDone: true },
  { errorCode: errorNumbers.UNKNOWN_SERVER_ERROR, isDone: false },
  { errorCode: errorNumbers.INVALID_RECORD, isDone: false, since: 8 },
];

/** What it acts on. */
export interface MishapParts {
  readonly referee: Process;
  readonly cluster: Cluster;
  readonly plan: ProducingPlan;
  /** The clients' processes. */
  readonly clients: readonly Process[];
}

/** One life of a partition, as long as it is not over. */
interface Life {
  readonly place: string;
  /** What it has had, by base offset: what is deleted stays known. */
  readonly stored: Map<number, Stored>;
  /** Its leader's log. */
  log: Log;
  losses: PartitionLife["losses"];
  forgotten: number;
}

/** Does what a fault says. */
export class Mishaps {
  readonly #parts: MishapParts;
  readonly #restarts = new Set<Promise<void>>();
  readonly #undo = new Set<() => void>();
  /** The lives that are over, and those that are not. */
  readonly #lives: Life[] = [];
  readonly #current = new Map<string, Life>();
  /** Error codes that were made up, and topics that were deleted. */
  readonly lies: Set<number> = new Set();
  readonly deleted: Set<string> = new Set();
  /** Topics that retention has taken records of. */
  readonly retired: Set<string> = new Set();

  /** By kind, as a stage takes them. */
  readonly special: ReadonlyMap<string, (which: number, ms: number) => void> = new Map([
    ["leader", (which, ms) => this.#moveLeader(which, ms)],
    ["lag", (which, ms) => this.#holdUp(which, ms)],
    ["answer", (which, ms) => this.#bend(which, ms)],
    ["throttle", (which, ms) => this.#throttle(which, ms)],
    ["quota", (which, ms) => this.#limit(which, ms)],
    ["grow", (which) => this.#grow(which)],
    ["delete", (which, ms) => this.#delete(which, ms)],
    ["retire", (which, ms) => this.#retire(which, ms)],
    ["death", (which) => this.#kill(which)],
  ]);

  constructor(parts: MishapParts) {
    this.#parts = parts;
  }

  /** A broker dies, and comes back. */
  crash(which: number, ms: number): void {
    const { cluster, plan, referee } = this.#parts;
    const id = 1 + which % plan.brokers;
    if (!this.#isAlive(id)) return;
    cluster.kill(id);
    this.#later(ms, () => {
      // An upgrade restarts a broker as a newer release; what is newer already stays so.
      const release = ms % 3 === 0 ? plan.upgradeTo : undefined;
      const restart = cluster.start(id, release === undefined ? {} : { release }).catch((error) =>
        referee.world.fail(`broker ${id} did not start: ${error}`)
      );
      this.#restarts.add(restart);
    });
  }

  /** Nothing is wrong any more, and everything is back that was gone. */
  async over(): Promise<void> {
    for (const undo of this.#undo) undo();
    await Promise.all(this.#restarts);
  }

  /** Every replica has caught up. */
  async settled(): Promise<void> {
    const { cluster, referee } = this.#parts;
    const isSettled = () =>
      [...cluster.topics.values()].every(({ partitions }) =>
        partitions.every(({ log, highWatermark }) => highWatermark === log.endOffset)
      );
    const since = referee.now();
    while (!isSettled()) {
      if (referee.now() - since > PROGRESS_MS) throw new Error("the brokers do not catch up with one another");
      await referee.sleep(AGAIN_MS);
    }
  }

  /** What each partition has held in each of its lives. */
  async lives(): Promise<PartitionLife[]> {
    const { topics, faults } = this.#parts.plan;
    for (const { name } of topics) this.#rememberAll(name);
    // Clocks that are a day apart make a broker believe that its producers have been silent for as long, and it forgets them.
    const jumps = faults.filter(({ kind }) => kind === "skew").length;
    const lives: PartitionLife[] = [];
    // A leader goes on until it hears that its topic is gone.
    for (const { log, stored } of this.#lives) for (const batch of log.stored) stored.set(batch.baseOffset, batch);
    for (const { place, stored, losses, forgotten } of [...this.#lives, ...this.#current.values()]) {
      const values = new Map<number, string>();
      for (const [, batch] of [...stored].sort(([a], [b]) => a - b)) {
        for (const message of await openStored(batch, { topic: place, partition: 0 }, { snappy })) {
          values.set(message.offset, message.text());
        }
      }
      lives.push({ place, values, losses, forgotten: forgotten + jumps });
    }
    return lives;
  }

  #alive(): number {
    return this.#parts.cluster.brokers.filter((broker) => broker.alive).length;
  }

  #isAlive(id: number): boolean {
    return this.#parts.cluster.brokers.some((broker) => broker.id === id && broker.alive);
  }

  #moveLeader(which: number, ms: number): void {
    const { cluster } = this.#parts;
    const { name, partitions } = this.#topic(which);
    if (!cluster.topics.has(name)) return;
    const index = ms % partitions;
    const { isr } = cluster.partition(name, index);
    const id = isr[which % isr.length]!;
    if (this.#isAlive(id)) cluster.moveLeader(name, index, id);
  }

  /** A broker copies nothing for a while, or hears nothing of the others and does not know. */
  #holdUp(which: number, ms: number): void {
    const { cluster, plan } = this.#parts;
    const id = 1 + which % plan.brokers;
    const end = ms % 2 === 0 ? cluster.hold(id) : cluster.cutOff(id);
    this.#undo.add(end);
    this.#later(ms, end);
  }

  /** The next answers to Produce are others than they should be, for a while. */
  #bend(which: number, ms: number): void {
    const lie = LIES[which % LIES.length]!;
    const form = ms % 7;
    this.#control(
      async (call) => {
        if (call.body.acks === 0) return undefined;
        if (form === 0) {
          await call.answer();
          return "close" as const;
        }
        if (call.version < (lie.since ?? 0)) return undefined;
        this.lies.add(lie.errorCode);
        return lie.isDone ? bent(await call.answer(), lie.errorCode) : refused(call, lie.errorCode);
      },
      1 + which % 3,
      ms,
    );
  }

  #throttle(which: number, ms: number): void {
    this.#control(
      async ({ answer, body }) => {
        const answered = await answer();
        if (body.acks === 0 || typeof answered === "string") return answered;
        return { ...answered, throttleTimeMs: 1 + ms % 700 };
      },
      1 + which % 5,
      ms,
    );
  }

  /** Clients may only send so much. */
  #limit(which: number, ms: number): void {
    const undo = this.#parts.cluster.throttle(
      which % 2 === 0 ? { requests: 5 + which % 50 } : { produceBytes: 500 + which },
    );
    this.#undo.add(undo);
    this.#later(ms, undo);
  }

  /** A topic gets one partition more. */
  #grow(which: number): void {
    const { cluster } = this.#parts;
    const { name, replicationFactor } = this.#topic(which);
    const topic = cluster.topics.get(name);
    // With fewer replicas than the topic demands in sync, nobody could ever write there.
    if (topic && this.#alive() >= replicationFactor) cluster.addPartitions(name, topic.partitions.length + 1);
  }

  /** A topic is deleted, and comes back after a while; or at once, so that hardly anybody notices. */
  #delete(which: number, ms: number): void {
    const { cluster, referee } = this.#parts;
    const topic = this.#topic(which);
    if (!cluster.topics.has(topic.name)) return;
    for (const life of this.#rememberAll(topic.name)) {
      this.#lives.push(life);
      this.#current.delete(life.place);
    }
    this.deleted.add(topic.name);
    cluster.deleteTopic(topic.name);
    const back = referee.deferred<void>(`${topic.name} to be made again`);
    this.#restarts.add(back.promise);
    this.#later(ms % 2 === 0 ? ms : 1, () => this.#makeAgain(topic, back.resolve));
  }

  #makeAgain(topic: PlannedTopic, done: () => void): void {
    const { cluster, referee } = this.#parts;
    const { name, partitions, replicationFactor, configs } = topic;
    const later = () => this.#later(AGAIN_MS, () => this.#makeAgain(topic, done));
    if (this.#alive() < replicationFactor) return later();
    cluster.createTopic(name, { partitions, replicationFactor, configs }).then(done, (error) => {
      if (error instanceof KafkaError && error.code === "NO_BROKERS") return later();
      referee.world.fail(`${name} was not made again: ${error}`);
    });
  }

  /** All that a partition holds becomes too old. */
  #retire(which: number, ms: number): void {
    const { cluster, plan } = this.#parts;
    const { name, partitions } = this.#topic(which);
    if (!cluster.topics.has(name)) return;
    const index = ms % partitions;
    const life = this.#remember(name, index);
    this.retired.add(name);
    cluster.deleteRecords(name, index, cluster.partition(name, index).highWatermark);
    // Older brokers forget at once whose last record that was; others when they start again, and see what is left.
    const isForgetful = plan.faults.some(({ kind }) => kind === "crash") ||
      releaseOf(plan.release).producers.dropsDeleted;
    if (isForgetful) life.forgotten++;
  }

  /** A client's process ends; never the first, and never all of them. */
  #kill(which: number): void {
    const { clients } = this.#parts;
    if (clients.length > 1) clients[1 + which % (clients.length - 1)]!.kill();
  }

  #topic(which: number): PlannedTopic {
    const { topics } = this.#parts.plan;
    return topics[which % topics.length]!;
  }

  #rememberAll(topic: string): Life[] {
    const partitions = this.#parts.cluster.topics.get(topic)?.partitions ?? [];
    return partitions.map(({ index }) => this.#remember(topic, index));
  }

  /** Notes what a partition holds, before it may be gone: what is committed, since the rest may yet be cut off. */
  #remember(topic: string, index: number): Life {
    const place = `${topic}/${index}`;
    const { log, highWatermark, uncleanElections, leaderEpoch } = this.#parts.cluster.partition(topic, index);
    const life: Life = this.#current.get(place) ??
      { place, stored: new Map(), log, losses: { all: 0, leader: 0 }, forgotten: 0 };
    this.#current.set(place, life);
    life.log = log;
    life.losses = { all: uncleanElections, leader: leaderEpoch };
    // What an unclean election has cut off is not there any more, though it was committed.
    if (uncleanElections > 0) {
      for (const offset of life.stored.keys()) if (offset >= log.startOffset) life.stored.delete(offset);
    }
    for (const stored of log.stored) {
      if (stored.lastOffset < highWatermark) life.stored.set(stored.baseOffset, stored);
    }
    return life;
  }

  #control(control: Control<typeof produce>, times: number, ms: number): void {
    const undo = this.#parts.cluster.control(produce, control, times);
    this.#undo.add(undo);
    this.#later(ms, undo);
  }

  #later(ms: number, act: () => void): void {
    const { referee } = this.#parts;
    referee.world.schedule(referee, ms * 1000, RESTART, act);
  }
}

/** What was done is answered with an error, beside the offset that it got; where it was not done, the error stays. */
function bent(answer: Awaited<ReturnType<Call["answer"]>>, errorCode: number): Awaited<ReturnType<Call["answer"]>> {
  if (typeof answer === "string") return answer;
  const responses = answer.responses.map(({ partitionResponses, ...topic }) => ({
    ...topic,
    partitionResponses: partitionResponses.map((partition) =>
      partition.errorCode === 0 ? { ...partition, errorCode } : partition
    ),
  }));
  return { ...answer, responses };
}

/** Nothing is done, and the answer is an error. */
function refused({ body }: Call, errorCode: number): ProduceAnswer {
  const recordErrors = errorCode === errorNumbers.INVALID_RECORD
    ? [{ batchIndex: 0, batchIndexErrorMessage: "made up" }]
    : [];
  const responses = body.topicData.map(({ name, topicId, partitionData }) => ({
    name,
    topicId,
    partitionResponses: partitionData.map(({ index }) => ({ index, errorCode, baseOffset: -1, recordErrors })),
  }));
  return { responses };
}

/** A reader with a group that leaves and comes back: nothing is passed over, and nothing is committed that was not finished. */

import type { KafkaError } from "../../src/base/errors.ts";
import type { Topic } from "../../src/client/topic.ts";
import type { SimpleConsumer } from "../../src/consumer/simple_consumer.ts";
import { offsetCommit } from "../../src/protocol/offset_commit.ts";
import type { Cluster } from "../../src/testing/cluster.ts";
import type { Process } from "../../src/testing/world.ts";
import type { GroupLife, Plan } from "./plan.ts";

/** Where it plays. */
export interface ResumerParts {
  readonly referee: Process;
  readonly cluster: Cluster;
  readonly topic: Topic;
  readonly plan: Plan;
  /** Lets pass what may go wrong in bad weather, and throws the rest. */
  readonly expect: (error: unknown, what: string, codes: readonly KafkaError["code"][], since: number) => void;
}

const GROUP = "resumer";

/** One group's reader, through all of its lives. */
export class Resumer {
  readonly #parts: ResumerParts;
  /** Up to where it has finished, by partition; or said so by committing what it had in hand. */
  readonly #finished: number[];
  /** What it has finished, each partition's offsets. */
  readonly #seen: Set<number>[];
  readonly #unwatch: () => void;
  #isCalm = false;

  /** Watches what is committed from now on. */
  constructor(parts: ResumerParts) {
    this.#parts = parts;
    this.#finished = Array.from({ length: parts.plan.partitions }, () => 0);
    this.#seen = this.#finished.map(() => new Set());
    this.#unwatch = parts.cluster.control(offsetCommit, ({ body }) => {
      for (const { partitions } of body.topics) {
        for (const { partitionIndex, committedOffset } of partitions) this.#check(partitionIndex, committedOffset);
      }
      return undefined;
    }, Infinity);
  }

  /** Lives one life after the other, until nothing is wrong any more. */
  async run(): Promise<void> {
    const { lives } = this.#parts.plan;
    for (let nth = 0; lives.length > 0 && !this.#isCalm; nth++) await this.#live(lives[nth % lives.length]!);
  }

  /** Nothing is wrong any more: it leaves its loop soon, and never begins another. */
  calm(): void {
    this.#isCalm = true;
  }

  /** Reads what is left to the end of the logs; then everything has been finished, and just that is committed. */
  async finish(ends: readonly number[]): Promise<void> {
    const { referee, topic, plan, cluster, expect } = this.#parts;
    if (plan.lives.length === 0) return this.#unwatch();
    const startedAt = referee.now();
    const consumer = topic.simpleConsumer({ ...plan.consumer, group: GROUP, until: "end" });
    // A connection may still be a dead one: reading goes on in another loop, and a last commit that failed can be made up for.
    let hasFailed = false;
    for (let isOver = false; !isOver;) {
      try {
        for await (const { partition, offset } of consumer) this.#finish(partition, offset, offset);
        if (hasFailed) await consumer.commit();
        isOver = true;
      } catch (error) {
        expect(error, "reading in a group to the end", ["REQUEST_TIMEOUT"], startedAt);
        hasFailed = true;
      }
    }
    const committed = cluster.committed(GROUP).get(topic.name);
    ends.forEach((end, partition) => {
      for (let offset = 0; offset < end; offset++) {
        if (!this.#seen[partition]!.has(offset)) throw new Error(`the group has not finished ${partition}/${offset}`);
      }
      const stored = committed?.get(partition)?.offset;
      if (stored !== end) throw new Error(`${stored} is committed for partition ${partition}, which ended at ${end}`);
    });
    this.#unwatch();
  }

  #check(partition: number, offset: number): void {
    const limit = this.#finished[partition]!;
    if (offset <= limit) return;
    throw new Error(
      `${offset} is committed for partition ${partition}, and only what lies before ${limit} is finished`,
    );
  }

  #finish(partition: number, from: number, to: number): void {
    for (let offset = from; offset <= to; offset++) this.#seen[partition]!.add(offset);
    this.#finished[partition] = Math.max(this.#finished[partition]!, to + 1);
  }

  async #live(life: GroupLife): Promise<void> {
    const { referee, topic, plan, expect } = this.#parts;
    const { autoCommit, autoCommitMs, restMs } = life;
    const since = referee.now();
    const consumer = topic.simpleConsumer({ ...plan.consumer, group: GROUP, autoCommit, autoCommitMs });
    const leaves = referee.task("the group's reader leaves", async () => {
      await referee.sleep(life.leavesAfterMs);
      // In the middle of whatever it does: also while a commit is under way.
      await consumer.close().catch((error) => expect(error, "closing", ["REQUEST_TIMEOUT"], since));
    });
    try {
      if (life.byBatch) await this.#readBatches(consumer, life);
      else await this.#readMessages(consumer, life);
    } catch (error) {
      expect(error, "reading in a group", ["REQUEST_TIMEOUT", "CLOSED"], since);
    }
    await consumer.close().catch((error) => expect(error, "closing", ["REQUEST_TIMEOUT"], since));
    await leaves;
    await referee.sleep(restMs);
  }

  async #readMessages(consumer: SimpleConsumer, life: GroupLife): Promise<void> {
    let count = 0;
    for await (const message of consumer) {
      const { partition, offset } = message;
      if (++count % life.commitsEvery === 0) {
        this.#finish(partition, offset, offset); // it is, by its own word
        await consumer.commit(count % 2 === 0 ? message : undefined);
      }
      if (life.dawdleMs > 0) await this.#parts.referee.sleep(life.dawdleMs);
      if (count >= life.leavesAfter) break;
      this.#finish(partition, offset, offset);
    }
  }

  async #readBatches(consumer: SimpleConsumer, life: GroupLife): Promise<void> {
    let count = 0;
    for await (const batch of consumer.batches()) {
      const { partition, baseOffset, lastOffset } = batch;
      if (++count % life.commitsEvery === 0) {
        this.#finish(partition, baseOffset, lastOffset);
        await consumer.commit(count % 2 === 0 ? batch : undefined);
      }
      if (life.dawdleMs > 0) await this.#parts.referee.sleep(life.dawdleMs);
      if (count >= life.leavesAfter) break;
      this.#finish(partition, baseOffset, lastOffset);
    }
  }
}

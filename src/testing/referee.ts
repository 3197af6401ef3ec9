/** What a strict cluster holds against producers: what no client does that keeps KIP-98, whatever the network does to it. */

import { KafkaError } from "../base/errors.ts";
import { crc32c } from "../bytes/crc32c.ts";
import type { produce } from "../protocol/produce.ts";
import type { RequestOut } from "../wire/schema.ts";
import type { TopicState } from "./picture.ts";
import { BATCHES_KEPT, type ProducerHead, producerHead, sequenceAfter } from "./producer_state.ts";

/** How many batches of a producer in a partition are remembered. */
const BATCHES_MAX = 100;
/** Of how many producers in how many partitions; the oldest are forgotten. */
const LIVES_MAX = 10_000;
/** Sequences go round; what lies less than half a round ahead is ahead. */
const HALF_ROUND = 0x40000000;

/** A batch that was stored. */
interface Print {
  readonly lastSequence: number;
  readonly size: number;
  readonly hash: number;
}

type ProduceBody = RequestOut<typeof produce>;

/** Finds the topic that a part of a request is about, by its name or its id. */
export type TopicOf = (part: ProduceBody["topicData"][number]) => TopicState | undefined;

/** What has come of one producer's epoch for one partition, at whichever broker. */
interface Life {
  readonly epoch: number;
  /** The sequence behind the furthest batch that has come. */
  next: number;
  /** The stored batches, by their first sequence. */
  readonly prints: Map<number, Print>;
}

/**
 * Watches the batches that come in at all brokers of a cluster. A topic goes by its id: another one of its name begins anew.
 *
 * Batches may be lost, doubled, late, refused, and out of order by that: no fault of the client. But what it may never do is to send
 *
 * - other bytes under sequences that were stored: what a lost answer acknowledges would be what it did not send. Sequences of a batch
 *   that was only refused may be used again, as for the halves of one that was too large (KIP-126).
 * - a batch before the one that comes before it has been sent: each of them arrives somewhere before its successor, since both go
 *   over one connection, or the second waits until it is known what became of the first. That holds where the network loses nothing:
 *   in a simulation both may be lost, the first be given up, and the second be sent again to find out what became of it.
 * - an epoch that does not begin with sequence 0, where the partition has seen an earlier one (KIP-360).
 * - more than five batches of a partition without an answer: the broker knows only so many again.
 */
export class Referee {
  readonly #lives = new Map<string, Life>();
  readonly #mayLose: boolean;
  #fault: KafkaError | undefined;

  /** Whether the network may lose requests. */
  constructor(mayLose: boolean) {
    this.#mayLose = mayLose;
  }

  /** The first fault; undefined if there was none. */
  get fault(): KafkaError | undefined {
    return this.#fault;
  }

  /** Holds something against a client. Only the first counts. */
  report(detail: string, context: { broker?: string; topic?: string; partition?: number } = {}): void {
    this.#fault ??= new KafkaError("PROTOCOL_ERROR", detail, context);
  }

  /** A request has come in, whatever becomes of it. */
  produced({ topicData }: ProduceBody, topicOf: TopicOf): void {
    for (const part of topicData) {
      const topic = topicOf(part);
      if (!topic) continue;
      for (const { index, records } of part.partitionData) {
        if (records) this.#arrived(topic.name, topic.id, index, records);
      }
    }
  }

  /** Requests that stand in line on a connection, none of which has an answer. */
  standing(line: readonly ProduceBody[], topicOf: TopicOf): void {
    // One that is sent again, since its answer does not come, is the same batch.
    const sequences = new Map<string, Set<number>>();
    for (const { topicData } of line) {
      for (const part of topicData) {
        for (const { index, records } of part.partitionData) {
          const head = records && producerHead(records);
          const topic = topicOf(part);
          if (!head || !topic) continue;
          const key = keyOf(topic.id, index, head.producerId);
          const own = sequences.get(key) ?? new Set();
          sequences.set(key, own.add(head.sequence));
          if (own.size <= BATCHES_KEPT) continue;
          const detail =
            `more than ${BATCHES_KEPT} batches of producer ${head.producerId} are in flight on a connection`;
          this.report(detail, { topic: topic.name, partition: index });
        }
      }
    }
  }

  #arrived(topic: string, topicId: string, partition: number, bytes: Uint8Array): void {
    const head = producerHead(bytes);
    if (!head || head.sequence < 0) return;
    const key = keyOf(topicId, partition, head.producerId);
    const life = this.#lives.get(key);
    const context = { topic, partition };
    if (!life || head.epoch > life.epoch) {
      if (life && head.sequence !== 0) {
        this.report(`${nameOf(head)} is the first of its epoch, and does not begin with sequence 0`, context);
      }
      this.#begin(key, head);
      return;
    }
    if (head.epoch < life.epoch) return;
    const ahead = (head.sequence - life.next + 2 * HALF_ROUND) % (2 * HALF_ROUND);
    if (ahead > 0 && ahead < HALF_ROUND && !this.#mayLose) {
      this.report(`${nameOf(head)} came before sequence ${life.next} had been sent`, context);
    }
    if (ahead < HALF_ROUND) life.next = sequenceAfter(head.sequence, head.count);
    const twin = this.#overlapping(life, head);
    if (twin && (twin.size !== bytes.length || twin.hash !== hashOf(bytes))) {
      this.report(`${nameOf(head)} is not what was stored under its sequences`, context);
    }
  }

  /** A batch has been stored, now or before: from now on its sequences are its own. */
  stored(topicId: string, partition: number, bytes: Uint8Array): void {
    const head = producerHead(bytes);
    const life = head && this.#lives.get(keyOf(topicId, partition, head.producerId));
    if (!head || life?.epoch !== head.epoch) return;
    const { prints } = life;
    const lastSequence = sequenceAfter(head.sequence, head.count - 1);
    if (prints.get(head.sequence)?.lastSequence === lastSequence) return;
    prints.set(head.sequence, { lastSequence, size: bytes.length, hash: hashOf(bytes) });
    if (prints.size > BATCHES_MAX) prints.delete(prints.keys().next().value!);
  }

  /** The broker has said that it does not know the producer: it may begin anew, and before 2.5 does so under the same epoch. */
  unknown(topicId: string, partition: number, bytes: Uint8Array): void {
    const head = producerHead(bytes);
    if (head) this.#lives.delete(keyOf(topicId, partition, head.producerId));
  }

  #begin(key: string, { epoch, sequence, count }: ProducerHead): void {
    this.#lives.delete(key);
    this.#lives.set(key, { epoch, next: sequenceAfter(sequence, count), prints: new Map() });
    if (this.#lives.size > LIVES_MAX) this.#lives.delete(this.#lives.keys().next().value!);
  }

  /** The stored batch that has one of these sequences. */
  #overlapping({ prints }: Life, { sequence, count }: ProducerHead): Print | undefined {
    const exact = prints.get(sequence);
    if (exact) return exact;
    const last = sequenceAfter(sequence, count - 1);
    for (const [first, print] of prints) {
      if (isWithin(first, sequence, last) || isWithin(sequence, first, print.lastSequence)) return print;
    }
    return undefined;
  }
}

function keyOf(topicId: string, partition: number, producerId: number): string {
  return `${topicId} ${partition} ${producerId}`;
}

function nameOf({ producerId, epoch, sequence, count }: ProducerHead): string {
  return `a batch of producer ${producerId}, epoch ${epoch}, with ${count} records from sequence ${sequence}`;
}

/** Whether one sequence is from the first to the last, which may lie behind the end of the round. */
function isWithin(sequence: number, first: number, last: number): boolean {
  return first <= last ? sequence >= first && sequence <= last : sequence >= first || sequence <= last;
}

/** Of what the producer wrote: the base offset and the leader's epoch before it are the broker's. */
function hashOf(bytes: Uint8Array): number {
  return crc32c(bytes, 16);
}

/** A topic, and what can be done with one. */

import { KafkaError } from "../base/errors.ts";
import { brief } from "../base/options.ts";
import type { WaitOptions } from "../producer/producer.ts";
import type { Producer, ProducerOptions } from "../producer/producer.ts";
import { type OffsetQuery, offsetsOf } from "../consumer/offsets.ts";
import type { SimpleConsumer, SimpleConsumerOptions } from "../consumer/simple_consumer.ts";
import type { Cluster } from "../cluster/cluster.ts";
import type { PartitionInfo, TopicInfo } from "../cluster/snapshot.ts";

/** What a topic is made of. */
export interface TopicParts {
  readonly cluster: Cluster;
  readonly info: TopicInfo;
  readonly producer: (options: ProducerOptions) => Producer;
  readonly simpleConsumer: (options: SimpleConsumerOptions) => SimpleConsumer;
}

/** A topic of the cluster. */
export class Topic {
  /** Its name. */
  readonly name: string;
  readonly #parts: TopicParts;

  /** Made by a client. */
  constructor(parts: TopicParts) {
    this.#parts = parts;
    this.name = parts.info.name;
  }

  /** Its id, which a topic of the same name made later does not share; undefined before Kafka 2.8. */
  get id(): string | undefined {
    return this.#info.id;
  }

  /** Its partitions by number, as the last metadata said. */
  get partitions(): ReadonlyMap<number, PartitionInfo> {
    return new Map(this.#info.partitions.map((info) => [info.partition, info]));
  }

  /** A producer of this topic; close it. Throws `INVALID_OPTION`. */
  producer(options: ProducerOptions = {}): Producer {
    return this.#parts.producer(options);
  }

  /**
   * A consumer that joins no group; with the option `group` it goes on where that group has committed, and commits. A loop to the
   * `until` closes it; else close it. Throws `INVALID_OPTION`.
   */
  simpleConsumer(options: SimpleConsumerOptions = {}): SimpleConsumer {
    return this.#parts.simpleConsumer(options);
  }

  /** The first offset that is still there, by partition. */
  earliestOffsets(options: WaitOptions = {}): Promise<ReadonlyMap<number, number>> {
    return this.#offsets("earliest", options);
  }

  /** The offset that the next message will get, by partition. */
  latestOffsets(options: WaitOptions = {}): Promise<ReadonlyMap<number, number>> {
    return this.#offsets("latest", options);
  }

  /**
   * The offset of the first message at or after a time, by partition; where there is none, the end of the log.
   * `UNSUPPORTED_FEATURE` before Kafka 0.10.1; `INVALID_OPTION` for what is no date.
   */
  offsetsAt(time: Date, options: WaitOptions = {}): Promise<ReadonlyMap<number, number>> {
    if (time instanceof Date && !Number.isNaN(time.getTime())) return this.#offsets(time, options);
    return Promise.reject(
      new KafkaError("INVALID_OPTION", `offsetsAt: the time must be a valid Date, not ${brief(time)}`),
    );
  }

  get #info(): TopicInfo {
    return this.#parts.cluster.snapshot.topics.get(this.name) ?? this.#parts.info;
  }

  #offsets(query: OffsetQuery, { signal }: WaitOptions): Promise<ReadonlyMap<number, number>> {
    const { cluster } = this.#parts;
    const partitions = this.#info.partitions.map(({ partition }) => partition);
    return cluster.deadline(
      `Looking up offsets of ${this.name}`,
      signal,
      (signal) => offsetsOf(cluster, this.name, partitions, query, signal),
    );
  }
}

/** The client: finds the cluster, and makes topics, producers and consumers. */

import { Admin } from "../admin/admin.ts";
import { KafkaError } from "../base/errors.ts";
import type { ClientMetrics } from "../base/metrics.ts";
import { Cluster } from "../cluster/cluster.ts";
import type { ClientParts } from "../cluster/parts.ts";
import type { BrokerInfo, TopicInfo } from "../cluster/snapshot.ts";
import { SimpleConsumer, type SimpleConsumerOptions } from "../consumer/simple_consumer.ts";
import { Producer, type ProducerOptions, type WaitOptions } from "../producer/producer.ts";
import type { Api, Response } from "../wire/schema.ts";
import { type ClientOptions, type ClientSettings, clientSettings } from "./options.ts";
import { type RequestBody, type RequestOptions, Requests } from "./request.ts";
import { Topic } from "./topic.ts";

/** What a client closes before itself. */
interface Closeable {
  close(): Promise<void>;
}

/** A client of one cluster. */
export class KafkaClient {
  /** What operators do. */
  readonly admin: Admin;
  readonly #settings: ClientSettings;
  readonly #cluster: Cluster;
  readonly #requests: Requests;
  readonly #children = new Set<Closeable>();
  #closing: Promise<void> | undefined;

  private constructor(settings: ClientSettings, cluster: Cluster) {
    this.#settings = settings;
    this.#cluster = cluster;
    this.admin = new Admin(cluster, settings.requestTimeoutMs);
    this.#requests = new Requests(cluster, settings.world, settings.requestTimeoutMs);
  }

  /**
   * Finds the cluster. Rejects with `INVALID_OPTION`; `NO_BROKERS` with every host's last failure when none answered within
   * `bootstrapTimeoutMs`; at once with what no retry can heal (`NOT_KAFKA`, `TLS_FAILED`), if every host ends so.
   */
  static async connect(options: ClientOptions): Promise<KafkaClient> {
    const settings = clientSettings(options);
    return new KafkaClient(settings, await Cluster.connect(settings, options.signal));
  }

  /** The topics that the last metadata told of, by name: all there were when connecting and at the last `refresh()`, and those in use since. */
  get topics(): ReadonlyMap<string, TopicInfo> {
    return this.#cluster.snapshot.topics;
  }

  /** The brokers that are alive, by id, as the last metadata said. */
  get brokers(): ReadonlyMap<number, BrokerInfo> {
    return this.#cluster.snapshot.brokers;
  }

  /** The broker that is the controller, or speaks for it; undefined where it is not known (always before Kafka 0.10). */
  get controller(): BrokerInfo | undefined {
    return this.brokers.get(this.#cluster.snapshot.controllerId);
  }

  /** The cluster's id; undefined before Kafka 0.10.1. */
  get clusterId(): string | undefined {
    return this.#cluster.snapshot.clusterId ?? undefined;
  }

  /** What the client has done since it was made, and what it holds now: counts, bytes, latencies. Plain data, made at this call. */
  metrics(): ClientMetrics {
    return this.#settings.telemetry.metrics();
  }

  /** Fetches the metadata of all topics. */
  async refresh(options: WaitOptions = {}): Promise<void> {
    await this.#cluster.deadline(
      "Fetching metadata",
      options.signal,
      (signal) => this.#cluster.retrying(() => this.#cluster.refresh(null, signal), signal),
    );
  }

  /** A topic. `UNKNOWN_TOPIC_OR_PARTITION` if there is none of that name: nothing is ever created by asking. */
  async topic(name: string, options: WaitOptions = {}): Promise<Topic> {
    this.#check();
    const info = await this.#cluster.topic(name, options.signal);
    return new Topic({
      cluster: this.#cluster,
      info,
      producer: (options) => this.#producer(name, options),
      simpleConsumer: (options) => this.#simpleConsumer(name, options),
    });
  }

  /** A producer of any topics: each message says which. Throws `INVALID_OPTION`. */
  producer(options: ProducerOptions = {}): Producer {
    return this.#producer(undefined, options);
  }

  /**
   * Sends any request of Kafka's protocol (`@samsa/kafka/protocol` has them all; an `Api` of your own will do) and gives the answer as
   * it is: error codes in it are yours to read, and nothing is asked again because of them. It goes to a broker, a partition's leader,
   * a coordinator or the controller, if one is named, else to any broker, in the highest version that this broker and we share, or in
   * the one that is asked for.
   *
   * A leader, a coordinator, a controller is looked for until the time is up; the request itself is sent once. Only if a connection
   * that had lain idle ends as it is used, and the API allows it, the request goes out again. When the connection is lost, or the
   * answer says that another broker should have been asked, the next call looks anew before it asks.
   *
   * Rejects with `UNSUPPORTED_VERSION` that names both ranges, `UNSUPPORTED_FEATURE` for a field that the version lacks,
   * `INVALID_OPTION` for what does not fit a field or is no target, `UNKNOWN_TOPIC_OR_PARTITION`, `NO_BROKERS` for a broker that the
   * cluster does not list, `REQUEST_TIMEOUT`, `CONNECTION_CLOSED` and its like, `CLOSED`, or the signal's reason. Produce with `acks` 0
   * has no answer: it resolves when it is written, with a response in which every field has its default.
   */
  async request<A extends Api>(api: A, body: RequestBody<A>, options: RequestOptions = {}): Promise<Response<A>> {
    this.#check();
    return await this.#requests.send(api, body, options);
  }

  /** Closes what was made with it, then its connections: nothing of it is left. A second call waits for the first. */
  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  /** The same as `close()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    const ends = await Promise.allSettled([...this.#children].map((child) => child.close()));
    await this.#cluster.close();
    for (const end of ends) if (end.status === "rejected") throw end.reason;
  }

  #check(): void {
    if (this.#closing) throw new KafkaError("CLOSED", "The client has been closed");
  }

  #producer(topic: string | undefined, options: ProducerOptions): Producer {
    this.#check();
    const all = withInterceptors(options, this.#settings.interceptors);
    return this.#child((parts) => new Producer(parts, topic, all));
  }

  #simpleConsumer(topic: string, options: SimpleConsumerOptions): SimpleConsumer {
    this.#check();
    const all = withInterceptors(options, this.#settings.interceptors);
    return this.#child((parts) => new SimpleConsumer(parts, topic, all));
  }

  #child<T extends Closeable>(make: (parts: ClientParts) => T): T {
    const { world, codecs, requestTimeoutMs, telemetry } = this.#settings;
    const child: T = make({
      ...{ world, codecs, requestTimeoutMs, telemetry, cluster: this.#cluster, backoff: this.#settings },
      onClosed: () => this.#children.delete(child),
    });
    this.#children.add(child);
    return child;
  }
}

/** The client's interceptors come first. Options that will be refused are left as they are. */
function withInterceptors<I, T extends { readonly interceptors?: readonly I[] | undefined }>(
  options: T,
  first: readonly I[],
): T {
  if (first.length === 0 || !isOptions(options)) return options;
  return { ...options, interceptors: [...first, ...options.interceptors ?? []] };
}

function isOptions({ interceptors }: { readonly interceptors?: unknown }): boolean {
  return interceptors === undefined || Array.isArray(interceptors);
}

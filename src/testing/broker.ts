/** One embedded broker: it listens, reads requests, has them answered in their order, and writes the answers. */

import { Gate } from "../base/async.ts";
import { KafkaError } from "../base/errors.ts";
import type { World } from "../base/world.ts";
import { apiVersions } from "../protocol/api_versions.ts";
import { fetch } from "../protocol/fetch.ts";
import { type DecodedRequest, decodeRequest } from "../protocol/decode_request.ts";
import { decodeRequestHead, encodeResponse } from "../protocol/message.ts";
import { produce } from "../protocol/produce.ts";
import type { Codecs } from "../records/compression.ts";
import type { Address, Listen, Listener, Transport } from "../transport/transport.ts";
import { Frames } from "../wire/frames.ts";
import type { Api, RequestOut, ResponseIn } from "../wire/schema.ts";
import { apiVersionsHandler, unsupportedApiVersions } from "./apis/api_versions.ts";
import { createTopicsHandler } from "./apis/create_topics.ts";
import { deleteTopicsHandler } from "./apis/delete_topics.ts";
import { fetchHandler } from "./apis/fetch.ts";
import { findCoordinatorHandler } from "./apis/find_coordinator.ts";
import { initProducerIdHandler } from "./apis/init_producer_id.ts";
import { listGroupsHandler } from "./apis/list_groups.ts";
import { listOffsetsHandler } from "./apis/list_offsets.ts";
import { metadataHandler } from "./apis/metadata.ts";
import { offsetCommitHandler } from "./apis/offset_commit.ts";
import { offsetFetchHandler } from "./apis/offset_fetch.ts";
import { produceHandler } from "./apis/produce.ts";
import { saslAuthenticateHandler, saslHandshakeHandler } from "./apis/sasl.ts";
import type { Answer, Call, Handler, Host } from "./call.ts";
import type { Controller } from "./controller.ts";
import type { Controls } from "./controls.ts";
import { Manners } from "./manners.ts";
import { ProducerIds } from "./producer_ids.ts";
import type { ProducerRules } from "./producer_state.ts";
import type { Quotas } from "./quotas.ts";
import type { Referee, TopicOf } from "./referee.ts";
import type { Release } from "./releases.ts";
import type { Replicator } from "./replicator.ts";
import { type Doorman, SaslGate, type SaslOptions } from "./sasl.ts";

/** The largest request (`socket.request.max.bytes`). */
const FRAME_BYTES_MAX = 104_857_600;

/** The last API of 0.9: what comes after it that broker cannot read, and does not answer. */
const LAST_KEY_OF_09 = 16;

const HANDLERS: ReadonlyMap<number, Handler> = new Map(
  [
    produceHandler,
    fetchHandler,
    listOffsetsHandler,
    metadataHandler,
    offsetCommitHandler,
    offsetFetchHandler,
    findCoordinatorHandler,
    listGroupsHandler,
    apiVersionsHandler,
    createTopicsHandler,
    deleteTopicsHandler,
    initProducerIdHandler,
    saslHandshakeHandler,
    saslAuthenticateHandler,
  ].map((handler) => [handler.api.key, handler]),
);

/** What begins a frame that is none. A greeting in TLS, which asks whether that is spoken here, is no fault. */
const NO_FRAME: ReadonlySet<string> = new Set(["FRAME_TOO_LARGE", "PROTOCOL_ERROR"]);

/** One connection. */
interface Connection {
  readonly transport: Transport;
  readonly manners: Manners;
  /** Who is let in, where not everybody is. */
  readonly gate: SaslGate | undefined;
  /** Requests that have come; views of what was read, so nothing is read before it is empty. */
  readonly line: Uint8Array[];
  /** Until when it is not heard. */
  silentUntil: number;
}

/** What is sent for an answer, if anything. */
type Bent = Exclude<Answer<Api>, "close">;

/** What a broker is made of. */
export interface BrokerParts {
  /** Its id. */
  readonly id: number;
  /** Its time and chance. */
  readonly world: World;
  /** Which release it is. */
  readonly release: Release;
  /** How it listens. */
  readonly listen: Listen;
  /** The cluster's state. */
  readonly controller: Controller;
  /** Its replication. */
  readonly replicas: Replicator;
  /** What is bent. */
  readonly controls: Controls;
  /** The codecs that it has. */
  readonly codecs: Codecs;
  /** Milliseconds after which it closes a connection on which nothing is asked. */
  readonly connectionsMaxIdleMs: number;
  /** Who holds clients to what other brokers only hope for, if anybody does. */
  readonly referee: Referee | undefined;
  /** What clients may ask for in a second. */
  readonly quotas: Quotas;
  /** How clients have to authenticate, if they have to. */
  readonly sasl: SaslOptions | undefined;
  /** The epoch that producer ids begin with. */
  readonly producerEpochs: number;
  /** Milliseconds after which silent producers are forgotten, if not the release's own. */
  readonly producerIdExpirationMs: number | undefined;
}

/** A broker, from its start to its end; one that starts again is a new one. */
export class Broker implements Host {
  readonly id: number;
  readonly world: World;
  readonly release: Release;
  readonly controller: Controller;
  readonly replicas: Replicator;
  readonly codecs: Codecs;
  readonly producerIds: ProducerIds;
  readonly producerRules: ProducerRules;
  readonly #listen: Listen;
  readonly #controls: Controls;
  readonly #idleMs: number;
  readonly referee: Referee | undefined;
  readonly #quotas: Quotas;
  readonly #sasl: SaslOptions | undefined;
  readonly #gate: Gate;
  readonly #transports = new Set<Transport>();
  readonly #tasks = new Set<Promise<void>>();
  #listener: Listener | undefined;
  #waiting = 0;
  #failure: { readonly error: unknown } | undefined;

  constructor(parts: BrokerParts) {
    const {
      id,
      world,
      release,
      listen,
      controller,
      replicas,
      controls,
      codecs,
      connectionsMaxIdleMs,
      referee,
      quotas,
    } = parts;
    this.id = id;
    this.world = world;
    this.release = release;
    this.controller = controller;
    this.replicas = replicas;
    this.codecs = codecs;
    const { expirationMs } = release.producers;
    this.producerRules = { ...release.producers, expirationMs: parts.producerIdExpirationMs ?? expirationMs };
    this.producerIds = new ProducerIds(controller.producerIds, parts.producerEpochs);
    this.#listen = listen;
    this.#controls = controls;
    this.#idleMs = connectionsMaxIdleMs;
    this.referee = referee;
    this.#quotas = quotas;
    this.#sasl = parts.sasl;
    this.#gate = new Gate(world, `news at broker ${id}`);
  }

  get running(): boolean {
    return this.#listener !== undefined;
  }

  /** What went wrong in the broker itself, or in a test's control: never what a client did. */
  get failure(): { readonly error: unknown } | undefined {
    return this.#failure;
  }

  /** Begins to listen there, and says where it does. */
  async start(address: Address): Promise<Address> {
    const listener = this.#listener = await this.#listen(address);
    this.replicas.onNews = () => {
      if (this.#waiting > 0) this.#gate.open();
    };
    this.#run("accepting", async () => {
      for await (const transport of listener) {
        if (this.running) this.#run("connection", () => this.#serve(transport));
        else transport.close();
      }
    });
    return listener.address;
  }

  /** Lets go of everything at once: what is being handled is not answered. Resolves when all of it has ended. */
  async stop(): Promise<void> {
    this.#listener?.close();
    this.#listener = undefined;
    for (const transport of this.#transports) transport.close();
    this.#gate.open();
    await Promise.all(this.#tasks);
  }

  async news(ms: number): Promise<void> {
    const timer = this.world.timer(ms, () => this.#gate.open());
    this.#waiting++;
    await this.#gate.wait();
    this.#waiting--;
    timer.cancel();
  }

  #run(name: string, body: () => Promise<void>): void {
    const task = this.world.task(`${name} of broker ${this.id}`, body).then(
      () => {},
      (error) => {
        this.#failure ??= { error };
      },
    ).then(() => {
      this.#tasks.delete(task);
    });
    this.#tasks.add(task);
  }

  /** One connection: one request at a time, so a fetch that waits holds up what comes behind it (Kafka mutes the channel). */
  async #serve(transport: Transport): Promise<void> {
    this.#transports.add(transport);
    try {
      const frames = new Frames(transport, FRAME_BYTES_MAX);
      const connection: Connection = {
        transport,
        manners: new Manners(this.world, this.id),
        gate: this.#sasl && new SaslGate(this.#sasl, this.#doorman(transport)),
        line: [],
        silentUntil: 0,
      };
      const { line, manners } = connection;
      for (;;) {
        if (line.length === 0) {
          if (!await this.#waitForFrames(frames, connection)) return;
          this.#report(manners.fault());
        }
        if (connection.silentUntil > this.world.now()) await this.#pause(connection.silentUntil);
        if (!this.running || !await this.#answer(line.shift()!, connection)) return;
      }
    } finally {
      this.#transports.delete(transport);
      transport.close();
    }
  }

  #doorman(transport: Transport): Doorman {
    const { world, release } = this;
    return {
      ...{ world, release },
      reply: async (api, { version, correlationId, clientId }, body, answer) => {
        const call = { host: this, version, clientId, body } as unknown as Call<Api>;
        const write = async (...chunks: readonly Uint8Array[]) => void await isSent(transport, chunks);
        const own = () => Promise.resolve(answer as Answer<Api>);
        const bent = await this.#controls.answer(api, call, own, { correlationId, write });
        if (bent === "close" || !this.running) return false;
        return bent === "drop" || await isSent(transport, encodeResponse<Api>(api, version, correlationId, bent));
      },
      write: (chunks) => isSent(transport, chunks),
      pause: (until) => this.#pause(until),
      report: (detail) => this.#report(detail),
    };
  }

  /** Until that time nothing happens here, unless the broker ends. */
  async #pause(until: number): Promise<void> {
    for (;;) {
      const left = until - this.world.now();
      if (left <= 0 || !this.running) return;
      await this.news(left);
    }
  }

  /** Puts all frames that have come into line, and waits until there is one. */
  async #waitForFrames(frames: Frames, { transport, line }: Connection): Promise<boolean> {
    const idle = this.#idleMs === Infinity ? undefined : this.world.timer(this.#idleMs, () => transport.close());
    try {
      do {
        for (let frame; (frame = frames.take()) !== undefined;) line.push(frame);
      } while (line.length === 0 && await frames.more());
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
      if (NO_FRAME.has(error.code)) this.#report(`What came to broker ${this.id} is no request: ${error.message}`);
    } finally {
      idle?.cancel();
    }
    return line.length > 0;
  }

  /** Whether the connection goes on. */
  async #answer(frame: Uint8Array, connection: Connection): Promise<boolean> {
    const { transport, manners, gate } = connection;
    const entered = gate ? await gate.enter(frame) : "pass";
    if (entered !== "pass") return entered && this.running;
    const request = this.#read(frame);
    if (typeof request === "boolean") return request;
    const { api, version, correlationId, clientId } = request;
    if (version < 0) {
      const chunks = encodeResponse(apiVersions, 0, correlationId, unsupportedApiVersions(this.release));
      return await isSent(transport, chunks);
    }
    if (this.referee) this.#watch(this.referee, request, connection);
    const handler = HANDLERS.get(api.key)!;
    const call: Call<Api> = { host: this, version, clientId, body: request.body as Call<Api>["body"] };
    const write = async (...chunks: readonly Uint8Array[]) => void await isSent(transport, chunks);
    const bent = await this.#controls.answer(api, call, handler.handle, { correlationId, write });
    if (bent === "close" || !this.running) return false;
    const ms = this.#waitFor(api, clientId, frame.length, bent);
    const answer = ms > 0 ? await this.#throttle(api, bent, ms, connection) : bent;
    if (!this.running) return false;
    if (answer === "drop") return true;
    manners.answered(api, version, answer);
    return await isSent(transport, encodeResponse(api, version, correlationId, answer));
  }

  /** What a strict broker holds against this request, and those that stand in line behind it. */
  #watch(referee: Referee, { api, body }: DecodedRequest, { manners, line }: Connection): void {
    this.#report(manners.excess(api));
    if (api.key !== produce.key) return;
    const { picture } = this.replicas;
    const topicOf: TopicOf = ({ name, topicId }) => picture.byId.get(topicId) ?? picture.topics.get(name);
    const first = body as RequestOut<typeof produce>;
    const behind = line.flatMap((frame) => {
      try {
        const request = decodeRequest(frame);
        return request.api.key === produce.key ? [request.body as RequestOut<typeof produce>] : [];
      } catch (error) {
        if (error instanceof KafkaError) return [];
        throw error;
      }
    });
    referee.standing([first, ...behind], topicOf);
    referee.produced(first, topicOf);
  }

  /** Milliseconds that a client has to wait after this request. */
  #waitFor(api: Api, clientId: string | null, size: number, answer: Bent): number {
    const { id, release: { throttlesAtOnce } } = this;
    const quotas = this.#quotas;
    const now = this.world.now();
    const asked = quotas.charge(id, clientId, "requests", 1, now);
    if (api.key === produce.key) return Math.max(asked, quotas.charge(id, clientId, "produceBytes", size, now));
    if (api.key !== fetch.key || answer === "drop") return asked;
    const bytes = recordBytes(answer as ResponseIn<typeof fetch>);
    if (!throttlesAtOnce) return Math.max(asked, quotas.charge(id, clientId, "fetchBytes", bytes, now));
    return asked > 0 ? asked : quotas.grant(id, clientId, "fetchBytes", bytes, now);
  }

  /**
   * The answer with the time in it that the client has to wait. Since 2.0 it goes out at once, and the connection is not heard for
   * that long; a fetch gets nothing then. Before, the answer waits (KIP-219).
   */
  async #throttle(api: Api, answer: Bent, ms: number, connection: Connection): Promise<Bent> {
    const until = this.world.now() + ms;
    const { throttlesAtOnce } = this.release;
    if (throttlesAtOnce) connection.silentUntil = until;
    else await this.#pause(until);
    if (answer === "drop" || !("throttleTimeMs" in api.response)) return answer;
    const isEmptied = throttlesAtOnce && api.key === fetch.key;
    return { ...answer, throttleTimeMs: ms, ...(isEmptied && { responses: [] }) };
  }

  #report(detail: string | undefined): void {
    if (detail !== undefined) this.referee?.report(detail, { broker: String(this.id) });
  }

  /** The request; version -1 for an ApiVersions of an unknown version; or whether the connection goes on without an answer. */
  #read(frame: Uint8Array): DecodedRequest | boolean {
    const { release } = this;
    try {
      const { apiKey, version, correlationId, clientId } = decodeRequestHead(frame);
      const range = release.served.get(apiKey);
      if (range && version >= range[0] && version <= range[1]) return decodeRequest(frame, this.referee === undefined);
      // A release without ApiVersions is found out by how it fails.
      if (release.listed.has(apiVersions.key) && apiKey !== apiVersions.key) {
        this.#report(`Broker ${this.id} was asked for version ${version} of API ${apiKey}, which it does not list`);
      }
      if (range && apiKey === apiVersions.key) {
        return { api: apiVersions, version: -1, correlationId, clientId, body: undefined };
      }
      return release.unreadable === "silence" && (range !== undefined || apiKey > LAST_KEY_OF_09);
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
      this.#report(`Broker ${this.id} cannot read a request: ${error.message}`);
      return false;
    }
  }
}

/** Bytes of the records in an answer. */
function recordBytes({ responses }: ResponseIn<typeof fetch>): number {
  let bytes = 0;
  for (const { partitions } of responses) for (const { records } of partitions) bytes += records?.length ?? 0;
  return bytes;
}

async function isSent(transport: Transport, chunks: readonly Uint8Array[]): Promise<boolean> {
  try {
    await transport.write(chunks);
    return true;
  } catch (error) {
    if (error instanceof KafkaError) return false;
    throw error;
  }
}

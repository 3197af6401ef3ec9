/** One embedded broker: it listens, reads requests, has them answered in their order, and writes the answers. */

import { Gate } from "../base/async.ts";
import { KafkaError } from "../base/errors.ts";
import type { Timer, World } from "../base/world.ts";
import { apiVersions } from "../protocol/api_versions.ts";
import { type DecodedRequest, decodeRequest, decodeRequestHead, encodeResponse } from "../protocol/message.ts";
import type { Codecs } from "../records/compression.ts";
import type { Address, Listen, Listener, Transport } from "../transport/transport.ts";
import { Frames } from "../wire/frames.ts";
import type { Api } from "../wire/schema.ts";
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
import type { Call, Handler, Host } from "./call.ts";
import type { Controller } from "./controller.ts";
import type { Controls } from "./controls.ts";
import { Manners } from "./manners.ts";
import { ProducerIds } from "./producer_ids.ts";
import type { Release } from "./releases.ts";

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
  ].map((handler) => [handler.api.key, handler]),
);

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
  /** What is bent. */
  readonly controls: Controls;
  /** The codecs that it has. */
  readonly codecs: Codecs;
  /** Milliseconds after which it closes a connection on which nothing is asked. */
  readonly connectionsMaxIdleMs: number;
  /** Whether it holds clients to what other brokers only hope for. */
  readonly strict: boolean;
  /** The epoch that producer ids begin with. */
  readonly producerEpochs: number;
}

/** A broker, from its start to its end; one that starts again is a new one. */
export class Broker implements Host {
  readonly id: number;
  readonly world: World;
  readonly release: Release;
  readonly controller: Controller;
  readonly codecs: Codecs;
  readonly producerIds: ProducerIds;
  readonly #listen: Listen;
  readonly #controls: Controls;
  readonly #idleMs: number;
  readonly #isStrict: boolean;
  readonly #gate: Gate;
  readonly #transports = new Set<Transport>();
  readonly #tasks = new Set<Promise<void>>();
  #listener: Listener | undefined;
  #waiting = 0;
  #wake: Timer | undefined;
  #failure: { readonly error: unknown } | undefined;

  constructor(parts: BrokerParts) {
    const { id, world, release, listen, controller, controls, codecs, connectionsMaxIdleMs, strict } = parts;
    this.id = id;
    this.world = world;
    this.release = release;
    this.controller = controller;
    this.codecs = codecs;
    this.producerIds = new ProducerIds(controller.producerIds, parts.producerEpochs);
    this.#listen = listen;
    this.#controls = controls;
    this.#idleMs = connectionsMaxIdleMs;
    this.#isStrict = strict;
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
    this.controller.listen(this.id, (from) => this.#onNews(from));
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
    this.#wake?.cancel();
    this.#wake = undefined;
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

  /** What another broker does is heard of as an event of this one's own: a frozen one hears of it when it thaws. */
  #onNews(from: number | undefined): void {
    if (this.#waiting === 0) return;
    if (from === this.id) return this.#gate.open();
    this.#wake ??= this.world.timer(0, () => {
      this.#wake = undefined;
      this.#gate.open();
    });
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
      const manners = new Manners(this.world, this.id);
      for (;;) {
        let frame = frames.take();
        if (!frame) {
          frame = await this.#waitForFrame(frames, transport);
          const error = this.#isStrict && frame && manners.fault();
          if (error) this.#failure ??= { error };
        }
        if (!frame || !this.running || !await this.#answer(frame, transport, manners)) return;
      }
    } finally {
      this.#transports.delete(transport);
      transport.close();
    }
  }

  async #waitForFrame(frames: Frames, transport: Transport): Promise<Uint8Array | undefined> {
    if (this.#idleMs === Infinity) return await nextFrame(frames);
    const idle = this.world.timer(this.#idleMs, () => transport.close());
    try {
      return await nextFrame(frames);
    } finally {
      idle.cancel();
    }
  }

  /** Whether the connection goes on. */
  async #answer(frame: Uint8Array, transport: Transport, manners: Manners): Promise<boolean> {
    const request = this.#read(frame);
    if (typeof request === "boolean") return request;
    const { api, version, correlationId, clientId } = request;
    if (version < 0) {
      const chunks = encodeResponse(apiVersions, 0, correlationId, unsupportedApiVersions(this.release));
      return await isSent(transport, chunks);
    }
    const handler = HANDLERS.get(api.key)!;
    const call: Call<Api> = { host: this, version, clientId, body: request.body as Call<Api>["body"] };
    const write = async (...chunks: readonly Uint8Array[]) => void await isSent(transport, chunks);
    const answer = await this.#controls.answer(api, call, handler.handle, { correlationId, write });
    if (answer === "close" || !this.running) return false;
    if (answer === "drop") return true;
    manners.answered(api, version, answer);
    return await isSent(transport, encodeResponse(api, version, correlationId, answer));
  }

  /** The request; version -1 for an ApiVersions of an unknown version; or whether the connection goes on without an answer. */
  #read(frame: Uint8Array): DecodedRequest | boolean {
    const { release } = this;
    try {
      const { apiKey, version, correlationId, clientId } = decodeRequestHead(frame);
      const range = release.served.get(apiKey);
      if (range && version >= range[0] && version <= range[1]) return decodeRequest(frame);
      if (range && apiKey === apiVersions.key) {
        return { api: apiVersions, version: -1, correlationId, clientId, body: undefined };
      }
      return release.unreadable === "silence" && (range !== undefined || apiKey > LAST_KEY_OF_09);
    } catch (error) {
      if (error instanceof KafkaError) return false;
      throw error;
    }
  }
}

/** The next frame; undefined when the peer has gone, or sends what is no frame. */
async function nextFrame(frames: Frames): Promise<Uint8Array | undefined> {
  try {
    for (;;) {
      const frame = frames.take();
      if (frame) return frame;
      if (!await frames.more()) return undefined;
    }
  } catch (error) {
    if (error instanceof KafkaError) return undefined;
    throw error;
  }
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

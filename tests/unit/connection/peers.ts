/** Peers that play a script over a network in memory: brokers of every age, and what is no broker at all. */

import { assert } from "chai";
import { KafkaError } from "../../../src/base/errors.ts";
import { Telemetry } from "../../../src/base/telemetry.ts";
import type { World } from "../../../src/base/world.ts";
import { Connection } from "../../../src/connection/connection.ts";
import { type ConnectionSettings, Opener } from "../../../src/connection/open.ts";
import { BrokerVersions, type VersionRange } from "../../../src/connection/versions.ts";
import { apiVersions } from "../../../src/protocol/api_versions.ts";
import type { RequestHeadOut } from "../../../src/protocol/header.ts";
import { decodeRequest } from "../../../src/protocol/decode_request.ts";
import { decodeRequestHead, encodeResponse } from "../../../src/protocol/message.ts";
import { type MemoryNetwork, memoryNetwork } from "../../../src/transport/memory.ts";
import type { Address, Listener, Transport } from "../../../src/transport/transport.ts";
import { Frames } from "../../../src/wire/frames.ts";
import type { Api, ResponseIn } from "../../../src/wire/schema.ts";

/** Where the peer listens in most tests. */
export const ADDRESS: Address = { host: "peer", port: 9092 };
/** The same as errors name it. */
export const LABEL = "peer:9092";

/** A request that a peer has read. */
export interface Asked extends RequestHeadOut {
  /** The whole of it. */
  readonly frame: Uint8Array;
}

/** One accepted connection. */
export class Peer {
  readonly transport: Transport;
  readonly #frames: Frames;

  constructor(transport: Transport) {
    this.transport = transport;
    this.#frames = new Frames(transport, 1_000_000);
  }

  /** The next request; undefined when the client has gone. */
  async next(): Promise<Asked | undefined> {
    for (;;) {
      const frame = this.#frames.take();
      if (frame) return { ...decodeRequestHead(frame), frame: frame.slice() };
      if (!await this.#frames.more().catch(() => false)) return undefined;
    }
  }

  /** The next request, which has to be there and to be of this API. */
  async expect(api: Api, version?: number): Promise<Asked> {
    const asked = await this.next();
    assert.equal(asked?.apiKey, api.key, api.name);
    if (version !== undefined) assert.equal(asked!.version, version, `${api.name}'s version`);
    decodeRequest(asked!.frame);
    return asked!;
  }

  /** Answers a request. */
  answer<A extends Api>(api: A, asked: RequestHeadOut, body: ResponseIn<A>, version = asked.version): Promise<void> {
    return this.write(...encodeResponse(api, version, asked.correlationId, body));
  }

  /** Answers ApiVersions with these ranges. */
  greet(asked: RequestHeadOut, ranges: Ranges = MODERN): Promise<void> {
    return this.answer(apiVersions, asked, { errorCode: 0, apiKeys: listing(ranges) });
  }

  /** Writes bytes as they are; a client that has gone does not matter. */
  write(...chunks: readonly Uint8Array[]): Promise<void> {
    return this.transport.write(chunks).catch((error) => {
      if (!(error instanceof KafkaError)) throw error;
    });
  }

  /** Reads on, without a word, until the client goes. */
  async ignore(): Promise<void> {
    while (await this.next());
  }
}

/** Lowest and highest versions by API key. */
export type Ranges = Readonly<Record<number, VersionRange>>;

/** What a broker of these days speaks, of the APIs that are here. */
export const MODERN: Ranges = {
  0: [0, 13],
  1: [4, 18],
  2: [1, 11],
  3: [0, 13],
  16: [0, 5],
  18: [0, 5],
  19: [2, 7],
  20: [1, 6],
};

/** Ranges as ApiVersions lists them. */
export function listing(ranges: Ranges): { apiKey: number; minVersion: number; maxVersion: number }[] {
  return Object.entries(ranges).map(([key, [minVersion, maxVersion]]) => ({
    apiKey: Number(key),
    minVersion,
    maxVersion,
  }));
}

/** What a peer does with its nth connection, from 0 on; when it ends, the connection is closed. */
export type Script = (peer: Peer, nth: number) => Promise<void>;

/** A place where peers play scripts. */
export class Stage {
  readonly world: World;
  readonly network: MemoryNetwork;
  /** How many connections each address has seen. */
  readonly dials: Map<string, number> = new Map();
  /** How many writes the connection of {@linkcode connected} has made. */
  writes = 0;
  readonly #listeners: Listener[] = [];
  readonly #tasks: Promise<void>[] = [];
  readonly #failures: unknown[] = [];

  constructor(world: World) {
    this.world = world;
    this.network = memoryNetwork(world);
  }

  /** Lets a peer listen. */
  async play(script: Script, address: Address = ADDRESS): Promise<Listener> {
    const listener = await this.network.listen(address);
    const name = `${address.host}:${address.port}`;
    this.#listeners.push(listener);
    this.#run(async () => {
      for await (const transport of listener) {
        const nth = this.dials.get(name) ?? 0;
        this.dials.set(name, nth + 1);
        this.#run(async () => {
          try {
            await script(new Peer(transport), nth);
          } finally {
            transport.close();
          }
        });
      }
    });
    return listener;
  }

  /** Settings for a client on this stage. */
  settings(more: Partial<ConnectionSettings> = {}): ConnectionSettings {
    const { world, network: { dial } } = this;
    return {
      world,
      telemetry: new Telemetry(world),
      dial,
      clientId: "tester",
      tls: undefined,
      connectTimeoutMs: 10_000,
      frameBytesMax: 1 << 30,
      ...more,
    };
  }

  /** Ends the play; what a script threw is thrown. */
  async end(): Promise<void> {
    for (const listener of this.#listeners) listener.close();
    for (let i = 0; i < this.#tasks.length; i++) await this.#tasks[i];
    if (this.#failures.length > 0) throw this.#failures[0];
  }

  #run(body: () => Promise<void>): void {
    this.#tasks.push(this.world.task("a peer", () => body().catch((error) => void this.#failures.push(error))));
  }
}

/** Plays a script and gives an opener to meet it with; everything has to be closed at the end. */
export async function meeting(
  world: World,
  script: Script,
  body: (opener: Opener, stage: Stage) => Promise<void>,
  more: Partial<ConnectionSettings> = {},
): Promise<void> {
  const stage = new Stage(world);
  await stage.play(script);
  await body(new Opener(stage.settings(more)), stage);
  await stage.end();
}

/** A connection to a script, without a greeting. */
export async function connected(
  world: World,
  script: Script,
  body: (connection: Connection, stage: Stage) => Promise<void>,
  more: { readonly ranges?: Ranges; readonly firstCorrelationId?: number; readonly lateAnswer?: number } = {},
): Promise<void> {
  const stage = new Stage(world);
  await stage.play(script);
  const line = await stage.network.dial(ADDRESS);
  const transport: Transport = {
    read: (into, atLeast) => line.read(into, atLeast),
    write: (chunks) => {
      stage.writes++;
      return line.write(chunks);
    },
    close: () => line.close(),
  };
  const ranges = new Map(Object.entries(more.ranges ?? MODERN).map(([key, range]) => [Number(key), range]));
  const connection = new Connection({
    world,
    telemetry: new Telemetry(world),
    startedAt: world.now(),
    transport,
    frames: new Frames(transport, 1_000_000),
    versions: new BrokerVersions(ranges, "ApiVersions"),
    clientId: "tester",
    label: LABEL,
    firstCorrelationId: more.firstCorrelationId ?? 0,
    lateAnswer: more.lateAnswer,
  });
  await body(connection, stage);
  await connection.close();
  await stage.end();
}

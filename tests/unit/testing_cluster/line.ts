/** One raw connection to an embedded broker: requests go out as they are, and what comes back is decoded. */

import { type RecordInput, recordsBuilder } from "../../../src/records/builder.ts";
import type { Codecs, Compression } from "../../../src/records/compression.ts";
import { snappy } from "../../../src/records/snappy.ts";
import { correlationIdOf, decodeResponse, encodeRequest } from "../../../src/protocol/message.ts";
import type { Cluster } from "../../../src/testing/cluster.ts";
import type { Dial, Transport } from "../../../src/transport/transport.ts";
import { Frames } from "../../../src/wire/frames.ts";
import type { Api, Request, Response } from "../../../src/wire/schema.ts";

/** A connection and what is under way on it. */
export class Line {
  /** The connection itself, for bytes that no request has. */
  readonly transport: Transport;
  readonly #frames: Frames;
  #nextId = 1;

  constructor(transport: Transport) {
    this.transport = transport;
    this.#frames = new Frames(transport, 100_000_000);
  }

  /** Connects to a broker. */
  static async to(cluster: Cluster, id = 1, dial: Dial = cluster.dial): Promise<Line> {
    const { host, port } = cluster.brokers.find((broker) => broker.id === id)!;
    return new Line(await dial({ host, port }));
  }

  /** Sends a request and gives its correlation id. */
  async send<A extends Api>(api: A, version: number, body: Request<A>): Promise<number> {
    const correlationId = this.#nextId++;
    await this.transport.write(encodeRequest(api, version, { correlationId, clientId: "line" }, body));
    return correlationId;
  }

  /** The next frame that comes; undefined when the broker hangs up. */
  async frame(): Promise<Uint8Array | undefined> {
    for (;;) {
      const frame = this.#frames.take();
      if (frame) return frame;
      if (!await this.#frames.more()) return undefined;
    }
  }

  /** Sends a request and gives its answer, or "closed". */
  async tryAsk<A extends Api>(api: A, version: number, body: Request<A>): Promise<Response<A> | "closed"> {
    const id = await this.send(api, version, body);
    const frame = await this.frame();
    if (!frame) return "closed";
    if (correlationIdOf(frame) !== id) throw new Error(`answer ${correlationIdOf(frame)} came instead of ${id}`);
    return decodeResponse(api, version, frame);
  }

  /** Sends a request and gives its answer. */
  async ask<A extends Api>(api: A, version: number, body: Request<A>): Promise<Response<A>> {
    const answer = await this.tryAsk(api, version, body);
    if (answer === "closed") throw new Error("the broker hung up");
    return answer;
  }

  close(): void {
    this.transport.close();
  }
}

/** Runs `body` on a cluster's first broker, and closes both. */
export async function onLine(cluster: Cluster, body: (line: Line) => Promise<void>): Promise<void> {
  const line = await Line.to(cluster);
  try {
    await body(line);
  } finally {
    line.close();
    await cluster.close();
  }
}

/** A record with defaults. */
export function record(value: string | null, more: Partial<RecordInput> = {}): RecordInput {
  return { key: null, value, headers: [], timestamp: 1_700_000_000_000, ...more };
}

/** Records in a format, one batch or message set. */
export async function batch(
  magic: 0 | 1 | 2,
  records: readonly RecordInput[],
  compression: Compression = "none",
  codecs: Codecs = { snappy },
): Promise<Uint8Array> {
  const builder = recordsBuilder(magic);
  for (const record of records) builder.append(record);
  return (await builder.build({ compression, codecs })).slice();
}

/** The same bytes with some of them changed. */
export function changed(bytes: Uint8Array, at: number, ...values: number[]): Uint8Array {
  const copy = bytes.slice();
  copy.set(values, at);
  return copy;
}

/** Several arrays as one. */
export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** One connection to one broker: requests out, answers in, in order; pipelined, each with its deadline. */

import { abortable, withDeadline } from "../base/async.ts";
import { onAbort } from "../base/async.ts";
import { KafkaError } from "../base/errors.ts";
import type { Deferred, Timer, World } from "../base/world.ts";
import { correlationIdOf, decodeResponse, encodeRequest } from "../protocol/message.ts";
import type { Frames } from "../wire/frames.ts";
import type { Api, Field, Request, Response, Struct } from "../wire/schema.ts";
import type { Transport } from "../transport/transport.ts";
import { type InFlight, Pipeline } from "./pipeline.ts";
import type { BrokerVersions } from "./versions.ts";

/** One request's own settings. */
export interface RequestOptions {
  /** Milliseconds to wait for the answer; then `REQUEST_TIMEOUT`. */
  readonly timeoutMs: number;
  /** Ends the wait with the signal's reason; the answer, when it comes, is swallowed. */
  readonly signal?: AbortSignal | undefined;
  /** The highest version to use, where something other than the broker's knowledge limits it. */
  readonly versionMax?: number | undefined;
}

/** A request's body, or what makes it once the version is known. */
export type Body<A extends Api> = Request<A> | ((version: number) => Request<A>);

/** What a connection is made of; see `openConnection`. */
export interface ConnectionParts {
  readonly world: World;
  readonly transport: Transport;
  readonly frames: Frames;
  readonly versions: BrokerVersions;
  readonly clientId: string;
  /** `host:port`, for errors. */
  readonly label: string;
  readonly firstCorrelationId: number;
  /** An answer that is still under way from the negotiation, to be swallowed. */
  readonly lateAnswer?: number | undefined;
}

/** A connection that is ready for requests. */
export class Connection {
  /** What the broker at the other end speaks. */
  readonly versions: BrokerVersions;
  /** `host:port` of the broker. */
  readonly label: string;
  readonly #world: World;
  readonly #transport: Transport;
  readonly #frames: Frames;
  readonly #clientId: string;
  readonly #pipeline: Pipeline;
  readonly #reading: Promise<void>;
  /** When something last came, on the world's clock. */
  #heardAt: number;
  #timer: Timer | undefined;
  #timerAt = Infinity;
  #outgoing: Uint8Array[] = [];
  #writing = false;
  /** Who sent something that is not answered waits here until what is outgoing now has been written. */
  #written: Deferred<void> | undefined;
  #error: KafkaError | undefined;
  #onClosed: (() => void) | undefined;

  /** Starts to read. */
  constructor(parts: ConnectionParts) {
    this.versions = parts.versions;
    this.label = parts.label;
    this.#world = parts.world;
    this.#transport = parts.transport;
    this.#frames = parts.frames;
    this.#clientId = parts.clientId;
    this.#pipeline = new Pipeline(parts.firstCorrelationId);
    this.#heardAt = parts.world.now();
    if (parts.lateAnswer !== undefined) this.#expectLate(parts.lateAnswer);
    this.#reading = this.#world.task(`connection to ${this.label}`, () => this.#read());
  }

  /** Why it is of no use any more; undefined while it is. */
  get error(): KafkaError | undefined {
    return this.#error;
  }

  /** Requests whose answers are outstanding. */
  get inFlight(): number {
    return this.#pipeline.size;
  }

  /** The version to use for a request, or `UNSUPPORTED_FEATURE` with both ranges and the broker. */
  pick(api: Api, versionMax?: number): number {
    try {
      return this.versions.pick(api, versionMax);
    } catch (error) {
      throw this.#wrap(error);
    }
  }

  /** Called once, when the connection is of no use any more. */
  set onClosed(tell: () => void) {
    this.#onClosed = tell;
    if (this.#error) tell();
  }

  /**
   * Sends a request and gives its answer. Rejects with `UNSUPPORTED_FEATURE`, `REQUEST_TIMEOUT`, `CONNECTION_RESET`,
   * `CONNECTION_CLOSED`, `PROTOCOL_ERROR`, or the signal's reason.
   */
  request<A extends Api>(api: A, body: Body<A>, options: RequestOptions): Promise<Response<A>> {
    const { signal } = options;
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.#error) return Promise.reject(this.#error);
    try {
      const { version, correlationId, chunks } = this.#encode(api, body, options);
      const wait = this.#world.deferred<Response<A>>(`answer to ${api.name} from ${this.label}`);
      const keep = carriesBytes(api.response);
      const now = this.#world.now();
      const request: InFlight = {
        correlationId,
        what: `${api.name} v${version}`,
        sentAt: now,
        timeoutMs: options.timeoutMs,
        deadline: now + options.timeoutMs,
        orphaned: false,
        answered: (frame) => wait.resolve(decodeResponse(api, version, keep ? owned(frame) : frame)),
        failed: wait.reject,
      };
      this.#pipeline.sent(request);
      this.#send(chunks);
      this.#setTimer(request.deadline);
      if (signal) {
        // The place in the pipeline stays, so that the late answer is not taken for another's.
        onAbort(signal, wait.promise, () => {
          request.orphaned = true;
          request.failed(signal.reason);
        });
      }
      return wait.promise;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Sends a request that a broker does not answer (Produce with acks 0); resolves when it is written. A peer that takes nothing
   * for `timeoutMs` is gone: that is the connection's end, since no answer that fails to come could tell.
   */
  send<A extends Api>(api: A, body: Body<A>, options: RequestOptions): Promise<void> {
    const { timeoutMs, signal } = options;
    const expired = () => {
      const detail = `${this.label} did not take ${api.name} within ${timeoutMs} ms`;
      const error = new KafkaError("REQUEST_TIMEOUT", detail, { broker: this.label });
      this.#fail(error);
      return error;
    };
    return withDeadline(this.#world, timeoutMs, signal, expired, ({ signal }) => {
      if (this.#error) throw this.#error;
      const { chunks } = this.#encode(api, body, options);
      const name = `${api.name} to be written to ${this.label}`;
      const { promise } = this.#written ??= this.#world.deferred<void>(name);
      this.#send(chunks);
      return abortable(this.#world, name, promise, signal);
    });
  }

  /** Closes it: what is in flight fails with `error`, or `CONNECTION_CLOSED`. Resolves when nothing of it is left. */
  close(error?: KafkaError): Promise<void> {
    this.#fail(
      error ??
        new KafkaError("CONNECTION_CLOSED", `The connection to ${this.label} was closed`, { broker: this.label }),
    );
    return this.#reading;
  }

  #encode<A extends Api>(api: A, body: Body<A>, options: RequestOptions) {
    try {
      const version = this.versions.pick(api, options.versionMax);
      const correlationId = this.#pipeline.nextId();
      const value = typeof body === "function" ? body(version) : body;
      const chunks = encodeRequest(api, version, { correlationId, clientId: this.#clientId }, value);
      return { version, correlationId, chunks };
    } catch (error) {
      throw error instanceof KafkaError ? error.within({ broker: this.label }) : error;
    }
  }

  #expectLate(correlationId: number): void {
    const none = () => {};
    this.#pipeline.sent({
      correlationId,
      what: "a late answer",
      sentAt: this.#world.now(),
      timeoutMs: 0,
      deadline: Infinity,
      orphaned: true,
      answered: none,
      failed: none,
    });
  }

  /** Everything that is asked for while a write is under way goes out in the next one: small writes are the dearest thing here. */
  #send(chunks: readonly Uint8Array[]): void {
    for (const chunk of chunks) this.#outgoing.push(chunk);
    if (!this.#writing) this.#flush();
  }

  #flush(): void {
    const chunks = this.#outgoing;
    const written = this.#written;
    this.#outgoing = [];
    this.#written = undefined;
    this.#writing = true;
    this.#transport.write(chunks).then(() => {
      this.#writing = false;
      written?.resolve();
      if (!this.#error && this.#outgoing.length > 0) this.#flush();
    }, (error) => {
      this.#fail(this.#wrap(error));
      written?.reject(this.#error);
    });
  }

  async #read(): Promise<void> {
    try {
      do {
        this.#heardAt = this.#world.now();
        for (let frame = this.#frames.take(); frame; frame = this.#frames.take()) this.#take(frame);
      } while (await this.#frames.more());
      this.#fail(new KafkaError("CONNECTION_CLOSED", `${this.label} closed the connection`, { broker: this.label }));
    } catch (error) {
      this.#fail(this.#wrap(error));
    }
  }

  #take(frame: Uint8Array): void {
    const request = this.#pipeline.answer(correlationIdOf(frame));
    if (request.orphaned) return;
    try {
      request.answered(frame);
    } catch (cause) {
      const error = this.#wrap(cause);
      request.failed(error);
      throw error; // an answer that cannot be read leaves nothing to trust on this connection
    }
  }

  #wrap(error: unknown): KafkaError {
    if (error instanceof KafkaError) return error.broker === undefined ? error.within({ broker: this.label }) : error;
    const detail = `${this.label}: ${error instanceof Error ? error.message : String(error)}`;
    return new KafkaError("PROTOCOL_ERROR", detail, { broker: this.label, cause: error });
  }

  /** All who wait learn of one cause, once. */
  #fail(error: KafkaError): void {
    if (this.#error) return;
    this.#error = error;
    this.#timer?.cancel();
    this.#transport.close();
    this.#outgoing = [];
    for (const request of this.#pipeline.drain()) request.failed(error);
    this.#written?.reject(error);
    this.#onClosed?.();
  }

  /** One timer for all that is in flight. It is not moved when an answer comes, which would cost more than one that finds nothing. */
  #setTimer(at: number): void {
    if (at >= this.#timerAt) return;
    this.#timer?.cancel();
    this.#timerAt = at;
    this.#timer = this.#world.timer(Math.max(0, at - this.#world.now()), () => this.#expire());
  }

  #expire(): void {
    this.#timerAt = Infinity;
    const now = this.#world.now();
    for (const { what, timeoutMs, failed } of this.#pipeline.expire(now)) {
      const detail = `${this.label} did not answer ${what} within ${timeoutMs} ms`;
      failed(new KafkaError("REQUEST_TIMEOUT", detail, { broker: this.label }));
    }
    const patience = this.#pipeline.patience(this.#heardAt);
    if (now >= patience) {
      this.#fail(new KafkaError("CONNECTION_CLOSED", `${this.label} has fallen silent`, { broker: this.label }));
    } else this.#setTimer(Math.min(patience, this.#pipeline.nextDeadline()));
  }
}

const carrying = new WeakMap<Struct, boolean>();

/** Whether an answer holds views of its frame, which has to outlive the next read then. */
function carriesBytes(struct: Struct): boolean {
  let known = carrying.get(struct);
  if (known === undefined) carrying.set(struct, known = Object.values(struct).some(isOfBytes));
  return known;
}

function isOfBytes(field: Field): boolean {
  if (typeof field === "string") return field === "bytes" || field === "records";
  if (Array.isArray(field)) return isOfBytes(field[0]);
  if ("is" in field) return isOfBytes((field as { is: Field }).is);
  return carriesBytes(field as Struct);
}

/** A frame that is a view of the reader's staging is copied; a large one has an array of its own already. */
function owned(frame: Uint8Array): Uint8Array {
  return frame.byteLength === frame.buffer.byteLength ? frame : frame.slice();
}

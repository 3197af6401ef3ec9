/** One connection to one broker: requests out, answers in, in order; pipelined, each with its deadline. */

import { abortable, withDeadline } from "../base/async.ts";
import { KafkaError } from "../base/errors.ts";
import type { ReportedRequest, Telemetry } from "../base/telemetry.ts";
import type { Deferred, Timer, World } from "../base/world.ts";
import { correlationIdOf, decodeResponse, encodeRequest } from "../protocol/message.ts";
import type { Frames } from "../wire/frames.ts";
import type { Api, Request, Response } from "../wire/schema.ts";
import type { Transport } from "../transport/transport.ts";
import { markHarmless } from "./again.ts";
import { carriesBytes, owned } from "./keeping.ts";
import { type InFlight, Pipeline } from "./pipeline.ts";
import { Quiet } from "./quiet.ts";
import { Renewal, type RenewalParts } from "./sasl/renewal.ts";
import type { BrokerVersions } from "./versions.ts";

/** One request's own settings. */
export interface RequestOptions {
  /** Milliseconds to wait for the answer, from when it is sent; then `REQUEST_TIMEOUT`. */
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
  readonly telemetry: Telemetry;
  readonly transport: Transport;
  readonly frames: Frames;
  readonly versions: BrokerVersions;
  readonly clientId: string;
  /** `host:port`, for errors. */
  readonly label: string;
  readonly firstCorrelationId: number;
  /** When it was dialled, on the world's clock. */
  readonly startedAt: number;
  /** An answer that is still under way from the negotiation, to be swallowed. */
  readonly lateAnswer?: number | undefined;
  /** Milliseconds for which the broker wants to hear nothing, said in the negotiation. */
  readonly throttleMs?: number | undefined;
  /** How it was authenticated, where that is good for some time only. */
  readonly secured?: Omit<RenewalParts, "telemetry"> | undefined;
}

/** A connection on which nothing was heard for so long has lain idle: if it ends then, the broker was tired of it. */
export const RESTED_MS = 1000;

/** A connection that is ready for requests. */
export class Connection {
  /** What the broker at the other end speaks. */
  readonly versions: BrokerVersions;
  /** `host:port` of the broker. */
  readonly label: string;
  readonly #world: World;
  readonly #telemetry: Telemetry;
  readonly #openedAt: number;
  readonly #transport: Transport;
  readonly #frames: Frames;
  readonly #clientId: string;
  readonly #pipeline: Pipeline;
  readonly #quiet: Quiet;
  readonly #renewal: Renewal | undefined;
  readonly #reading: Promise<void>;
  /** When something last came, on the world's clock. */
  #heardAt: number;
  /** When something was last sent. */
  #sentAt: number;
  #timer: Timer | undefined;
  #timerAt = Infinity;
  #outgoing: Uint8Array[] = [];
  #writing = false;
  /** How many writes there were, with the one under way; and how many of them are done. */
  #writes = 0;
  #writesDone = 0;
  /** Answers that came before the write of their requests was done: whoever asked may use its bytes again only after both. */
  #early: (() => void)[] = [];
  /** Who sent something that is not answered waits here until what is outgoing now has been written. */
  #written: Deferred<void> | undefined;
  /** Who waits until nothing is in flight. */
  #answered: Deferred<void> | undefined;
  /** Nobody begins anything here any more: it ends when all has been answered. */
  #isDraining = false;
  #error: KafkaError | undefined;
  #endedAtRest = false;
  #onClosed: (() => void) | undefined;

  /** Starts to read. */
  constructor(parts: ConnectionParts) {
    this.versions = parts.versions;
    this.label = parts.label;
    this.#world = parts.world;
    this.#telemetry = parts.telemetry;
    this.#openedAt = parts.world.now();
    this.#transport = parts.transport;
    this.#frames = parts.frames;
    this.#clientId = parts.clientId;
    this.#pipeline = new Pipeline(parts.firstCorrelationId);
    this.#heardAt = this.#sentAt = parts.world.now();
    this.#quiet = new Quiet(parts.world);
    if (parts.throttleMs) this.#quiet.keep(parts.throttleMs);
    if (parts.lateAnswer !== undefined) this.#expectLate(parts.lateAnswer);
    this.#renewal = parts.secured && this.#renewalOf(parts.secured);
    this.#telemetry.connected(this.label, parts.startedAt, parts.versions.source);
    this.#reading = this.#world.task(`connection to ${this.label}`, () => this.#read());
  }

  /** Why it is of no use any more; undefined while it is. */
  get error(): KafkaError | undefined {
    return this.#error;
  }

  /** Requests whose answers are outstanding, those too that wait because the broker wants to hear nothing now. */
  get inFlight(): number {
    return this.#pipeline.size + this.#quiet.waiting;
  }

  /** Whether the broker wants to hear nothing now (KIP-219). */
  get isQuiet(): boolean {
    return this.#quiet.isWanted;
  }

  /** Since when nothing has been asked, answered or written here, on the world's clock; undefined while something is under way. */
  get idleSince(): number | undefined {
    if (this.inFlight > 0 || this.#writing) return undefined;
    return Math.max(this.#heardAt, this.#sentAt);
  }

  /** Whether it ended while nothing was in flight: so nobody has heard of it by an error. */
  get endedAtRest(): boolean {
    return this.#endedAtRest;
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
   * `CONNECTION_CLOSED`, `PROTOCOL_ERROR`, or the signal's reason. While the broker wants to hear nothing it waits, in its turn;
   * its time counts from when it is sent. When it resolves, the bytes in the body may be used again: the answer may well come before
   * the write of them is done, where one write carries several requests.
   */
  request<A extends Api>(api: A, body: Body<A>, options: RequestOptions): Promise<Response<A>> {
    this.#renewal?.look();
    return this.#request(api, body, options, this.#quiet.isOn);
  }

  #request<A extends Api>(api: A, body: Body<A>, options: RequestOptions, isParked: boolean): Promise<Response<A>> {
    const { signal, timeoutMs } = options;
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.#error) return Promise.reject(this.#error);
    const wait = this.#world.deferred<Response<A>>(`answer to ${api.name} from ${this.label}`);
    // Both ends take the listener off themselves: a promise's reaction for that would be the dearest thing about a request.
    const abort = signal && (() => {
      request.orphaned = true;
      if (report) this.#telemetry.requestEnded(this.label, report, 0, 0, signal.reason);
      wait.reject(signal.reason);
      if (this.#pipeline.isOverrun) this.#fail(this.#closed(`${this.label} owes too many answers`));
    });
    const over = () => signal?.removeEventListener("abort", abort!);
    let report: ReportedRequest | undefined; // once it is sent
    let write = 0; // which one carries it
    const request: InFlight = {
      ...{ correlationId: -1, what: api.name, sentAt: 0, timeoutMs, deadline: Infinity, orphaned: false },
      answered: nothing, // until it is sent
      failed: (error) => {
        over();
        if (report) this.#telemetry.requestEnded(this.label, report, 0, 0, error);
        wait.reject(error);
      },
    };
    const start = () => {
      const { version, correlationId, chunks } = this.#encode(api, body, options);
      const keep = carriesBytes(api.response);
      request.correlationId = correlationId;
      request.what = `${api.name} v${version}`;
      request.answered = (frame) => {
        const response = decodeResponse(api, version, keep ? owned(frame) : frame);
        over();
        this.#heed(api, version, response);
        this.#telemetry.requestEnded(this.label, report!, frame.length + FRAME_HEAD, throttleOf(response));
        if (write > this.#writesDone) this.#early.push(() => wait.resolve(response));
        else wait.resolve(response);
      };
      write = this.#writes + 1;
      this.#sent(request, chunks);
      const { sentAt } = request;
      report = { api: api.name, version, correlationId, requestBytes: sizeOf(chunks), sentAt };
      this.#telemetry.requestSent(this.label, report);
    };
    if (isParked) this.#quiet.park(request, start);
    else {
      try {
        start();
      } catch (error) {
        wait.reject(error);
        return wait.promise;
      }
    }
    // The place in the pipeline stays, so that the late answer is not taken for another's.
    signal?.addEventListener("abort", abort!, { once: true });
    return wait.promise;
  }

  /**
   * Sends a request that a broker does not answer (Produce with acks 0); resolves when it is written. A peer that takes nothing
   * for `timeoutMs` is gone: that is the connection's end, since no answer that fails to come could tell.
   */
  async send<A extends Api>(api: A, body: Body<A>, options: RequestOptions): Promise<void> {
    const { timeoutMs, signal } = options;
    this.#renewal?.look();
    while (this.#quiet.isOn) await this.#quiet.over(signal);
    const expired = () => {
      const detail = `${this.label} did not take ${api.name} within ${timeoutMs} ms`;
      const error = new KafkaError("REQUEST_TIMEOUT", detail, { broker: this.label });
      this.#fail(error);
      return error;
    };
    await withDeadline(this.#world, timeoutMs, signal, expired, ({ signal }) => {
      if (this.#error) throw this.#error;
      const { version, correlationId, chunks } = this.#encode(api, body, options);
      const sentAt = this.#world.now();
      const request = { api: api.name, version, correlationId, requestBytes: sizeOf(chunks), sentAt };
      const name = `${api.name} to be written to ${this.label}`;
      const { promise } = this.#written ??= this.#world.deferred<void>(name);
      this.#sentAt = this.#world.now();
      this.#send(chunks);
      this.#telemetry.requestSent(this.label, request);
      return this.#reported(request, abortable(this.#world, name, promise, signal));
    });
  }

  /** Reports the end of a request that has no answer. */
  async #reported(request: ReportedRequest, written: Promise<void>): Promise<void> {
    try {
      await written;
    } catch (error) {
      this.#telemetry.requestEnded(this.label, request, 0, 0, error);
      throw error;
    }
    this.#telemetry.requestEnded(this.label, request, 0, 0);
  }

  /** Closes it: what is in flight fails with `error`, or `CONNECTION_CLOSED`. Resolves when nothing of it is left. */
  close(error: KafkaError = this.#closed(`The connection to ${this.label} was closed`)): Promise<void> {
    this.#fail(error, true);
    return this.#ended();
  }

  /** Closes it as soon as nothing is in flight: who has asked already gets an answer. Resolves when nothing of it is left. */
  drain(): Promise<void> {
    this.#isDraining = true;
    this.#endIfDrained();
    return this.#ended();
  }

  async #ended(): Promise<void> {
    await this.#reading;
    await this.#renewal?.underway;
  }

  #renewalOf(parts: Omit<RenewalParts, "telemetry">): Renewal {
    const renewal = new Renewal({ ...parts, telemetry: this.#telemetry }, {
      hold: () => this.#quiet.hold(),
      rest: (signal) => this.#rest(signal),
      ask: (api, version, body, timeoutMs) => this.#request(api, body, { timeoutMs, versionMax: version }, false),
      failed: (error) => this.#fail(error),
    });
    this.#quiet.before = () => renewal.look();
    return renewal;
  }

  /** Resolves when nothing is in flight and the broker wants to hear something. */
  async #rest(signal: AbortSignal): Promise<void> {
    for (;;) {
      signal.throwIfAborted();
      if (this.#pipeline.size > 0) {
        const { promise } = this.#answered ??= this.#world.deferred<void>(`all answers of ${this.label}`);
        await abortable(this.#world, `all answers of ${this.label}`, promise, signal);
      } else if (this.#quiet.isWanted) await this.#quiet.wanted(signal);
      else return;
    }
  }

  #endIfDrained(): void {
    if (!this.#isDraining || this.idleSince === undefined) return;
    this.#fail(markHarmless(this.#closed(`The connection to ${this.label} is not needed any more`)), true);
  }

  #closed(detail: string): KafkaError {
    return new KafkaError("CONNECTION_CLOSED", detail, { broker: this.label });
  }

  #sent(request: InFlight, chunks: readonly Uint8Array[]): void {
    request.sentAt = this.#sentAt = this.#world.now();
    request.deadline = request.sentAt + request.timeoutMs;
    this.#pipeline.sent(request);
    this.#send(chunks);
    this.#setTimer(request.deadline);
  }

  /** A broker that has answered early wants silence for it (KIP-219); what is in flight goes on. */
  #heed(api: Api, version: number, response: { readonly throttleTimeMs?: unknown }): void {
    const { throttleTimeMs: ms } = response;
    if (api.clientThrottlesFrom === undefined || version < api.clientThrottlesFrom) return;
    if (typeof ms === "number" && ms > 0) this.#quiet.keep(ms);
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
    const sentAt = this.#world.now();
    const late = { what: "a late answer", timeoutMs: 0, deadline: Infinity, orphaned: true };
    this.#pipeline.sent({ ...late, correlationId, sentAt, answered: nothing, failed: nothing });
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
    this.#writes++;
    this.#transport.write(chunks).then(() => {
      this.#writing = false;
      this.#writesDone++;
      this.#tellEarly();
      written?.resolve();
      if (!this.#error && this.#outgoing.length > 0) this.#flush();
      else this.#endIfDrained();
    }, (error) => {
      this.#hungUp(error);
      written?.reject(this.#error);
    });
  }

  #tellEarly(): void {
    if (this.#early.length === 0) return;
    for (const tell of this.#early.splice(0)) tell();
  }

  async #read(): Promise<void> {
    try {
      do {
        this.#heardAt = this.#world.now();
        for (let frame = this.#frames.take(); frame; frame = this.#frames.take()) this.#take(frame);
      } while (await this.#frames.more());
      this.#hungUp(this.#closed(`${this.label} closed the connection`));
    } catch (error) {
      this.#hungUp(error);
    }
  }

  /**
   * The transport has ended. If nothing is in flight, or nothing was heard for a while before what is in flight went out and
   * nothing since, then the broker (or what lies between) had closed an idle connection, and the two met on their way. A stream
   * that ends inside a frame has no broker's name from the transport: there the broker had begun to answer.
   */
  #hungUp(error: unknown): void {
    const wrapped = this.#wrap(error);
    const isEnd = error instanceof KafkaError && error.broker !== undefined &&
      (error.code === "CONNECTION_CLOSED" || error.code === "CONNECTION_RESET");
    const { oldest } = this.#pipeline;
    if (isEnd && (!oldest || oldest.sentAt - this.#heardAt >= RESTED_MS)) markHarmless(wrapped);
    this.#fail(wrapped);
  }

  #take(frame: Uint8Array): void {
    const request = this.#pipeline.answer(correlationIdOf(frame));
    try {
      if (!request.orphaned) request.answered(frame);
      if (this.#answered && this.#pipeline.size === 0) this.#tellAnswered();
      this.#endIfDrained();
    } catch (cause) {
      const error = this.#wrap(cause);
      request.failed(error);
      throw error; // an answer that cannot be read leaves nothing to trust on this connection
    }
  }

  #tellAnswered(): void {
    this.#answered?.resolve();
    this.#answered = undefined;
  }

  #wrap(error: unknown): KafkaError {
    if (error instanceof KafkaError) return error.broker === undefined ? error.within({ broker: this.label }) : error;
    const detail = `${this.label}: ${error instanceof Error ? error.message : String(error)}`;
    return new KafkaError("PROTOCOL_ERROR", detail, { broker: this.label, cause: error });
  }

  /** All who wait learn of one cause, once. */
  #fail(error: KafkaError, expected = false): void {
    if (this.#error) return;
    this.#error = error;
    this.#endedAtRest = this.inFlight === 0;
    this.#timer?.cancel();
    this.#transport.close();
    this.#outgoing = [];
    this.#tellEarly();
    const lost = this.#pipeline.drain();
    this.#telemetry.disconnected(this.label, this.#openedAt, lost.length, expected, error);
    for (const request of lost) request.failed(error);
    this.#quiet.end(error);
    this.#written?.reject(error);
    this.#renewal?.end(error);
    this.#tellAnswered();
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
      this.#fail(this.#closed(`${this.label} has fallen silent`));
    } else if (this.#pipeline.isOverrun) this.#fail(this.#closed(`${this.label} owes too many answers`));
    else this.#setTimer(Math.min(patience, this.#pipeline.nextDeadline()));
  }
}

function nothing(): void {}

/** The size that a frame begins with. */
const FRAME_HEAD = 4;

function sizeOf(chunks: readonly Uint8Array[]): number {
  let size = 0;
  for (const { length } of chunks) size += length;
  return size;
}

/** Most answers have it, from some version on; decoded ones have it always. */
function throttleOf(response: { readonly throttleTimeMs?: unknown }): number {
  const { throttleTimeMs } = response;
  return typeof throttleTimeMs === "number" && throttleTimeMs > 0 ? throttleTimeMs : 0;
}

/** Requests in flight on one connection, in the order they were sent: which answer belongs to which, and which is late. */

import { KafkaError } from "../base/errors.ts";

/** One request from its asking to its answer. */
export interface InFlight {
  /** What the answer will carry; from its sending on. */
  correlationId: number;
  /** What it is, for errors' texts: "Fetch v12". */
  what: string;
  /** When it was sent, on the world's clock. */
  sentAt: number;
  /** How long whoever asked is ready to wait, in milliseconds. */
  readonly timeoutMs: number;
  /** When that is over, on the world's clock; Infinity once it has been told so. */
  deadline: number;
  /** Nobody waits any more; its answer will be swallowed. Its place has to stay: the order of answers is all there is. */
  orphaned: boolean;
  /** Takes the answer's frame. */
  answered: (frame: Uint8Array) => void;
  /** Takes the failure. */
  readonly failed: (error: unknown) => void;
}

const CORRELATION_ID_MAX = 0x7fffffff;
/** Where so many requests are outstanding that nobody waits for, the connection is worth less than a new one. */
const ORPHANS_MAX = 5000;

/**
 * A broker answers the requests of a connection one after the other, so the next answer always belongs to the oldest
 * request. Anything else means that the two sides are out of step, and the connection is of no use any more.
 */
export class Pipeline {
  readonly #queue: InFlight[] = [];
  #nextId: number;

  /** The first request gets this correlation id. */
  constructor(firstId: number) {
    this.#nextId = firstId;
  }

  /** Requests that wait for an answer, with those that nobody waits for any more. */
  get size(): number {
    return this.#queue.length;
  }

  /** A fresh correlation id; they start again at 0 after 2^31 - 1. */
  nextId(): number {
    const id = this.#nextId;
    this.#nextId = id === CORRELATION_ID_MAX ? 0 : id + 1;
    return id;
  }

  /** The request that the next answer belongs to. */
  get oldest(): InFlight | undefined {
    return this.#queue[0];
  }

  /** Whether more answers are outstanding that nobody waits for than can be borne. */
  get isOverrun(): boolean {
    return this.#queue.length > ORPHANS_MAX && this.#queue.filter(({ orphaned }) => orphaned).length > ORPHANS_MAX;
  }

  /** A request goes out; in the order of these calls the answers will come. */
  sent(request: InFlight): void {
    this.#queue.push(request);
  }

  /** An answer came: gives the request that it belongs to. Throws `PROTOCOL_ERROR` when it belongs to none, or to another. */
  answer(correlationId: number): InFlight {
    const oldest = this.#queue[0];
    if (!oldest) throw new KafkaError("PROTOCOL_ERROR", `An answer with correlation id ${correlationId} came unasked`);
    if (oldest.correlationId !== correlationId) {
      throw new KafkaError(
        "PROTOCOL_ERROR",
        `An answer with correlation id ${correlationId} came where ${oldest.what} (${oldest.correlationId}) was due`,
      );
    }
    this.#queue.shift();
    return oldest;
  }

  /** Gives the requests that somebody has waited for long enough; they become orphans, their places stay. */
  expire(now: number): InFlight[] {
    const late = this.#queue.filter((request) => request.deadline <= now);
    const waiting = late.filter((request) => !request.orphaned);
    for (const request of late) {
      request.orphaned = true;
      request.deadline = Infinity;
    }
    return waiting;
  }

  /** The earliest moment at which some request's time is up, an orphan's too; Infinity if there is none. */
  nextDeadline(): number {
    let earliest = Infinity;
    for (const { deadline } of this.#queue) if (deadline < earliest) earliest = deadline;
    return earliest;
  }

  /**
   * When silence turns from slowness into death: the longest that any of them was given has gone by since the oldest was sent and
   * since something was last heard. Orphans count, an answer is due to them all the same: else a caller whose own deadline always
   * comes first would keep a dead connection alive.
   */
  patience(heardAt: number): number {
    const oldest = this.#queue[0];
    if (!oldest) return Infinity;
    let longest = 0;
    for (const { timeoutMs } of this.#queue) if (timeoutMs > longest) longest = timeoutMs;
    return Math.max(heardAt, oldest.sentAt) + longest;
  }

  /** The connection is gone: gives everyone who still waits. */
  drain(): InFlight[] {
    return this.#queue.splice(0).filter((request) => !request.orphaned);
  }
}

/** What a profile asks of a client. */

import type { Job } from "./job.ts";
import type { Value } from "./values.ts";

/** Sends to the job's topic, acknowledged by all. */
export interface Sends {
  /** Sends a list; resolves when all of it is acknowledged. */
  list(values: Value[]): Promise<unknown>;
  /** Sends one; resolves when it is acknowledged. */
  one(value: Value): Promise<unknown>;
  /** Takes one or some without a promise for the acknowledgement, where the client has such a thing. */
  enqueue?(value: Value | Value[]): Promise<unknown> | undefined;
  /** Waits until all that was enqueued is acknowledged. */
  flush?(): Promise<unknown>;
}

/** Takes what a consumer reads. */
export interface Takes {
  /** Whether offset and all bytes are asked for, by `check` in place of `take`. */
  readonly checks: boolean;
  /** One value; it is looked at. */
  take(value: Uint8Array | string): void;
  /** One message in full. */
  check(partition: number, offset: number | bigint | string, value: Uint8Array | string): void;
  /** Called behind each batch, or each message: whether there is enough. */
  enough(): boolean;
  /** Called with the messages themselves where they are to be held. */
  hold?(messages: readonly unknown[]): Promise<void> | undefined;
}

/** A client under test. */
export interface Client {
  /** Whether it takes values as text. */
  readonly text?: boolean;
  /** A producer that is connected. */
  produce(job: Job): Promise<Sends>;
  /** Reads a topic into `takes`, from its beginning or its end, and need not return. */
  consume(job: Job, topic: string, from: "earliest" | "latest", takes: Takes): Promise<unknown>;
}

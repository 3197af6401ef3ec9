/** What users of a simulation bear while the weather is bad, and how they begin again; whatever else goes wrong, or in calm, fails the run. */

import { KafkaError } from "../../src/base/errors.ts";
import { KafkaClient } from "../../src/client/client.ts";
import type { ClientOptions } from "../../src/client/options.ts";
import type { Topic } from "../../src/client/topic.ts";
import { snappy } from "../../src/records/snappy.ts";
import { dialOf, type Network } from "../../src/testing/network.ts";
import type { Process } from "../../src/testing/world.ts";
import { CALM_AT_MS } from "./plan.ts";

/** Once nothing is wrong any more, whatever is asked for has to come within this time. */
export const PROGRESS_MS = 25_000;

/** What is not there is asked for again after so long. */
const GONE_MS = 100;

/** The users' patience. */
export class Patience {
  readonly #referee: Process;

  /** By a clock that is never frozen. */
  constructor(referee: Process) {
    this.#referee = referee;
  }

  /** Milliseconds since the world began. */
  now(): number {
    return this.#referee.now();
  }

  /** Lets pass what may go wrong while the weather is bad, or for a while after it or after `since`; throws the rest. */
  expect(error: unknown, what: string, codes: readonly string[], since: number): void {
    const isExpected = error instanceof KafkaError && codes.includes(error.code);
    if (!isExpected) throw error;
    if (this.now() > Math.max(CALM_AT_MS, since) + PROGRESS_MS) {
      throw new Error(`${what} fails in calm: ${error.message}`);
    }
  }

  /** Connects, again and again. */
  async connected(
    network: Network,
    process: Process,
    hosts: string,
    options: Omit<ClientOptions, "hosts" | "dial">,
  ): Promise<KafkaClient> {
    const since = this.now();
    for (;;) {
      try {
        return await KafkaClient.connect({
          ...options,
          hosts,
          dial: dialOf(network, process),
          world: process,
          codecs: { snappy },
        });
      } catch (error) {
        this.expect(error, "connecting", ["NO_BROKERS"], since);
      }
    }
  }

  /** A topic, asked for again and again; with `mayBeGone` also while it is not there. */
  async topic(client: KafkaClient, name: string, mayBeGone = false): Promise<Topic> {
    const since = this.now();
    const codes = ["REQUEST_TIMEOUT", ...(mayBeGone ? ["UNKNOWN_TOPIC_OR_PARTITION"] : [])];
    for (;;) {
      try {
        return await client.topic(name);
      } catch (error) {
        this.expect(error, "looking for the topic", codes, since);
        if (mayBeGone) await this.#referee.sleep(GONE_MS);
      }
    }
  }
}

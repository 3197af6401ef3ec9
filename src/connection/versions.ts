/** Which versions of which requests a broker speaks, and which one to choose. */

import { KafkaError } from "../base/errors.ts";
import type { Api } from "../wire/schema.ts";

/** The lowest and the highest version of a request. */
export type VersionRange = readonly [min: number, max: number];

const PRODUCE = 0;
const FETCH = 1;

/** What one broker speaks. Each broker has its own: in a rolling upgrade they differ. */
export class BrokerVersions {
  readonly #ranges: ReadonlyMap<number, VersionRange>;
  /** Where they were learned: an answer to ApiVersions, or a table for brokers that have none. */
  readonly source: "ApiVersions" | "0.8.2" | "0.9";

  /** Takes the ranges by API key. */
  constructor(ranges: ReadonlyMap<number, VersionRange>, source: "ApiVersions" | "0.8.2" | "0.9") {
    // A 4.x broker lists Produce from 0 only to please a broken client, and refuses what is below 3 (KAFKA-18659).
    const produce = ranges.get(PRODUCE), fetch = ranges.get(FETCH);
    if (produce && fetch && fetch[0] >= 4 && produce[0] < 3) {
      ranges = new Map([...ranges, [PRODUCE, [3, produce[1]] as VersionRange]]);
    }
    this.#ranges = ranges;
    this.source = source;
  }

  /** The range that the broker named, if it knows the request at all. */
  range(apiKey: number): VersionRange | undefined {
    return this.#ranges.get(apiKey);
  }

  /** The highest version that both sides speak and `cap` allows, or undefined. */
  best(api: Api, cap = Infinity): number | undefined {
    const theirs = this.#ranges.get(api.key);
    if (!theirs) return undefined;
    const version = Math.min(api.versions[1], theirs[1], cap);
    return version >= Math.max(api.versions[0], theirs[0]) ? version : undefined;
  }

  /** The same, or `UNSUPPORTED_FEATURE` with both ranges. */
  pick(api: Api, cap?: number): number {
    const version = this.best(api, cap);
    if (version !== undefined) return version;
    const theirs = this.#ranges.get(api.key);
    const [min, max] = [api.versions[0], Math.min(api.versions[1], cap ?? Infinity)];
    const speaks = theirs ? `speaks versions ${theirs[0]} to ${theirs[1]}` : "does not know it";
    throw new KafkaError(
      "UNSUPPORTED_FEATURE",
      `${api.name} is needed in a version from ${min} to ${max}; the broker ${speaks}`,
    );
  }
}

/** Brokers of 0.8.2 have no ApiVersions and hang up on it (`Protocol.java` of 0.8.2). */
export const versionsOf082: BrokerVersions = new BrokerVersions(
  new Map<number, VersionRange>([
    [0, [0, 0]],
    [1, [0, 0]],
    [2, [0, 0]],
    [3, [0, 0]],
    [8, [0, 1]],
    [9, [0, 1]],
    [10, [0, 0]],
  ]),
  "0.8.2",
);

/** Brokers of 0.9 have no ApiVersions and never answer it (`Protocol.java` of 0.9). */
export const versionsOf09: BrokerVersions = new BrokerVersions(
  new Map<number, VersionRange>([
    [0, [0, 1]],
    [1, [0, 1]],
    [2, [0, 0]],
    [3, [0, 0]],
    [8, [0, 2]],
    [9, [0, 1]],
    [10, [0, 0]],
    [11, [0, 0]],
    [12, [0, 0]],
    [13, [0, 0]],
    [14, [0, 0]],
    [15, [0, 0]],
    [16, [0, 0]],
  ]),
  "0.9",
);

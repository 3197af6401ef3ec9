/** Scenarios of the differential test: random requests as plain data, so that they can be printed, shortened and played again. */

import type { Compression } from "../../../src/records/compression.ts";
import type { Chance } from "../../../src/testing/chance.ts";
import type { VersionRange } from "../../../src/testing/releases.ts";

/** What is wrong with a batch, if anything is. */
export type Damage = "checksum" | "count" | "control" | "base offset" | "torn" | "twice" | "empty";

/** Records as they are to be sent. */
export interface SetPlan {
  readonly magic: 0 | 1 | 2;
  readonly compression: Compression;
  readonly records: readonly {
    readonly key: string | null;
    readonly value: string | null;
    readonly timestamp: number;
    readonly headers: readonly (readonly [string, string | null])[];
  }[];
  /** Which of the scenario's producers numbers the batch, and how; nobody if not said. */
  readonly producer?: { readonly slot: number; readonly epoch: number; readonly sequence: number } | undefined;
  readonly damage?: Damage | undefined;
}

/** A partition of a topic by its short name; `none` is a topic that there is not. */
interface Place {
  readonly topic: string;
  readonly partition: number;
}

/** One request. */
export type Step =
  & { readonly version: number }
  & (
    | { readonly api: "ApiVersions"; readonly software: string; readonly node: number }
    | { readonly api: "Metadata"; readonly topics: readonly string[] | null }
    | {
      readonly api: "CreateTopics";
      readonly topics: readonly {
        readonly name: string;
        readonly partitions: number;
        readonly replicas: number;
        readonly configs: readonly (readonly [string, string | null])[];
      }[];
      readonly trial: boolean;
    }
    | { readonly api: "DeleteTopics"; readonly topics: readonly string[]; readonly byId: boolean }
    | {
      readonly api: "Produce";
      readonly acks: number;
      readonly parts: readonly (Place & { readonly set: SetPlan })[];
    }
    | {
      readonly api: "Fetch";
      readonly minBytes: number;
      readonly maxWaitMs: number;
      readonly maxBytes: number;
      readonly isolation: number;
      readonly sessionEpoch: number;
      readonly parts: readonly (Place & {
        readonly offset: number;
        readonly bytes: number;
        readonly epoch: number;
        readonly lastEpoch: number;
      })[];
    }
    | {
      readonly api: "ListOffsets";
      readonly parts:
        readonly (Place & { readonly timestamp: number; readonly most: number; readonly epoch: number })[];
    }
    | { readonly api: "FindCoordinator"; readonly group: string; readonly type: number }
    | {
      readonly api: "OffsetCommit";
      readonly group: string;
      readonly generation: number;
      readonly member: string;
      readonly parts: readonly (Place & {
        readonly offset: number;
        readonly epoch: number;
        readonly metadata: string | null;
      })[];
    }
    | { readonly api: "OffsetFetch"; readonly group: string; readonly parts: readonly Place[] | null }
    | { readonly api: "InitProducerId"; readonly slot: number }
  );

/** The name of a request. */
export type ApiName = Step["api"];

/** A scenario: what there is, and what is asked. */
export interface Scenario {
  readonly seed: number;
  /** The settings of topic `b`; `a` has none. */
  readonly configs: readonly (readonly [string, string])[];
  readonly steps: readonly Step[];
}

/** What a broker can be asked. */
export interface Ability {
  /** Which versions it lists and we speak, by the request's name. */
  readonly ranges: ReadonlyMap<ApiName, VersionRange>;
  /** The format of its logs. */
  readonly magic: 0 | 1 | 2;
  /** Whether topics can have settings here. */
  readonly hasConfigs: boolean;
}

/** Messages of the year 2024, so that a clock never matters. */
const TIME = 1_720_000_000_000;

const CONFIGS: readonly (readonly [string, string])[] = [
  ["max.message.bytes", "300"],
  ["message.timestamp.type", "LogAppendTime"],
  ["cleanup.policy", "compact"],
  ["min.insync.replicas", "2"],
];

/** Draws a scenario. Half of them send only what a log keeps as it is, and read it with limits: there every byte counts. */
export function drawScenario(chance: Chance, seed: number, ability: Ability): Scenario {
  const shape = chance.fork("shape");
  const isExact = shape.once(2);
  const configs = ability.hasConfigs && shape.once(2) ? [shape.pick(CONFIGS)] : [];
  const draw = new Draw(chance.fork("steps"), ability, isExact);
  const steps = Array.from({ length: 4 + shape.below(16) }, () => draw.step());
  return { seed, configs, steps };
}

/** Draws steps that mostly make sense one after the other. */
class Draw {
  readonly #chance: Chance;
  readonly #ability: Ability;
  readonly #isExact: boolean;
  /** Where the producers are, by slot and place. */
  readonly #sequences = new Map<string, number>();

  constructor(chance: Chance, ability: Ability, isExact: boolean) {
    this.#chance = chance;
    this.#ability = ability;
    this.#isExact = isExact;
  }

  step(): Step {
    const chance = this.#chance;
    const apis: ApiName[] = [
      ...["Produce", "Produce", "Produce", "Produce", "Fetch", "Fetch", "Fetch", "ListOffsets", "ListOffsets"] as const,
      ...["Metadata", "CreateTopics", "DeleteTopics", "FindCoordinator", "OffsetCommit", "OffsetFetch"] as const,
      ...["OffsetCommit", "InitProducerId", "InitProducerId", "ApiVersions"] as const,
    ];
    const possible = apis.filter((api) => this.#ability.ranges.has(api));
    const api = chance.pick(possible);
    const [low, high] = this.#ability.ranges.get(api)!;
    return this.#request(api, low + chance.below(high - low + 1));
  }

  #request(api: ApiName, version: number): Step {
    const chance = this.#chance;
    switch (api) {
      case "ApiVersions":
        return {
          ...{ api, version, software: chance.pick(["samsa", "a-b.c", "-x", "", "a b"]) },
          node: chance.pick([-1, -1, 1, 7]),
        };
      case "Metadata":
        return { api, version, topics: chance.once(4) ? null : this.#some(() => this.#topic()) };
      case "CreateTopics":
        return { api, version, topics: this.#some(() => this.#newTopic()), trial: version >= 1 && chance.once(4) };
      case "DeleteTopics":
        return { api, version, topics: [chance.pick(["c", "d", "none"])], byId: version >= 6 && chance.once(2) };
      case "Produce":
        return this.#produce(version);
      case "Fetch":
        return this.#fetch(version);
      case "ListOffsets":
        return { api, version, parts: this.#places().map((place) => this.#lookUp(version, place)) };
      case "FindCoordinator":
        return { api, version, group: "g", type: version >= 1 && chance.once(4) ? chance.pick([2, 5]) : 0 };
      case "OffsetCommit":
        return this.#commit(version);
      case "OffsetFetch":
        return {
          ...{ api, version, group: chance.pick(["g", "g", "h"]) },
          parts: version >= 2 && chance.once(3) ? null : this.#places(),
        };
      case "InitProducerId":
        return { api, version, slot: chance.below(2) };
    }
  }

  #some<T>(one: () => T): T[] {
    return Array.from({ length: 1 + (this.#chance.once(3) ? this.#chance.below(3) : 0) }, one);
  }

  #topic(): string {
    return this.#chance.pick(["a", "a", "a", "b", "b", "c", "none", "a b"]);
  }

  #place(): Place {
    const topic = this.#chance.pick(["a", "a", "a", "a", "b", "b", "b", "c", "none"]);
    return { topic, partition: this.#chance.once(10) ? 5 : this.#chance.below(2) };
  }

  /** None twice: which of them counts is the client's own fault. */
  #places(): Place[] {
    const places = new Map<string, Place>();
    for (const place of this.#some(() => this.#place())) places.set(`${place.topic} ${place.partition}`, place);
    return [...places.values()];
  }

  #newTopic() {
    const chance = this.#chance;
    return {
      name: chance.pick(["c", "c", "d", "d", "a", "", "c d", ".."]),
      partitions: chance.pick([1, 2, 2, -1, 0]),
      replicas: chance.pick([1, 1, 1, -1, 0, 2]),
      configs: chance.once(3)
        ? [
          chance.pick(
            [
              ...CONFIGS,
              ["retention.ms", "soon"],
              ["no.such", "1"],
              ["retention.ms", "1000000"],
              ["retention.ms", null],
            ] as const,
          ),
        ]
        : [],
    };
  }

  #produce(version: number): Step {
    const chance = this.#chance;
    return {
      ...{ api: "Produce", version, acks: chance.pick([-1, -1, 1, 1, 0, 0, 2]) },
      parts: this.#places().map((place) => ({
        ...place,
        set: this.#set(version, place),
      })),
    };
  }

  #set(version: number, { topic, partition }: Place): SetPlan {
    const chance = this.#chance;
    const magic = version >= 3 ? 2 : version === 2 ? chance.pick([0, 1] as const) : 0;
    const codecs: Compression[] = ["none", "none", "gzip", "snappy", "lz4", ...(version >= 7 ? ["zstd" as const] : [])];
    const set: SetPlan = {
      magic,
      compression: this.#isExact ? "none" : chance.pick(codecs),
      records: Array.from({ length: 1 + chance.below(4) }, () => ({
        key: chance.once(2) ? null : `key ${chance.below(3)}`,
        value: chance.once(12) ? null : "v".repeat(chance.once(8) ? 200 + chance.below(300) : chance.below(40)),
        timestamp: magic === 0 ? -1 : TIME + chance.below(1000),
        headers: magic === 2 && chance.once(6) ? [["h", chance.once(2) ? null : "x"]] : [],
      })),
    };
    if (chance.once(12)) return { ...set, damage: this.#damage(magic) };
    if (magic < 2 || !this.#ability.ranges.has("InitProducerId") || chance.once(2)) return set;
    const slot = chance.below(2);
    const key = `${slot} ${topic} ${partition}`;
    const next = this.#sequences.get(key) ?? 0;
    const sequence = Math.max(0, next + chance.pick([0, 0, 0, 0, -1, -2, 3]));
    if (sequence === next) this.#sequences.set(key, next + set.records.length);
    return { ...set, producer: { slot, epoch: chance.once(8) ? 1 : 0, sequence } };
  }

  #damage(magic: number): Damage {
    return this.#chance.pick<Damage>(
      magic === 2 ? ["checksum", "count", "control", "base offset", "torn", "twice", "empty"] : ["checksum"],
    );
  }

  #fetch(version: number): Step {
    const chance = this.#chance;
    const limit = (most: number) => this.#isExact && chance.once(2) ? 1 + chance.below(400) : most;
    return {
      ...{ api: "Fetch", version, minBytes: chance.below(2), maxWaitMs: chance.pick([0, 1, 20]) },
      ...{ maxBytes: limit(1 << 20), isolation: chance.below(2) },
      sessionEpoch: version >= 7 && chance.once(10) ? 3 : -1,
      parts: this.#places().map((place) => ({
        ...place,
        offset: chance.pick([0, 0, 0, 1, 2, 3, 5, 40, -1]),
        bytes: limit(1 << 19),
        epoch: version >= 9 ? chance.pick([-1, -1, 0, 3]) : -1,
        lastEpoch: version >= 12 ? chance.pick([-1, -1, 0, 2]) : -1,
      })),
    };
  }

  #lookUp(version: number, place: Place) {
    const chance = this.#chance;
    const special = [
      -1,
      -2,
      ...(version >= 7 ? [-3] : []),
      ...(version >= 8 ? [-4] : []),
      ...(version >= 9 ? [-5] : []),
    ];
    const times = version === 0 ? [] : [0, TIME, TIME + chance.below(1000), TIME + 10_000];
    return {
      ...place,
      timestamp: chance.pick([...special, ...times]),
      most: chance.below(4),
      epoch: version >= 4 ? chance.pick([-1, -1, 0, 3]) : -1,
    };
  }

  #commit(version: number): Step {
    const chance = this.#chance;
    const isMember = version >= 1 && chance.once(6);
    return {
      ...{ api: "OffsetCommit", version, group: "g" },
      ...{ generation: isMember && chance.once(2) ? 3 : -1, member: isMember && chance.once(2) ? "m" : "" },
      parts: this.#places().map((place) => ({
        ...place,
        offset: chance.below(9),
        epoch: version >= 6 ? chance.pick([-1, 0]) : -1,
        metadata: chance.pick(["", "x", null, ...(chance.once(4) ? ["m".repeat(5000)] : [])]),
      })),
    };
  }
}

/**
 * The same random requests to a real broker and to the embedded one of its release: both answer the same, but for what
 * `differential/differences.ts` names. `SAMSA_DIFFERENCES=500` plays as many scenarios a release, `SAMSA_DIFFERENCES_FIRST=1000` begins
 * with that seed. `SAMSA_RELEASES` names others than the oldest, the newest and the last with ZooKeeper.
 */

import process from "node:process";
import { zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { assert } from "chai";
import type { Codecs } from "../../src/records/compression.ts";
import { Chance } from "../../src/testing/chance.ts";
import { Cluster } from "../../src/testing/cluster.ts";
import { releaseOf, type VersionRange } from "../../src/testing/releases.ts";
import { shrink } from "../../src/testing/shrink.ts";
import { settingOf } from "../harness.ts";
import { door } from "../package/door.ts";
import { testWith } from "../tools.ts";
import { Line } from "../unit/testing_cluster/line.ts";
import { comparable, parting } from "./differential/differences.ts";
import { APIS, Side } from "./differential/side.ts";
import { type Ability, type ApiName, drawScenario, type Scenario, type Step } from "./differential/steps.ts";
import { RealKafka, resolveJars } from "./launcher.ts";
import { atLeast } from "./releases.ts";

const RELEASES = process.env.SAMSA_RELEASES?.split(",") ?? ["0.8.2.2", "2.8.2", "4.4.0"];
const COUNT = settingOf("SAMSA_DIFFERENCES", 80);
const FIRST = settingOf("SAMSA_DIFFERENCES_FIRST", 1);
/** With zstd, which not all platforms bring along. */
const CODECS: Codecs = {
  ...door.codecs,
  zstd: {
    compress: (bytes) => Uint8Array.from(zstdCompressSync(bytes)),
    decompress: (bytes, limit) => Uint8Array.from(zstdDecompressSync(bytes, { maxOutputLength: limit })),
  },
};
/** So many kinds of differences are told. */
const FAILURES_MAX = settingOf("SAMSA_DIFFERENCES_TOLD", 3);
/** So many topics are made by one run of ZooKeeper's tool, where brokers do not make them. */
const MADE_AT_ONCE = 80;

/** A difference. */
interface Found {
  readonly step: Step;
  readonly real: unknown;
  readonly embedded: unknown;
  /** Which request, where in its answer, and what is there. */
  readonly kind: string;
}

/** What a release's brokers can be asked, and we can ask. */
function abilityOf(release: string): Ability {
  const { listed, served, magic } = releaseOf(release);
  const ranges = new Map<ApiName, VersionRange>();
  for (const [name, { key, versions }] of Object.entries(APIS)) {
    const range = served.get(key) ?? listed.get(key);
    if (range) ranges.set(name as ApiName, [Math.max(range[0], versions[0]), Math.min(range[1], versions[1])]);
  }
  return { ranges, magic, hasConfigs: ranges.has("CreateTopics") };
}

/** A real broker and an embedded one that are asked the same. */
class Pair implements AsyncDisposable {
  readonly #ability: Ability;
  readonly #kafka: RealKafka;
  readonly #cluster: Cluster;
  readonly #real: Side;
  readonly #embedded: Side;
  #plays = 0;
  #made = 0;

  private constructor(ability: Ability, kafka: RealKafka, cluster: Cluster) {
    this.#ability = ability;
    this.#kafka = kafka;
    this.#cluster = cluster;
    const { ranges } = ability;
    const [host, port] = kafka.hosts.split(":");
    const common = {
      codecs: CODECS,
      metadataMax: ranges.get("Metadata")![1],
      createMax: ranges.get("CreateTopics")?.[1],
    };
    const dial = async () => new Line(await door.dial({ host: host!, port: Number(port) }));
    this.#real = new Side({ ...common, dial, makeTopic: () => Promise.resolve() });
    this.#embedded = new Side({
      ...common,
      dial: () => Line.to(cluster),
      makeTopic: (name, partitions) => cluster.createTopic(name, { partitions }),
    });
  }

  static async start(release: string): Promise<Pair> {
    const kafka = await RealKafka.start({ release });
    const cluster = await Cluster.start({ release, codecs: CODECS });
    const pair = new Pair(abilityOf(release), kafka, cluster);
    await pair.#makeTopics();
    if (!atLeast(release, "0.9")) await kafka.createTopic("warm");
    for (const side of [pair.#real, pair.#embedded]) await side.warmUp(pair.#ability.ranges.has("InitProducerId"));
    return pair;
  }

  /** Draws a scenario. */
  draw(seed: number): Scenario {
    return drawScenario(new Chance(seed, "scenario"), seed, this.#ability);
  }

  /** Plays a scenario on both; gives the first step that is answered differently, and how. */
  async differs(scenario: Scenario): Promise<Found | undefined> {
    const prefix = `s${++this.#plays}-`;
    if (this.#plays > this.#made) await this.#makeTopics();
    await Promise.all([this.#real.begin(scenario, prefix), this.#embedded.begin(scenario, prefix)]);
    try {
      for (const step of scenario.steps) {
        const answers = await Promise.all([this.#real, this.#embedded].map(async (side) => {
          const answer = await side.play(step);
          return await comparable(answer, step, side, CODECS);
        }));
        const [real, embedded] = answers;
        const at = parting(real, embedded);
        if (at !== undefined) return { step, real, embedded, kind: `${step.api}${at}` };
      }
    } finally {
      this.#real.close();
      this.#embedded.close();
    }
    return undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cluster.close();
    await this.#kafka[Symbol.asyncDispose]();
  }

  /** Before 0.10.1 topics are what stands in ZooKeeper. */
  async #makeTopics(): Promise<void> {
    if (this.#ability.ranges.has("CreateTopics")) {
      this.#made = Infinity;
      return;
    }
    const lines: string[] = [];
    for (let nth = 1; nth <= MADE_AT_ONCE; nth++) {
      const place = `/brokers/topics/s${this.#made + nth}-`;
      lines.push(`create ${place}a {"version":1,"partitions":{"0":[1],"1":[1]}}`);
      lines.push(`create ${place}b {"version":1,"partitions":{"0":[1]}}`);
    }
    lines.push("quit", "");
    await this.#kafka.tool("org.apache.zookeeper.ZooKeeperMain", ["-server", this.#kafka.zookeeper!], lines.join("\n"));
    this.#made += MADE_AT_ONCE;
  }
}

/** What somebody needs who has to find out why a scenario is answered differently. */
async function explained(pair: Pair, scenario: Scenario, { kind, real, embedded }: Found): Promise<string> {
  const steps = await shrink(scenario.steps, async (fewer) => {
    return (await pair.differs({ ...scenario, steps: fewer }))?.kind === kind;
  });
  const found = await pair.differs({ ...scenario, steps });
  const note = found ? [] : ["  (not again: it is a matter of time, or of what was asked before)"];
  return [
    `scenario ${scenario.seed}, topic b with ${JSON.stringify(scenario.configs)}: ${kind}`,
    ...steps.map((step) => `  ${shortly(step)}`),
    ...note,
    `  real:     ${shortly(found?.real ?? real)}`,
    `  embedded: ${shortly(found?.embedded ?? embedded)}`,
  ].join("\n");
}

/** Without the long rows of one letter. */
function shortly(value: unknown): string {
  return JSON.stringify(value).replace(/(v|m|76)\1{9,}/g, (row, letter) => `${letter}*${row.length / letter.length}`);
}

for (const release of RELEASES) {
  testWith(["java", "mvn"], `Kafka ${release} and the embedded one answer ${COUNT} scenarios alike`, async () => {
    await resolveJars(RELEASES);
    await using pair = await Pair.start(release);
    const failures = new Map<string, string>();
    for (let seed = FIRST; seed < FIRST + COUNT && failures.size < FAILURES_MAX; seed++) {
      const scenario = pair.draw(seed);
      const found = await pair.differs(scenario);
      if (found && !failures.has(found.kind)) failures.set(found.kind, await explained(pair, scenario, found));
    }
    assert.equal(failures.size, 0, [...failures.values()].join("\n"));
  });
}

/** Our messages against the definitions in the jars of Kafka's own clients, field by field, in every version, and their heads against Java. */

import { assert } from "chai";
import { Writer } from "../../src/bytes/writer.ts";
import { apis } from "../../src/protocol/apis.ts";
import { consumerProtocolAssignment, consumerProtocolSubscription } from "../../src/protocol/consumer_protocol.ts";
import { isResponseHeadTagged, writeRequestHead } from "../../src/protocol/header.ts";
import type { Api, Embedded } from "../../src/wire/schema.ts";
import { testWith } from "../tools.ts";
import { apiDifferences, embeddedDifferences } from "./conformance/compare.ts";
import { type Definitions, definitionsOf, stableVersions } from "./conformance/definitions.ts";
import { BROKERS_OWN, OTHERS_OWN } from "./conformance/scope.ts";
import { resolveJars } from "./jars.ts";
import { runJava } from "./jvm.ts";
import { fullClassPath } from "./programs.ts";
import { everyAge, releases } from "./releases.ts";

/** The newest, and the last before Kafka 4.0 dropped old versions, and fields with them. */
const RELEASES = [everyAge.at(-1)!, "3.9.2"];

const embedded: readonly Embedded[] = [consumerProtocolSubscription, consumerProtocolAssignment];

/** Where we mean to differ: how the difference begins, and why. What is no longer met has to go. */
const KNOWN: readonly (readonly [begins: string, why: string])[] = [
  ...[3, 4].flatMap((version) =>
    ["generationId is missing", "generationIdOrMemberEpoch is too much"].map((what) =>
      [`TxnOffsetCommit request v${version} of 3.9.2: ${what}`, "it got a wider name, on the same bytes"] as const
    )
  ),
  ["ListConfigResources of 3.9.2: it is called ListClientMetricsResources", "it got a wider name"],
  ...["clientMetricsResources", "configResources"].map((list) =>
    [`ListConfigResources response v0 of 3.9.2: ${list}`, "the list got a wider name, on the same bytes"] as const
  ),
  ["FindCoordinator response: errorMessage has preset null", "no message is null, as brokers send it"],
  ["FindCoordinator response: coordinators[].errorMessage has preset null", "no message is null, as brokers send it"],
  ["InitProducerId request: transactionalId has preset null", "who has no transactions leaves it out"],
  [
    "InitProducerId request: transactionTimeoutMs has preset 2147483647",
    "who has no transactions leaves it out; Java sends this",
  ],
];

let reading: Promise<readonly Definitions[]> | undefined;
function definitions(): Promise<readonly Definitions[]> {
  return reading ??= resolveJars([...releases, ...RELEASES]).then(() => Promise.all(RELEASES.map(definitionsOf)));
}

testWith(["java", "mvn"], "every message has the fields that Kafka defines, in every version", async () => {
  const all = await definitions();
  const found = [
    ...[...apis.values()].flatMap((api) => apiDifferences(api, all)),
    ...embedded.flatMap((message) => embeddedDifferences(message, all)),
  ];
  assert.deepEqual(found.filter((difference) => !KNOWN.some(([begins]) => difference.startsWith(begins))), []);
  assert.deepEqual(KNOWN.filter(([begins]) => !found.some((difference) => difference.startsWith(begins))), []);
});

testWith(["java", "mvn"], "no request that clients send is missing, and no message that they read", async () => {
  const all = (await definitions()).flatMap(({ all }) => all);
  const requests = new Map(all.filter(({ type }) => type === "request").map(({ apiKey, name }) => [apiKey!, name]));
  const others = new Set(all.filter(({ type }) => type !== "request" && type !== "response").map(({ name }) => name));
  assert.deepEqual([...requests.keys()].filter((key) => apis.has(key) === BROKERS_OWN.has(key)), []);
  for (const [key, [name]] of BROKERS_OWN) assert.equal(requests.get(key), `${name}Request`);
  assert.sameMembers([...others], [...embedded.map(({ name }) => name), ...OTHERS_OWN.keys()]);
});

/** What Java says of an API in a version. */
interface JavaVersion {
  readonly key: number;
  readonly version: number;
  readonly requestHead: number;
  readonly responseHead: number;
  readonly waits: boolean;
}

async function listApis(release: string): Promise<JavaVersion[]> {
  const out = await runJava(await fullClassPath(release), "ListApis", []);
  return out.trim().split("\n").flatMap((line) => {
    const [key, name, ...versions] = line.split(" ");
    return versions.map((text) => {
      const [version, requestHead, responseHead, waits] = text.split(":");
      assert.notEqual(waits, "-", `${name} v${version}: its response cannot be made`);
      const [heads, own] = [[requestHead, responseHead].map(Number), { key: Number(key), version: Number(version) }];
      return { ...own, requestHead: heads[0]!, responseHead: heads[1]!, waits: waits === "1" };
    });
  });
}

testWith(["java", "mvn"], "heads are those of Java's client, and it waits from the same versions on", async () => {
  await definitions();
  const met = new Set<string>();
  for (const release of RELEASES) {
    for (const { key, version, requestHead, responseHead, waits } of await listApis(release)) {
      const api = apis.get(key);
      if (api === undefined || version < api.versions[0] || version > api.versions[1]) continue;
      const what = `${api.name} v${version} of ${release}`;
      const head = new Writer();
      writeRequestHead(head, api, version, { correlationId: 1, clientId: null });
      // Key, version and correlation id, and the client's name from version 1 of the head on; then tags, here none
      assert.equal(head.length, [8, 10, 11][requestHead], what);
      assert.equal(isResponseHeadTagged(api, version), responseHead === 1, what);
      // What the newest release says goes: older ones have forgotten some
      if (!met.has(`${key} ${version}`)) assert.equal(version >= (api.clientThrottlesFrom ?? Infinity), waits, what);
      met.add(`${key} ${version}`);
    }
  }
  const all = [...apis.values()].flatMap((api) => {
    const [min, max] = api.versions;
    return Array.from({ length: max - min + 1 }, (_, i) => `${api.key} ${min + i}`);
  });
  assert.deepEqual(all.filter((each) => !met.has(each)), []);
});

type Bent = { [name: string]: Bent };

/** A copy of an API that can be changed, with what a change needs: a struct by the path of its fields. */
function bend(api: Api, change: (at: (...path: string[]) => Bent) => void): Api {
  const copy = structuredClone(api) as unknown as Bent;
  change((...path) => path.reduce((struct, name) => struct[name]!, copy));
  return copy as unknown as Api;
}

/** The fields of a struct in another order. */
function swap(struct: Bent, one: string, other: string): void {
  const entries = Object.entries(struct).map(([name, field]): [string, Bent] =>
    name === one ? [other, struct[other]!] : name === other ? [one, struct[one]!] : [name, field]
  );
  for (const [name] of entries) delete struct[name];
  for (const [name, field] of entries) struct[name] = field;
}

const set = (struct: Bent, values: object): void => void Object.assign(struct, values);

/** Changes that must be noticed: of which API, what is done to it, and how it is told. */
const CHANGES: readonly (readonly [api: string, told: string, change: (at: (...path: string[]) => Bent) => void])[] = [
  ["Metadata", "versions 0 to 12, not 0 to 13", (at) => set(at(), { versions: [0, 12] })],
  ["Metadata", "MetadataRequest v8 of 4.4.0: flexible", (at) => set(at(), { flexible: 8 })],
  ["Metadata", "no release has the key 99", (at) => set(at(), { key: 99 })],
  ["Metadata", "it is called Metadata", (at) => set(at(), { name: "Metadatum" })],
  ["Metadata", "v2 of 3.9.2: clusterId is missing", (at) => set(at("response", "clusterId"), { since: 3 })],
  ["Metadata", "v11 of 4.4.0: clusterAuthorizedOperations is too much", (at) => {
    set(at("response", "clusterAuthorizedOperations"), { until: 11 });
  }],
  ["Metadata", "topics has type [{}], isNullable false", (at) => set(at("request", "topics"), { null: 2 })],
  [
    "Metadata",
    "allowAutoTopicCreation has preset false",
    (at) => set(at("request", "allowAutoTopicCreation"), { or: false }),
  ],
  [
    "Metadata",
    "topics[].topicId has preset",
    (at) => set(at("request", "topics", "is", "0", "topicId"), { lax: false }),
  ],
  ["Metadata", "topics[].partitions[].leaderEpoch has type int64", (at) => {
    set(at("response", "topics", "0", "partitions", "0", "leaderEpoch"), { is: "int64" });
  }],
  [
    "Metadata",
    "brokers[].port stands where brokers[].host should",
    (at) => swap(at("response", "brokers", "0"), "host", "port"),
  ],
  ["Metadata", "brokers[].rock is too much", (at) => set(at("response", "brokers", "0"), { rock: "string" })],
  ["Metadata", "brokers[].host is missing", (at) => void delete at("response", "brokers", "0").host],
  ["Fetch", "topics[].partitions[].highWatermark has type int64, isNullable false, tag 2, not", (at) => {
    set(at("request", "topics", "0", "partitions", "0", "highWatermark"), { tag: 2 });
  }],
  ["Fetch", "topics[].partitions[].highWatermark has preset 1", (at) => {
    set(at("request", "topics", "0", "partitions", "0", "highWatermark"), { or: 1 });
  }],
  ["Fetch", "responses[].partitions[].records has type bytes", (at) => {
    set(at("response", "responses", "0", "partitions", "0", "records"), { is: "bytes" });
  }],
  ["ConsumerGroupHeartbeat", "assignment has type {}, isNullable false", (at) => {
    set(at("response", "assignment"), { null: 9 });
  }],
  ["ListOffsets", "v0 of 3.9.2: topics[].partitions[].maxNumOffsets is missing", (at) => {
    void delete at("request", "topics", "0", "partitions", "0").maxNumOffsets;
  }],
];

testWith(["java", "mvn"], "a small change of what we say of a message does not pass", async () => {
  const all = await definitions();
  for (const [name, told, change] of CHANGES) {
    const api = [...apis.values()].find((api) => api.name === name)!;
    assert.deepEqual(apiDifferences(api, all), [], name);
    const found = apiDifferences(bend(api, change), all);
    assert.isTrue(found.some((difference) => difference.includes(told)), `${name}: ${told}: ${found.join("; ")}`);
  }
  const [, rest] = Object.entries(consumerProtocolSubscription.fields);
  const shorter = { ...consumerProtocolSubscription, fields: Object.fromEntries([rest!]) };
  assert.include(embeddedDifferences(shorter, all).join(), "topics is missing");
});

testWith(["java", "mvn"], "a version that is not finished is not spoken", async () => {
  const newest = (await definitions())[0]!;
  const unstable = newest.all.filter(({ type, latestVersionUnstable }) => type === "request" && latestVersionUnstable);
  for (const definition of unstable) {
    const api = apis.get(definition.apiKey!);
    if (api) assert.equal(api.versions[1], stableVersions(definition)[1], api.name);
  }
});

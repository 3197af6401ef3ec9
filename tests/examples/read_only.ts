/**
 * Property-tests any Kafka broker: random requests that change nothing, of every API that it lists, in every version. Each answer
 * decodes to its last byte, and encodes back to the very bytes that came.
 */

import fc, { type Arbitrary } from "fast-check";
import type { Dial, Transport } from "@samsa/kafka";
import {
  type Api,
  apiVersions,
  consumerGroupDescribe,
  decodeResponse,
  describeAcls,
  describeClientQuotas,
  describeCluster,
  describeConfigs,
  describeDelegationToken,
  describeGroups,
  describeLogDirs,
  describeProducers,
  describeQuorum,
  describeShareGroupOffsets,
  describeTopicPartitions,
  describeTransactions,
  describeUserScramCredentials,
  encodeRequest,
  exactResponseBody,
  fetch,
  findCoordinator,
  Frames,
  listConfigResources,
  listGroups,
  listOffsets,
  listPartitionReassignments,
  listTransactions,
  metadata,
  offsetFetch,
  offsetForLeaderEpoch,
  type Request,
  type Response,
  responseBody,
  shareGroupDescribe,
  splitResponse,
  streamsGroupDescribe,
} from "@samsa/kafka/protocol";
import { anyRequest, type Inside } from "@samsa/kafka/testing/arbitraries";

/** Milliseconds for an answer: nothing here takes a broker longer. */
const ANSWER_MS = 10_000;

/** One connection, one request at a time; a connection that the broker has ended is made anew. */
export class Line {
  readonly #connect: () => Promise<Transport>;
  #open: { readonly transport: Transport; readonly frames: Frames } | undefined;
  #correlationId = 0;

  /** A connection to a broker. */
  constructor(dial: Dial, host: string, port: number) {
    this.#connect = () => dial({ host, port });
  }

  /** Asks, and gives the frame of the answer. */
  async ask<A extends Api>(api: A, version: number, body: Request<A>): Promise<Uint8Array> {
    if (this.#open === undefined) {
      const transport = await this.#connect();
      this.#open = { transport, frames: new Frames(transport, 1 << 28) };
    }
    const { transport, frames } = this.#open;
    const correlationId = ++this.#correlationId;
    await transport.write(encodeRequest(api, version, { correlationId, clientId: "read-only" }, body));
    const late = setTimeout(() => transport.close(), ANSWER_MS);
    try {
      for (;;) {
        const frame = frames.take();
        if (frame !== undefined) return frame;
        if (!await frames.more()) throw new Error("the broker hung up");
      }
    } catch (cause) {
      this.close();
      throw new Error(`${api.name} v${version} was not answered within ${ANSWER_MS} ms, or the line broke`, { cause });
    } finally {
      clearTimeout(late);
    }
  }

  /** Closes it. */
  close(): void {
    this.#open?.transport.close();
    this.#open = undefined;
  }
}

/** What there is to ask about. */
interface Known {
  readonly topic: Arbitrary<string>;
  readonly topicId: Arbitrary<string>;
  readonly group: Arbitrary<string>;
  readonly broker: Arbitrary<string>;
}

/** A request that changes nothing: what is drawn for its fields, where not just anything will do. */
interface Question {
  readonly api: Api;
  readonly draw: (version: number) => Arbitrary<unknown>;
}

function question<A extends Api>(api: A, parts: (version: number) => Inside<A["request"]>): Question {
  return { api, draw: (version) => anyRequest(api, version, parts(version)) };
}

const NIL = "00000000-0000-0000-0000-000000000000";
const nothing = fc.constant(-1);
const text = fc.string({ maxLength: 10 });
const few = <T>(arbitrary: Arbitrary<T>) => fc.array(arbitrary, { maxLength: 3 });
const partition = fc.constantFrom(0, 0, 1, 2, 77);
const ms = fc.nat({ max: 20 });

/** Lists of topics, by the names that the fields have here and there, or null for all of them. */
function listed<N extends string, P extends string>(topic: Arbitrary<string>, name: N, partitions: P) {
  const item = fc.record({ [name]: topic, [partitions]: few(partition) }) as Arbitrary<
    { [K in N]: string } & { [K in P]: number[] }
  >;
  return few(item);
}

/** Whom nobody else may have asked for: partitions, offsets, committed offsets. */
function aboutLogs({ topic, topicId, group }: Known): Question[] {
  const epochs = { currentLeaderEpoch: fc.constantFrom(-1, -1, 0, 5) };
  return [
    question(fetch, () => ({
      ...{ clusterId: fc.constant(null), replicaId: nothing, maxWaitMs: ms, minBytes: fc.nat({ max: 1 }) },
      replicaState: fc.constant({ replicaId: -1, replicaEpoch: -1 }), // or we would be taken for a broker that replicates
      ...{ maxBytes: fc.constantFrom(0, 100, 1_000_000), isolationLevel: fc.constantFrom(0, 1) },
      ...{ sessionId: fc.constant(0), sessionEpoch: fc.constantFrom(0, -1), forgottenTopicsData: fc.constant([]) },
      topics: {
        ...{ topic, topicId },
        partitions: {
          ...{ partition, ...epochs, fetchOffset: fc.constantFrom(0, 0, 1, 7, 100_000) },
          ...{ lastFetchedEpoch: nothing, logStartOffset: nothing, replicaDirectoryId: fc.constant(NIL) },
          partitionMaxBytes: fc.constantFrom(0, 100, 1_000_000),
          highWatermark: fc.constant(0x8000_0000_0000_0000),
        },
      },
    })),
    question(listOffsets, () => ({
      ...{ replicaId: nothing, isolationLevel: fc.constantFrom(0, 1), timeoutMs: ms },
      topics: {
        name: topic,
        partitions: {
          ...{ partitionIndex: partition, ...epochs, maxNumOffsets: fc.constantFrom(1, 3) },
          timestamp: fc.constantFrom(-1, -2, -3, -4, -5, 0, 1_700_000_000_000, 9_000_000_000_000_000),
        },
      },
    })),
    question(offsetForLeaderEpoch, () => ({
      replicaId: nothing,
      topics: { topic, partitions: { partition, ...epochs, leaderEpoch: fc.constantFrom(0, 1, 99) } },
    })),
    question(offsetFetch, (version) => ({
      groupId: group,
      topics: listed(topic, "name", "partitionIndexes"),
      // 3.9 never answers where there is no group in the list.
      groups: fc.array(
        fc.record({
          ...{ groupId: group, memberId: fc.constant(null), memberEpoch: nothing },
          topics: few(fc.record({
            name: version < 10 ? topic : fc.constant(""),
            topicId: version < 10 ? fc.constant(NIL) : topicId,
            partitionIndexes: few(partition),
          })),
        }),
        { minLength: 1, maxLength: 3 },
      ),
    })),
    question(describeProducers, () => ({ topics: listed(topic, "name", "partitionIndexes") })),
    question(describeLogDirs, () => ({ topics: fc.option(listed(topic, "topic", "partitions")) })),
    question(listPartitionReassignments, () => ({
      ...{ timeoutMs: ms, topics: fc.option(listed(topic, "name", "partitionIndexes")) },
    })),
  ];
}

function aboutCluster({ topic, topicId, broker }: Known): Question[] {
  type Named = { readonly topicId: string; readonly name: string | null };
  const named = topic.map((name): Named => ({ topicId: NIL, name }));
  const numbered = topicId.map((topicId): Named => ({ topicId, name: null }));
  return [
    question(apiVersions, () => ({ clientSoftwareName: fc.constantFrom("read-only", "") })),
    question(metadata, (version) => ({
      topics: version === 0
        ? few(named)
        : fc.option(few(version < 12 ? named : fc.oneof(named, numbered)), { freq: 5 }),
      allowAutoTopicCreation: fc.constant(false),
    })),
    question(describeTopicPartitions, () => ({
      ...{ topics: few(topic.map((name) => ({ name }))), responsePartitionLimit: fc.integer({ min: 1, max: 9 }) },
      cursor: fc.option(fc.record({ topicName: topic, partitionIndex: partition })),
    })),
    question(describeCluster, () => ({ endpointType: fc.constant(1) })),
    question(describeConfigs, () => ({
      resources: few(fc.oneof(
        fc.record({ resourceType: fc.constant(2), resourceName: topic, configurationKeys: fc.option(few(text)) }),
        fc.record({
          resourceType: fc.constantFrom(4, 8),
          resourceName: broker,
          configurationKeys: fc.option(few(fc.constantFrom("log.dirs", "num.io.threads", "kafka"))),
        }),
      )),
    })),
    question(listConfigResources, () => ({ resourceTypes: few(fc.constantFrom(2, 4, 8, 16, 32)) })),
    question(describeQuorum, () => ({
      topics: fc.constant([{ topicName: "__cluster_metadata", partitions: [{ partitionIndex: 0 }] }]),
    })),
    question(describeAcls, () => ({
      ...{ resourceTypeFilter: fc.integer({ min: 1, max: 4 }), patternTypeFilter: fc.integer({ min: 1, max: 4 }) },
      ...{ operation: fc.integer({ min: 1, max: 12 }), permissionType: fc.integer({ min: 1, max: 3 }) },
    })),
    question(describeClientQuotas, () => ({
      components: few(fc.record({
        entityType: fc.constantFrom("user", "client-id", "ip"),
        matchType: fc.constantFrom(1, 2),
        match: fc.constant(null),
      })),
    })),
    question(describeUserScramCredentials, () => ({ users: fc.option(few(fc.record({ name: text }))) })),
    question(describeDelegationToken, () => ({
      owners: fc.option(few(fc.record({ principalType: fc.constant("User"), principalName: text }))),
    })),
  ];
}

function aboutGroups({ group }: Known): Question[] {
  return [
    question(findCoordinator, () => ({
      ...{ key: group, keyType: fc.constantFrom(0, 1), coordinatorKeys: few(group) },
    })),
    question(listGroups, () => ({
      statesFilter: few(fc.constantFrom("Empty", "Stable", "Dead", "nonsense")),
      typesFilter: few(fc.constantFrom("classic", "consumer", "share", "nonsense")),
    })),
    question(describeGroups, () => ({ groups: few(group) })),
    question(consumerGroupDescribe, () => ({ groupIds: few(group) })),
    question(shareGroupDescribe, () => ({ groupIds: few(group) })),
    question(streamsGroupDescribe, () => ({ groupIds: few(group) })),
    // Of partitions by name the broker asks another coordinator, and waits half a minute where there is none.
    question(describeShareGroupOffsets, () => ({ groups: { groupId: group, topics: fc.constant(null) } })),
    question(describeTransactions, () => ({ transactionalIds: few(text) })),
    question(listTransactions, () => ({
      stateFilters: few(fc.constantFrom("Ongoing", "Empty", "nonsense")),
      ...{ producerIdFilters: few(fc.nat()), durationFilter: fc.constantFrom(-1, 0, 1000) },
      transactionalIdPattern: fc.constantFrom(null, "", ".*", "a+"),
    })),
  ];
}

/** What an answer has to be: nothing behind its end, and the same bytes when it is written again. */
function check(api: Api, version: number, frame: Uint8Array): void {
  const { body } = splitResponse(api, version, frame);
  const exact = exactResponseBody(api, version);
  const precise = exact.decode(body); // throws if anything is left behind its end
  same(exact.encode(precise), body, `${api.name} v${version}, exactly`);
  // Numbers are as good, but for an int64 beyond 2^53, which rounds: Long.MAX_VALUE, for example, which stands for "none".
  const codec = responseBody(api, version);
  const rounded = codec.decode(body);
  if (!hasLarge(precise)) same(codec.encode(rounded), body, `${api.name} v${version}`);
}

function same(got: Uint8Array, wanted: Uint8Array, what: string): void {
  const at = got.findIndex((byte, i) => byte !== wanted[i]);
  if (at < 0 && got.length === wanted.length) return;
  const where = at < 0 ? Math.min(got.length, wanted.length) : at;
  const [ours, theirs] = [got, wanted].map((bytes) => Array.from(bytes.subarray(where, where + 16)).join(" "));
  throw new Error(`${what}: at byte ${where} of ${wanted.length} we write ${ours}, and ${theirs} came`);
}

function hasLarge(value: unknown): boolean {
  if (typeof value === "bigint") return !Number.isSafeInteger(Number(value));
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return false;
  return Object.values(value).some(hasLarge);
}

/** What was asked, by the name of the API: how many requests. */
export type Asked = Readonly<Record<string, number>>;

/** How a broker is asked. */
export interface AskOptions {
  /** How many requests of each API in each version; 10 if not said. */
  readonly runs?: number;
  /** The number that all chance comes from; another one each time if not said. A failure names it. */
  readonly seed?: number;
}

/** Asks a broker, 0.10 or later, all there is to ask. Rejects with the smallest request whose answer is not what it has to be. */
export async function askAll(line: Line, { runs = 10, seed }: AskOptions = {}): Promise<Asked> {
  const { apiKeys } = decodeResponse(apiVersions, 0, await line.ask(apiVersions, 0, {}));
  const known = await look(line, apiKeys);
  const asked: Record<string, number> = {};
  for (const { api, draw } of [...aboutLogs(known), ...aboutCluster(known), ...aboutGroups(known)]) {
    const theirs = apiKeys.find(({ apiKey }) => apiKey === api.key);
    if (theirs === undefined) continue;
    const [min, max] = [Math.max(theirs.minVersion, api.versions[0]), Math.min(theirs.maxVersion, api.versions[1])];
    for (let version = min; version <= max; version++) {
      const answered = fc.asyncProperty(draw(version), async (body) => {
        asked[api.name] = (asked[api.name] ?? 0) + 1;
        check(api, version, await line.ask(api, version, body as Request<Api>));
      });
      await fc.assert(answered, { numRuns: runs, ...seed !== undefined && { seed } });
    }
  }
  return asked;
}

type Listed = Response<typeof apiVersions>["apiKeys"];

/** Looks what there is, and adds what there is not. */
async function look(line: Line, apiKeys: Listed): Promise<Known> {
  const best = ({ key, versions }: Api) =>
    Math.min(versions[1], apiKeys.find(({ apiKey }) => apiKey === key)!.maxVersion);
  const version = best(metadata);
  const all = await line.ask(metadata, version, { topics: version === 0 ? [] : null });
  const { topics, brokers } = decodeResponse(metadata, version, all);
  const { groups } = decodeResponse(listGroups, best(listGroups), await line.ask(listGroups, best(listGroups), {}));
  // Below version 4 of Metadata a broker may make the topic that it is asked about: then only what is there is named.
  const missing = version < 4 ? [] : ["no.such.topic", "not a topic's name"];
  const names = topics.map(({ name }) => name!);
  return {
    topic: fc.constantFrom(...names, ...names, ...missing),
    topicId: fc.constantFrom(NIL, ...topics.map(({ topicId }) => topicId), "0f0f0f0f-0f0f-0f0f-0f0f-0f0f0f0f0f0f"),
    group: fc.constantFrom("", "no-such-group", ...groups.map(({ groupId }) => groupId)),
    broker: fc.constantFrom("", "77", ...brokers.map(({ nodeId }) => `${nodeId}`)),
  };
}

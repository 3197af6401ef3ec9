/** FindCoordinator, OffsetCommit and OffsetFetch of the embedded cluster, in every version that each release has. */

import { assert } from "chai";
import { errorNumbers } from "../../../src/base/error_codes.ts";
import { findCoordinator } from "../../../src/protocol/find_coordinator.ts";
import { offsetCommit } from "../../../src/protocol/offset_commit.ts";
import { offsetFetch } from "../../../src/protocol/offset_fetch.ts";
import { Cluster } from "../../../src/testing/cluster.ts";
import { releaseNames, releaseOf } from "../../../src/testing/releases.ts";
import type { Api } from "../../../src/wire/schema.ts";
import { test } from "../../harness.ts";
import { Line, onLine } from "./line.ts";

function versionsOf(release: string, api: Api): number[] {
  const [min, max] = releaseOf(release).listed.get(api.key)!;
  return Array.from({ length: max - min + 1 }, (_, i) => min + i);
}

async function coordinator(line: Line, version: number, group: string, keyType = 0): Promise<[number, number]> {
  const answer = await line.ask(
    findCoordinator,
    version,
    version < 4 ? { key: group, ...(version > 0 && { keyType }) } : { coordinatorKeys: [group], keyType },
  );
  const { errorCode, nodeId } = answer.coordinators[0] ?? answer;
  return [errorCode, nodeId];
}

interface Committing {
  topicId?: string;
  memberId?: string;
  generation?: number;
  groupId?: string;
}

async function commit(line: Line, version: number, offset: number, more: Committing = {}) {
  const { topicId, memberId, generation, groupId = "g" } = more;
  const part = { partitionIndex: 0, committedOffset: offset, committedMetadata: `at ${offset}` };
  const { topics } = await line.ask(offsetCommit, version, {
    groupId,
    ...(memberId !== undefined && { memberId }),
    ...(generation !== undefined && { generationIdOrMemberEpoch: generation }),
    topics: [{ name: "t", ...(topicId && { topicId }), partitions: [part] }],
  });
  return topics[0]!.partitions[0]!.errorCode;
}

async function fetched(line: Line, version: number, topicId?: string, partition = 0): Promise<unknown[]> {
  const answer = version < 8
    ? await line.ask(offsetFetch, version, { groupId: "g", topics: [{ name: "t", partitionIndexes: [partition] }] })
    : await line.ask(offsetFetch, version, {
      groups: [{ groupId: "g", topics: [{ name: "t", ...(topicId && { topicId }), partitionIndexes: [partition] }] }],
    });
  const group = answer.groups[0] ?? answer;
  const { errorCode, committedOffset, metadata } = group.topics[0]?.partitions[0] ??
    { errorCode: group.errorCode, committedOffset: -1, metadata: "" };
  return [errorCode, committedOffset, metadata];
}

test("on every release offsets are committed and fetched, in each version", async () => {
  for (const release of releaseNames) {
    const cluster = await Cluster.start({ release, topics: { t: {} } });
    const topicId = cluster.topics.get("t")!.id;
    await onLine(cluster, async (line) => {
      let offset = 0;
      for (const version of versionsOf(release, offsetCommit)) {
        if (version === 0) continue;
        assert.equal(await commit(line, version, ++offset, { topicId }), 0);
        for (const version of versionsOf(release, offsetFetch)) {
          if (version === 0) continue;
          assert.deepEqual(
            await fetched(line, version, topicId),
            [0, offset, `at ${offset}`],
            `${release} v${version}`,
          );
          // Only 0.8 says that there is no such partition.
          const none = releaseOf(release).commitsUnchecked ? errorNumbers.UNKNOWN_TOPIC_OR_PARTITION : 0;
          assert.deepEqual(await fetched(line, version, topicId, 7), [none, -1, ""]);
        }
      }
      assert.equal(cluster.committed("g").get("t")!.get(0)!.offset, offset);
    });
  }
});

test("version 0 is ZooKeeper's, and refused without it", async () => {
  for (const release of releaseNames) {
    if (!versionsOf(release, offsetCommit).includes(0)) continue;
    const { raft } = releaseOf(release);
    const cluster = await Cluster.start({ release, topics: { t: {} } });
    await onLine(cluster, async (line) => {
      assert.equal(await commit(line, 1, 5), 0);
      const none = raft ? errorNumbers.UNSUPPORTED_VERSION : errorNumbers.UNKNOWN_TOPIC_OR_PARTITION;
      assert.deepEqual(await fetched(line, 0), [none, -1, ""]);
      assert.equal(await commit(line, 0, 3), raft ? errorNumbers.UNSUPPORTED_VERSION : 0);
      assert.deepEqual(await fetched(line, 0), raft ? [none, -1, ""] : [0, 3, ""], "ZooKeeper keeps no text");
      assert.deepEqual(await fetched(line, 1), [0, 5, "at 5"]);
    });
  }
});

test("the first who asks for a coordinator makes the place for offsets; then it is the same for all", async () => {
  for (const release of releaseNames) {
    const cluster = await Cluster.start({ release, brokers: 3, topics: { t: {} } });
    const lines = await Promise.all([1, 2, 3].map((id) => Line.to(cluster, id)));
    assert.deepEqual(await coordinator(lines[0]!, 0, "g"), [errorNumbers.COORDINATOR_NOT_AVAILABLE, -1]);
    for (const version of versionsOf(release, findCoordinator)) {
      for (const line of lines) {
        assert.deepEqual(await coordinator(line, version, "g"), [0, cluster.coordinatorOf("g")]);
      }
      if (version === 0) continue;
      assert.deepEqual(await coordinator(lines[0]!, version, "g", 1), [errorNumbers.INVALID_REQUEST, -1]);
    }
    for (const line of lines) line.close();
    await cluster.close();
  }
});

test("only the coordinator takes offsets; the next broker takes over with all of them", async () => {
  const cluster = await Cluster.start({ brokers: 3, topics: { t: { replicationFactor: 3 } } });
  const topicId = cluster.topics.get("t")!.id;
  const first = cluster.coordinatorOf("g")!;
  const line = await Line.to(cluster, first);
  const other = await Line.to(cluster, first % 3 + 1);
  assert.equal(await commit(line, 10, 5, { topicId }), 0);
  assert.equal(await commit(other, 10, 6, { topicId }), errorNumbers.NOT_COORDINATOR);
  assert.deepEqual(await fetched(other, 10, topicId), [errorNumbers.NOT_COORDINATOR, -1, ""]);
  assert.deepEqual(await fetched(other, 1), [errorNumbers.NOT_COORDINATOR, -1, ""]);
  await cluster.kill(first);
  const heir = await Line.to(cluster, cluster.coordinatorOf("g")!);
  assert.deepEqual(await fetched(heir, 10, topicId), [0, 5, "at 5"]);
  await cluster.start(first);
  assert.equal(cluster.coordinatorOf("g"), first);
  for (const one of [line, other, heir]) one.close();
  await cluster.close();
});

test("what cannot be committed has its error, and the rest is stored", async () => {
  const cluster = await Cluster.start({ topics: { t: {} } });
  const topicId = cluster.topics.get("t")!.id;
  await onLine(cluster, async (line) => {
    const partitions = [
      { partitionIndex: 0, committedOffset: 1, committedMetadata: null },
      { partitionIndex: 9, committedOffset: 1, committedMetadata: "" },
      { partitionIndex: 0, committedOffset: 2, committedMetadata: "x".repeat(5000) },
    ];
    const { topics } = await line.ask(offsetCommit, 9, { groupId: "g", topics: [{ name: "t", partitions }] });
    assert.deepEqual(topics[0]!.partitions.map(({ errorCode }) => errorCode), [
      0,
      errorNumbers.UNKNOWN_TOPIC_OR_PARTITION,
      errorNumbers.OFFSET_METADATA_TOO_LARGE,
    ]);
    assert.deepEqual(await fetched(line, 10, topicId), [0, 1, ""]);
    assert.equal(await commit(line, 9, 1, { memberId: "m" }), 0);
    const isMember = { memberId: "m", generation: 3 };
    assert.equal(await commit(line, 9, 5, isMember), errorNumbers.UNKNOWN_MEMBER_ID);
    assert.equal(await commit(line, 8, 5, { ...isMember, groupId: "h" }), errorNumbers.ILLEGAL_GENERATION);
    assert.equal(await commit(line, 9, 5, { ...isMember, groupId: "h" }), errorNumbers.GROUP_ID_NOT_FOUND);
    const other = "00000000-0000-0000-0000-000000000001";
    assert.equal(await commit(line, 10, 5, { topicId: other }), errorNumbers.UNKNOWN_TOPIC_ID);
    assert.deepEqual(await fetched(line, 10, other), [errorNumbers.UNKNOWN_TOPIC_ID, -1, ""]);
    assert.deepEqual(await fetched(line, 10, topicId), [0, 1, "at 1"]);
    const all = await line.ask(offsetFetch, 7, { groupId: "g", topics: null });
    assert.deepEqual(all.topics.map(({ name }) => name), ["t"]);
    cluster.deleteTopic("t");
    assert.equal(cluster.committed("g").size, 0);
  });
});

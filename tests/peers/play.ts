/** Has a client of others do its job on an embedded cluster, over TCP: what it writes is there, and what is there it reads. */

import { assert } from "chai";
import { codecs, listen } from "../../src/doors/deno.ts";
import { produce } from "../../src/protocol/produce.ts";
import { Cluster } from "../../src/testing/mod.ts";
import { atLeast } from "../kafka/releases.ts";
import { testWith } from "../tools.ts";
import type { Job, Told } from "./job.ts";
import type { Lack, Peer } from "./peers.ts";
import * as records from "./records.ts";

const { PARTITIONS, COUNT, START } = records;

type Work = Omit<Job, "folder">;

/** So many records are gone from the start of what is there to be read. */
const DELETED = 5;

/** The topic whose first acknowledgement is lost, so that only an idempotent producer's records are there once. */
const LOST = "of.idempotence";

/** The job of a client: all that it and the release can. */
function jobFor(cluster: Cluster, { codecs, lacks = [], idempotent }: Peer): Work {
  const { release, hosts } = cluster;
  const kinds = ["none", ...codecs.filter((codec) => records.isKnown(codec, release))];
  const writes: Job["writes"][number][] = kinds.map((codec) => ({ topic: `of.${codec}`, codec, idempotent: null }));
  if (idempotent && atLeast(release, "0.11")) {
    writes.push({ topic: LOST, codec: "none", idempotent: idempotent === "by default" ? null : true });
  }
  const reads = ["ours", ...writes.map(({ topic }) => topic)];
  return {
    ...{ hosts, release, writes, reads, partitions: PARTITIONS, gone: "gone", time: START + COUNT / 2 },
    admin: !lacks.includes("admin") && atLeast(release, "0.10.2"),
    timestamps: atLeast(release, "0.10"),
    records: records.recordsFor(release, lacks),
    searches: atLeast(release, "0.10.1") ? reads : [],
  };
}

async function checkWritten(cluster: Cluster, job: Work, told: Told, lacks: readonly Lack[]): Promise<void> {
  const should = records.placed(job.records);
  for (const { topic, codec } of job.writes) {
    assert.deepEqual(told.written[topic], should.map(([, offset]) => offset), `offsets in ${topic}`);
    const { codecs: used, producerIds } = records.marksIn(cluster, topic);
    assert.include(used, codec, `codecs in ${topic}`);
    // Some send a batch as it is where it does not get smaller.
    assert.includeMembers([codec, "none"], used, `codecs in ${topic}`);
    if (topic === LOST) assert.isTrue(producerIds.every((id) => id >= 0), `producer ids in ${topic}`);
    records.assertSame(await records.inside(cluster, topic), should, cluster.release, lacks, `records of ${topic}`);
  }
}

async function checkRead(cluster: Cluster, job: Work, told: Told, lacks: readonly Lack[]): Promise<void> {
  for (const topic of job.reads) {
    const { partitions } = cluster.topics.get(topic)!;
    const limits = partitions.map(({ index, log }) => [index, log.startOffset, log.endOffset] as const);
    if (told.offsets) assert.deepEqual(records.sorted(told.offsets[topic]!), limits, `limits of ${topic}`);
    const there = await records.inside(cluster, topic);
    if (told.read) records.assertSame(told.read[topic]!, there, cluster.release, lacks, `what is read of ${topic}`);
    if (!told.since || !job.searches.includes(topic)) continue;
    const since = partitions.map(({ index }) => {
      const first = there.find(([partition, , timestamp]) => partition === index && timestamp >= job.time);
      return [index, first?.[1] ?? -1] as const;
    });
    assert.deepEqual(records.sorted(told.since[topic]!), since, `offsets of a time in ${topic}`);
  }
}

/** Does the first Produce to a topic, and ends the connection instead of acknowledging it. */
function loseFirstAnswer(cluster: Cluster, topic: string): () => boolean {
  let isLost = false;
  cluster.control(produce, async ({ body, answer }) => {
    const { name, topicId } = body.topicData[0]!;
    if (name !== topic && topicId !== cluster.topics.get(topic)?.id) return undefined;
    await answer();
    isLost = true;
    return "close" as const;
  });
  return () => isLost;
}

async function play(peer: Peer, release: string): Promise<void> {
  const { lacks = [] } = peer;
  const cluster = await Cluster.start({ brokers: 2, release, listen, codecs });
  try {
    await cluster.createTopic("ours", { partitions: PARTITIONS, replicationFactor: 2 });
    await cluster.createTopic("gone");
    await records.writeOurs(cluster, "ours", peer.codecs);
    cluster.deleteRecords("ours", 0, DELETED);
    const job = jobFor(cluster, peer);
    if (!job.admin) {
      for (const { topic } of job.writes) await cluster.createTopic(topic, { partitions: PARTITIONS });
    }
    const isLost = loseFirstAnswer(cluster, LOST);
    const told = await peer.work(job);
    await checkWritten(cluster, job, told, lacks);
    await checkRead(cluster, job, told, lacks);
    assert.equal(isLost(), job.writes.some(({ topic }) => topic === LOST));
    if (told.listed) assert.includeMembers([...told.listed], ["gone", ...job.reads]);
    assert.equal(cluster.topics.has("gone"), !job.admin);
  } finally {
    await cluster.close();
  }
}

/** Declares the tests of some clients, one with each release of the brokers. */
export function testPeers(some: readonly Peer[]): void {
  for (const peer of some) {
    for (const release of peer.releases) {
      testWith(peer.tools, `${peer.name} with brokers of ${release}`, () => play(peer, release));
    }
  }
}

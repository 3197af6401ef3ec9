/** Topics made and deleted: what is sent, what is waited for, and every way in which it fails. */

import { assert } from "chai";
import type { KafkaError } from "../../../src/base/errors.ts";
import type { World } from "../../../src/base/world.ts";
import { Admin, type NewTopicOptions } from "../../../src/admin/admin.ts";
import type { Cluster, ClusterSettings } from "../../../src/cluster/cluster.ts";
import { createTopics } from "../../../src/protocol/create_topics.ts";
import { deleteTopics } from "../../../src/protocol/delete_topics.ts";
import { metadata } from "../../../src/protocol/metadata.ts";
import type { Cluster as Embedded, ClusterOptions } from "../../../src/testing/cluster.ts";
import { releaseNames } from "../../../src/testing/releases.ts";
import { test } from "../../harness.ts";
import { failure, rejection, simulated } from "../base/simulated.ts";
import { found } from "../cluster/meeting.ts";

const OLD = ["0.8.2.2", "0.9.0.1"];

/** Runs `body` with an operator's verbs for an embedded cluster. */
function administered(
  options: ClusterOptions,
  body: (admin: Admin, embedded: Embedded, cluster: Cluster, world: World) => Promise<void>,
  more: Partial<ClusterSettings> = {},
): Promise<number> {
  const timeoutMs = more.requestTimeoutMs ?? 30_000;
  return simulated((world) =>
    found(world, options, (cluster, embedded) => body(new Admin(cluster, timeoutMs), embedded, cluster, world), more)
  );
}

for (const release of releaseNames.filter((name) => !OLD.includes(name))) {
  test(`a topic is made, can be used at once, and is deleted, on ${release}`, async () => {
    await administered({ release, brokers: 3 }, async (admin, embedded, cluster) => {
      await admin.createTopic("t", {
        partitions: 4,
        replicationFactor: 2,
        configs: { "max.message.bytes": 2_000_000 },
      });
      const { partitions } = cluster.snapshot.topics.get("t")!;
      assert.lengthOf(partitions, 4);
      for (const { leader, replicas } of partitions) {
        assert.isAtLeast(leader, 1);
        assert.lengthOf(replicas, 2);
      }
      assert.equal(embedded.topics.get("t")!.configs.get("max.message.bytes"), "2000000");
      await admin.createTopic("plain");
      assert.lengthOf(cluster.snapshot.topics.get("plain")!.partitions, 1);
      await admin.deleteTopic("t");
      assert.isFalse(embedded.topics.has("t"));
      assert.isFalse(cluster.snapshot.topics.has("t"));
      assert.isTrue(cluster.snapshot.topics.has("plain"));
    });
  });
}

for (const release of OLD) {
  test(`a release that cannot do it says so: ${release}`, async () => {
    const ms = await administered({ release, topics: { t: {} } }, async (admin) => {
      for (const call of [admin.createTopic("u"), admin.deleteTopic("t")]) {
        const error = await failure(call, "UNSUPPORTED_FEATURE");
        assert.include(error.message, "0.10.1");
        assert.include(error.message, "kafka-topics.sh");
        assert.equal(error.broker, "broker-1:9092");
        assert.isFalse(error.retriable);
      }
    });
    assert.isBelow(ms, 2000);
  });
}

test("what a broker refuses is told at once, with its name, its reason and the topic", async () => {
  const ms = await administered({ topics: { there: {} } }, async (admin) => {
    const cases: [name: string, options: NewTopicOptions, code: string, words: string][] = [
      ["there", {}, "TOPIC_ALREADY_EXISTS", "'there' already exists"],
      ["a b", {}, "INVALID_TOPIC_EXCEPTION", "a b"],
      ["t", { replicationFactor: 3 }, "INVALID_REPLICATION_FACTOR", "Replication factor: 3"],
      ["t", { configs: { nonsense: 1 } }, "INVALID_CONFIG", "nonsense"],
    ];
    for (const [name, options, code, words] of cases) {
      const error = await failure(admin.createTopic(name, options), code);
      assert.equal(error.topic, name);
      assert.isFalse(error.retriable);
      assert.include(error.message, words);
    }
    const error = await failure(admin.deleteTopic("nobody"), "UNKNOWN_TOPIC_OR_PARTITION");
    assert.equal(error.topic, "nobody");
    assert.isFalse(error.retriable, "nothing that a retry would heal");
  });
  assert.isBelow(ms, 100);
});

test("options that are not allowed are named, and nothing is sent", async () => {
  await administered({}, async (admin, embedded) => {
    let asks = 0;
    embedded.control(createTopics, () => void asks++, Infinity);
    const cases: [options: unknown, words: string][] = [
      [{ partitions: 0 }, "partitions must be a whole number from 1"],
      [{ replicationFactor: 1.5 }, "replicationFactor must be a whole number"],
      [{ configs: { a: null } }, "configs must be an object whose values are texts, numbers, true or false"],
      [{ configs: ["a"] }, "configs must be an object"],
      [{ signal: {} }, "signal must be an AbortSignal, not an object"],
      [{ replicas: 1 }, "createTopic has no option replicas; it knows partitions, replicationFactor, configs, signal"],
      [null, "createTopic takes an object of options, not null"],
    ];
    for (const [options, words] of cases) {
      const error = await failure(admin.createTopic("t", options as NewTopicOptions), "INVALID_OPTION");
      assert.include(error.message, words);
    }
    const odd = await failure(admin.deleteTopic("t", { sginal: 1 } as Record<string, unknown>), "INVALID_OPTION");
    assert.include(odd.message, "deleteTopic has no option sginal; it knows signal");
    await failure(admin.createTopic(5 as unknown as string), "INVALID_OPTION");
    assert.equal(asks, 0);
  });
});

test("a controller that has changed is looked for and asked again", async () => {
  await administered({ release: "2.8.2", brokers: 3 }, async (admin, embedded, cluster) => {
    const before = embedded.controllerId;
    await embedded.kill(before);
    assert.notEqual(embedded.controllerId, before);
    await admin.createTopic("t", { replicationFactor: 2 });
    assert.equal(cluster.snapshot.controllerId, embedded.controllerId);
    await embedded.start(before);
    let refused = 0;
    embedded.control(deleteTopics, ({ body }) => {
      refused++;
      return { responses: body.topics.map(({ name, topicId }) => ({ name, topicId, errorCode: 41 })) };
    }, 2);
    await admin.deleteTopic("t");
    assert.equal(refused, 2);
  });
});

test("an answer that got lost does not turn the call's own success into an error", async () => {
  await administered({}, async (admin, embedded) => {
    const doneButCut = async ({ answer }: { answer: () => Promise<unknown> }) => {
      await answer();
      return "close" as const;
    };
    embedded.control(createTopics, doneButCut);
    await admin.createTopic("t");
    assert.isTrue(embedded.topics.has("t"));
    embedded.control(deleteTopics, doneButCut);
    await admin.deleteTopic("t");
    assert.isFalse(embedded.topics.has("t"));
    embedded.control(createTopics, () => "close");
    await admin.createTopic("u");
    assert.equal((await failure(admin.createTopic("u"), "TOPIC_ALREADY_EXISTS")).topic, "u");
  });
});

test("a topic counts as made when every partition has a leader", async () => {
  await administered({}, async (admin, embedded, cluster, world) => {
    let asks = 0;
    embedded.control(metadata, async ({ answer }) => {
      const whole = await answer();
      asks++;
      if (typeof whole === "string") return whole;
      const topics = whole.topics.map((topic) =>
        asks < 3
          ? { ...topic, errorCode: 3, partitions: [] }
          : { ...topic, partitions: topic.partitions.map((partition) => ({ ...partition, leaderId: -1 })) }
      );
      return { ...whole, topics };
    }, 5);
    await admin.createTopic("t");
    assert.isAtLeast(asks, 5);
    assert.equal(cluster.snapshot.topics.get("t")!.partitions[0]!.leader, 1);
    assert.isAbove(world.now(), 300);
  });
});

test("who may make a topic but not see it is told so, not left to wait", async () => {
  const ms = await administered({}, async (admin, embedded) => {
    embedded.control(metadata, async ({ answer }) => {
      const whole = await answer();
      if (typeof whole === "string") return whole;
      return { ...whole, topics: whole.topics.map((topic) => ({ ...topic, errorCode: 29, partitions: [] })) };
    }, Infinity);
    assert.equal((await failure(admin.createTopic("t"), "TOPIC_AUTHORIZATION_FAILED")).topic, "t");
  });
  assert.isBelow(ms, 100);
});

test("a deadline that passes says what was waited for", async () => {
  await administered({ topics: { t: {} } }, async (admin, embedded, _cluster, world) => {
    embedded.control(deleteTopics, ({ body }) => ({
      responses: body.topics.map(({ name, topicId }) => ({ name, topicId, errorCode: 0 })),
    }), Infinity);
    const before = world.now();
    const error = await failure(admin.deleteTopic("t"), "REQUEST_TIMEOUT");
    assert.closeTo(world.now() - before, 3000, 20);
    assert.equal(error.topic, "t");
    assert.include(error.message, "Deleting the topic t did not end within 3000 ms");
    assert.include((error.cause as KafkaError).message, "t is still listed");
    embedded.control(createTopics, () => "drop", Infinity);
    const mute = await failure(admin.createTopic("u"), "REQUEST_TIMEOUT");
    assert.equal(mute.topic, "u");
    assert.include(mute.message, "Making the topic u");
  }, { requestTimeoutMs: 3000 });
});

test("the caller's abort ends a call with its reason", async () => {
  await administered({ topics: { t: {} } }, async (admin, embedded, _cluster, world) => {
    embedded.control(createTopics, () => "drop", Infinity);
    embedded.control(deleteTopics, () => "drop", Infinity);
    for (const call of [admin.createTopic.bind(admin, "u"), admin.deleteTopic.bind(admin, "t")]) {
      const caller = new AbortController();
      const ending = rejection(call({ signal: caller.signal }));
      await world.sleep(100);
      caller.abort("enough");
      assert.equal(await ending, "enough");
      assert.equal(await rejection(call({ signal: caller.signal })), "enough");
    }
    assert.isBelow(world.now(), 300);
  });
});

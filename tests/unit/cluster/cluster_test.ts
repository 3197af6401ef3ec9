/** The cluster in use: metadata kept fresh, topics looked up, requests routed and retried, and the end of it all. */

import { assert } from "chai";
import { KafkaError } from "../../../src/base/errors.ts";
import { Cluster } from "../../../src/cluster/cluster.ts";
import { createTopics } from "../../../src/protocol/create_topics.ts";
import { listGroups } from "../../../src/protocol/list_groups.ts";
import { listOffsets } from "../../../src/protocol/list_offsets.ts";
import { metadata } from "../../../src/protocol/metadata.ts";
import type { ResponseIn } from "../../../src/wire/schema.ts";
import { test } from "../../harness.ts";
import { failure, rejection, simulated } from "../base/simulated.ts";
import { ADDRESS, type Peer, Stage } from "../connection/peers.ts";
import { ALONE, broker, found, scripted, settings } from "./meeting.ts";

type TopicIn = ResponseIn<typeof metadata>["topics"][number];

function topic(name: string, leaderId = 1, errorCode = 0): TopicIn {
  const partition = { errorCode: 0, partitionIndex: 0, leaderId, replicaNodes: [1], isrNodes: [1] };
  return { name, errorCode, partitions: errorCode === 0 ? [partition] : [] };
}

test("a known topic is given without asking, an unknown one is asked for once more and then believed", async () => {
  await simulated(async (world) => {
    let asks = 0;
    await found(world, { topics: { t: { partitions: 2 } } }, async (cluster, embedded) => {
      embedded.control(metadata, () => void asks++, Infinity);
      assert.lengthOf((await cluster.topic("t", undefined)).partitions, 2);
      assert.equal(asks, 0);
      const error = await failure(cluster.topic("nobody", undefined), "UNKNOWN_TOPIC_OR_PARTITION");
      assert.equal(error.topic, "nobody");
      assert.isFalse(error.retriable);
      assert.include(error.message, "nobody");
      assert.isBelow(world.now(), 300);
      await embedded.createTopic("late");
      assert.equal((await cluster.topic("late", undefined)).name, "late");
    });
  });
});

test("a topic with an impossible name is refused at once", async () => {
  await simulated(async (world) => {
    await found(world, {}, async (cluster) => {
      assert.equal((await failure(cluster.topic("a b", undefined), "INVALID_TOPIC_EXCEPTION")).topic, "a b");
      assert.isBelow(world.now(), 50);
    });
  });
});

test("looking for a topic creates none, not even on brokers that would", async () => {
  for (const release of ["0.8.2.2", "0.9.0.1", "0.10.2.2", "2.8.2"]) {
    await simulated(async (world) => {
      const asked: unknown[] = [];
      await found(world, { release, topics: { t: {} } }, async (cluster, embedded) => {
        embedded.control(metadata, ({ version, body }) => {
          const isAll = version === 0 ? body.topics?.length === 0 : body.topics === null;
          asked.push(isAll || !body.allowAutoTopicCreation);
          return undefined;
        }, Infinity);
        await failure(cluster.topic("nobody", undefined), "UNKNOWN_TOPIC_OR_PARTITION");
        assert.deepEqual([...cluster.snapshot.topics.keys()], ["t"]);
      });
      assert.isAtLeast(asked.length, 2);
      assert.isTrue(asked.every((one) => one === true), release);
    });
  }
});

test("a topic without a leader is waited for; at the deadline the last failure is the cause", async () => {
  await simulated(async (world) => {
    const script = broker((_, nth) => nth === 0 ? ALONE : { ...ALONE, topics: [topic("t", 1, nth < 4 ? 5 : 0)] });
    await scripted(world, script, async (cluster) => {
      assert.equal((await cluster.topic("t", undefined)).partitions[0]!.leader, 1);
    });
    const never = broker((_, nth) => nth === 0 ? ALONE : { ...ALONE, topics: [topic("t", 1, 5)] });
    await scripted(world, never, async (cluster) => {
      const before = world.now();
      const error = await failure(cluster.topic("t", undefined), "REQUEST_TIMEOUT");
      assert.closeTo(world.now() - before, 5000, 10);
      assert.equal(error.topic, "t");
      assert.equal((error.cause as KafkaError).code, "LEADER_NOT_AVAILABLE");
    }, { requestTimeoutMs: 5000 });
  });
});

test("the caller's abort ends a look-up with its very reason", async () => {
  await simulated(async (world) => {
    await scripted(world, broker((_, nth) => nth === 0 ? ALONE : undefined), async (cluster) => {
      const caller = new AbortController();
      const ending = rejection(cluster.topic("t", caller.signal));
      await world.sleep(100);
      const reason = new KafkaError("CLOSED", "the caller's own");
      caller.abort(reason);
      assert.equal(await ending, reason);
    });
  });
});

test("whoever asks for fresh metadata, it is fetched by one at a time, less and less often", async () => {
  await simulated(async (world) => {
    const at: number[] = [];
    let flying = 0;
    let most = 0;
    const script = broker(async (_, nth) => {
      if (nth > 0) at.push(world.now());
      most = Math.max(most, ++flying);
      await world.sleep(5);
      flying--;
      return ALONE;
    });
    await scripted(world, script, async (cluster) => {
      for (let i = 0; i < 3000; i++) {
        for (let j = 0; j < 3; j++) cluster.lookAgain();
        await world.sleep(1);
      }
      assert.equal(most, 1);
      assert.isBelow(at[0]!, 20, "the first is fetched at once");
      assert.isAtMost(at.length, 7);
      const gaps = at.slice(1).map((ms, i) => ms - at[i]!);
      for (const [i, ms] of [100, 200, 400, 800].entries()) assert.closeTo(gaps[i]!, ms + 5, ms * 0.2 + 10);
      await world.sleep(5000);
      const before = at.length;
      const asked = world.now();
      cluster.lookAgain();
      await world.sleep(50);
      assert.lengthOf(at, before + 1);
      assert.isBelow(at[before]! - asked, 20, "after some peace at once again");
    });
  });
});

test("a reason to look again that comes while metadata is under way is not lost", async () => {
  for (const fails of [false, true]) {
    await simulated(async (world) => {
      let asks = 0;
      const script = broker(async (_, nth) => {
        asks++;
        if (nth !== 1) return ALONE;
        await world.sleep(50);
        return fails ? { ...ALONE, errorCode: 31 } : ALONE;
      });
      await scripted(world, script, async (cluster) => {
        cluster.lookAgain();
        await world.sleep(20);
        cluster.lookAgain();
        await world.sleep(1000);
        assert.equal(asks, 3);
      });
    });
  }
});

test("metadata of what is in use is fetched again when it is old, and when that fails", async () => {
  await simulated(async (world) => {
    const asked: (string | null)[][] = [];
    await found(world, { topics: { used: {}, other: {} } }, async (cluster, embedded) => {
      embedded.control(metadata, ({ body }) => {
        asked.push(body.topics?.map(({ name }) => name) ?? ["everything"]);
        return asked.length === 2 ? "close" : undefined;
      }, Infinity);
      cluster.use("used");
      cluster.use("used");
      cluster.letGo("used");
      await world.sleep(60_500);
      cluster.letGo("used");
      await world.sleep(60_000);
      assert.deepEqual(asked[0], ["used"]);
      assert.deepEqual(asked.at(-1), []);
      assert.lengthOf(asked, 2 + 1, "the one that was cut off came again at once");
    }, { metadataMaxAgeMs: 60_000 });
  });
});

test("a broker that did not answer in time is asked after the others, for a while", async () => {
  await simulated(async (world) => {
    await found(world, { brokers: 3, topics: { t: {} } }, async (cluster, embedded) => {
      for (const id of cluster.snapshot.brokers.keys()) await cluster.connection(id, "control");
      const asked = new Set<number>();
      embedded.control(metadata, ({ broker }) => void asked.add(broker), Infinity);
      const doubted = cluster.snapshot.brokers.get(2)!;
      const error = new KafkaError("REQUEST_TIMEOUT", "late", { broker: `${doubted.host}:${doubted.port}` });
      cluster.lookAgain(error);
      for (let i = 0; i < 20; i++) await cluster.refresh(null);
      assert.isFalse(asked.has(2));
      assert.isAbove(asked.size, 0);
      await world.sleep(40_000);
      for (let i = 0; i < 40; i++) await cluster.refresh(null);
      assert.isTrue(asked.has(2));
    });
  });
});

test("one that is doubted is asked all the same where nobody else answers", async () => {
  await simulated(async (world) => {
    await found(world, { topics: { t: {} } }, async (cluster) => {
      const { host, port } = [...cluster.snapshot.brokers.values()][0]!;
      cluster.lookAgain(new KafkaError("REQUEST_TIMEOUT", "late", { broker: `${host}:${port}` }));
      assert.isTrue((await cluster.refresh(["t"])).topics.has("t"));
    });
  });
});

test("who waits for news is woken by each new snapshot", async () => {
  await simulated(async (world) => {
    await found(world, { topics: { t: {} } }, async (cluster) => {
      const before = cluster.snapshot;
      const news = cluster.changed.wait();
      await cluster.refresh(null);
      await news;
      assert.notEqual(cluster.snapshot, before);
    });
  });
});

test("requests go to the leader, the controller, a broker by its id, or anyone", async () => {
  await simulated(async (world) => {
    const asked: [string, number][] = [];
    await found(
      world,
      { brokers: 3, topics: { t: { partitions: 3, replicationFactor: 3 } } },
      async (cluster, embedded) => {
        embedded.control(listGroups, ({ broker }) => void asked.push(["groups", broker]), Infinity);
        embedded.control(listOffsets, ({ broker }) => void asked.push(["offsets", broker]), Infinity);
        embedded.control(createTopics, ({ broker }) => void asked.push(["create", broker]), Infinity);
        for (const broker of [1, 2, 3]) await cluster.request({ broker }, listGroups, {}, {});
        for (const partition of [0, 1, 2]) {
          await cluster.request(
            { leaderOf: { topic: "t", partition } },
            listOffsets,
            { replicaId: -1, topics: [] },
            {},
          );
        }
        await cluster.request("controller", createTopics, { topics: [] }, {});
        await cluster.request("any", listGroups, {}, {});
        const leaders = [0, 1, 2].map((partition) => embedded.partition("t", partition).leader);
        assert.deepEqual(asked.slice(0, 7), [
          ["groups", 1],
          ["groups", 2],
          ["groups", 3],
          ...leaders.map((leader): [string, number] => ["offsets", leader]),
          ["create", embedded.controllerId],
        ]);
        assert.lengthOf(asked, 8);
      },
    );
  });
});

test("whom there is not cannot be asked, and the error is worth a retry", async () => {
  await simulated(async (world) => {
    const script = broker(() => ({ ...ALONE, topics: [topic("t", -1)] }));
    await scripted(world, script, async (cluster) => {
      const ask = (target: Parameters<Cluster["request"]>[0]) => cluster.request(target, listGroups, {}, {});
      const gone = await failure(ask({ broker: 7 }), "NO_BROKERS");
      assert.isTrue(gone.retriable);
      assert.include(gone.message, "Broker 7");
      const headless = await failure(ask({ leaderOf: { topic: "t", partition: 0 } }), "LEADER_NOT_AVAILABLE");
      assert.deepInclude({ ...headless }, { topic: "t", partition: 0, retriable: true });
      for (const target of [{ topic: "u", partition: 0 }, { topic: "t", partition: 1 }]) {
        const unknown = await failure(ask({ leaderOf: target }), "UNKNOWN_TOPIC_OR_PARTITION");
        assert.deepInclude({ ...unknown }, { ...target, retriable: true });
      }
    });
  });
});

test("a broker that is not in the metadata any more is let go of, one that moved is followed", async () => {
  await simulated(async (world) => {
    const stage = new Stage(world);
    let port = 9092;
    let two = true;
    const script = broker(() => ({
      ...ALONE,
      brokers: [...ALONE.brokers, ...(two ? [{ nodeId: 2, host: "two", port }] : [])],
    }));
    await stage.play(script);
    await stage.play(script, { host: "two", port: 9092 });
    await stage.play(script, { host: "two", port: 9093 });
    const { dial } = stage.network;
    const cluster = await Cluster.connect(settings(world, { dial, hosts: [ADDRESS] }), undefined);
    const first = await cluster.connection(2, "produce");
    port = 9093;
    await cluster.refresh([]);
    const second = await cluster.connection(2, "produce");
    assert.deepEqual([first.label, second.label], ["two:9092", "two:9093"]);
    assert.isDefined(first.error);
    assert.isUndefined(second.error);
    two = false;
    await cluster.refresh([]);
    assert.isDefined(second.error);
    await failure(cluster.connection(2, "produce"), "NO_BROKERS");
    await cluster.close();
    await stage.end();
  });
});

test("brokers are reached where mapAddress says", async () => {
  await simulated(async (world) => {
    const inside = { ...ALONE, brokers: [{ nodeId: 1, host: "10.0.0.1", port: 1 }] };
    await scripted(world, broker(() => inside), async (cluster, stage) => {
      assert.equal(cluster.snapshot.brokers.get(1)!.host, "10.0.0.1");
      assert.equal((await cluster.connection(1, "control")).label, "peer:9092");
      assert.equal(stage.dials.get("peer:9092"), 1, "the host turned out to be that broker");
    }, { mapAddress: () => ADDRESS });
  });
});

test("an empty picture of a broker of 0.8.2 does not cover what was known", async () => {
  await simulated(async (world) => {
    await scripted(world, broker((_, nth) => nth === 0 ? ALONE : { ...ALONE, brokers: [] }), async (cluster) => {
      await cluster.refresh(null);
      assert.deepEqual([...cluster.snapshot.brokers.keys()], [1]);
    });
  });
});

test("when every broker that was known is gone, the bootstrap hosts are asked again (KIP-899)", async () => {
  await simulated(async (world) => {
    const stage = new Stage(world);
    let isMoved = false;
    const script = broker(() => ({ ...ALONE, brokers: [{ nodeId: 1, host: isMoved ? "new" : "old", port: 9092 }] }));
    await stage.play(script);
    const old = await stage.play(script, { host: "old", port: 9092 });
    const { dial } = stage.network;
    const cluster = await Cluster.connect(settings(world, { dial, hosts: [ADDRESS] }), undefined);
    const first = await cluster.connection(1, "control");
    old.close();
    await stage.play(script, { host: "new", port: 9092 });
    isMoved = true;
    await first.close();
    cluster.lookAgain();
    await world.sleep(2000);
    assert.equal((await cluster.connection(1, "control")).label, "new:9092");
    await cluster.close();
    await stage.end();
  });
});

test("a broker that asks for it sends the client back to the bootstrap hosts (KIP-1102)", async () => {
  await simulated(async (world) => {
    const stage = new Stage(world);
    const seen: string[] = [];
    const script = (name: string) =>
      broker(() => {
        seen.push(name);
        const brokers = [{ nodeId: 1, host: "lost", port: 9092 }];
        return name === "lost" ? { ...ALONE, brokers: [], errorCode: 129 } : { ...ALONE, brokers };
      });
    await stage.play(script("seed"));
    await stage.play(script("lost"), { host: "lost", port: 9092 });
    const { dial } = stage.network;
    const cluster = await Cluster.connect(settings(world, { dial, hosts: [ADDRESS] }), undefined);
    const lost = await cluster.connection(1, "control");
    while (seen.at(-1) !== "lost") await cluster.refresh([]).catch(() => {});
    assert.isDefined(lost.error);
    assert.equal(cluster.snapshot.brokers.size, 0);
    await cluster.refresh([]);
    assert.equal(seen.at(-1), "seed");
    assert.deepEqual([...cluster.snapshot.brokers.keys()], [1]);
    await cluster.close();
    await stage.end();
  });
});

test("an answer that failed as a whole changes nothing", async () => {
  await simulated(async (world) => {
    const script = broker((_, nth) => {
      return nth === 0 ? { ...ALONE, topics: [topic("t")] } : { ...ALONE, brokers: [], errorCode: 31 };
    });
    await scripted(world, script, async (cluster) => {
      await failure(cluster.refresh(null), "CLUSTER_AUTHORIZATION_FAILED");
      assert.deepEqual([...cluster.snapshot.topics.keys()], ["t"]);
      assert.equal(cluster.snapshot.brokers.size, 1);
    });
  });
});

test("a broker that falls silent is found out, though every call has a deadline of its own", async () => {
  await simulated(async (world) => {
    let first: Peer | undefined;
    const script = broker(async (_, nth, peer) => {
      first ??= peer;
      return nth > 0 && peer === first ? void await peer.ignore() : ALONE;
    });
    await scripted(world, script, async (cluster, stage) => {
      await failure(cluster.topic("t", undefined), "REQUEST_TIMEOUT");
      await failure(cluster.topic("t", undefined), "UNKNOWN_TOPIC_OR_PARTITION");
      assert.isAbove(stage.dials.get("peer:9092")!, 1);
    }, { requestTimeoutMs: 2000 });
  });
});

test("work is tried again while its errors heal, and with what it is told each time", async () => {
  await simulated(async (world) => {
    await scripted(world, broker(() => ALONE), async (cluster) => {
      const attempts: number[] = [];
      const value = await cluster.retrying((attempt) => {
        attempts.push(attempt);
        return attempt < 4 ? Promise.reject(KafkaError.ofBroker(6, "")) : Promise.resolve("done");
      }, new AbortController().signal);
      assert.equal(value, "done");
      assert.deepEqual(attempts, [1, 2, 3, 4]);
      assert.closeTo(world.now(), 700, 150);
      const odd = new TypeError("a mistake of ours");
      const work = () => Promise.reject(odd);
      assert.equal(await rejection(cluster.retrying(work, new AbortController().signal)), odd);
    });
  });
});

test("at the deadline of a call the last failure is the cause, also when the last try hangs", async () => {
  await simulated(async (world) => {
    await scripted(world, broker(() => ALONE), async (cluster) => {
      const error = await failure(
        cluster.deadline("Doing it", undefined, (signal) =>
          cluster.retrying(async (attempt) => {
            if (attempt === 1) throw KafkaError.ofBroker(41, "");
            await world.sleep(60_000, signal);
          }, signal), { partition: 3 }),
        "REQUEST_TIMEOUT",
      );
      assert.equal(error.message, "REQUEST_TIMEOUT: Doing it did not end within 30000 ms");
      assert.equal((error.cause as KafkaError).code, "NOT_CONTROLLER");
      assert.equal(error.partition, 3);
    });
  });
});

test("closing ends every call with CLOSED at once, and leaves nothing", async () => {
  await simulated(async (world) => {
    await scripted(world, broker((_, nth) => nth === 0 ? ALONE : undefined), async (cluster) => {
      const hanging = failure(cluster.topic("t", undefined), "CLOSED");
      const backingOff = failure(
        cluster.deadline(
          "Waiting",
          undefined,
          (signal) => cluster.retrying(() => Promise.reject(KafkaError.ofBroker(6, "")), signal),
        ),
        "CLOSED",
      );
      await world.sleep(50);
      await Promise.all([cluster.close(), cluster.close()]);
      await hanging;
      await backingOff;
      assert.isBelow(world.now(), 60);
      await failure(cluster.topic("t", undefined), "CLOSED");
      await failure(cluster.request("any", listGroups, {}, {}), "CLOSED");
      await failure(cluster.connection(1, "produce"), "CLOSED");
      cluster.lookAgain();
    });
    assert.isBelow(world.now(), 60);
  });
});

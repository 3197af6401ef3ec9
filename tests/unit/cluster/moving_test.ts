/** Brokers that move, leave, join and hang, over the simulated network: the client follows, and a dead one holds nobody up. */

import { assert } from "chai";
import { Cluster } from "../../../src/cluster/cluster.ts";
import { listGroups } from "../../../src/protocol/list_groups.ts";
import { metadata } from "../../../src/protocol/metadata.ts";
import { Cluster as Embedded } from "../../../src/testing/cluster.ts";
import type { Address, Dial } from "../../../src/transport/transport.ts";
import { test } from "../../harness.ts";
import { failure, simulated } from "../base/simulated.ts";
import { play, texts } from "../client/rig.ts";
import { ADDRESS, Stage } from "../connection/peers.ts";
import { ALONE, broker, found, hostsOf, settings } from "./meeting.ts";

const at = (host: string, port = 9092): Address => ({ host, port });

/** The embedded cluster's dial, where one name stands for whoever is behind it at the moment. */
function behind(name: string, dial: Dial, where: () => Address): Dial {
  return (address, options) => dial(address.host === name ? where() : address, options);
}

for (const seed of [1, 2, 3, 4, 5]) {
  test(`the whole cluster moves to new addresses behind its bootstrap name, and nobody hears of it (KIP-899), ${seed}`, async () => {
    let place = at("broker-1");
    await play({
      seed,
      brokers: 3,
      topics: { t: { replicationFactor: 3 } },
      client: { hosts: "boot:9092" },
      dialed: (dial) => behind("boot", dial, () => place),
    }, async ({ process, cluster, client }) => {
      const producer = (await client.topic("t")).producer();
      const sent: string[] = [];
      const waits: Promise<unknown>[] = [];
      let isOver = false;
      const producing = (async () => {
        while (!isOver) {
          sent.push(`${sent.length}`);
          waits.push(producer.produce(sent.at(-1)!));
          await process.sleep(20);
        }
      })();
      await process.sleep(500);
      for (const id of [1, 2, 3]) await cluster.kill(id);
      await process.sleep(300);
      for (const id of [1, 2, 3]) await cluster.start(id, at(`new-${id}`, 19_092));
      place = at("new-2", 19_092);
      const since = process.now();
      await producer.produce("moved");
      const ms = process.now() - since;
      assert.isBelow(ms, 5000, "found again in a few seconds");
      isOver = true;
      await producing;
      await Promise.all(waits);
      assert.deepEqual([...client.brokers.values()].map(({ host }) => host).sort(), ["new-1", "new-2", "new-3"]);
      assert.includeMembers(await texts(cluster), sent);
    });
  });
}

test("brokers move one by one while they are used, join and leave: every call ends well", async () => {
  await play({ brokers: 3, topics: { t: { replicationFactor: 3 } } }, async ({ process, cluster, client }) => {
    const producer = (await client.topic("t")).producer();
    const waits: Promise<unknown>[] = [];
    for (let round = 0; round < 6; round++) {
      const id = 1 + round % 3;
      for (let i = 0; i < 20; i++) waits.push(producer.produce(`${round}/${i}`));
      await cluster.kill(id);
      for (let i = 20; i < 40; i++) waits.push(producer.produce(`${round}/${i}`));
      await process.sleep(700);
      await cluster.start(id, at(`place-${round}`));
      await process.sleep(700);
    }
    await Promise.all(waits);
    await client.refresh();
    assert.deepEqual([...client.brokers.values()].map(({ host }) => host).sort(), ["place-3", "place-4", "place-5"]);
  });
});

test("any one bootstrap host will do, whichever it is", async () => {
  await simulated(async (world) => {
    const embedded = await Embedded.start({ world, brokers: 3, topics: { t: {} } });
    for (const only of hostsOf(embedded)) {
      const more = { dial: embedded.dial, hosts: [at("gone"), only, at("lost")] };
      const cluster = await Cluster.connect(settings(world, more), undefined);
      assert.deepEqual([...cluster.snapshot.brokers.keys()].sort(), [1, 2, 3]);
      for (const broker of [1, 2, 3]) await cluster.request({ broker }, listGroups, {}, {});
      await cluster.close();
    }
    await embedded.close();
  });
});

test("a broker that has died without a word does not hold up metadata: another is asked after two seconds (C11)", async () => {
  await simulated(async (world) => {
    const stage = new Stage(world);
    const brokers = [1, 2].map((nodeId) => ({ nodeId, host: `b${nodeId}`, port: 9092 }));
    let isDead = false;
    await stage.play(broker(() => ({ ...ALONE, brokers })), at("b1"));
    await stage.play(
      broker(async (_, __, peer) => isDead ? void await peer.ignore() : { ...ALONE, brokers }),
      at("b2"),
    );
    const { dial } = stage.network;
    const cluster = await Cluster.connect(settings(world, { dial, hosts: [at("b2")] }), undefined);
    isDead = true;
    for (let i = 0; i < 5; i++) {
      const before = world.now();
      await cluster.refresh([]);
      assert.isBelow(world.now() - before, 2100);
    }
    await cluster.close();
    await stage.end();
  });
});

test("addresses that never answer do not keep the bootstrap hosts from being asked", async () => {
  await simulated(async (world) => {
    const stage = new Stage(world);
    const hanging: Dial = (address, options) =>
      address.host.startsWith("black")
        ? world.sleep(1e6, options?.signal).then(() => stage.network.dial(ADDRESS))
        : stage
          .network.dial(address, options);
    const brokers = Array.from({ length: 5 }, (_, i) => ({ nodeId: i, host: `black-${i}`, port: 9092 }));
    await stage.play(broker(() => ({ ...ALONE, brokers })));
    const cluster = await Cluster.connect(settings(world, { dial: hanging, hosts: [ADDRESS] }), undefined);
    await world.sleep(250_000); // the bootstrap host's connection was idle and has been closed
    const before = world.now();
    await cluster.refresh([]);
    assert.isBelow(world.now() - before, 5 * 500 + 100);
    await cluster.close();
    await stage.end();
  });
});

test("a broker that is throttled, or is being waited for, is not the one to ask (C11)", async () => {
  await simulated(async (world) => {
    await found(world, { brokers: 3, topics: { t: {} } }, async (cluster, embedded) => {
      const connections = await Promise.all([1, 2, 3].map((id) => cluster.connection(id, "control")));
      const throttled = embedded.control(metadata, async ({ broker, answer }) => {
        const said = await answer();
        return broker === 2 && typeof said === "object" ? { ...said, throttleTimeMs: 10_000 } : undefined;
      }, Infinity);
      for (let i = 0; i < 50 && !connections[1]!.isQuiet; i++) await cluster.refresh([]);
      throttled();
      const asked: number[] = [];
      embedded.control(listGroups, ({ broker }) => void asked.push(broker), Infinity);
      for (let i = 0; i < 30; i++) await cluster.request("any", listGroups, {}, {});
      assert.notInclude(asked, 2);
      assert.sameMembers([...new Set(asked)], [1, 3], "by turns: where all are alike, chance decides");
      await world.sleep(10_001);
      for (let i = 0; i < 30; i++) await cluster.request("any", listGroups, {}, {});
      assert.include(asked, 2);
    });
  });
});

test("what heals nowhere is told as it is, when everyone says the same", async () => {
  await simulated(async (world) => {
    await found(world, { brokers: 2, release: "0.8.2.2", topics: { t: {} } }, async (cluster) => {
      const error = await failure(cluster.request("any", listGroups, {}, {}), "UNSUPPORTED_FEATURE");
      assert.include(error.message, "ListGroups");
    });
  });
});

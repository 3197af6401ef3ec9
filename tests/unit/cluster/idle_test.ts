/** Idle connections: our own are closed, a broker's idle end that meets a request is asked again at once, and nobody notices. */

import { assert } from "chai";
import type { World } from "../../../src/base/world.ts";
import { Cluster } from "../../../src/cluster/cluster.ts";
import { Pool } from "../../../src/cluster/pool.ts";
import { isHarmless } from "../../../src/connection/again.ts";
import { apiVersions } from "../../../src/protocol/api_versions.ts";
import { createTopics } from "../../../src/protocol/create_topics.ts";
import { listGroups } from "../../../src/protocol/list_groups.ts";
import { metadata } from "../../../src/protocol/metadata.ts";
import { Cluster as Embedded } from "../../../src/testing/cluster.ts";
import { test } from "../../harness.ts";
import { failure, rejection, simulated } from "../base/simulated.ts";
import { ADDRESS, LABEL, type Peer, type Script, Stage } from "../connection/peers.ts";
import { ALONE, broker, hostsOf, scripted, settings } from "./meeting.ts";

const QUICK = { backoffMs: 100, backoffMsMax: 1000 };

async function pooled(
  world: World,
  script: Script,
  connectionsMaxIdleMs: number,
  body: (pool: Pool, stage: Stage) => Promise<void>,
): Promise<void> {
  const stage = new Stage(world);
  await stage.play(script);
  const pool = new Pool(stage.settings(), { ...QUICK, connectionsMaxIdleMs }, () => {});
  await body(pool, stage);
  await pool.close();
  await stage.end();
}

/** Answers Metadata after a while. */
function answering(world: World, ms: number): Script {
  return async (peer) => {
    await peer.greet(await peer.expect(apiVersions));
    for (let asked = await peer.next(); asked; asked = await peer.next()) {
      await world.sleep(ms);
      await peer.answer(metadata, asked, ALONE);
    }
  };
}

const ALL = { topics: null };

test("a connection on which nothing happens is closed after its time, and not before", async () => {
  await simulated(async (world) => {
    await pooled(world, answering(world, 1), 5000, async (pool) => {
      const used = await pool.get("1/control", ADDRESS, undefined);
      const unused = await pool.get("2/control", ADDRESS, undefined);
      for (let i = 0; i < 5; i++) {
        await world.sleep(4000);
        await used.request(metadata, ALL, { timeoutMs: 1000 });
        assert.equal(unused.error === undefined, world.now() < 5000);
      }
      const usedAt = world.now();
      assert.isTrue(isHarmless(unused.error));
      assert.include(unused.error!.message, "was idle");
      await world.sleep(4900);
      assert.isUndefined(used.error);
      await world.sleep(5200);
      assert.isDefined(used.error, `${world.now() - usedAt}`);
      assert.isTrue(isHarmless(await rejection(used.request(metadata, ALL, { timeoutMs: 1000 }))));
    });
  });
});

test("a connection on which something is in flight is not idle, however long it takes", async () => {
  await simulated(async (world) => {
    await pooled(world, answering(world, 60_000), 1000, async (pool) => {
      const connection = await pool.get("1/control", ADDRESS, undefined);
      await connection.request(metadata, ALL, { timeoutMs: 90_000 });
      assert.closeTo(world.now(), 60_000, 10);
      assert.isUndefined(connection.error);
      await world.sleep(2100);
      assert.isDefined(connection.error);
    });
  });
});

test("after an idle end the next one is opened without a backoff, and what the broker speaks is still known", async () => {
  await simulated(async (world) => {
    await pooled(world, answering(world, 1), 50, async (pool, stage) => {
      for (let i = 0; i < 20; i++) {
        const before = world.now();
        const connection = await pool.get("1/control", ADDRESS, undefined);
        assert.isBelow(world.now() - before, 5);
        await world.sleep(120);
        assert.isDefined(connection.error);
        assert.equal(pool.versions("1/control"), connection.versions);
      }
      assert.equal(stage.dials.get(LABEL), 20);
    });
  });
});

test("0 and Infinity mean never, and leave no timer", async () => {
  for (const never of [0, Infinity]) {
    const ms = await simulated(async (world) => {
      await pooled(world, answering(world, 1), never, async (pool) => {
        const connection = await pool.get("1/control", ADDRESS, undefined);
        await world.sleep(3_000_000);
        assert.isUndefined(connection.error);
      });
    });
    assert.closeTo(ms, 3_000_000, 10);
  }
});

/** Every connection is closed when its second request comes, as if the broker had closed it before it read that. */
function tired(seen: number[]): Script {
  const told = new Set<Peer>();
  return broker((asked, _, peer) => {
    seen.push(asked.apiKey);
    if (told.has(peer)) {
      peer.transport.close();
      return undefined;
    }
    told.add(peer);
    return ALONE;
  });
}

test("a broker's idle end that meets a request is asked again at once, and nobody hears of it", async () => {
  await simulated(async (world) => {
    const seen: number[] = [];
    await scripted(world, tired(seen), async (cluster, stage) => {
      for (let i = 1; i <= 5; i++) {
        await world.sleep(60_000);
        const before = world.now();
        await cluster.refresh([]);
        assert.isBelow(world.now() - before, 20, "no backoff");
        assert.lengthOf(seen, 1 + 2 * i);
        assert.equal(stage.dials.get(LABEL), 1 + i);
      }
    }, { connectionsMaxIdleMs: Infinity, metadataMaxAgeMs: 1e9 });
  });
});

test("one that is not idle and hangs up is a failure, with a backoff", async () => {
  await simulated(async (world) => {
    await scripted(world, tired([]), async (cluster) => {
      await world.sleep(500);
      const error = await failure(cluster.refresh([]), "NO_BROKERS");
      assert.isTrue(error.retriable);
    });
  });
});

test("what must not be done twice is not asked again by the cluster, but by whoever asked, without a backoff", async () => {
  await simulated(async (world) => {
    let asks = 0;
    const script: Script = async (peer) => {
      await peer.greet(await peer.expect(apiVersions));
      for (let asked = await peer.next(); asked; asked = await peer.next()) {
        if (asked.apiKey === metadata.key) await peer.answer(metadata, asked, ALONE);
        else if (asks++ % 2 === 0) return;
        else if (asked.apiKey === createTopics.key) await peer.answer(createTopics, asked, { topics: [] });
        else await peer.answer(listGroups, asked, { errorCode: 0, groups: [] });
      }
    };
    await scripted(world, script, async (cluster) => {
      const make = () => cluster.request("controller", createTopics, { topics: [] }, {});
      await world.sleep(60_000);
      assert.isTrue(isHarmless(await failure(make(), "CONNECTION_CLOSED")));
      await make();
      await world.sleep(60_000);
      const before = world.now();
      const attempts: number[] = [];
      await cluster.retrying((attempt) => {
        attempts.push(attempt);
        return make();
      }, new AbortController().signal);
      assert.deepEqual(attempts, [1, 2]);
      await world.sleep(60_000);
      await cluster.request({ broker: 1 }, listGroups, {}, {});
      assert.equal(asks, 6, "what may be asked twice is");
      assert.isBelow(world.now() - before, 60_020);
    }, { metadataMaxAgeMs: 1e9 });
  });
});

test("brokers that close what lies idle, and clients that come just then: every call ends well, and soon", async () => {
  await simulated(async (world) => {
    const embedded = await Embedded.start({ world, brokers: 3, connectionsMaxIdleMs: 2000, topics: { t: {} } });
    const more = { dial: embedded.dial, hosts: hostsOf(embedded) };
    const cluster = await Cluster.connect(settings(world, more), undefined);
    for (let i = 0; i < 200; i++) {
      await world.sleep(1995 + world.random() * 10);
      const before = world.now();
      await cluster.refresh(null);
      await Promise.all([1, 2, 3].map((broker) => cluster.request({ broker }, listGroups, {}, {})));
      assert.isBelow(world.now() - before, 20);
    }
    await cluster.close();
    await embedded.close();
  });
});

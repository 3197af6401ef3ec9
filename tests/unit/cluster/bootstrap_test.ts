/** Finding the cluster: from hosts that refuse, hang, speak something else, or answer. */

import { assert } from "chai";
import type { KafkaError } from "../../../src/base/errors.ts";
import type { World } from "../../../src/base/world.ts";
import { Cluster, type ClusterSettings } from "../../../src/cluster/cluster.ts";
import { apiVersions } from "../../../src/protocol/api_versions.ts";
import { releaseNames } from "../../../src/testing/releases.ts";
import type { Address } from "../../../src/transport/transport.ts";
import { test } from "../../harness.ts";
import { failure, rejection, simulated } from "../base/simulated.ts";
import { ADDRESS, type Script, Stage } from "../connection/peers.ts";
import { ALONE, broker, found, settings } from "./meeting.ts";

const at = (host: string): Address => ({ host, port: 9092 });

const http: Script = async (peer) => {
  await peer.next();
  await peer.write(new TextEncoder().encode("HTTP/1.1 400 Bad Request\r\n\r\n"));
};
const tlsAlert: Script = async (peer) => {
  await peer.next();
  await peer.write(Uint8Array.of(0x15, 3, 1, 0, 2, 2, 80));
};
const hanging: Script = (peer) => peer.ignore();
const good: Script = (peer, nth) => broker(() => ALONE)(peer, nth);

/** Puts peers on stage and looks for a cluster at their hosts, in this order. A host without a script refuses. */
async function searched(
  world: World,
  peers: Readonly<Record<string, Script | undefined>>,
  body: (connecting: Promise<Cluster>, stage: Stage) => Promise<void>,
  more: Partial<ClusterSettings> = {},
  signal?: AbortSignal,
): Promise<void> {
  const stage = new Stage(world);
  for (const [host, script] of Object.entries(peers)) if (script) await stage.play(script, at(host));
  const { dial } = stage.network;
  const hosts = Object.keys(peers).map(at);
  await body(Cluster.connect(settings(world, { dial, hosts, ...more }), signal), stage);
  await stage.end();
}

/** Finds it and closes it; gives the time that it took. */
async function find(world: World, connecting: Promise<Cluster>): Promise<number> {
  const cluster = await connecting;
  const ms = world.now();
  assert.deepEqual([...cluster.snapshot.brokers.keys()], [1]);
  await cluster.close();
  return ms;
}

for (const release of releaseNames) {
  test(`a cluster of ${release} is found, with its topics and brokers`, async () => {
    await simulated(async (world) => {
      await found(world, { brokers: 2, release, topics: { a: { partitions: 3 }, b: {} } }, (cluster) => {
        const { brokers, topics, clusterId, controllerId } = cluster.snapshot;
        assert.deepEqual([...brokers.keys()].sort(), [1, 2]);
        assert.deepEqual([...topics.keys()].sort(), ["a", "b"]);
        assert.lengthOf(topics.get("a")!.partitions, 3);
        const isAncient = release.startsWith("0.8") || release.startsWith("0.9");
        assert.equal(clusterId === null, isAncient);
        assert.equal(controllerId === -1, isAncient);
        return Promise.resolve();
      });
    });
  });
}

test("the connection to the host that answered serves on as its broker's", async () => {
  await simulated(async (world) => {
    await searched(world, { peer: good }, async (connecting, stage) => {
      const cluster = await connecting;
      await cluster.refresh([]);
      await cluster.connection(1, "control");
      assert.equal(stage.dials.get("peer:9092"), 1);
      await cluster.close();
    });
  });
});

test("a host that refuses, speaks HTTP, or wants TLS does not hold up the next", async () => {
  await simulated(async (world) => {
    await searched(world, { refuses: undefined, web: http, secure: tlsAlert, peer: good }, async (connecting) => {
      assert.isBelow(await find(world, connecting), 100);
    });
  });
});

test("hosts that hang hold up the next one only for a moment", async () => {
  await simulated(async (world) => {
    await searched(world, { hangs: hanging, sleeps: hanging, peer: good }, async (connecting) => {
      assert.isBelow(await find(world, connecting), 1500);
    });
  });
});

test("a host that is slow is still the one, if no other answers", async () => {
  await simulated(async (world) => {
    const slow: Script = async (peer, nth) => {
      await world.sleep(3000);
      await good(peer, nth);
    };
    await searched(world, { peer: slow, refuses: undefined, hangs: hanging }, async (connecting) => {
      assert.closeTo(await find(world, connecting), 3000, 50);
    });
  });
});

test("a host that comes up in time is found by trying again", async () => {
  await simulated(async (world) => {
    await searched(world, { peer: undefined }, async (connecting, stage) => {
      await world.sleep(4000);
      await stage.play(good, ADDRESS);
      assert.isBelow(await find(world, connecting), 7000);
    });
  });
});

test("when the time is up, every host's last failure is told", async () => {
  await simulated(async (world) => {
    await searched(world, { refuses: undefined, web: http, hangs: hanging }, async (connecting) => {
      const error = await failure(connecting, "NO_BROKERS");
      assert.closeTo(world.now(), 10_000, 10);
      assert.isTrue(error.retriable);
      const { errors } = error.cause as AggregateError;
      assert.deepEqual(errors.map(({ code, broker }: KafkaError) => [code, broker]), [
        ["CONNECTION_REFUSED", "refuses:9092"],
        ["NOT_KAFKA", "web:9092"],
        ["CONNECT_TIMEOUT", "hangs:9092"],
      ]);
      for (const host of ["refuses:9092", "web:9092", "hangs:9092", "10000 ms"]) assert.include(error.message, host);
    });
  });
});

test("the one cause of the one host is the error's cause itself", async () => {
  await simulated(async (world) => {
    await searched(world, { refuses: undefined }, async (connecting) => {
      const error = await failure(connecting, "NO_BROKERS");
      assert.equal((error.cause as KafkaError).code, "CONNECTION_REFUSED");
      assert.closeTo(world.now(), 2000, 10);
    }, { bootstrapTimeoutMs: 2000 });
  });
});

test("what no retry heals at every host fails at once: with the error that they share", async () => {
  await simulated(async (world) => {
    await searched(world, { web: http }, async (connecting) => {
      assert.equal((await failure(connecting, "NOT_KAFKA")).broker, "web:9092");
    });
    await searched(world, { web: http, secure: tlsAlert }, async (connecting) => {
      assert.equal((await failure(connecting, "NOT_KAFKA")).broker, "web:9092");
    });
    assert.isBelow(world.now(), 100);
  });
});

test("what no retry heals at every host, but each in its own way, fails at once with all of it", async () => {
  await simulated(async (world) => {
    const torn: Script = async (peer) => {
      await peer.next();
      await peer.write(Uint8Array.of(0xff, 0xff, 0xff, 0xff));
    };
    await searched(world, { web: http, odd: torn }, async (connecting) => {
      const error = await failure(connecting, "NO_BROKERS");
      assert.isFalse(error.retriable);
      assert.isBelow(world.now(), 100);
      assert.deepEqual((error.cause as AggregateError).errors.map(({ code }) => code), ["NOT_KAFKA", "PROTOCOL_ERROR"]);
    });
  });
});

test("a broker that greets and then answers no Metadata is told of at the deadline", async () => {
  await simulated(async (world) => {
    const mute: Script = async (peer) => {
      await peer.greet(await peer.expect(apiVersions));
      await peer.ignore();
    };
    await searched(world, { peer: mute }, async (connecting) => {
      const error = await failure(connecting, "NO_BROKERS");
      assert.equal((error.cause as KafkaError).code, "CONNECT_TIMEOUT");
      assert.closeTo(world.now(), 10_000, 10);
    });
  });
});

test("the caller's abort ends the search with its reason, and nothing is left", async () => {
  for (const ms of [0, 250, 3000]) {
    await simulated(async (world) => {
      const caller = new AbortController();
      await searched(
        world,
        { hangs: hanging, refuses: undefined },
        async (connecting) => {
          const ending = rejection(connecting);
          await world.sleep(ms);
          caller.abort("enough");
          assert.equal(await ending, "enough");
          assert.isBelow(world.now(), ms + 20);
        },
        {},
        caller.signal,
      );
    });
  }
});

test("an answer that failed as a whole is no picture of the cluster: the host is asked again", async () => {
  await simulated(async (world) => {
    const script = broker((_, nth) => nth === 0 ? { ...ALONE, brokers: [], errorCode: 129 } : ALONE);
    await searched(world, { peer: script }, async (connecting) => {
      assert.isBelow(await find(world, connecting), 500);
    });
  });
});

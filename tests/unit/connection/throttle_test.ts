/** Throttling (KIP-219): who is told to wait asks nothing for so long, and nobody's time runs meanwhile. */

import { assert } from "chai";
import type { Connection } from "../../../src/connection/connection.ts";
import { QUIET_MS_MAX } from "../../../src/connection/quiet.ts";
import { apiVersions } from "../../../src/protocol/api_versions.ts";
import { apis } from "../../../src/protocol/apis.ts";
import { metadata } from "../../../src/protocol/metadata.ts";
import { produce } from "../../../src/protocol/produce.ts";
import { test } from "../../harness.ts";
import { CountedSignal, failure, rejection, simulated } from "../base/simulated.ts";
import { ADDRESS, connected, listing, meeting, MODERN, type Script } from "./peers.ts";

/**
 * From which version on Java's client waits, by API key: what `shouldClientThrottle` of kafka-clients 4.4.0 says (for what 4.0
 * dropped, of 3.9.2). Those that brokers ask of one another are left out.
 */
const JAVA: Readonly<Record<number, number>> = {
  ...{ 0: 6, 1: 8, 2: 3, 3: 6, 8: 4, 9: 4, 10: 2, 11: 3, 12: 2, 13: 2, 14: 2, 15: 2, 16: 2, 18: 2, 19: 3, 20: 2 },
  ...{ 21: 1, 22: 1, 23: 2, 24: 1, 25: 1, 26: 1, 28: 1, 29: 1, 30: 1, 31: 1, 32: 2, 33: 1, 34: 1, 35: 1, 37: 1 },
  ...{ 38: 1, 39: 1, 40: 1, 41: 1, 42: 1, 43: 0, 44: 0, 45: 0, 46: 0, 47: 0, 48: 0, 49: 0, 50: 0, 51: 0, 57: 0 },
  ...{ 60: 0, 61: 0, 64: 0, 65: 0, 66: 0, 68: 0, 69: 0, 71: 0, 72: 0, 74: 0, 75: 0, 76: 1, 77: 1, 78: 1, 79: 1 },
  ...{ 80: 0, 81: 0, 88: 0, 89: 0, 90: 0, 91: 0, 92: 0, 93: 0, 94: 0 },
};

/** What a script has seen, and when, on the world's clock. */
type Seen = [name: number, at: number][];

/** Answers each Metadata with its number and what `throttle` says. */
function throttling(seen: Seen, now: () => number, throttle: (nth: number) => number): Script {
  return async (peer) => {
    for (let asked = await peer.next(), nth = 0; asked; asked = await peer.next(), nth++) {
      seen.push([asked.apiKey === metadata.key ? nth : -1, Math.round(now())]);
      if (asked.apiKey !== metadata.key) continue;
      const throttleTimeMs = throttle(nth);
      await peer.answer(metadata, asked, { brokers: [], topics: [], controllerId: nth, throttleTimeMs });
    }
  };
}

async function ask(connection: Connection, timeoutMs = 30_000, signal?: AbortSignal, versionMax = 13): Promise<number> {
  const options = { timeoutMs, signal, versionMax };
  return (await connection.request(metadata, { topics: null }, options)).controllerId;
}

const NO_RECORDS = { acks: 0, timeoutMs: 1000, topicData: [] };

test("every API is throttled from the version on that Java has", () => {
  for (const api of apis.values()) assert.equal(api.clientThrottlesFrom, JAVA[api.key], api.name);
});

test("who is told to wait asks nothing new for so long; nobody's time runs meanwhile, and the order stays (C8)", async () => {
  await simulated(async (world) => {
    const seen: Seen = [];
    const throttle = throttling(seen, () => world.now(), (nth) => nth === 0 ? 5000 : 0);
    await connected(world, throttle, async (connection) => {
      const [first, inFlight] = [ask(connection), ask(connection)];
      assert.equal(await first, 0);
      assert.isTrue(connection.isQuiet);
      assert.equal(await inFlight, 1, "what was asked before goes on");
      await world.sleep(1000);
      const later = [1, 2, 3].map(() => ask(connection, 100));
      assert.equal(connection.inFlight, 3);
      const without = connection.send(produce, NO_RECORDS, { timeoutMs: 100 });
      assert.deepEqual(await Promise.all(later), [2, 3, 4]);
      await without;
      assert.isFalse(connection.isQuiet);
      assert.deepEqual(seen.map(([name]) => name), [0, 1, 2, 3, 4, -1]);
      for (const [name, at] of seen) assert.closeTo(at, name === 0 || name === 1 ? 0 : 5000, 20, `${name}`);
      assert.equal(await ask(connection), 6);
      assert.closeTo(world.now(), 5000, 20);
    });
  });
});

test("in a version in which the broker has waited itself nobody waits again", async () => {
  await simulated(async (world) => {
    await connected(world, throttling([], () => world.now(), () => 5000), async (connection) => {
      for (let nth = 0; nth < 5; nth++) assert.equal(await ask(connection, 1000, undefined, 5), nth);
      assert.isBelow(world.now(), 100);
    });
  });
});

test("a longer wait goes on, a shorter one does not end it, and a time that makes no sense is none", async () => {
  await simulated(async (world) => {
    const times = [300, 2000, 100, 0, -5];
    const seen: Seen = [];
    await connected(world, throttling(seen, () => world.now(), (nth) => times[nth] ?? 0), async (connection) => {
      await Promise.all(times.map(() => ask(connection)));
      assert.equal(await ask(connection), 5);
      assert.closeTo(world.now(), 2000, 20);
    });
  });
});

test("a broker that wants silence for an hour is not believed", async () => {
  await simulated(async (world) => {
    await connected(world, throttling([], () => world.now(), () => 3_600_000), async (connection) => {
      await ask(connection);
      await ask(connection);
      assert.closeTo(world.now(), QUIET_MS_MAX, 20);
    });
  });
});

test("who waits for the silence to end can give up, and leaves nothing", async () => {
  await simulated(async (world) => {
    const seen: Seen = [];
    await connected(world, throttling(seen, () => world.now(), (nth) => nth ? 0 : 1000), async (connection) => {
      await ask(connection);
      const caller = new AbortController();
      const waiting = rejection(ask(connection, 30_000, caller.signal));
      const writing = rejection(connection.send(produce, NO_RECORDS, { timeoutMs: 100, signal: caller.signal }));
      const waits = new CountedSignal();
      const patient = ask(connection, 30_000, waits.signal);
      await world.sleep(500);
      caller.abort("enough");
      assert.deepEqual([await waiting, await writing], ["enough", "enough"]);
      assert.closeTo(world.now(), 500, 10);
      assert.equal(await patient, 1, "it was never sent");
      assert.equal(waits.listeners, 0);
    });
    assert.lengthOf(seen, 2);
  });
});

test("a connection that ends tells those too who wait for the silence to end, and no timer is left", async () => {
  const ms = await simulated(async (world) => {
    await connected(world, throttling([], () => world.now(), () => 60_000), async (connection) => {
      await ask(connection);
      const waits = [ask(connection), connection.send(produce, NO_RECORDS, { timeoutMs: 100 })].map(rejection);
      await world.sleep(10);
      await connection.close();
      for (const error of await Promise.all(waits)) assert.equal(error, connection.error);
    });
  });
  assert.isBelow(ms, 1000);
});

test("a request that cannot be made fails in its turn and hurts nobody", async () => {
  await simulated(async (world) => {
    await connected(world, throttling([], () => world.now(), (nth) => nth ? 0 : 200), async (connection) => {
      await ask(connection);
      const wrong = failure(
        connection.request(metadata, { topics: 5 as unknown as null }, { timeoutMs: 100 }),
        "INVALID_OPTION",
      );
      assert.equal(await ask(connection), 1);
      await wrong;
    });
  });
});

test("a broker that throttles in its greeting is left in peace from the first request on", async () => {
  for (const [version, ms] of [[4, 700], [1, 0]] as const) {
    await simulated(async (world) => {
      const script: Script = async (peer) => {
        let asked = await peer.expect(apiVersions, 4);
        if (version < 4) {
          const apiKeys = listing({ 18: [0, version] });
          await peer.answer(apiVersions, asked, { errorCode: 35, apiKeys }, 0);
          asked = await peer.expect(apiVersions, version);
        }
        const apiKeys = listing(MODERN);
        await peer.answer(apiVersions, asked, { errorCode: 0, apiKeys, throttleTimeMs: 700 });
        await throttling([], () => world.now(), () => 0)(peer, 0);
      };
      await meeting(world, script, async (opener) => {
        const connection = await opener.open(ADDRESS);
        await ask(connection);
        assert.closeTo(world.now(), ms, 20);
        await connection.close();
      });
    });
  }
});

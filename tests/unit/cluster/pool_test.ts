/** Connections shared by those who need them: one dial for all, backoff, moves, and an end that leaves nothing. */

import { assert } from "chai";
import type { World } from "../../../src/base/world.ts";
import { Pool } from "../../../src/cluster/pool.ts";
import { isHarmless } from "../../../src/connection/again.ts";
import { apiVersions } from "../../../src/protocol/api_versions.ts";
import { metadata } from "../../../src/protocol/metadata.ts";
import { test } from "../../harness.ts";
import { failure, rejection, simulated } from "../base/simulated.ts";
import { ADDRESS, LABEL, type Script, Stage } from "../connection/peers.ts";

const SETTINGS = { backoffMs: 100, backoffMsMax: 1000, connectionsMaxIdleMs: 240_000 };
const ELSEWHERE = { host: "elsewhere", port: 9092 };

/** Greets, and then keeps silent until the client goes. */
const greeting: Script = async (peer) => {
  await peer.greet(await peer.expect(apiVersions));
  await peer.ignore();
};

async function pooled(
  world: World,
  script: Script | undefined,
  body: (pool: Pool, stage: Stage) => Promise<void>,
): Promise<void> {
  const stage = new Stage(world);
  if (script) await stage.play(script);
  const pool = new Pool(stage.settings(), SETTINGS, () => {});
  await body(pool, stage);
  await pool.close();
  await stage.end();
}

test("many callers share one dial and one connection", async () => {
  await simulated(async (world) => {
    await pooled(world, greeting, async (pool, stage) => {
      assert.isUndefined(pool.open("1/control"));
      const all = await Promise.all(Array.from({ length: 20 }, () => pool.get("1/control", ADDRESS, undefined)));
      assert.equal(new Set(all).size, 1);
      assert.equal(await pool.get("1/control", ADDRESS, undefined), all[0]);
      assert.equal(pool.open("1/control"), all[0]);
      assert.equal(pool.versions("1/control"), all[0]!.versions);
      assert.equal(stage.dials.get(LABEL), 1);
      const other = await pool.get("1/fetch", ADDRESS, undefined);
      assert.notEqual(other, all[0]);
      assert.equal(stage.dials.get(LABEL), 2);
    });
  });
});

test("a caller who gives up does not cancel the dial of the others", async () => {
  await simulated(async (world) => {
    const slow: Script = async (peer) => {
      const asked = await peer.expect(apiVersions);
      await world.sleep(300);
      await peer.greet(asked);
      await peer.ignore();
    };
    await pooled(world, slow, async (pool, stage) => {
      const caller = new AbortController();
      const first = rejection(pool.get("1/control", ADDRESS, caller.signal));
      const second = pool.get("1/control", ADDRESS, undefined);
      await world.sleep(100);
      caller.abort("enough");
      assert.equal(await first, "enough");
      assert.isUndefined((await second).error);
      assert.equal(stage.dials.get(LABEL), 1);
      assert.equal(await rejection(pool.get("1/fetch", ADDRESS, caller.signal)), "enough");
    });
  });
});

test("after a failure the next try waits, longer each time, and all who come meanwhile share it", async () => {
  await simulated(async (world) => {
    await pooled(world, undefined, async (pool) => {
      const at: number[] = [];
      for (let i = 0; i < 5; i++) {
        const both = [pool.get("1/control", ADDRESS, undefined), pool.get("1/control", ADDRESS, undefined)];
        const [first, second] = await Promise.all(both.map(rejection));
        assert.equal(first, second);
        await failure(both[0]!, "CONNECTION_REFUSED");
        at.push(world.now());
      }
      const waits = at.slice(1).map((ms, i) => ms - at[i]!);
      for (const [i, ms] of [100, 200, 400, 800].entries()) assert.closeTo(waits[i]!, ms, ms * 0.2 + 5);
    });
  });
});

test("a thousand callers who want a dead broker all the time dial it as seldom as one", async () => {
  await simulated(async (world) => {
    await pooled(world, undefined, async (_, stage) => {
      let dials = 0;
      const { dial } = stage.network;
      const counting = new Pool(
        stage.settings({
          dial: (address, options) => {
            dials++;
            return dial(address, options);
          },
        }),
        SETTINGS,
        () => {},
      );
      const caller = async () => {
        while (world.now() < 60_000) await failure(counting.get("1/control", ADDRESS, undefined), "CONNECTION_REFUSED");
      };
      await Promise.all(Array.from({ length: 1000 }, caller));
      assert.closeTo(dials, 60 + 4, 15);
      await counting.close();
    });
  });
});

test("a connection that did not last is not opened again at once, one that lasted is", async () => {
  await simulated(async (world) => {
    let lastsMs = 1;
    const script: Script = async (peer) => {
      await peer.greet(await peer.expect(apiVersions));
      await world.sleep(lastsMs);
    };
    await pooled(world, script, async (pool) => {
      const again = async () => {
        const connection = await pool.get("1/control", ADDRESS, undefined);
        await world.sleep(lastsMs + 10);
        assert.equal(connection.error?.code, "CONNECTION_CLOSED");
        const before = world.now();
        await pool.get("1/control", ADDRESS, undefined);
        return world.now() - before;
      };
      assert.isAbove(await again(), 60);
      lastsMs = 5000;
      await world.sleep(2000);
      await again();
      assert.isBelow(await again(), 50);
    });
  });
});

test("a broker that has moved gets a new connection; the old one answers what it was asked, and is closed then (C7)", async () => {
  await simulated(async (world) => {
    const slow: Script = async (peer) => {
      await peer.greet(await peer.expect(apiVersions));
      const asked = await peer.expect(metadata);
      await world.sleep(500);
      await peer.answer(metadata, asked, { brokers: [], topics: [], controllerId: 7 });
      await peer.ignore();
    };
    await pooled(world, slow, async (pool, stage) => {
      await stage.play(greeting, ELSEWHERE);
      const before = await pool.get("1/control", ADDRESS, undefined);
      const flying = before.request(metadata, { topics: null }, { timeoutMs: 1000 });
      const after = await pool.get("1/control", ELSEWHERE, undefined);
      assert.equal(after.label, "elsewhere:9092");
      assert.equal(pool.open("1/control"), after);
      assert.isUndefined(before.error);
      assert.equal((await flying).controllerId, 7);
      assert.isTrue(isHarmless(before.error), "who still has it in hand asks again elsewhere");
      assert.isUndefined(after.error);
      const silent = await pool.get("2/control", ELSEWHERE, undefined);
      const never = failure(silent.request(metadata, { topics: null }, { timeoutMs: 1000 }), "REQUEST_TIMEOUT");
      pool.keep((key) => key !== "2/control");
      await never;
      assert.equal(silent.error?.code, "CONNECTION_CLOSED", "one that never answers is not waited for");
      const last = await pool.get("3/control", ELSEWHERE, undefined);
      const unanswered = failure(last.request(metadata, { topics: null }, { timeoutMs: 1000 }), "CONNECTION_CLOSED");
      pool.drop((key) => key === "3/control");
      await unanswered;
      const left = await pool.get("4/control", ELSEWHERE, undefined);
      const atTheEnd = failure(left.request(metadata, { topics: null }, { timeoutMs: 90_000 }), "CONNECTION_CLOSED");
      pool.keep((key) => key !== "4/control");
      await pool.close();
      await atTheEnd;
    });
  });
});

test("a broker that moves while it is dialled: who waited for the old address is told, and nothing is left of it", async () => {
  await simulated(async (world) => {
    const slow: Script = async (peer) => {
      const asked = await peer.expect(apiVersions);
      await world.sleep(300);
      await peer.greet(asked);
      await peer.ignore();
    };
    await pooled(world, slow, async (pool, stage) => {
      await stage.play(greeting, ELSEWHERE);
      const before = failure(pool.get("1/control", ADDRESS, undefined), "CONNECTION_CLOSED");
      await world.sleep(10);
      const after = await pool.get("1/control", ELSEWHERE, undefined);
      const error = await before;
      assert.equal(error.broker, LABEL);
      assert.isTrue(error.retriable);
      assert.equal(pool.open("1/control"), after);
    });
  });
});

test("a broker that moves before its next try is not dialled at its old place any more", async () => {
  await simulated(async (world) => {
    await pooled(world, undefined, async (pool, stage) => {
      await failure(pool.get("1/control", ADDRESS, undefined), "CONNECTION_REFUSED");
      const before = failure(pool.get("1/control", ADDRESS, undefined), "CONNECTION_CLOSED");
      await stage.play(greeting, ELSEWHERE);
      await stage.play(greeting);
      await pool.get("1/control", ELSEWHERE, undefined);
      await before;
      assert.isUndefined(stage.dials.get(LABEL));
    });
  });
});

test("what is not wanted any more is closed, what is stays", async () => {
  await simulated(async (world) => {
    await pooled(world, greeting, async (pool) => {
      const [first, second] = [
        await pool.get("1/control", ADDRESS, undefined),
        await pool.get("2/control", ADDRESS, undefined),
      ];
      pool.keep((key) => key.startsWith("2/"));
      assert.isDefined(first.error);
      assert.isUndefined(second.error);
      assert.isUndefined(pool.open("1/control"));
      assert.equal(pool.open("2/control"), second);
    });
  });
});

test("a bootstrap host's connection is taken over by its broker, unless that has a living one", async () => {
  await simulated(async (world) => {
    await pooled(world, greeting, async (pool, stage) => {
      const seed = await pool.get("seed a", ADDRESS, undefined);
      pool.adopt("seed a", "1/control");
      assert.equal(await pool.get("1/control", ADDRESS, undefined), seed);
      assert.equal(stage.dials.get(LABEL), 1);
      const other = await pool.get("seed a", ADDRESS, undefined);
      pool.adopt("seed a", "1/control");
      assert.equal(pool.open("1/control"), seed);
      assert.equal(pool.open("seed a"), other);
      await seed.close();
      pool.adopt("seed a", "1/control");
      assert.equal(pool.open("1/control"), other);
      pool.adopt("seed unknown", "1/control");
      assert.equal(pool.open("1/control"), other);
    });
  });
});

test("closing ends dials, waits and connections, with one reason, and is done when nothing is left", async () => {
  await simulated(async (world) => {
    const script: Script = async (peer) => {
      await peer.greet(await peer.expect(apiVersions));
      await peer.ignore();
    };
    await pooled(world, script, async (pool, stage) => {
      await stage.play((peer) => peer.ignore(), ELSEWHERE);
      const open = await pool.get("1/control", ADDRESS, undefined);
      const dialling = failure(pool.get("2/control", ELSEWHERE, undefined), "CLOSED");
      await failure(pool.get("3/control", { host: "nobody", port: 1 }, undefined), "CONNECTION_REFUSED");
      const waiting = failure(pool.get("3/control", { host: "nobody", port: 1 }, undefined), "CLOSED");
      await world.sleep(1);
      await Promise.all([pool.close(), pool.close()]);
      await dialling;
      await waiting;
      assert.isDefined(open.error);
      await failure(pool.get("1/control", ADDRESS, undefined), "CLOSED");
    });
    assert.isBelow(world.now(), 100);
  });
});

/** Requests that nobody waits for any more: their answers are swallowed, however many they are, and idle ends are told apart. */

import { assert } from "chai";
import { isHarmless } from "../../../src/connection/again.ts";
import type { Connection } from "../../../src/connection/connection.ts";
import { metadata } from "../../../src/protocol/metadata.ts";
import { test } from "../../harness.ts";
import { CountedSignal, failure, rejection, simulated } from "../base/simulated.ts";
import { type Asked, connected, type Script } from "./peers.ts";

async function ask(connection: Connection, timeoutMs = 30_000, signal?: AbortSignal): Promise<number> {
  return (await connection.request(metadata, { topics: null }, { timeoutMs, signal })).controllerId;
}

/** Reads `count` requests before it answers the first. */
function late(count: number): Script {
  return async (peer) => {
    const asked: Asked[] = [];
    while (asked.length < count) asked.push((await peer.next())!);
    for (const [nth, one] of asked.entries()) {
      await peer.answer(metadata, one, { brokers: [], topics: [], controllerId: nth });
    }
    await peer.ignore();
  };
}

test("a thousand requests that were given up do not hurt those between them (C2)", async () => {
  await simulated(async (world) => {
    await connected(world, late(1100), async (connection) => {
      const [caller, patient] = [new AbortController(), new CountedSignal()];
      const waits: Promise<unknown>[] = [];
      const kept: Promise<number>[] = [];
      const wanted: number[] = [];
      for (let nth = 0; nth < 1099; nth++) {
        if (nth % 11 === 5) {
          wanted.push(nth);
          kept.push(ask(connection, 30_000, patient.signal));
        } else if (nth % 2) waits.push(failure(ask(connection, 100, patient.signal), "REQUEST_TIMEOUT"));
        else waits.push(rejection(ask(connection, 30_000, caller.signal)));
      }
      await world.sleep(200);
      caller.abort("enough");
      const ends = await Promise.all(waits);
      assert.isTrue(ends.every((end) => end === "enough" || end instanceof Error));
      assert.equal(connection.inFlight, 1099);
      kept.push(ask(connection));
      assert.deepEqual(await Promise.all(kept), [...wanted, 1099]);
      assert.equal(connection.inFlight, 0);
      assert.equal(patient.listeners, 0, "neither an answer nor a deadline leaves a listener");
    });
  });
});

test("a broker that owes more answers than can be borne loses the connection, though it is not silent", async () => {
  for (const how of ["abort", "timeout"]) {
    await simulated(async (world) => {
      let isOver = false;
      const trickling: Script = async (peer) => {
        for (let nth = 0; !isOver; nth++) {
          const asked = (await peer.next())!;
          await world.sleep(1000);
          await peer.answer(metadata, asked, { brokers: [], topics: [], controllerId: nth });
        }
      };
      await connected(world, trickling, async (connection) => {
        for (let i = 0; i < 6; i++) {
          assert.isUndefined(connection.error, `${i}`);
          const caller = new AbortController();
          const timeoutMs = how === "timeout" ? 1500 : 60_000;
          const waits = Array.from({ length: 1000 }, () => ask(connection, timeoutMs, caller.signal).catch(() => {}));
          await world.sleep(how === "timeout" ? 0 : 500);
          if (how === "abort") caller.abort("enough");
          await Promise.all(waits);
        }
        assert.equal(connection.error?.code, "CONNECTION_CLOSED");
        assert.include(connection.error!.message, "owes too many answers");
        assert.isFalse(isHarmless(connection.error));
        isOver = true;
      });
    });
  }
});

test("a broker that hangs up on a request after a rest was tired of an idle connection; one in the midst of work was not", async () => {
  for (const [restMs, workMs, harmless] of [[60_000, 0, true], [1000, 5000, true], [900, 0, false]] as const) {
    await simulated(async (world) => {
      const leaving: Script = async (peer) => {
        await peer.answer(metadata, (await peer.next())!, { brokers: [], topics: [] });
        await peer.next();
        await world.sleep(workMs);
      };
      await connected(world, leaving, async (connection) => {
        await ask(connection);
        await world.sleep(restMs);
        const errors = await Promise.all([ask(connection), ask(connection)].map(rejection));
        assert.equal(errors[0], errors[1]);
        assert.equal(isHarmless(errors[0]), harmless, `${restMs}`);
        assert.equal(isHarmless(connection.error!.within({ topic: "t" })), harmless, "also when more is known of it");
        assert.equal(isHarmless(connection.error!.with({ persisted: "no" })), harmless);
      });
    });
  }
});

test("a broker that hangs up in the midst of an answer had begun to work, whatever was before", async () => {
  await simulated(async (world) => {
    const script: Script = async (peer) => {
      await peer.answer(metadata, (await peer.next())!, { brokers: [], topics: [] });
      await peer.next();
      await peer.write(Uint8Array.of(0, 0, 0, 50, 0, 0));
    };
    await connected(world, script, async (connection) => {
      await ask(connection);
      await world.sleep(5000);
      assert.isFalse(isHarmless(await failure(ask(connection), "CONNECTION_RESET")));
    });
  });
});

test("a peer that falls silent, or says nonsense, is no idle end", async () => {
  for (const [bytes, code] of [[[], "REQUEST_TIMEOUT"], [[0, 0, 0, 4, 0, 0, 0, 9], "PROTOCOL_ERROR"]] as const) {
    await simulated(async (world) => {
      const script: Script = async (peer) => {
        await peer.next();
        if (bytes.length > 0) await peer.write(Uint8Array.from(bytes));
        await peer.ignore();
      };
      await connected(world, script, async (connection) => {
        await world.sleep(5000);
        await failure(ask(connection, 1000), code);
        await world.sleep(1000);
        assert.isDefined(connection.error);
        assert.isFalse(isHarmless(connection.error));
      });
    });
  }
});

test("a connection that ends while nothing is asked: who asks on it later may ask again elsewhere at once", async () => {
  await simulated(async (world) => {
    await connected(world, () => Promise.resolve(), async (connection) => {
      await world.sleep(10);
      assert.isTrue(isHarmless(await rejection(ask(connection))));
    });
  });
});

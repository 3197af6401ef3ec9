/** The simulated world: time, processes, leaks and deadlocks by name, and what is real kept out. */

import { assert } from "chai";
import type { Deferred } from "../../../src/base/world.ts";
import { type Process, type Report, SimulatedWorld } from "../../../src/testing/world.ts";
import { rejectionTest, test } from "../../harness.ts";

/** Runs `body` as a task of one process, in the world of a seed. */
function runAs(body: (process: Process, world: SimulatedWorld) => Promise<void>, seed = 1): Promise<Report> {
  const world = new SimulatedWorld(seed);
  const process = world.process("p");
  return world.run(() => process.task("body", () => body(process, world)));
}

async function forSeeds(count: number, body: (seed: number) => Promise<void>): Promise<void> {
  for (let seed = 1; seed <= count; seed++) await body(seed);
}

function passed(report: Report): void {
  assert.equal(report.failure, undefined);
}

test("sleeps and timers take virtual time, in whole microseconds", () =>
  forSeeds(20, async (seed) => {
    const report = await runAs(async (process) => {
      const wall = process.wall();
      await process.sleep(3_500_000);
      assert.isTrue(process.now() >= 3_500_000 && process.now() < 3_500_006);
      assert.equal(process.wall() - wall, Math.floor(process.now()));
      const fired = process.deferred<number>("timer");
      process.timer(0.25, () => fired.resolve(process.now()));
      assert.isTrue(await fired.promise > 3_500_000);
      process.timer(5, () => assert.fail("it was cancelled")).cancel();
      await process.sleep(20);
      await process.sleep(-1);
      await process.sleep(NaN);
    }, seed);
    passed(report);
    assert.equal(report.seed, seed);
    assert.isTrue(Number.isInteger(report.virtualMs * 1000));
  }));

test("an aborted sleep rejects with the reason at once, and leaves nothing", async () => {
  passed(
    await runAs(async (process) => {
      const controller = new AbortController();
      const reason = new Error("enough");
      process.timer(1, () => controller.abort(reason));
      const began = process.now();
      const caught = await process.sleep(1e6, controller.signal).catch((error) => error);
      assert.equal(caught, reason);
      assert.isBelow(process.now() - began, 10);
      assert.equal(await process.sleep(1, controller.signal).catch((error) => error), reason);
    }),
  );
});

test("chance and entropy follow from the seed and the process", async () => {
  const draw = async (seed: number) => {
    const drawn: unknown[] = [];
    await runAs((process) => {
      drawn.push(process.random(), process.entropy(4).join(), process.random());
      return Promise.resolve();
    }, seed);
    return drawn;
  };
  assert.deepEqual(await draw(5), await draw(5));
  assert.notDeepEqual(await draw(5), await draw(6));
});

test("what falls on one instant comes in an order of the seed's, and seeds try all of them", async () => {
  const orders = new Set<string>();
  await forSeeds(60, async (seed) => {
    const order: string[] = [];
    passed(
      await runAs(async (process) => {
        for (const name of ["a", "b", "c"]) process.timer(10, () => order.push(name));
        await process.sleep(50);
      }, seed),
    );
    orders.add(order.join(""));
  });
  assert.equal(orders.size, 6);
});

test("a frozen process takes its turns at the thaw, the others go on", () =>
  forSeeds(10, async (seed) => {
    const world = new SimulatedWorld(seed);
    const [frozen, free] = [world.process("frozen"), world.process("free")];
    const woken: number[] = [];
    passed(
      await world.run(async () => {
        const waits = [10, 20, 900].map((ms) => frozen.sleep(ms).then(() => woken.push(frozen.now())));
        await free.sleep(5);
        frozen.freeze(500);
        await free.sleep(100);
        assert.deepEqual(woken, []);
        await Promise.all(waits);
      }),
    );
    assert.isTrue(woken[0]! >= 505 && woken[1]! >= 505 && woken[1]! < 520, woken.join());
    assert.isTrue(woken[2]! >= 900 && woken[2]! < 910);
  }));

test("a killed process never acts again, and its waits are forgotten", async () => {
  const world = new SimulatedWorld(4);
  const [victim, killer] = [world.process("victim"), world.process("killer")];
  let buried = 0;
  victim.atDeath(() => buried++);
  passed(
    await world.run(async () => {
      victim.task("loop", async () => {
        for (;;) {
          await victim.sleep(10);
          if (killer.now() > 55) assert.fail("it is dead");
        }
      });
      victim.deferred("never");
      await killer.sleep(50);
      victim.kill();
      victim.kill();
      assert.deepEqual(victim.waits(), []);
      await killer.sleep(100);
    }),
  );
  assert.equal(buried, 1);
  assert.notEqual(world.process("victim").random(), victim.random(), "a restarted machine has chance of its own");
});

test("a wall clock may be off, a monotonic one is not", async () => {
  passed(
    await runAs((process) => {
      const [now, wall] = [process.now(), process.wall()];
      process.skew = -60_000;
      assert.deepEqual([process.now(), process.wall()], [now, wall - 60_000]);
      return Promise.resolve();
    }),
  );
});

test("work outside the world ends at a moment of the seed's, however long it took", async () => {
  const hashes = new Set<string>();
  for (const turns of [0, 1, 50]) {
    const report = await runAs(async (process) => {
      const order: number[] = [];
      const work = async (size: number) => {
        for (let i = 0; i < turns * size; i++) await new Promise((resolve) => setTimeout(resolve));
        return size;
      };
      const one = process.outside(() => work(1)).then((size) => order.push(size));
      const other = process.outside(() => work(0)).then((size) => order.push(size));
      const failed = process.outside(() => Promise.reject(new Error("x"))).catch(() => order.push(2));
      await Promise.all([one, other, failed, process.sleep(1).then(() => order.push(3))]);
      process.world.trace(1, order.reduce((sum, nth) => sum * 10 + nth));
    });
    passed(report);
    hashes.add(report.hash);
  }
  assert.equal(hashes.size, 1);
});

test("what is left over is told by name: timers, sleeps, waits, tasks", async () => {
  let wait: Deferred<void> | undefined;
  const report = await runAs((process) => {
    process.timer(10, () => {});
    process.timer(10, () => {});
    process.sleep(10);
    wait = process.deferred("an answer");
    process.task("loop", () => wait!.promise);
    return Promise.resolve();
  });
  assert.equal(report.failure, "left over: p (2 × timer, sleep, an answer, task loop)");
});

test("a deadlock and a run without end are told with who waits for what", async () => {
  const stuck = await runAs((process) => process.deferred<void>("godot").promise);
  assert.equal(stuck.failure, "deadlock: nothing will ever happen again; waiting: p (task body, godot)");
  const world = new SimulatedWorld(1);
  const process = world.process("p");
  const endless = await world.run(async () => {
    for (;;) await process.sleep(100);
  }, 10_000);
  assert.equal(endless.failure, "no end in sight; waiting: p (sleep)");
  assert.isAtMost(endless.virtualMs, 10_000);
});

test("what is thrown fails the run: by main, by a task, by a callback; the first counts", async () => {
  const error = new RangeError("oh");
  const world = new SimulatedWorld(1);
  assert.equal((await world.run(() => Promise.reject(error))).failure, "main threw RangeError: oh");
  assert.equal(world.cause, error);
  const task = await runAs(() => Promise.reject(error));
  assert.equal(task.failure, "p: task body threw RangeError: oh");
  const callback = await runAs(async (process) => {
    process.timer(1, () => {
      throw error;
    });
    await process.sleep(100);
  });
  assert.equal(callback.failure, "p: a callback of timer threw RangeError: oh");
  const told = await runAs((_, world) => {
    world.fail("first");
    world.fail("second");
    return Promise.resolve();
  });
  assert.equal(told.failure, "first");
});

rejectionTest("a rejection that nobody listens to fails the run, where the runtime tells of it", async () => {
  const report = await runAs(async (process) => {
    const wait = process.deferred<void>("x");
    wait.reject(new RangeError("lost"));
    await process.sleep(1);
  });
  assert.equal(report.failure, "unhandled rejection: RangeError: lost");
});

test("what is real is out of reach by name while a world runs, and back after it", async () => {
  const calls: readonly [name: string, call: () => unknown][] = [
    ["Date.now", () => Date.now()],
    ["Math.random", () => Math.random()],
    ["performance.now", () => performance.now()],
    ["setTimeout", () => setTimeout(() => {})],
    ["queueMicrotask", () => queueMicrotask(() => {})],
    ["crypto.getRandomValues", () => crypto.getRandomValues(new Uint8Array(1))],
    ["crypto.subtle.digest", () => crypto.subtle.digest("SHA-256", new Uint8Array(1))],
    ["AbortSignal.timeout", () => AbortSignal.timeout(1)],
    ["CompressionStream", () => new CompressionStream("gzip")],
  ];
  for (const [name, call] of calls) {
    const report = await runAs(() => {
      assert.throws(call, /not of this world/);
      return Promise.resolve();
    });
    assert.equal(report.failure, `${name} was called: a simulated world has its own`);
  }
  assert.isAbove(Date.now(), 1e12);
  assert.equal((await crypto.subtle.digest("SHA-256", new Uint8Array(1))).byteLength, 32);
});

test("one world at a time, and each runs once", async () => {
  const first = new SimulatedWorld(1);
  const running = first.run(() => Promise.resolve());
  const second = await new SimulatedWorld(2).run(() => Promise.resolve()).catch((error) => error);
  assert.match(String(second), /Another simulated world is running/);
  passed(await running);
  assert.match(String(await first.run(() => Promise.resolve()).catch((error) => error)), /runs only once/);
});

test("the log keeps what was traced, line by line, and changes nothing", async () => {
  const play = async (log: boolean) => {
    const world = new SimulatedWorld(9, { log });
    const process = world.process("p");
    const report = await world.run(async () => {
      await process.sleep(1);
      world.trace(5, 6);
    });
    return { world, report };
  };
  const [kept, silent] = [await play(true), await play(false)];
  assert.deepEqual(kept.report, silent.report);
  assert.equal(silent.world.log, undefined);
  const { now } = kept.world;
  assert.deepEqual(kept.world.log, ["0 p: sleep 1000", `${now} p <- sleep`, `${now} - mark 5 6`]);
});

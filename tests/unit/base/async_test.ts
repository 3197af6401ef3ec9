/** Deadlines, gates and budgets: who wakes, in which order, and that nothing listens or ticks afterwards. */

import { assert } from "chai";
import { abortable, Budget, Deadline, Gate, withDeadline } from "../../../src/base/async.ts";
import { test } from "../../harness.ts";
import { CountedSignal, rejection, simulated } from "./simulated.ts";

const REASON = new Error("the caller has had enough");
const LATE = new Error("too late");
const late = () => LATE;

test("a deadline ends by itself with the error that was asked for", async () => {
  const ms = await simulated(async (world) => {
    const deadline = new Deadline(world, 1000, undefined, late);
    await world.sleep(400);
    assert.isFalse(deadline.signal.aborted);
    await world.sleep(700);
    assert.equal(deadline.signal.reason, LATE);
    deadline.cancel();
  });
  assert.isBelow(ms, 1200);
});

test("a deadline ends with the caller's reason, whichever is first", async () => {
  await simulated(async (world) => {
    const caller = new CountedSignal();
    const deadline = new Deadline(world, 1000, caller.signal, late);
    caller.controller.abort(REASON);
    assert.equal(deadline.signal.reason, REASON);
    deadline.cancel();
    const dead = new Deadline(world, 1000, caller.signal, late);
    assert.equal(dead.signal.reason, REASON);
    dead.cancel();
    await world.sleep(1);
  });
});

test("a deadline lets go of its timer and of the caller's signal", async () => {
  const ms = await simulated(async (world) => {
    const caller = new CountedSignal();
    for (let i = 0; i < 100; i++) {
      const value = await withDeadline(world, 60_000, caller.signal, late, async ({ signal }) => {
        await world.sleep(1, signal);
        return i;
      });
      assert.equal(value, i);
    }
    assert.equal(caller.listeners, 0);
  });
  assert.isBelow(ms, 1000);
});

test("a deadline that never comes has no timer", async () => {
  await simulated(async (world) => {
    const deadline = new Deadline(world, Infinity, undefined, late);
    await world.sleep(1);
    deadline.end(REASON);
    assert.equal(deadline.signal.reason, REASON);
    deadline.cancel();
  });
});

test("work under a deadline is not even begun when the caller has aborted before", async () => {
  await simulated(async (world) => {
    const error = await rejection(withDeadline(world, 10, AbortSignal.abort(REASON), late, () => {
      throw new Error("begun");
    }));
    assert.equal(error, REASON);
  });
});

test("an abort ends a wait for another's work, and not the work", async () => {
  await simulated(async (world) => {
    const caller = new CountedSignal();
    const work = world.deferred<number>("work");
    const first = abortable(world, "work", work.promise, caller.signal);
    const second = abortable(world, "work", work.promise, undefined);
    assert.equal(caller.listeners, 1);
    caller.controller.abort(REASON);
    assert.equal(await rejection(first), REASON);
    work.resolve(7);
    assert.equal(await second, 7);
    assert.equal(await rejection(abortable(world, "work", work.promise, caller.signal)), REASON);
  });
});

test("a wait for another's work that ends leaves no listener, and a failure after an abort is nobody's", async () => {
  await simulated(async (world) => {
    const caller = new CountedSignal();
    for (let i = 0; i < 10; i++) {
      const work = world.deferred<number>("work");
      const wait = abortable(world, "work", work.promise, caller.signal);
      if (i % 2) work.resolve(i);
      else work.reject(LATE);
      assert.equal(await wait.catch((error) => error), i % 2 ? i : LATE);
    }
    assert.equal(caller.listeners, 0);
    const work = world.deferred<number>("work");
    const wait = abortable(world, "work", work.promise, caller.signal);
    caller.controller.abort(REASON);
    work.reject(LATE); // unhandled, it would fail the world
    assert.equal(await rejection(wait), REASON);
    await world.sleep(1);
  });
});

test("a gate wakes all who wait now, in their order, and nobody who comes later", async () => {
  await simulated(async (world) => {
    const gate = new Gate(world, "a gate");
    const woken: string[] = [];
    const waits = ["a", "b", "c"].map((name) => gate.wait().then(() => woken.push(name)));
    gate.open();
    const later = gate.wait().then(() => woken.push("later"));
    await Promise.all(waits);
    assert.deepEqual(woken, ["a", "b", "c"]);
    await world.sleep(1);
    assert.lengthOf(woken, 3);
    gate.open();
    await later;
    gate.open(); // nobody waits
  });
});

test("no wake-up is lost between looking and waiting", async () => {
  await simulated(async (world) => {
    const gate = new Gate(world, "work");
    const jobs: number[] = [];
    const done: number[] = [];
    const worker = async () => {
      while (done.length < 50) {
        while (jobs.length === 0) await gate.wait();
        done.push(jobs.shift()!);
      }
    };
    const working = worker();
    for (let i = 0; i < 50; i++) {
      jobs.push(i);
      gate.open();
      if (i % 3 === 0) await world.sleep(1);
    }
    await working;
    assert.lengthOf(done, 50);
  });
});

test("an abort ends one wait at a gate, and woken waits leave no listener", async () => {
  await simulated(async (world) => {
    const gate = new Gate(world, "a gate");
    const caller = new CountedSignal();
    const stays = gate.wait();
    const goes = gate.wait(caller.signal);
    caller.controller.abort(REASON);
    assert.equal(await rejection(goes), REASON);
    assert.equal(await rejection(gate.wait(caller.signal)), REASON);
    const other = new CountedSignal();
    const waits = [1, 2, 3].map(() => gate.wait(other.signal));
    assert.equal(other.listeners, 3);
    gate.open();
    await Promise.all([stays, ...waits]);
    await world.sleep(1);
    assert.equal(other.listeners, 0);
  });
});

test("a budget gives out what there is, and one large request when nothing is held", () => {
  const budget = new Budget(100);
  assert.isTrue(budget.tryTake(60));
  assert.isFalse(budget.tryTake(41));
  assert.isTrue(budget.tryTake(40));
  assert.equal(budget.held, 100);
  budget.give(100);
  assert.isTrue(budget.tryTake(1000));
  assert.isFalse(budget.tryTake(0));
  assert.equal(budget.held, 1000);
});

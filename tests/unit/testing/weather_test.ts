/** Each kind of fault does what its name says, to what it chooses, for as long as it says, and to nothing else. */

import { assert } from "chai";
import { Chance } from "../../../src/testing/chance.ts";
import { type Fault, playFaults } from "../../../src/testing/faults.ts";
import { drawHabit, Link } from "../../../src/testing/link.ts";
import { addressText, Network } from "../../../src/testing/network.ts";
import { type Process, SimulatedWorld } from "../../../src/testing/world.ts";
import type { Transport } from "../../../src/transport/transport.ts";
import { test } from "../../harness.ts";

const ADDRESS = { host: "server", port: 1 };
const SEEDS = 20;

interface Scene {
  readonly network: Network;
  readonly client: Process;
  readonly other: Process;
  readonly server: Process;
  /** Connects a client; both ends are closed when the scene is over. */
  readonly connect: (client: Process) => Promise<{ readonly near: Transport; readonly far: Transport }>;
}

/** Plays a scene under some seeds, with faults that begin when it does. */
async function play(fault: Omit<Fault, "at" | "which">, body: (scene: Scene) => Promise<void>): Promise<void> {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const world = new SimulatedWorld(seed);
    const network = new Network(world);
    const [client, other, server] = [world.process("client"), world.process("other"), world.process("server")];
    const report = await world.run(async () => {
      const listener = network.listen(server, ADDRESS);
      const arrivals = listener[Symbol.asyncIterator]();
      const open: Transport[] = [];
      const connect = async (from: Process) => {
        const near = await network.dial(from, ADDRESS);
        open.push(near);
        const far = (await arrivals.next()).value as Transport;
        open.push(far);
        return { near, far };
      };
      const began = () =>
        playFaults({ world, network, addresses: [addressText(ADDRESS)], processes: [client] }, faults);
      const faults = [{ at: 100, which: 0, ...fault }];
      began();
      await body({ network, client, other, server, connect });
      open.forEach((transport) => transport.close());
      listener.close();
    });
    assert.equal(report.failure, undefined, `seed ${seed}`);
  }
}

/** What a promise came to: its value, or its error's code; "silence" if it takes longer than so many milliseconds. */
async function within(process: Process, ms: number, promise: Promise<unknown>): Promise<unknown> {
  const controller = new AbortController();
  const silence = process.sleep(ms, controller.signal).then(() => "silence", () => {});
  const end = await Promise.race([silence, promise.then((value) => value, ({ code }) => code)]);
  controller.abort("over");
  return end;
}

const one = () => new Uint8Array(1);
const some = [Uint8Array.of(1, 2, 3)];
const read = (transport: Transport) => transport.read(new Uint8Array(3), 3);

/** Numbers that choose among a fault's forms by their remainder, all about two seconds. */
const UP_STALLS_FOR_PAIR = 2000, DOWN_STALLS_FOR_PAIR = 2001, UP_STALLS_FOR_ALL = 2002;
const UP_VANISHES_FOR_PAIR = 2004, DOWN_VANISHES_FOR_PAIR = 2005;

test("one direction stalls while the other passes, then what was written comes; other clients notice nothing", async () => {
  for (const ms of [UP_STALLS_FOR_PAIR, DOWN_STALLS_FOR_PAIR]) {
    await play({ kind: "one-way", ms }, async ({ client, other, server, connect }) => {
      const theirs = await connect(other);
      const { near, far } = await connect(client);
      await client.sleep(150 - client.now());
      const [from, to] = ms === UP_STALLS_FOR_PAIR ? [near, far] : [far, near];
      await Promise.all([from.write(some), to.write(some), theirs.near.write(some), theirs.far.write(some)]);
      assert.equal(await within(server, 900, read(from)), 3, "the other direction");
      assert.deepEqual(await within(server, 900, Promise.all([read(theirs.near), read(theirs.far)])), [3, 3]);
      assert.isBelow(server.now(), 2000);
      assert.equal(await read(to), 3);
      assert.isAbove(server.now(), 2090);
      assert.isBelow(server.now(), 2500);
    });
  }
});

test("one direction vanishes for good while the other passes, and nobody is told", async () => {
  for (const ms of [UP_VANISHES_FOR_PAIR, DOWN_VANISHES_FOR_PAIR]) {
    await play({ kind: "one-way", ms }, async ({ client, server, connect }) => {
      const { near, far } = await connect(client);
      await client.sleep(150 - client.now());
      const [from, to] = ms === UP_VANISHES_FOR_PAIR ? [near, far] : [far, near];
      await Promise.all([from.write(some), to.write(some)]);
      assert.equal(await within(server, 900, read(from)), 3);
      assert.equal(await within(server, 50_000, to.read(one())), "silence");
    });
  }
});

test("nobody shakes hands over half a wire: a pair, or all, dial in vain until it is over", async () => {
  for (const ms of [UP_STALLS_FOR_PAIR, UP_STALLS_FOR_ALL]) {
    await play({ kind: "one-way", ms }, async ({ client, other, connect }) => {
      await connect(client);
      await client.sleep(150 - client.now());
      const dials = [client, other].map(async (process) => {
        await connect(process);
        return process.now();
      });
      const [mine, theirs] = await Promise.all(dials);
      assert.isAbove(mine!, 2090);
      if (ms === UP_STALLS_FOR_PAIR) assert.isBelow(theirs!, 400);
      else assert.isAbove(theirs!, 2090);
    });
  }
});

test("an undelivered request is lost, an unanswered one is there, and the client is told or it is not", async () => {
  const [BOTH_TOLD, NEITHER_TOLD] = [2000, 2003];
  for (const kind of ["undelivered", "unanswered"] as const) {
    for (const ms of [BOTH_TOLD, NEITHER_TOLD]) {
      await play({ kind, ms }, async ({ client, server, connect }) => {
        const { near, far } = await connect(client);
        await client.sleep(150 - client.now());
        await far.write(some);
        assert.equal(await read(near), 3, "nothing is wrong until the client writes");
        await near.write(some).catch(() => {});
        const lost = ms === BOTH_TOLD ? "CONNECTION_RESET" : "silence";
        assert.equal(await within(server, 1000, read(far)), kind === "unanswered" ? 3 : lost);
        await far.write(some).catch(() => {});
        assert.equal(await within(server, 1000, read(near)), lost);
      });
    }
  }
});

test("a request that comes too late for it meets no ambush", () =>
  play({ kind: "undelivered", ms: 1 }, async ({ client, connect }) => {
    const { near, far } = await connect(client);
    await client.sleep(150 - client.now());
    await near.write(some);
    assert.equal(await read(far), 3);
  }));

test("a deaf address accepts and is silent for ever; who dials after it is heard", () =>
  play({ kind: "deaf", ms: 500 }, async ({ client, connect }) => {
    await client.sleep(150);
    const deaf = await connect(client);
    await deaf.near.write(some);
    await deaf.far.write(some);
    assert.equal(await within(client, 20_000, Promise.race([deaf.near.read(one()), deaf.far.read(one())])), "silence");
    const { near, far } = await connect(client);
    await near.write(some);
    assert.equal(await read(far), 3);
  }));

test("a nameless address is not found, a refusing one refuses, and both are back after it", async () => {
  const codes = { nameless: "HOST_NOT_FOUND", refuse: "CONNECTION_REFUSED" };
  for (const kind of ["nameless", "refuse"] as const) {
    await play({ kind, ms: 500 }, async ({ network, client, connect }) => {
      await client.sleep(150);
      const error = await network.dial(client, ADDRESS).catch((reason) => reason);
      assert.equal(error.code, codes[kind]);
      assert.equal(error.broker, "server:1");
      await client.sleep(600);
      await connect(client);
    });
  }
});

test("a partition stalls what is there and answers nobody, both ways, until it is over", () =>
  play({ kind: "partition", ms: 2000 }, async ({ client, other, server, connect }) => {
    const { near, far } = await connect(client);
    await client.sleep(150 - client.now());
    await Promise.all([near.write(some), far.write(some)]);
    const dial = connect(other);
    await Promise.all([read(near), read(far)]);
    assert.isAbove(server.now(), 2090);
    await dial;
    assert.isAbove(server.now(), 2090);
  }));

test("a frozen process reads, and its timers fire, only at the thaw; its clock has gone on", () =>
  play({ kind: "freeze", ms: 2000 }, async ({ client, server, connect }) => {
    const { near, far } = await connect(client);
    let firedAt = 0;
    client.timer(500, () => firedAt = client.now());
    await server.sleep(150 - server.now());
    await far.write(some);
    assert.equal(await read(near), 3);
    assert.isAtLeast(client.now(), 2100);
    await client.sleep(5);
    assert.isAtLeast(firedAt, 2100);
  }));

test("a wall clock jumps, the other does not", () =>
  play({ kind: "skew", ms: 1000 }, async ({ client, server }) => {
    await client.sleep(150);
    assert.equal(client.wall() - server.wall(), 1000 * 60_000 - 90_000_000);
    assert.equal(client.now(), server.now());
  }));

test("some links are slow: what is long takes longer, and what comes behind it waits", async () => {
  const habits = Array.from({ length: 100 }, (_, seed) => drawHabit(new Chance(seed)));
  assert.sameMembers([...new Set(habits.map((habit) => habit.kilobyteMicros))], [0, 50, 1000]);
  const world = new SimulatedWorld(3);
  const [client, server] = [world.process("c"), world.process("s")];
  const habit = { ...habits[0]!, chop: "whole", window: 65_536, kilobyteMicros: 1000 } as const;
  const link = new Link(client, server, "s:1", new Chance(1), habit, () => {});
  const report = await world.run(async () => {
    await link.client.write([new Uint8Array(50 * 1024)]);
    await link.client.write([new Uint8Array(1)]);
    await link.server.read(new Uint8Array(60_000), 50 * 1024 + 1);
    assert.isAtLeast(server.now(), 50);
    link.client.close();
    link.server.close();
  });
  assert.equal(report.failure, undefined);
});

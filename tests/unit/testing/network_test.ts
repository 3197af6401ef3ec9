/** The simulated network keeps a transport's contract under every habit of a link, and breaks links in every way. */

import { assert } from "chai";
import type { KafkaError } from "../../../src/base/errors.ts";
import { Chance } from "../../../src/testing/chance.ts";
import { drawHabit, Link } from "../../../src/testing/link.ts";
import { addressText, dialOf, listenOf, Network } from "../../../src/testing/network.ts";
import { type Process, SimulatedWorld } from "../../../src/testing/world.ts";
import type { Listener, Transport } from "../../../src/transport/transport.ts";
import { test } from "../../harness.ts";

const ADDRESS = { host: "broker", port: 9092 };
const SEEDS = 40;

interface Scene {
  readonly world: SimulatedWorld;
  readonly network: Network;
  readonly client: Process;
  readonly server: Process;
  readonly listener: Listener;
  readonly accepted: () => Promise<Transport>;
}

/** Plays a scene with a client and a listening server under many seeds; what is not let go of fails it. */
async function play(body: (scene: Scene) => Promise<void>, seeds = SEEDS): Promise<void> {
  for (let seed = 1; seed <= seeds; seed++) {
    const world = new SimulatedWorld(seed);
    const network = new Network(world);
    const [client, server] = [world.process("client"), world.process("server")];
    const report = await world.run(async () => {
      const listener = await listenOf(network, server)(ADDRESS);
      const arrivals = listener[Symbol.asyncIterator]();
      const accepted = async () => (await arrivals.next()).value as Transport;
      await body({ world, network, client, server, listener, accepted });
      listener.close();
      assert.deepEqual(await arrivals.next(), { done: true, value: undefined });
    });
    assert.equal(report.failure, undefined, `seed ${seed}`);
  }
}

/** Both ends of a link, closed at the end. */
function playPair(
  body: (near: Transport, far: Transport, scene: Scene) => Promise<void>,
  seeds = SEEDS,
): Promise<void> {
  return play(async (scene) => {
    const near = await dialOf(scene.network, scene.client)(ADDRESS);
    const far = await scene.accepted();
    await body(near, far, scene);
    near.close();
    far.close();
  }, seeds);
}

/** How a promise ended: its value, or its error's code. */
function ending(promise: Promise<unknown>): Promise<unknown> {
  return promise.then((value) => value ?? null, (error: KafkaError) => error.code ?? error);
}

function someBytes(length: number, start: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (start + i * 7) & 255);
}

async function readAll(transport: Transport, chance: Chance, total: number): Promise<Uint8Array> {
  const all = new Uint8Array(total);
  for (let at = 0; at < total;) {
    const into = all.subarray(at, Math.min(total, at + 1 + chance.below(500)));
    const atLeast = 1 + chance.below(into.length);
    const count = await transport.read(into, atLeast);
    assert.isTrue(count !== null && count >= atLeast && count <= into.length);
    at += count!;
  }
  return all;
}

test("what is read is what was written, both ways at once, under any habits, any sizes and any atLeast", () =>
  playPair(async (near, far, { client, server }) => {
    const send = async (transport: Transport, process: Process) => {
      const chance = process.chance.fork("sizes");
      const sent: number[] = [];
      const going: Promise<void>[] = [];
      for (let i = 0; i < 12; i++) {
        const chunks = [someBytes(chance.below(400), i), new Uint8Array(0), someBytes(chance.below(30), i + 1)];
        for (const chunk of chunks) sent.push(...chunk);
        const write = transport.write(chunks).then(() => chunks.forEach((chunk) => chunk.fill(0)));
        going.push(write);
        if (chance.once(2)) await write;
      }
      await Promise.all(going);
      return sent;
    };
    const received = async (transport: Transport, process: Process, from: Process) => {
      const sizes = from.chance.fork("sizes");
      let total = 0;
      for (let i = 0; i < 12; i++) {
        total += sizes.below(400) + sizes.below(30);
        sizes.once(2);
      }
      return [...await readAll(transport, process.chance.fork("reads"), total)];
    };
    const [up, down, atServer, atClient] = await Promise.all([
      send(near, client),
      send(far, server),
      received(far, server, client),
      received(near, client, server),
    ]);
    assert.deepEqual(atServer, up);
    assert.deepEqual(atClient, down);
  }));

test("bytes come before the end, then null for ever; fewer than atLeast only there", () =>
  playPair(async (near, far, { server }) => {
    await near.write([someBytes(20, 0)]);
    near.close();
    await server.sleep(500);
    assert.equal(await far.read(new Uint8Array(100), 50), 20);
    assert.equal(await far.read(new Uint8Array(1)), null);
    assert.equal(await far.read(new Uint8Array(1)), null);
  }));

test("nothing and empty chunks are written at once", () =>
  playPair(async (near) => {
    await near.write([]);
    await near.write([new Uint8Array(0), new Uint8Array(0)]);
  }));

test("close ends the own waiting read with null and the own waiting write with CONNECTION_CLOSED; later ones too", () =>
  playPair(async (near, _far, { client }) => {
    const read = ending(near.read(new Uint8Array(10)));
    const writes = [1, 2].map(() => ending(near.write([new Uint8Array(100_000)])));
    await client.sleep(200);
    near.close();
    near.close();
    assert.deepEqual(await Promise.all([read, ...writes]), [null, "CONNECTION_CLOSED", "CONNECTION_CLOSED"]);
    assert.equal(await near.read(new Uint8Array(10)), null);
    assert.equal(await ending(near.write([new Uint8Array(1)])), "CONNECTION_CLOSED");
  }));

test("a reset is one error for reads and writes, for ever, and comes after what arrived", () =>
  playPair(async (near, far, { client, server, network }) => {
    await far.write([someBytes(9, 1)]);
    network.links[0]!.cut("down", "both");
    assert.equal(await near.read(new Uint8Array(9), 9), 9);
    const error = await near.read(new Uint8Array(1)).catch((reason) => reason);
    assert.equal(error.code, "CONNECTION_RESET");
    assert.equal(error.broker, "broker:9092");
    await client.sleep(100);
    assert.equal(await near.read(new Uint8Array(1)).catch((reason) => reason), error);
    assert.equal(await near.write([new Uint8Array(1)]).catch((reason) => reason), error);
    await server.sleep(100);
    assert.equal(await ending(far.read(new Uint8Array(1))), "CONNECTION_RESET");
  }));

test("a cut may let requests through and lose the answers, and one side may never learn of it", () =>
  playPair(async (near, far, { client, network }) => {
    await near.write([someBytes(5, 1)]);
    network.links[0]!.cut("up", "client");
    assert.equal(await ending(near.read(new Uint8Array(1))), "CONNECTION_RESET");
    assert.equal(await far.read(new Uint8Array(5), 5), 5);
    await far.write([someBytes(5, 1)]);
    const silence = ending(far.read(new Uint8Array(1)));
    await client.sleep(100_000);
    assert.equal(await ending(Promise.race([silence, Promise.resolve("silent")])), "silent");
    far.close();
    assert.equal(await silence, null);
  }));

test("a peer that does not read stops the writer; nothing is lost after", () =>
  playPair(async (near, far, { client }) => {
    let written = 0;
    const writing = (async () => {
      for (; written < 20; written++) await near.write([someBytes(10_000, written)]);
    })();
    await client.sleep(10_000);
    assert.isBelow(written, 8);
    const got = await readAll(far, new Chance(1), 200_000);
    assert.equal(got[199_999], (19 + 9_999 * 7) & 255);
    await writing;
  }, 10));

test("closing with bytes that nobody read resets the other side; writing to a closed side does too", async () => {
  await playPair(async (near, far, { client, server }) => {
    await near.write([someBytes(3, 0)]);
    await server.sleep(500);
    far.close();
    await client.sleep(500);
    assert.equal(await ending(near.read(new Uint8Array(1))), "CONNECTION_RESET");
  });
  await playPair(async (near, far, { client }) => {
    far.close();
    assert.equal(await near.read(new Uint8Array(1)), null);
    await near.write([someBytes(3, 0)]);
    await client.sleep(500);
    assert.equal(await ending(near.write([someBytes(3, 0)])), "CONNECTION_RESET");
    assert.equal(await near.read(new Uint8Array(1)), null);
  });
});

test("a stall delays what sets out during it, and keeps its order", () =>
  playPair(async (near, far, { server, network }) => {
    network.links[0]!.stall(5000);
    const [got] = await Promise.all([readAll(far, new Chance(2), 300), near.write([someBytes(300, 0)])]);
    assert.deepEqual(got, someBytes(300, 0));
    assert.isAbove(server.now(), 4990);
  }));

test("dials are refused where nobody listens, where the address refuses, and after the listener closed", () =>
  play(async ({ network, client, listener }) => {
    const dial = dialOf(network, client);
    assert.equal(await ending(dial({ host: "nobody", port: 1 })), "CONNECTION_REFUSED");
    network.refusing.add(addressText(ADDRESS));
    const error = await dial(ADDRESS).catch((reason) => reason);
    assert.equal(error.code, "CONNECTION_REFUSED");
    assert.equal(error.broker, "broker:9092");
    network.refusing.clear();
    listener.close();
    assert.equal(await ending(dial(ADDRESS)), "CONNECTION_REFUSED");
  }));

test("a mute address is knocked at until it answers, or the caller aborts, or nobody believes in it any more", () =>
  play(async ({ network, client, accepted }) => {
    const dial = dialOf(network, client);
    const reason = new Error("enough");
    const controller = new AbortController();
    network.mute.add("broker:9092");
    client.timer(500, () => controller.abort(reason));
    assert.equal(await dial(ADDRESS, { signal: controller.signal }).catch((error) => error), reason);
    assert.isBelow(client.now(), 520);
    assert.equal(await ending(dial(ADDRESS)), "CONNECT_TIMEOUT");
    client.timer(2000, () => network.mute.clear());
    const [near, far] = await Promise.all([dial(ADDRESS), accepted()]);
    near.close();
    far.close();
  }, 10));

test("an aborted dial rejects with the reason at once, and a server that saw it sees it go", () =>
  play(async ({ network, client, server, listener, accepted }) => {
    const controller = new AbortController();
    const delay = client.chance.fork("abort").below(4000) / 1000;
    client.timer(delay, () => controller.abort("reason"));
    const dialled = await dialOf(network, client)(ADDRESS, { signal: controller.signal }).catch((error) => error);
    if (dialled === "reason") {
      if (network.links.length === 0) return;
      const far = await accepted();
      assert.equal(await far.read(new Uint8Array(1)), null);
      far.close();
    } else {
      dialled.close();
      await server.sleep(100);
    }
    listener.close();
    assert.equal(network.links.filter(({ client }) => !client.isClosed).length, 0);
  }));

test("a killed process resets its links towards the others, refuses dials, and its address is free again", () =>
  playPair(async (near, _far, { world, network, client, server, listener }) => {
    server.kill();
    assert.equal(await ending(near.read(new Uint8Array(1))), "CONNECTION_RESET");
    await client.sleep(100);
    assert.equal(await ending(near.write([new Uint8Array(1)])), "CONNECTION_RESET");
    assert.equal(await ending(network.dial(client, ADDRESS)), "CONNECTION_REFUSED");
    const again = network.listen(world.process("server"), ADDRESS);
    const [link, arrival] = await Promise.all([network.dial(client, ADDRESS), again[Symbol.asyncIterator]().next()]);
    link.close();
    arrival.value.close();
    listener.close();
    const another = await network.dial(client, ADDRESS);
    another.close();
    (await again[Symbol.asyncIterator]().next()).value.close();
    again.close();
  }));

test("a frozen process learns of nothing until the thaw", () =>
  playPair(async (near, far, { client, server }) => {
    const began = client.now();
    server.freeze(3000);
    await near.write([someBytes(10, 0)]);
    assert.equal(await far.read(new Uint8Array(10), 10), 10);
    assert.isAtLeast(client.now() - began, 3000);
  }));

test("a port that nobody chose is told, a taken one and TLS are refused by code", () =>
  play(async ({ network, server, client }) => {
    const listen = listenOf(network, server);
    const [one, other] = [await listen({ host: "h", port: 0 }), await listen({ host: "h", port: 0 })];
    assert.notEqual(one.address.port, other.address.port);
    assert.equal(await ending(listen(one.address)), "INVALID_OPTION");
    assert.equal(await ending(listen(ADDRESS, { tls: {} })), "UNSUPPORTED_FEATURE");
    assert.equal(await ending(network.dial(client, ADDRESS, { tls: {} })), "UNSUPPORTED_FEATURE");
    one.close();
    other.close();
  }, 1));

test("what breaks the contract fails the run: a link left open, two reads at once, bytes changed under a write", async () => {
  const failureOf = async (body: (near: Transport) => Promise<void>) => {
    const world = new SimulatedWorld(1);
    const habit = { ...drawHabit(new Chance(1)), isLate: true };
    const { client, server } = new Link(world.process("c"), world.process("s"), "s:1", new Chance(1), habit, () => {});
    const report = await world.run(async () => {
      await body(client);
      server.close();
    });
    return report.failure;
  };
  assert.equal(await failureOf(() => Promise.resolve()), "left over: c (link to s:1)");
  const twice = await failureOf(async (near) => {
    const reads = [near.read(new Uint8Array(1)), near.read(new Uint8Array(1))];
    near.close();
    await Promise.all(reads);
  });
  assert.equal(twice, "c: two reads at once from s:1");
  const changed = await failureOf(async (near) => {
    const bytes = new Uint8Array(4);
    const writing = near.write([bytes]);
    bytes[2] = 1;
    await writing;
    near.close();
  });
  assert.equal(changed, "c: bytes were changed before their write to s:1 resolved");
  const empty = await failureOf(async (near) => {
    const read = near.read(new Uint8Array(2), 3);
    near.close();
    await read;
  });
  assert.equal(empty, "c: a read of at least 3 bytes into 2 from s:1");
});

/** The contract, kept in memory, and what only memory can promise. */

import { assert } from "chai";
import { type Deferred, realWorld, type World } from "../../src/base/world.ts";
import { memoryNetwork } from "../../src/transport/memory.ts";
import { test } from "../harness.ts";
import { contract } from "./contract.ts";

const WINDOW = 256 * 1024;

contract({ name: "memory", ...memoryNetwork(realWorld), host: "127.0.0.1", windowMax: WINDOW });

/** A world in which nothing but waiting is possible; it says who waits for what. */
class WaitingWorld implements World {
  readonly waits = new Set<string>();
  now = this.#none("now");
  wall = this.#none("wall");
  random = this.#none("random");
  entropy = this.#none("entropy");
  sleep = this.#none("sleep");
  timer = this.#none("timer");
  task = this.#none("task");
  outside = this.#none("outside");

  deferred<T>(name: string): Deferred<T> {
    const { promise, resolve, reject } = realWorld.deferred<T>(name);
    this.waits.add(name);
    const over = () => void this.waits.delete(name);
    promise.then(over, over);
    return { promise, resolve, reject };
  }

  #none(name: string): () => never {
    return () => {
      throw new Error(`Memory took ${name} from the world`);
    };
  }
}

test("memory: it waits by the world alone, and every wait has a name and an end", async () => {
  const world = new WaitingWorld();
  const { dial, listen } = memoryNetwork(world);
  const listener = await listen({ host: "broker", port: 9092 });
  const arrivals = listener[Symbol.asyncIterator]();
  const arrival = arrivals.next();
  assert.deepEqual([...world.waits], ["a connection to broker:9092"]);
  const client = await dial({ host: "broker", port: 9092 });
  const server = (await arrival).value!;
  const read = client.read(new Uint8Array(1));
  const write = client.write([new Uint8Array(WINDOW + 1)]);
  const last = arrivals.next();
  assert.deepEqual([...world.waits].sort(), [
    "a connection to broker:9092",
    "bytes from broker:9092",
    "room to write to broker:9092",
  ]);
  server.close();
  listener.close();
  assert.isNull(await read);
  assert.isTrue((await last).done);
  assert.match(await write.then(() => "written", String), /CONNECTION_RESET/);
  assert.equal(world.waits.size, 0);
});

test("memory: a writer waits exactly while more than the window lies unread", async () => {
  const { dial, listen } = memoryNetwork(realWorld);
  const listener = await listen({ host: "broker", port: 0 });
  const client = await dial(listener.address);
  const server = (await listener[Symbol.asyncIterator]().next()).value!;
  await client.write([new Uint8Array(WINDOW)]);
  let isWritten = false;
  const write = client.write([new Uint8Array(2)]).then(() => isWritten = true);
  assert.equal(await server.read(new Uint8Array(1)), 1);
  assert.isFalse(isWritten);
  assert.equal(await server.read(new Uint8Array(1)), 1);
  await write;
  const rest = new Uint8Array(2 * WINDOW);
  assert.equal(await server.read(rest), WINDOW);
  client.close();
  server.close();
  listener.close();
});

test("memory: ports are free, hosts are no aliases, and there is no TLS", async () => {
  const { dial, listen } = memoryNetwork(realWorld);
  const codeOf = (promise: Promise<unknown>) => promise.then(() => "done", ({ code }) => code);
  const taken = await listen({ host: "a", port: 49152 });
  const free = await listen({ host: "a", port: 0 });
  const other = await listen({ host: "b", port: 49152 });
  assert.deepEqual([taken, free, other].map(({ address: { host, port } }) => `${host}:${port}`), [
    "a:49152",
    "a:49153",
    "b:49152",
  ]);
  assert.equal(await codeOf(dial({ host: "localhost", port: 49152 })), "CONNECTION_REFUSED");
  assert.equal(await codeOf(dial(taken.address, { tls: {} })), "UNSUPPORTED_FEATURE");
  assert.equal(await codeOf(listen({ host: "a", port: 0 }, { tls: {} })), "UNSUPPORTED_FEATURE");
  taken.close();
  const again = await listen({ host: "a", port: 49152 });
  taken.close(); // once more: it is no longer its port
  const client = await dial(again.address);
  client.close();
  for (const listener of [free, other, again]) listener.close();
});

test("memory: one order of events, run after run", async () => {
  const first = await story();
  for (let i = 0; i < 5; i++) assert.deepEqual(await story(), first);
  assert.isAbove(first.length, 20);
});

/** Two clients and an echo, each noting what it does. */
async function story(): Promise<string[]> {
  const { dial, listen } = memoryNetwork(realWorld);
  const notes: string[] = [];
  const listener = await listen({ host: "broker", port: 0 });
  const echo = async () => {
    const serving: Promise<void>[] = [];
    for await (const transport of listener) {
      const serve = async () => {
        const into = new Uint8Array(1000);
        for (let count; (count = await transport.read(into)) !== null;) {
          notes.push(`served ${count}`);
          await transport.write([into.slice(0, count)]);
        }
        transport.close();
      };
      serving.push(serve());
    }
    await Promise.all(serving);
  };
  const client = async (name: string, size: number) => {
    const transport = await dial(listener.address);
    for (let i = 0; i < 4; i++) {
      await transport.write([new Uint8Array(size), new Uint8Array(i)]);
      notes.push(`${name} read ${await transport.read(new Uint8Array(5000), size + i)}`);
    }
    transport.close();
  };
  const serving = echo();
  await Promise.all([client("one", 3000), client("two", 700)]);
  listener.close();
  await serving;
  return notes;
}

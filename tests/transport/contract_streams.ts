/** What a transport promises of its bytes and of its end. */

import { assert } from "chai";
import fc from "fast-check";
import type { Transport } from "../../src/transport/transport.ts";
import { Frames } from "../../src/wire/frames.ts";
import {
  becomes,
  clientTls,
  ending,
  failure,
  greet,
  meet,
  pair,
  type Property,
  sleep,
  soon,
  type Subject,
} from "./subject.ts";

interface Reading {
  readonly size: number;
  readonly atLeast: number;
}

/** Reads to the end or to a length, by any sizes, and checks what every read promises. */
async function drain(transport: Transport, readings: readonly Reading[], length = Infinity): Promise<Uint8Array> {
  const all: Uint8Array[] = [];
  let total = 0;
  for (let i = 0; total < length; i++) {
    const { size, atLeast } = readings[i % readings.length]!;
    const array = new Uint8Array(size + 2).fill(0xee);
    const least = Math.max(1, Math.min(atLeast, size, length - total));
    const count = await transport.read(array.subarray(1, size + 1), least);
    if (count === null) break;
    assert.isTrue(count >= 1 && count <= size, `${count} of ${size}`);
    assert.isTrue(count >= least || length === Infinity, `${count}, not ${least}`);
    assert.isTrue(
      array[0] === 0xee && array.subarray(count + 1).every((byte) => byte === 0xee),
      "the rest is untouched",
    );
    all.push(array.slice(1, count + 1));
    total += count;
  }
  return joinAll(all);
}

function joinAll(pieces: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

function assertSame(got: Uint8Array, expected: Uint8Array): void {
  assert.equal(got.length, expected.length);
  const at = got.findIndex((byte, i) => byte !== expected[i]);
  assert.equal(at, -1, "the first byte that differs");
}

interface Writing {
  readonly chunks: readonly number[];
  readonly wait: boolean;
}

/** Writes all, spoils each array as soon as its write has resolved, and gives what should arrive. */
async function send(transport: Transport, writings: readonly Writing[], seed: number): Promise<Uint8Array> {
  let byte = seed;
  const sent: Uint8Array[] = [];
  const going: Promise<void>[] = [];
  for (const { chunks, wait } of writings) {
    const arrays = chunks.map((size) => Uint8Array.from({ length: size }, () => byte = (byte * 31 + 7) & 255));
    for (const array of arrays) sent.push(array.slice());
    const write = transport.write(arrays).then(() => {
      for (const array of arrays) array.fill(0);
    });
    going.push(write);
    if (wait) await write;
  }
  await Promise.all(going);
  return joinAll(sent);
}

const sizes = fc.oneof(
  { weight: 6, arbitrary: fc.nat(300) },
  { weight: 2, arbitrary: fc.nat(20_000) },
  { weight: 1, arbitrary: fc.nat(300_000) },
);
const writings = fc.array(fc.record({ chunks: fc.array(sizes, { maxLength: 5 }), wait: fc.boolean() }), {
  maxLength: 12,
});
const readings = fc.array(
  fc.record({ size: sizes.map((size) => size + 1), atLeast: fc.oneof(fc.constant(1), sizes) }),
  { maxLength: 6 },
).map((list) => [...list, { size: 30_000, atLeast: 1 }]); // one large read a round, or a byte at a time takes long
const lengthOf = (list: readonly Writing[]): number => list.flatMap(({ chunks }) => chunks).reduce((a, b) => a + b, 0);

/** Bytes on their way. */
export const streams: readonly Property[] = [
  {
    name: "what is read is what was written, both ways at once, under any chunking, and arrays may be reused",
    check: (subject) =>
      fc.assert(
        fc.asyncProperty(writings, writings, readings, readings, (up, down, upReads, downReads) =>
          pair(subject, async (client, server) => {
            const [gotUp, gotDown, sentUp, sentDown] = await soon(Promise.all([
              drain(server, upReads, lengthOf(up)),
              drain(client, downReads, lengthOf(down)),
              send(client, up, 1),
              send(server, down, 2),
            ]));
            assertSame(gotUp, sentUp);
            assertSame(gotDown, sentDown);
          })),
        { numRuns: 15 },
      ),
  },
  {
    name: "frames of any size come whole",
    check: (subject) =>
      fc.assert(
        fc.asyncProperty(fc.array(sizes, { maxLength: 30 }), (lengths) =>
          pair(subject, async (client, server) => {
            const frames = new Frames(server, 1 << 20);
            const got: number[] = [];
            const receive = async () => {
              do {
                for (let frame; (frame = frames.take()) !== undefined;) {
                  assert.isTrue(frame.every((byte) => byte === (got.length & 255)));
                  got.push(frame.length);
                }
              } while (await frames.more());
            };
            const receiving = receive();
            await greet(client, server);
            await soon(Promise.all(lengths.map((length, i) => {
              const head = new Uint8Array(4);
              new DataView(head.buffer).setInt32(0, length);
              return client.write([head, new Uint8Array(length).fill(i)]);
            })));
            client.close();
            await soon(receiving);
            assert.deepEqual(got, lengths);
          })),
        { numRuns: 10 },
      ),
  },
  {
    name: "32 MB in one write",
    check: (subject) =>
      pair(subject, async (client, server) => {
        const write = client.write([new Uint8Array(32 << 20).fill(9)]);
        const into = new Uint8Array(32 << 20);
        assert.equal(await soon(server.read(into, into.length), 6000), into.length);
        await soon(write);
        assert.isTrue(into[0] === 9 && into.at(-1) === 9);
      }),
  },
  {
    name: "nothing and empty chunks are written at once, and nobody reads them",
    check: (subject) =>
      pair(subject, async (client, server) => {
        const read = server.read(new Uint8Array(9));
        await soon(client.write([]));
        await soon(client.write([new Uint8Array(0)]));
        await soon(client.write([new Uint8Array(0), new Uint8Array(0)]));
        await soon(client.write([new Uint8Array(0), Uint8Array.of(1, 2), new Uint8Array(0)]));
        assert.equal(await soon(read), 2);
      }),
  },
  {
    name: "a peer that does not read stops the writer, and nothing is lost",
    check: (subject) =>
      pair(subject, async (client, server) => {
        await greet(client, server);
        await Promise.all([stops(subject, client, server), stops(subject, server, client)]);
      }),
  },
];

async function stops({ windowMax }: Subject, from: Transport, to: Transport): Promise<void> {
  let accepted = 0;
  let goesOn = true;
  const chunk = Uint8Array.from({ length: 251 * 256 }, (_, i) => i % 251);
  const write = async () => {
    while (goesOn) {
      await from.write([chunk]);
      accepted += chunk.length;
    }
  };
  const writing = write();
  await sleep(250);
  const before = accepted;
  await sleep(100);
  assert.equal(accepted, before, "the writer waits");
  assert.isBelow(before, windowMax + chunk.length);
  goesOn = false;
  const got = await soon(drain(to, [{ size: 65536, atLeast: 32768 }], before + chunk.length));
  await soon(writing);
  assert.equal(got.length, accepted);
  assert.equal(got.findIndex((byte, i) => byte !== i % 251), -1, "the first byte that differs");
}

/** Ends, clean and not. */
export const endings: readonly Property[] = [
  {
    name: "what was written before close arrives, then null, then null",
    check: (subject) =>
      pair(subject, async (client, server) => {
        await greet(client, server);
        const sending = send(client, [{ chunks: [100_000, 3, 50_000], wait: true }], 3);
        sending.then(() => client.close(), () => {});
        const got = await soon(drain(server, [{ size: 70_000, atLeast: 60_000 }]));
        assertSame(got, await sending);
        assert.isNull(await soon(server.read(new Uint8Array(1))));
      }),
  },
  {
    name: "fewer than atLeast only at the end",
    check: (subject) =>
      pair(subject, async (client, server) => {
        await greet(client, server);
        const read = server.read(new Uint8Array(100), 50);
        await client.write([new Uint8Array(20)]);
        await sleep(10);
        await client.write([new Uint8Array(20)]);
        await sleep(10);
        client.close();
        assert.equal(await soon(read), 40);
        assert.isNull(await soon(server.read(new Uint8Array(1))));
      }),
  },
  {
    name: "bytes come before the end, also when nobody read yet",
    check: (subject) =>
      pair(subject, async (client, server) => {
        await greet(client, server);
        await client.write([new Uint8Array(5)]);
        await sleep(10);
        client.close();
        await sleep(10);
        assert.equal(await soon(server.read(new Uint8Array(10))), 5);
        assert.isNull(await soon(server.read(new Uint8Array(10))));
      }),
  },
  {
    name: "close ends a waiting read with null and a waiting write with CONNECTION_CLOSED, and later ones too",
    check: (subject) =>
      pair(subject, async (client) => {
        const read = client.read(new Uint8Array(10));
        const writes = [1, 2, 3].map(() => ending(client.write([new Uint8Array(16 << 20)])));
        await sleep(20);
        client.close();
        client.close();
        assert.isNull(await soon(read));
        assert.equal((await Promise.all(writes)).at(-1), "CONNECTION_CLOSED");
        assert.isNull(await soon(client.read(new Uint8Array(10))));
        assert.equal(await ending(client.write([Uint8Array.of(1)])), "CONNECTION_CLOSED");
        assert.equal(await ending(client.write([])), "CONNECTION_CLOSED");
      }),
  },
  {
    name: "close lets go of a connection whose peer does not read",
    only: ({ rig }) => rig !== undefined,
    check: (subject) =>
      meet(subject.rig!.lazyPeer(subject.tls !== undefined), async ({ port }) => {
        const before = subject.rig!.openSockets();
        const client = await soon(subject.dial({ host: "localhost", port }, clientTls(subject)));
        const write = ending(client.write([new Uint8Array(32 << 20)]));
        await sleep(50);
        const open = subject.rig!.openSockets();
        client.close();
        assert.equal(await write, "CONNECTION_CLOSED");
        // At most the peer's own is left, which it need not have noticed.
        await becomes(() => open && Math.max(subject.rig!.openSockets(), before + 1), open && before + 1);
      }),
  },
  {
    name: "a peer that has closed fails the writer sooner or later",
    check: (subject) =>
      pair(subject, async (client, server) => {
        await greet(client, server);
        client.close();
        assert.isNull(await soon(server.read(new Uint8Array(1))));
        const write = async () => {
          for (let i = 0; i < 100; i++) {
            await server.write([new Uint8Array(1000)]);
            await sleep(5);
          }
        };
        const error = await failure(write());
        assert.include(["CONNECTION_RESET", "CONNECTION_CLOSED"], error.code);
        assert.strictEqual(await failure(server.write([Uint8Array.of(1)])), error);
      }),
  },
  {
    name: "a reset is one error, for reads and for writes, for ever",
    only: ({ rig, tls }) => rig !== undefined && tls === undefined,
    check: ({ rig, dial }) =>
      meet(rig!.resettingPeer(), async ({ port }) => {
        const client = await soon(dial({ host: "127.0.0.1", port }));
        await client.write([Uint8Array.of(1)]);
        assert.equal(await soon(client.read(new Uint8Array(10))), 1);
        const error = await failure(client.read(new Uint8Array(10)));
        assert.equal(error.code, "CONNECTION_RESET");
        assert.equal(error.broker, `127.0.0.1:${port}`);
        assert.strictEqual(await failure(client.read(new Uint8Array(10))), error);
        assert.strictEqual(await failure(client.write([Uint8Array.of(1)])), error);
        client.close();
        assert.strictEqual(await failure(client.write([Uint8Array.of(1)])), error);
        assert.isNull(await soon(client.read(new Uint8Array(10))));
      }),
  },
  {
    name: "a listener that closes lets go of who has connected and was not accepted",
    check: async (subject) => {
      const listener = await subject.listen({ host: "127.0.0.1", port: 0 });
      const client = await soon(subject.dial({ host: subject.host, port: listener.address.port }));
      listener.close();
      listener.close();
      assert.include(["done", "CONNECTION_RESET"], await ending(client.read(new Uint8Array(1))));
      client.close();
      assert.equal(
        await ending(subject.dial({ host: subject.host, port: listener.address.port })),
        "CONNECTION_REFUSED",
      );
    },
  },
];

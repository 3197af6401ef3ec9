/** Codecs that users bring along: they answer now or later, with something else, too much, or never. */

import { assert } from "chai";
import fc from "fast-check";
import { KafkaClient } from "../../../src/client/client.ts";
import type { ClientOptions } from "../../../src/client/options.ts";
import type { SimpleConsumer } from "../../../src/consumer/simple_consumer.ts";
import type { CompressionCodec } from "../../../src/records/compression.ts";
import { lz4 } from "../../../src/records/lz4.ts";
import { Cluster } from "../../../src/testing/cluster.ts";
import { test } from "../../harness.ts";
import { failure, play, type RigOptions, texts, thrown } from "./rig.ts";

/** Answers at once, or so many turns later, as it is told for each call in turn. */
function paced(delays: readonly number[]): CompressionCodec {
  let call = 0;
  const pace = (work: () => Uint8Array | Promise<Uint8Array>) => {
    const turns = delays[call++ % delays.length]!;
    if (turns === 0) return work();
    return (async () => {
      for (let i = 0; i < turns; i++) await Promise.resolve();
      return await work();
    })();
  };
  return {
    compress: (bytes) => pace(() => lz4.compress(bytes)),
    decompress: (bytes, limit) => pace(() => lz4.decompress(bytes, limit)),
  };
}

async function readAll(consumer: SimpleConsumer): Promise<string[]> {
  const seen: string[] = [];
  for await (const message of consumer) seen.push(message.text());
  return seen;
}

test("property: whether codecs answer now or later, everything goes round once and in order", async () => {
  const delays = fc.array(fc.oneof(fc.constant(0), fc.nat(30)), { minLength: 1, maxLength: 6 });
  const release = fc.constantFrom("0.8.2.2", "0.10.2.2", "0.11.0.3", "4.4.0");
  const job = fc.record({ delays, release, batches: fc.integer({ min: 1, max: 12 }), seed: fc.nat(1000) });
  await fc.assert(
    fc.asyncProperty(job, async ({ delays, release, batches, seed }) => {
      const options: RigOptions = { release, seed, topics: { t: { partitions: 2 } } };
      await play({ ...options, client: { codecs: { lz4: paced(delays) } } }, async ({ client, cluster }) => {
        const topic = await client.topic("t");
        const producer = topic.producer({ compression: "lz4", batchBytes: 200 });
        const values = Array.from({ length: batches * 4 }, (_, i) => `${i} ${"x".repeat(40)}`);
        await Promise.all(values.map((value, i) => producer.produce({ partition: i % 2, value })));
        await producer.close();
        for (const partition of [0, 1]) {
          const expected = values.filter((_, i) => i % 2 === partition);
          assert.deepEqual(await texts(cluster, partition), expected);
          assert.deepEqual(await readAll(topic.simpleConsumer({ partitions: [partition], until: "end" })), expected);
        }
      });
    }),
    { numRuns: 40 },
  );
});

/** As much of a promise as the language asks for; what its `then` gives is no `Promise` either. */
function thenable(bytes: unknown): Promise<Uint8Array> {
  const then = (done: (answer: unknown) => unknown) => {
    const answer = Promise.resolve(bytes).then(done);
    return {
      then: (next: (value: unknown) => void, failed: (error: unknown) => void) => void answer.then(next, failed),
    };
  };
  return { then } as unknown as Promise<Uint8Array>;
}

test("a promise of a user's own class, or of another realm, is one too", () =>
  play({ topics: { t: {} } }, async ({ connect }) => {
    const codec: CompressionCodec = {
      compress: (bytes) => thenable(lz4.compress(bytes)),
      decompress: (bytes, limit) => thenable(lz4.decompress(bytes, limit)),
    };
    const client = await connect({ codecs: { lz4: codec } });
    const topic = await client.topic("t");
    await topic.producer({ compression: "lz4" }).produce("x".repeat(200));
    assert.deepEqual(await readAll(topic.simpleConsumer({ until: "end" })), ["x".repeat(200)]);
    await client.close();
  }));

test("a codec that throws, rejects, or answers with something else fails its batch alone", () =>
  play({ topics: { t: { partitions: 2 } } }, async ({ connect, cluster }) => {
    let compress: () => unknown = () => undefined;
    const codec = { compress: () => compress(), decompress: () => compress() } as unknown as CompressionCodec;
    const client = await connect({ codecs: { zstd: codec, lz4 } });
    const topic = await client.topic("t");
    const producer = topic.producer({ compression: "zstd" });
    const wrong: [() => unknown, RegExp][] = [
      [() => {
        throw new TypeError("not today");
      }, /zstd did not compress \d+ bytes \(not today\)/],
      [() => Promise.reject("nor later"), /\(nor later\)/],
      [() => "text", /answered with string instead of a Uint8Array/],
      [() => undefined, /answered with undefined/],
      [() => null, /answered with null/],
      [() => Promise.resolve([1, 2]), /answered with \[object Array\]/],
      [() => new ArrayBuffer(3), /answered with \[object ArrayBuffer\]/],
    ];
    for (const [answer, why] of wrong) {
      compress = answer;
      const error = await failure(producer.produce({ partition: 0, value: "lost" }));
      assert.equal(error.code, "UNSUPPORTED_COMPRESSION_TYPE");
      assert.match(error.message, why);
      assert.deepEqual([error.persisted, error.retriable, error.partition], ["no", false, 0]);
    }
    // What it gives is sent as it is; the broker here has no zstd, and believes it.
    compress = () => Uint8Array.of(9, 9, 9);
    assert.equal((await producer.produce({ partition: 0, value: "garbage" })).offset, 0);
    const sound = topic.producer({ compression: "lz4" });
    assert.equal((await sound.produce({ partition: 0, value: "sound" })).offset, 1);
    const consumer = topic.simpleConsumer({ partitions: [0], until: "end", decompressedBytes: 100 });
    const unread: [() => unknown, RegExp, string][] = [
      [wrong[0]![0], /at offset 0 are broken: zstd cannot decompress them.*not today/, "CORRUPT_MESSAGE"],
      [() => Promise.reject(new Error("nor later")), /nor later/, "CORRUPT_MESSAGE"],
      [() => new Uint8Array(101), /101 bytes, and 100 are allowed/, "CORRUPT_MESSAGE"],
      [() => Promise.resolve(new Uint8Array(101)), /101 bytes, and 100 are allowed/, "CORRUPT_MESSAGE"],
      [() => new Uint8Array(100), /makes no sense|left after the last/, "CORRUPT_MESSAGE"],
      [() => 5, /decompressed to number instead of a Uint8Array/, "UNSUPPORTED_COMPRESSION_TYPE"],
      [() => Promise.resolve(), /decompressed to undefined/, "UNSUPPORTED_COMPRESSION_TYPE"],
    ];
    for (const [answer, why, code] of unread) {
      compress = answer;
      const error = await failure(readAll(consumer));
      assert.match(error.message, why);
      assert.deepEqual([error.code, error.topic, error.partition, error.offset], [code, "t", 0, 0]);
      consumer.seek(0, 0);
    }
    consumer.seek(0, 1);
    assert.deepEqual(await readAll(consumer), ["sound"]);
    assert.equal(cluster.partition("t", 0).log.endOffset, 2);
    await client.close();
  }));

/** A client in real time: a world that is made up waits for what is outside. */
async function inRealTime(options: Partial<ClientOptions>, body: (client: KafkaClient) => Promise<void>) {
  const cluster = await Cluster.start({ topics: { t: { partitions: 2 } } });
  const client = await KafkaClient.connect({ hosts: cluster.hosts, dial: cluster.dial, ...options });
  try {
    await body(client);
  } finally {
    await client.close();
    await cluster.close();
  }
}

/** Never answers, but for the first `calls` calls; and says when it is asked. */
function hanging(calls: number): { codec: CompressionCodec; asked: () => number; release: () => void } {
  let count = 0;
  const waiting: (() => void)[] = [];
  const wait = (work: () => Uint8Array | Promise<Uint8Array>) => {
    if (++count <= calls) return work();
    return new Promise<Uint8Array>((resolve) => waiting.push(() => resolve(work())));
  };
  return {
    codec: {
      compress: (bytes) => wait(() => lz4.compress(bytes)),
      decompress: (bytes, limit) => wait(() => lz4.decompress(bytes, limit)),
    },
    asked: () => count,
    release: () => waiting.splice(0).forEach((go) => go()),
  };
}

const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1));

test("what a codec reads stays as it is until it has answered", async () => {
  const changed: boolean[] = [];
  const watch = async (bytes: Uint8Array, answer: Uint8Array) => {
    const before = bytes.slice();
    for (let i = 0; i < 3; i++) await turn();
    changed.push(bytes.some((byte, i) => byte !== before[i]));
    return answer;
  };
  const codec: CompressionCodec = {
    compress: (bytes) => watch(bytes, lz4.compress(bytes) as Uint8Array),
    decompress: (bytes, limit) => watch(bytes, lz4.decompress(bytes, limit) as Uint8Array),
  };
  await inRealTime({ codecs: { lz4: codec } }, async (client) => {
    const topic = await client.topic("t");
    const producer = topic.producer({ compression: "lz4", batchBytes: 5000 }); // buffers of 4096 bytes are used again
    const values = Array.from({ length: 40 }, (_, i) => `${i} ${"y".repeat(i)}`);
    const sent: Promise<unknown>[] = [];
    for (const value of values) {
      sent.push(producer.produce({ partition: 0, value }));
      await turn(); // batches are filled while others are compressed
    }
    await Promise.all(sent);
    assert.deepEqual(await readAll(topic.simpleConsumer({ until: "end" })), values);
  });
  assert.isAbove(changed.length, 10);
  assert.notInclude(changed, true);
});

test("a codec that never answers fails its batch, and what goes to the same broker goes on", async () => {
  const { codec } = hanging(0);
  await inRealTime({ codecs: { lz4: codec }, requestTimeoutMs: 100 }, async (client) => {
    const topic = await client.topic("t");
    const stuck = failure(topic.producer({ compression: "lz4" }).produce({ partition: 0, value: "a" }));
    const { offset } = await topic.producer().produce({ partition: 1, value: "b" });
    assert.equal(offset, 0);
    const error = await stuck;
    assert.equal(error.code, "UNSUPPORTED_COMPRESSION_TYPE");
    assert.match(error.message, /the codec for lz4 has not compressed \d+ bytes within 100 ms/);
    assert.equal(error.persisted, "no");
  });
});

test("close() and an abort end the wait for a codec", async () => {
  const { codec, asked } = hanging(0);
  await inRealTime({ codecs: { lz4: codec } }, async (client) => {
    const topic = await client.topic("t");
    const producer = topic.producer({ compression: "lz4" });
    const produced = failure(producer.produce({ partition: 0, value: "a" }));
    while (asked() === 0) await turn();
    const stop = new AbortController();
    stop.abort(new Error("enough"));
    await producer.close({ signal: stop.signal });
    const error = await produced;
    assert.deepEqual([error.code, error.persisted], ["CLOSED", "no"]);
  });
});

test("an abort and close() end a loop that waits for a codec; a late answer changes nothing, and others read on", async () => {
  const { codec, asked, release } = hanging(2);
  await inRealTime({ codecs: { lz4: codec } }, async (client) => {
    const topic = await client.topic("t");
    const producer = topic.producer({ compression: "lz4" });
    for (const value of ["a", "b"]) await producer.produce({ partition: 0, value });
    const stop = new AbortController();
    const consumer = topic.simpleConsumer({ partitions: [0], until: "end", signal: stop.signal });
    const reading = readAll(consumer).then(() => assert.fail("it read"), (error) => error.message);
    while (asked() < 3) await turn();
    stop.abort(new Error("enough"));
    assert.equal(await reading, "enough");

    const other = topic.simpleConsumer({ partitions: [0], until: "end" });
    const seen = readAll(other);
    while (asked() < 4) await turn();
    await other.close();
    assert.deepEqual(await seen, []);

    const third = topic.simpleConsumer({ partitions: [0], until: "end" });
    const all = readAll(third);
    for (let calls = 5; calls <= 6; calls++) {
      while (asked() < calls) await turn();
      release();
    }
    assert.deepEqual(await all, ["a", "b"]);
  });
});

test("what a codec gives for a place that the reader has left meanwhile is dropped", async () => {
  const { codec, asked, release } = hanging(3);
  await inRealTime({ codecs: { lz4: codec } }, async (client) => {
    const topic = await client.topic("t");
    const producer = topic.producer({ compression: "lz4" });
    for (const value of ["a", "b"]) await producer.produce({ partition: 0, value });
    const consumer = topic.simpleConsumer({ partitions: [0], until: "end" });
    const all = readAll(consumer);
    while (asked() < 4) await turn(); // a is in hand, and b is decompressed
    consumer.seek(0, 0);
    for (let calls = 5; calls <= 7; calls++) {
      release();
      while (asked() < calls && calls < 7) await turn();
    }
    assert.deepEqual(await all, ["a", "a", "b"]);

    const other = topic.simpleConsumer({ partitions: [0] });
    const nothing = readAll(other);
    const calls = asked();
    while (asked() === calls) await turn();
    other.seek(0, 2);
    release();
    await turn();
    assert.deepEqual([...other.positions], [[0, 2]], "what was left behind moves nothing");
    await other.close();
    assert.deepEqual(await nothing, []);
  });
});

test("a batch that is not decompressed in time is told with its place, and a seek goes past it", async () => {
  const { codec } = hanging(2);
  await inRealTime({ codecs: { lz4: codec }, requestTimeoutMs: 100 }, async (client) => {
    const topic = await client.topic("t");
    const late = topic.producer({ compression: "lz4" });
    for (const value of ["a", "b"]) await late.produce({ partition: 0, value });
    await topic.producer().produce({ partition: 0, value: "c" });
    const consumer = topic.simpleConsumer({ partitions: [0], until: "end" });
    const error = await failure(readAll(consumer));
    assert.match(error.message, /the codec for lz4 has not decompressed a batch within 100 ms/);
    assert.deepEqual(
      [error.code, error.topic, error.partition, error.offset],
      ["UNSUPPORTED_COMPRESSION_TYPE", "t", 0, 0],
    );
    consumer.seek(0, 2);
    assert.deepEqual(await readAll(consumer), ["c"]);
  });
});

test("levels: those that the codec knows, and they reach it", () =>
  play({}, async ({ connect }) => {
    const levels: (number | undefined)[] = [];
    const codec: CompressionCodec = {
      levels: [-2, 7],
      compress(bytes, ...rest) {
        levels.push(...rest);
        return lz4.compress(bytes);
      },
      decompress: lz4.decompress,
    };
    const client = await connect({ codecs: { gzip: codec, lz4 } });
    const topic = await client.topic("t");
    for (const compressionLevel of [undefined, -2, 7]) {
      await topic.producer({ compression: "gzip", compressionLevel }).produce("a");
    }
    assert.deepEqual(levels, [-2, 7]);
    const refused = (compression: "none" | "gzip" | "lz4", compressionLevel: number) =>
      thrown(() => topic.producer({ compression, compressionLevel })).message;
    assert.include(
      refused("gzip", 8),
      "INVALID_OPTION: compressionLevel is 8; the codec for gzip knows the levels -2 to 7",
    );
    assert.include(refused("gzip", -3), "compressionLevel is -3");
    assert.include(refused("gzip", 1.5), "compressionLevel must be a whole number");
    assert.include(refused("lz4", 1), "the codec for lz4 knows no levels");
    assert.include(refused("none", 1), "without compression there are no levels");
    await client.close();
  }));

/** What a user notices of connections, over the simulated network: nothing. */

import { assert } from "chai";
import { fetch } from "../../../src/protocol/fetch.ts";
import { metadata } from "../../../src/protocol/metadata.ts";
import { produce } from "../../../src/protocol/produce.ts";
import { listOffsets } from "../../../src/protocol/list_offsets.ts";
import { test } from "../../harness.ts";
import { play, texts } from "./rig.ts";

/** No link of the simulated network takes so long for a dial with its handshake and a request, and no backoff is so short. */
const SOON_MS = 75;

test("produce, fetch and all the rest do not wait for one another (C4)", async () => {
  await play({}, async ({ process, cluster, client }) => {
    const topic = await client.topic("t");
    const producer = topic.producer();
    const consumer = topic.simpleConsumer({ from: "latest" });
    await producer.produce("warm");
    const soon = async (what: string, work: () => Promise<unknown>, ms = SOON_MS) => {
      const before = process.now();
      await work();
      assert.isBelow(process.now() - before, ms, what);
    };
    const next = consumer[Symbol.asyncIterator]().next();
    await process.sleep(2000); // a long poll is under way
    await soon("a produce request beside a long poll", () => producer.produce("a"));
    assert.equal((await next).value!.text(), "a");
    const slow = cluster.control(produce, async ({ answer }) => {
      await process.sleep(5000);
      return await answer();
    });
    const late = producer.produce("b");
    await process.sleep(100);
    await soon("metadata beside a slow produce request", () => client.refresh());
    await soon("offsets beside a slow produce request", () => topic.latestOffsets());
    const other = topic.simpleConsumer({ from: "earliest" });
    await soon("a fetch beside a slow produce request and another's long poll", async () => {
      for await (const message of other) if (message.text() === "a") break;
    }, 4 * SOON_MS);
    await late;
    slow();
    const silent = cluster.control(metadata, async ({ answer }) => {
      await process.sleep(1500);
      return await answer();
    });
    const refreshing = client.refresh();
    await process.sleep(50);
    await soon("a produce request beside slow metadata", () => producer.produce("c"));
    await refreshing;
    silent();
  });
});

test("a broker's idle end that meets a produce request, a fetch or any other: no error, no backoff, nothing twice", async () => {
  let met = 0;
  for (let seed = 1; seed <= 6; seed++) {
    await play({ seed, connectionsMaxIdleMs: 3000 }, async ({ process, cluster, client, network, world }) => {
      const topic = await client.topic("t");
      const producer = topic.producer();
      const consumer = topic.simpleConsumer({ from: "earliest", bufferBytes: 1 });
      const messages = consumer[Symbol.asyncIterator]();
      const chance = world.chance.fork("idle");
      const sent = ["first"]; // it asks for a producer id besides
      await producer.produce("first");
      await messages.next();
      for (let i = 0; i < 25; i++) {
        await process.sleep(2990 + chance.below(20));
        const open = network.links.filter(({ client }) => !client.isClosed);
        const before = process.now();
        sent.push(`${i}`);
        await Promise.all([producer.produce(`${i}`), client.refresh(), topic.latestOffsets()]);
        const { value } = await messages.next();
        assert.equal(value!.text(), `${i}`);
        assert.isBelow(process.now() - before, 2 * SOON_MS, `seed ${seed}, ${i}`);
        if (open.some((link) => !network.links.includes(link))) met++;
      }
      assert.deepEqual(await texts(cluster), sent);
    });
  }
  assert.isAbove(met, 5);
});

test("a throttled client keeps quiet, however much it has to say, and everything comes through in order (KIP-219)", async () => {
  for (const release of ["4.4.0", "2.8.2", "1.1"]) {
    await play({ release, strict: true, topics: { t: { partitions: 2 } } }, async ({ process, cluster, client }) => {
      const throttled = <T extends object>(answer: T | string, throttleTimeMs: number) =>
        typeof answer === "object" ? { ...answer, throttleTimeMs } : undefined;
      const isOwn = release === "1.1"; // before 2.0 the broker waits itself
      const wait = () => isOwn ? process.sleep(400) : Promise.resolve();
      cluster.control(produce, async ({ answer }) => {
        const said = await answer();
        await wait();
        return throttled(said as object, 400) as typeof said;
      }, Infinity);
      cluster.control(fetch, async ({ answer }) => {
        const said = await answer();
        await wait();
        return throttled(said as object, 300) as typeof said;
      }, Infinity);
      cluster.control(metadata, async ({ answer }) => throttled(await answer() as object, 700) as never, Infinity);
      cluster.control(listOffsets, async ({ answer }) => throttled(await answer() as object, 700) as never, Infinity);
      const topic = await client.topic("t");
      const producer = topic.producer();
      const before = process.now();
      const waits: Promise<unknown>[] = [];
      for (let i = 0; i < 200; i++) {
        waits.push(producer.produce({ partition: i % 2, value: `${i}` }));
        await process.sleep(20);
      }
      const seen: string[][] = [[], []];
      const reading = (async () => {
        for await (const { partition, value } of topic.simpleConsumer({ until: "end" })) {
          seen[partition]!.push(new TextDecoder().decode(value!));
        }
      })();
      await Promise.all([client.refresh(), client.refresh(), topic.latestOffsets()]);
      await Promise.all(waits);
      await reading;
      assert.isBelow(process.now() - before, 15_000, "throttled once, not twice");
      for (const partition of [0, 1]) {
        const all = Array.from({ length: 100 }, (_, i) => `${2 * i + partition}`);
        assert.deepEqual(await texts(cluster, partition), all);
        assert.deepEqual(seen[partition]!, all.slice(0, seen[partition]!.length));
        assert.isAbove(seen[partition]!.length, 50);
      }
    });
  }
});

test("each broker is restarted in turn, away for 5 to 30 seconds: nobody hears of it with the default options (C15)", async () => {
  for (let seed = 1; seed <= 2; seed++) {
    await play({ seed, brokers: 3, topics: { t: { partitions: 3, replicationFactor: 3 } } }, async (rig) => {
      const { process, cluster, client } = rig;
      const topic = await client.topic("t");
      const producer = topic.producer();
      const waits: Promise<unknown>[] = [];
      const seen = new Set<string>();
      const end = new AbortController();
      const reading = (async () => {
        try {
          for await (const message of topic.simpleConsumer({ signal: end.signal })) seen.add(message.text());
        } catch (error) {
          if (error !== end.signal.reason) throw error;
        }
      })();
      let isOver = false;
      const producing = (async () => {
        while (!isOver) {
          waits.push(producer.produce(`${waits.length}`));
          await process.sleep(100);
        }
      })();
      for (const id of [1, 2, 3]) {
        await cluster.kill(id);
        await process.sleep(5000 + rig.world.chance.below(25_000));
        await client.refresh();
        await topic.latestOffsets();
        await cluster.start(id);
        await process.sleep(3000);
      }
      isOver = true;
      await producing;
      await Promise.all(waits);
      await process.sleep(2000);
      end.abort("enough");
      await reading;
      assert.equal(seen.size, waits.length);
    });
  }
});

test("brokers that know of no topic for a while, as just after their start: who is at work does not notice (C10)", async () => {
  await play({ brokers: 2 }, async ({ process, cluster, client }) => {
    const topic = await client.topic("t");
    const producer = topic.producer();
    const seen: string[] = [];
    await producer.produce("first");
    const reading = (async () => {
      for await (const message of topic.simpleConsumer()) if (seen.push(message.text()) === 101) break;
    })();
    const forgetful = cluster.control(metadata, async ({ answer }) => {
      const said = await answer();
      if (typeof said !== "object") return said;
      return { ...said, topics: said.topics.map((topic) => ({ ...topic, errorCode: 3, partitions: [] })) };
    }, Infinity);
    for (let i = 0; i < 100; i++) {
      if (i === 3) await client.refresh();
      if (i === 60) forgetful();
      await producer.produce(`${i}`);
      await process.sleep(200);
    }
    await reading;
    assert.lengthOf(seen, 101);
  });
});

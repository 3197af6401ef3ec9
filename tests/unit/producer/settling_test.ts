/** Every message has one end, in time and in order: deadlines, aborts, a full buffer, flush and close. */

import { assert } from "chai";
import { errorNumbers } from "../../../src/base/error_codes.ts";
import { KafkaError } from "../../../src/base/errors.ts";
import { produce } from "../../../src/protocol/produce.ts";
import type { BatchReport, DeliveryReport } from "../../../src/producer/call.ts";
import { test } from "../../harness.ts";
import type { Process } from "../../../src/testing/world.ts";
import type { Dial } from "../../../src/transport/transport.ts";
import { failure, play, texts } from "../client/rig.ts";
import { loseAnswer, Wire } from "./wire.ts";

const REASON = { name: "mine" };

async function reasonOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (reason) {
    return reason;
  }
  return undefined;
}

test("what cannot be sent fails at its deadline, and is said not to be in the log", () =>
  play({}, async ({ client, cluster, network, process }) => {
    const producer = (await client.topic("t")).producer({ deliveryTimeoutMs: 3000 });
    network.refusing.add(cluster.hosts);
    const startedAt = process.now();
    const error = await failure(producer.produce("a"));
    assert.equal(error.code, "DELIVERY_TIMEOUT");
    assert.equal(error.persisted, "no");
    assert.match(error.message, /CONNECTION_REFUSED/);
    assert.closeTo(process.now() - startedAt, 3000, 5);
    network.refusing.clear();
    assert.equal((await producer.produce("b")).offset, 0);
  }));

test("what is in flight fails at its deadline too, and may be in the log; what comes behind it does not overtake", () =>
  play({}, async ({ client, cluster, process }) => {
    const options = { deliveryTimeoutMs: 2000, requestTimeoutMs: 10_000 };
    const producer = (await client.topic("t")).producer(options);
    cluster.control(produce, async ({ answer }) => {
      await process.sleep(5000);
      return await answer();
    });
    const startedAt = process.now();
    const error = await failure(producer.produce("a"));
    assert.deepEqual([error.code, error.persisted], ["DELIVERY_TIMEOUT", "possibly"]);
    assert.closeTo(process.now() - startedAt, 2000, 5);
    await process.sleep(1500);
    assert.equal((await producer.produce("b")).offset, 1);
    assert.deepEqual(await texts(cluster), ["a", "b"]);
  }));

test("what was enqueued and came too late is told once, whether its answer comes afterwards, fails, or never comes", async () => {
  for (const end of ["answers", "fails", "is silent"]) {
    await play({}, async ({ client, cluster, process }) => {
      const told: DeliveryReport[] = [];
      const onDelivery = (report: DeliveryReport) => told.push(report);
      const options = { deliveryTimeoutMs: 1000, requestTimeoutMs: 3000, onDelivery };
      const producer = (await client.topic("t")).producer(options);
      cluster.control(produce, async ({ answer }) => {
        await process.sleep(end === "is silent" ? 4000 : 2000);
        const body = await answer();
        if (typeof body === "string" || end !== "fails") return body;
        const [topic] = body.responses;
        const partitionResponses = topic!.partitionResponses.map((one) => ({
          ...one,
          errorCode: errorNumbers.NOT_LEADER_OR_FOLLOWER,
        }));
        return { ...body, responses: [{ ...topic, partitionResponses }] };
      });
      producer.enqueue(["a", "b"]);
      assert.equal((await failure(producer.flush())).code, "DELIVERY_TIMEOUT", end);
      producer.enqueue("c");
      await failure(producer.flush());
      await process.sleep(6000);
      await producer.close();
      assert.deepEqual(told.map((report) => (report as KafkaError).code), new Array(3).fill("DELIVERY_TIMEOUT"), end);
    });
  }
});

test("P20: bytes that are still on their way after a try that failed are not written over by what is produced next", async () => {
  /** The large chunks that were handed to a transport, and what was in them then. */
  const handed: { readonly chunk: Uint8Array; readonly then: Uint8Array }[] = [];
  const watched = (dial: Dial): Dial => async (address, options) => {
    const transport = await dial(address, options);
    const write = transport.write.bind(transport);
    transport.write = (chunks) => {
      for (const chunk of chunks) if (chunk.length > 20_000) handed.push({ chunk, then: chunk.slice() });
      return write(chunks);
    };
    return transport;
  };
  await play({ dialed: watched }, async ({ client, cluster }) => {
    const producer = (await client.topic("t")).producer({ requestTimeoutMs: 500 });
    await producer.produce("the first finds out who leads");
    cluster.control(produce, () => "drop", 1);
    assert.equal((await producer.produce("a".repeat(30_000))).offset, 1);
    const [first, second] = handed;
    assert.equal(second!.chunk.buffer, first!.chunk.buffer, "a retry sends the same bytes");
    for (const letter of ["b", "c", "d"]) await producer.produce(letter.repeat(30_000));
    assert.lengthOf(handed, 5);
    assert.deepEqual(first!.chunk, first!.then);
    const [, , third, fourth] = handed;
    assert.equal(fourth!.chunk.buffer, third!.chunk.buffer, "what has arrived at once gives its memory to the next");
  });
});

test("P20: an answer that comes before the write of its request is done does not free the bytes", async () => {
  let changed = 0, writes = 0;
  let late: Process | undefined;
  // A platform that is slow to say that all has been taken.
  const dialed = (dial: Dial): Dial => async (address, options) => {
    const transport = await dial(address, options);
    return {
      read: (into, atLeast) => transport.read(into, atLeast),
      close: () => transport.close(),
      write: async (chunks) => {
        const before = chunks.map((chunk) => chunk.slice());
        await transport.write(chunks);
        await late?.sleep(100);
        writes++;
        if (chunks.some((chunk, i) => chunk.some((byte, at) => byte !== before[i]![at]))) changed++;
      },
    };
  };
  await play({ dialed }, async ({ client, process, cluster }) => {
    late = process;
    const producer = (await client.topic("t")).producer();
    for (let i = 0; i < 10; i++) await producer.produce(`${i}`.repeat(20_000));
    await process.sleep(1000);
    assert.lengthOf(await texts(cluster), 10);
  });
  assert.isAbove(writes, 10);
  assert.equal(changed, 0);
});

test("P22: a topic that is deleted under a producer fails its messages with why", () =>
  play({}, async ({ client, cluster, process }) => {
    const producer = (await client.topic("t")).producer({ deliveryTimeoutMs: 4000 });
    await producer.produce("a");
    cluster.deleteTopic("t");
    await process.sleep(10); // until the broker has heard of it
    const error = await failure(producer.produce("b"));
    assert.include(["DELIVERY_TIMEOUT", "UNKNOWN_TOPIC_OR_PARTITION"], error.code);
    assert.equal(error.persisted, "no");
    assert.equal(error.topic, "t");
  }));

test("an abort takes back what is in no batch yet, and gives up waiting for what is", () =>
  play({}, async ({ client, cluster, process }) => {
    const told: DeliveryReport[] = [];
    const producer = (await client.topic("t")).producer({ bufferBytes: 1, onDelivery: (report) => told.push(report) });
    const controller = new AbortController();
    const first = producer.produce("a", { signal: controller.signal });
    const second = producer.produce("b", { signal: controller.signal });
    const third = producer.produce("c");
    controller.abort(REASON);
    assert.equal(await reasonOf(first), REASON);
    assert.equal(await reasonOf(second), REASON);
    assert.equal(await reasonOf(producer.produce("d", { signal: controller.signal })), REASON);
    await third;
    await process.sleep(10);
    const values = await texts(cluster);
    assert.include(values, "c");
    assert.notInclude(values, "b");
    assert.lengthOf(told, 3);
  }));

test("enqueue gives nothing while there is room, and a promise until there is", () =>
  play({}, async ({ client, cluster }) => {
    const producer = (await client.topic("t")).producer({ bufferBytes: 150, lingerMs: 1000 });
    await producer.produce("known"); // now the topic and its leader are known
    assert.isUndefined(producer.enqueue("a"));
    const room = producer.enqueue(["b".repeat(50), "c".repeat(50), "d".repeat(50)]);
    assert.instanceOf(room, Promise);
    await room;
    await producer.flush();
    assert.lengthOf(await texts(cluster), 5);
  }));

test("what enqueue could not deliver is thrown by the next flush, once, but for what was taken back", () =>
  play({}, async ({ client, cluster }) => {
    const producer = (await client.topic("t")).producer();
    producer.enqueue([{ value: "a", partition: 7 }, "b"]);
    assert.equal((await failure(producer.flush())).code, "INVALID_OPTION");
    await producer.flush();
    const small = (await client.topic("t")).producer({ bufferBytes: 1, lingerMs: 10 });
    for (const isRefused of [true, false]) {
      const undo = isRefused && cluster.control(produce, ({ body }) => {
        const [{ name, topicId }] = body.topicData as [typeof body.topicData[0]];
        return { responses: [{ name, topicId, partitionResponses: [{ index: 0, errorCode: 87, baseOffset: -1 }] }] };
      });
      const controller = new AbortController();
      const room = small.enqueue(["in a batch", "not yet"], { signal: controller.signal })!;
      controller.abort(REASON);
      assert.equal(await reasonOf(room), REASON);
      const error = await reasonOf(small.flush());
      assert.equal((error as KafkaError | undefined)?.code, isRefused ? "INVALID_RECORD" : undefined);
      if (undo) undo();
    }
    await small.close();
  }));

test("a full buffer does not wait for its batches to linger", () =>
  play({}, async ({ client, process }) => {
    const producer = (await client.topic("t")).producer({ bufferBytes: 300, lingerMs: 3_600_000 });
    const sent = [1, 2, 3, 4, 5, 6].map(() => producer.produce("x".repeat(100)));
    await Promise.all(sent.slice(0, 3));
    assert.isBelow(process.now(), 5000);
    await producer.flush();
    await Promise.all(sent);
  }));

test("who needs much room is not starved by those who need little", () =>
  play({ topics: { t: {}, u: {}, v: {} } }, async ({ client }) => {
    const producer = client.producer({ bufferBytes: 1000, batchBytes: 1 });
    await producer.produce(["t", "u", "v"].map((topic) => ({ topic, value: "" })));
    const order: string[] = [];
    const small = Array.from({ length: 30 }, () => producer.produce({ topic: "t", value: "x".repeat(30) }));
    const large = producer.produce({ topic: "u", value: "x".repeat(5000) });
    const more = Array.from({ length: 30 }, () => producer.produce({ topic: "v", value: "x".repeat(30) }));
    await Promise.all([
      large.then(() => order.push("large")),
      ...small.map((end) => end.then(() => order.push("small"))),
      ...more.map((end) => end.then(() => order.push("more"))),
    ]);
    assert.isBelow(order.indexOf("large"), order.indexOf("more"));
  }));

test("P24: flush waits for what came before it, and no batch lingers for it", () =>
  play({}, async ({ client, process }) => {
    const producer = (await client.topic("t")).producer({ lingerMs: 10_000 });
    let isLate = false;
    producer.enqueue("a");
    const flushed = producer.flush();
    await flushed;
    assert.isBelow(process.now(), 3000);
    const late = producer.produce("b").then(() => isLate = true);
    assert.isFalse(isLate);
    const controller = new AbortController();
    const given = producer.flush({ signal: controller.signal });
    controller.abort(REASON);
    assert.equal(await reasonOf(given), REASON);
    await producer.flush();
    await late;
  }));

test("close settles everything, in order, and says what may be in the log", () =>
  play({}, async ({ client, cluster, process }) => {
    const options = { batchBytes: 1, bufferBytes: 250, deliveryTimeoutMs: 60_000 };
    const order: number[] = [];
    const producer = (await client.topic("t")).producer(options);
    await producer.produce("known");
    cluster.control(produce, () => "drop", 100);
    const sent = [0, 1, 2, 3, 4, 5].map((i) =>
      failure(producer.produce(`${i}`.repeat(40))).then((error) => {
        order.push(i);
        return error;
      })
    );
    await process.sleep(500);
    const controller = new AbortController();
    controller.abort(REASON);
    await producer.close({ signal: controller.signal });
    const errors = await Promise.all(sent);
    assert.deepEqual(order, [0, 1, 2, 3, 4, 5]);
    assert.deepEqual(errors.map(({ code }) => code), Array(6).fill("CLOSED"));
    assert.deepEqual(errors.map(({ persisted }) => persisted), ["possibly", "no", "no", "no", "no", "no"]);
    assert.equal((await failure(producer.produce("x"))).code, "CLOSED");
    await producer.close();
  }));

test("an abort while a producer is being closed takes back what is left", () =>
  play({}, async ({ client, cluster, process }) => {
    const producer = (await client.topic("t")).producer({ batchBytes: 1, bufferBytes: 1 });
    await producer.produce("known");
    cluster.control(produce, () => "drop", 100);
    const controller = new AbortController();
    const sent = ["a", "b", "c"].map((value) => reasonOf(producer.produce(value, { signal: controller.signal })));
    await process.sleep(100);
    const closing = new AbortController();
    const closed = producer.close({ signal: closing.signal });
    closing.abort(REASON);
    controller.abort(REASON);
    await closed;
    assert.deepEqual(await Promise.all(sent), [REASON, REASON, REASON]);
    const late = (await client.topic("t")).producer({ batchBytes: 1, bufferBytes: 1 });
    const again = new AbortController();
    const waiting = ["a", "b", "c"].map((value) => reasonOf(late.produce(value, { signal: again.signal })));
    closing.abort(REASON);
    const ended = late.close({ signal: closing.signal });
    await process.sleep(1);
    again.abort(REASON);
    await ended;
    await Promise.all(waiting);
  }));

test("closing flushes, and throws what enqueue could not deliver", () =>
  play({}, async ({ client, cluster }) => {
    const producer = (await client.topic("t")).producer({ lingerMs: 100_000 });
    producer.enqueue("a");
    producer.enqueue({ value: "b", partition: 3 });
    assert.equal((await failure(producer.close())).code, "INVALID_OPTION");
    assert.deepEqual(await texts(cluster), ["a"]);
  }));

test("each batch is told of once, behind its messages and in order, with what became of it", () =>
  play({ topics: { t: { configs: { "cleanup.policy": "compact" } } } }, async ({ client, cluster }) => {
    const told: (string | BatchReport)[] = [];
    const producer = (await client.topic("t")).producer({
      onDelivery: (report) => told.push(report instanceof KafkaError ? report.code : `${report.offset}`),
      onBatch: (report) => told.push(report),
    });
    new Wire(cluster, [undefined, loseAnswer]);
    producer.enqueue([{ key: "a" }, { key: "b" }]);
    await producer.flush();
    producer.enqueue({ key: "c" });
    await producer.flush();
    producer.enqueue([{ key: "d" }, { key: null }]);
    assert.equal((await failure(producer.flush())).code, "BATCH_REFUSED");
    const reports = told.filter((one) => typeof one !== "string");
    assert.deepEqual(told.map((one) => typeof one === "string" ? one : "batch"), [
      ...["0", "1", "batch", "2", "batch", "BATCH_REFUSED", "INVALID_RECORD", "batch"],
    ]);
    const brief = reports.map(({ count, baseOffset, tries, error }) => [count, baseOffset, tries, error?.code]);
    assert.deepEqual(brief, [[2, 0, 1, undefined], [1, 2, 2, undefined], [2, -1, 1, "INVALID_RECORD"]]);
    assert.isTrue(reports.every(({ topic, partition, bytes }) => topic === "t" && partition === 0 && bytes > 60));
  }));

test("P23: a hundred thousand callers wait for a small buffer, which is never more than full; all are served in their order", () =>
  play({}, async ({ client, cluster }) => {
    const bufferBytes = 64 * 1024;
    const producer = (await client.topic("t")).producer({ bufferBytes, batchBytes: 16 * 1024 });
    let most = 0;
    new Wire(cluster, [], async ({ answer }) => {
      most = Math.max(most, client.metrics().producer.bufferedBytes);
      return await answer();
    });
    const value = "v".repeat(100);
    let last = -1, isInOrder = true;
    const calls = Array.from({ length: 100_000 }, async () => {
      const { offset } = await producer.produce(value);
      if (offset !== last + 1) isInOrder = false;
      last = offset;
    });
    await Promise.all(calls);
    assert.isTrue(isInOrder);
    assert.equal(last, 99_999);
    assert.isAbove(most, bufferBytes / 2);
    assert.isAtMost(most, bufferBytes);
    assert.equal(client.metrics().producer.bufferedBytes, 0);
  }));

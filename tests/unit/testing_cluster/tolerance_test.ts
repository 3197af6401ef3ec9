/** What embedded brokers let pass because real ones do and other clients need it, and what strict ones refuse. */

import { assert } from "chai";
import { decodeResponse, encodeRequest } from "../../../src/protocol/message.ts";
import { metadata } from "../../../src/protocol/metadata.ts";
import { produce } from "../../../src/protocol/produce.ts";
import { Cluster } from "../../../src/testing/cluster.ts";
import { test } from "../../harness.ts";
import { batch, concat, type Line, onLine, record } from "./line.ts";

const start = (release: string, strict = false) => Cluster.start({ release, strict, topics: { t: {} } });

async function put(line: Line, version: number, records: Uint8Array): Promise<[errorCode: number, baseOffset: number]> {
  const topicData = [{ name: "t", partitionData: [{ index: 0, records }] }];
  const answer = await line.ask(produce, version, { acks: -1, timeoutMs: 1000, topicData });
  const { errorCode, baseOffset } = answer.responses[0]!.partitionResponses[0]!;
  return [errorCode, baseOffset];
}

async function values(cluster: Cluster): Promise<(string | undefined)[]> {
  return (await cluster.records("t", 0)).map((message) => message.text());
}

test("what follows a request is ignored, as librdkafka needs it", async () => {
  await onLine(await start("2.8.2"), async (line) => {
    const request = encodeRequest(metadata, 11, { correlationId: 1, clientId: "a" }, { topics: null });
    const longer = concat(...request, Uint8Array.of(1, 0, 0));
    new DataView(longer.buffer).setInt32(0, longer.length - 4);
    await line.transport.write([longer]);
    const { topics } = decodeResponse(metadata, 11, (await line.frame())!);
    assert.deepEqual(topics.map(({ name }) => name), ["t"]);
  });
});

test("before version 3 of Produce the magic byte is believed, and a torn end dropped, but not by a strict broker", async () => {
  const cluster = await start("2.8.2");
  await onLine(cluster, async (line) => {
    assert.deepEqual(await put(line, 0, await batch(1, [record("a")])), [0, 0]);
    assert.deepEqual(await put(line, 2, await batch(2, [record("b"), record("c")])), [0, 1]);
    const torn = concat(await batch(0, [record("d")]), (await batch(0, [record("e")])).subarray(0, 20));
    assert.deepEqual(await put(line, 1, torn), [0, 3]);
    assert.deepEqual(await put(line, 0, torn.subarray(0, 7)), [0, -1]);
    assert.deepEqual(await values(cluster), ["a", "b", "c", "d"]);
  });
  await onLine(await start("2.8.2", true), async (line) => {
    assert.deepEqual(await put(line, 0, await batch(1, [record("a")])), [87, -1]);
    const torn = concat(await batch(0, [record("d")]), Uint8Array.of(0, 0, 0));
    assert.deepEqual(await put(line, 0, torn), [87, -1]);
  });
  await onLine(await start("0.10.2.2"), async (line) => {
    assert.deepEqual(await put(line, 0, await batch(1, [record("a")])), [0, 0]);
    assert.deepEqual(await put(line, 2, await batch(2, [record("a")])), [2, -1]);
  });
});

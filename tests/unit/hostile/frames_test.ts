/**
 * Frames that are not what they should be, as a client's users meet them: tolerated, or told by PROTOCOL_ERROR to whoever asked; the
 * next request goes over a new connection. On one connection, and in the negotiation, they are tested in tests/unit/connection; by
 * themselves in tests/unit/wire/frames_test.ts, tests/unit/protocol/message_test.ts and tests/property; at real sockets in
 * tests/package/bad_input_test.ts.
 */

import { assert } from "chai";
import { createTopics } from "../../../src/protocol/create_topics.ts";
import { fetch } from "../../../src/protocol/fetch.ts";
import { listOffsets } from "../../../src/protocol/list_offsets.ts";
import { encodeResponse } from "../../../src/protocol/message.ts";
import { metadata } from "../../../src/protocol/metadata.ts";
import { produce } from "../../../src/protocol/produce.ts";
import type { Api } from "../../../src/wire/schema.ts";
import { joined } from "../../hostile/records.ts";
import { test } from "../../harness.ts";
import { failure, play, type Rig } from "../client/rig.ts";

/** Gives the next answer of an API as other bytes; of Fetch three, since a consumer takes fewer for accidents and asks again. */
function answerWith(rig: Rig, api: Api, change: (frame: Uint8Array, id: number) => readonly Uint8Array[]): void {
  let left = api === fetch ? 3 : 1;
  rig.cluster.control(api, async ({ answer, version, correlationId, write }) => {
    if (left-- <= 0) return undefined;
    const real = await answer();
    if (typeof real === "string") return real;
    const frame = joined(encodeResponse(api, version, correlationId, real));
    for (const chunk of change(frame, correlationId)) {
      await write(chunk);
      await rig.process.sleep(5);
    }
    return "drop" as const;
  }, Infinity);
}

/** The same frame with the size that it has. */
function sized(...parts: Uint8Array[]): Uint8Array {
  const frame = joined(parts);
  new DataView(frame.buffer).setInt32(0, frame.length - 4);
  return frame;
}

/** What users do, by the API whose answer they wait for. */
const calls: readonly [api: Api, call: (rig: Rig) => Promise<unknown>][] = [
  [metadata, ({ client }) => client.refresh()],
  [produce, async ({ client }) => (await client.topic("t")).producer().produce("x")],
  [listOffsets, async ({ client }) => (await client.topic("t")).latestOffsets()],
  [createTopics, ({ client, process }) => client.admin.createTopic(`made.${Math.round(process.now())}`)],
  [fetch, async ({ client }) => {
    const topic = await client.topic("t");
    await topic.producer().produce("x");
    const consumer = topic.simpleConsumer();
    try {
      await consumer[Symbol.asyncIterator]().next();
    } finally {
      await consumer.close();
    }
  }],
];

const tolerated: readonly [what: string, change: (frame: Uint8Array) => readonly Uint8Array[]][] = [
  ["bytes behind its end", (frame) => [sized(frame, new Uint8Array(50).fill(7))]],
  ["tags that nobody knows", (frame) => [sized(frame.subarray(0, -1), Uint8Array.of(2, 99, 2, 7, 7, 100, 0))]],
  ["a byte at a time", (frame) => Array.from(frame, (byte) => Uint8Array.of(byte))],
];

const refused: readonly [
  what: string,
  text: RegExp,
  change: (frame: Uint8Array, id: number) => readonly Uint8Array[],
][] = [
  ["half of itself", /response v\d+/, (frame) => [sized(frame.slice(0, 10 + (frame.length >> 2)))]],
  ["nothing but its head", /response v\d+/, (frame) => [sized(frame.slice(0, 8))]],
  ["nothing", /a frame of 0 bytes holds no answer/, () => [new Uint8Array(4)]],
  ["half of its head", /a frame of 2 bytes/, () => [Uint8Array.of(0, 0, 0, 2, 0, 0)]],
  ["another one's number", /came where .* was due/, (frame, id) => {
    new DataView(frame.buffer).setInt32(4, id + 1);
    return [frame];
  }],
  ["a negative number", /came where .* was due/, (frame) => {
    new DataView(frame.buffer).setInt32(4, -1);
    return [frame];
  }],
  ["an answer that nobody asked for in front", /came where .* was due/, (frame) => [
    Uint8Array.of(0, 0, 0, 4, 0x7f, 0, 0, 0),
    frame,
  ]],
];

for (const [api, call] of calls) {
  for (const [what, change] of tolerated) {
    test(`an answer to ${api.name} with ${what} is as good as any`, () =>
      play({}, async (rig) => {
        answerWith(rig, api, change);
        await call(rig);
      }));
  }

  for (const [what, text, change] of refused) {
    test(`an answer to ${api.name} with ${what} is told to who asked, and the next one is not affected`, () =>
      play({}, async (rig) => {
        answerWith(rig, api, change);
        const error = await failure(call(rig));
        assert.equal(error.code, "PROTOCOL_ERROR", error.message);
        assert.match(error.message, text);
        assert.isFalse(error.retriable);
        if (api === produce) assert.equal(error.persisted, "possibly");
        if (api === fetch || api === produce) assert.deepEqual([error.topic, error.partition], ["t", 0]);
        await call(rig);
      }));
  }

  test(`a second answer to ${api.name} costs the connection, and nobody notices`, () =>
    play({}, async (rig) => {
      answerWith(rig, api, (frame) => [joined([frame, frame])]);
      await call(rig);
      await rig.process.sleep(100);
      await call(rig);
    }));

  test(`an answer to ${api.name} of two gigabytes is refused before it is there`, () =>
    play({}, async (rig) => {
      answerWith(rig, api, () => [Uint8Array.of(0x7f, 255, 255, 255)]);
      assert.equal((await failure(call(rig))).code, "FRAME_TOO_LARGE");
      await call(rig);
    }));
}

test("a long frame that comes drop by drop keeps nobody beyond a deadline, and ends with its connection", () =>
  play({ client: { requestTimeoutMs: 3000 } }, async (rig) => {
    let fed = 0;
    const topic = await rig.client.topic("t");
    rig.cluster.control(listOffsets, async ({ write }) => {
      await write(Uint8Array.of(0, 32, 0, 0, 0, 0, 0, 0));
      for (; fed < 100; fed++) {
        await write(new Uint8Array(100));
        await rig.process.sleep(500);
      }
      return "close" as const;
    });
    const before = rig.process.now();
    assert.equal((await failure(topic.latestOffsets())).code, "REQUEST_TIMEOUT");
    assert.isAtMost(rig.process.now() - before, 3100);
    await rig.process.sleep(4000);
    assert.deepEqual([...await topic.latestOffsets()], [[0, 0]], "over a new connection");
  }));

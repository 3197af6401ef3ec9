/** What frames do with peers that lie about sizes, speak something else or hang up. */

import { assert } from "chai";
import { KafkaError } from "../../../src/base/errors.ts";
import { Frames, type Source } from "../../../src/wire/frames.ts";
import { test } from "../../harness.ts";

/** Gives these bytes as they are asked for, then the end; notes how much room it was offered. */
class Given implements Source {
  offeredMax = 0;
  #left: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#left = bytes;
  }

  read(into: Uint8Array): Promise<number | null> {
    this.offeredMax = Math.max(this.offeredMax, into.buffer.byteLength);
    if (this.#left.length === 0) return Promise.resolve(null);
    const size = Math.min(into.length, this.#left.length);
    into.set(this.#left.subarray(0, size));
    this.#left = this.#left.subarray(size);
    return Promise.resolve(size);
  }
}

function announcing(length: number, rest = 0): Uint8Array {
  const bytes = new Uint8Array(4 + rest);
  new DataView(bytes.buffer).setInt32(0, length);
  return bytes;
}

async function errorOf(bytes: Uint8Array, limit = 1 << 20): Promise<KafkaError> {
  const frames = new Frames(new Given(bytes), limit);
  try {
    do while (frames.take() !== undefined); while (await frames.more());
  } catch (error) {
    assert.instanceOf(error, KafkaError);
    return error as KafkaError;
  }
  return assert.fail("nothing was thrown");
}

test("a negative length and one over the limit are refused", async () => {
  assert.equal((await errorOf(announcing(-5))).code, "PROTOCOL_ERROR");
  assert.equal((await errorOf(announcing(1025), 1024)).code, "FRAME_TOO_LARGE");
  assert.equal((await errorOf(announcing(0x7fffffff))).code, "FRAME_TOO_LARGE");
});

test("a stream that ends inside a frame or its size is a connection that broke", async () => {
  for (const bytes of [announcing(10, 9), announcing(10), new Uint8Array(3), announcing(200_000, 150_000)]) {
    const error = await errorOf(bytes);
    assert.equal(error.code, "CONNECTION_RESET");
    assert.include(error.message, "the stream ended inside a frame");
  }
});

test("a stream that broke stays broken", async () => {
  const frames = new Frames(new Given(announcing(200_000, 10)), 1 << 20);
  await frames.more();
  for (let i = 0; i < 2; i++) {
    let code = "";
    await frames.more().catch((error) => code = error.code);
    assert.equal(code, "CONNECTION_RESET");
  }
});

test("who speaks HTTP or TLS is told so", async () => {
  const text = (letters: string) => new TextEncoder().encode(letters);
  assert.include((await errorOf(text("HTTP/1.1 400 Bad Request\r\n\r\n"))).message, "NOT_KAFKA: the peer speaks HTTP");
  assert.include(
    (await errorOf(text("GET / HTTP/1.1\r\n\r\n"), 2 ** 31 - 1)).message,
    "NOT_KAFKA: the peer speaks HTTP",
  );
  const alert = Uint8Array.from([0x15, 3, 3, 0, 2, 2, 40]);
  assert.include((await errorOf(alert, 2 ** 31 - 1)).message, "NOT_KAFKA: the peer answers with a TLS alert");
  const hello = Uint8Array.from([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc]);
  assert.include((await errorOf(hello)).message, "NOT_KAFKA: the peer starts a TLS handshake");
});

test("only the first bytes of a stream tell who speaks", async () => {
  const bytes = new Uint8Array(12);
  bytes.set(announcing(1), 0);
  bytes.set(new TextEncoder().encode("HTTP"), 5);
  assert.equal((await errorOf(bytes)).code, "FRAME_TOO_LARGE");
});

test("a peer that announces 2 GB and sends little costs little", async () => {
  const source = new Given(announcing(0x7ffffff0, 300_000));
  const frames = new Frames(source, 0x7fffffff);
  let code = "";
  try {
    while (await frames.more());
  } catch (error) {
    code = (error as KafkaError).code;
  }
  assert.equal(code, "CONNECTION_RESET");
  assert.isAtMost(source.offeredMax, 1024 * 1024);
});

test("a frame over the expected size is whole in the end", async () => {
  const bytes = announcing(3_000_000, 3_000_000);
  for (let i = 4; i < bytes.length; i += 1000) bytes[i] = i / 1000;
  const source = new Given(bytes);
  const frames = new Frames(source, 1 << 22);
  frames.expected = 300_000;
  while (frames.take() === undefined && await frames.more()) {
    const frame = frames.take();
    if (frame === undefined) continue;
    assert.equal(frame.length, 3_000_000);
    for (let i = 4; i < bytes.length; i += 1000) assert.equal(frame[i - 4], bytes[i]);
    assert.isFalse(await frames.more());
    return;
  }
  assert.fail("the frame did not come");
});

test("an empty frame is a frame", async () => {
  const frames = new Frames(new Given(announcing(0)), 1024);
  assert.isUndefined(frames.take());
  assert.isTrue(await frames.more());
  assert.equal(frames.take()?.length, 0);
  assert.isUndefined(frames.take());
  assert.isFalse(await frames.more());
});

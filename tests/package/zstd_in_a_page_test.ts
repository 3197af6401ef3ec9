/** The example of zstd in a page: what a producer with the platform's zstd has written is read without it. */

import { assert } from "chai";
import { type Codecs, KafkaClient, KafkaError } from "@samsa/kafka";
import { Cluster } from "@samsa/kafka/testing";
import { zstd } from "../examples/zstd_in_a_page.ts";
import { test } from "../harness.ts";
import { door } from "./door.ts";

async function texts(client: KafkaClient): Promise<string[]> {
  const seen: string[] = [];
  for await (const message of (await client.topic("t")).simpleConsumer({ until: "end" })) seen.push(message.text());
  return seen;
}

test("without the platform's zstd it is read by the codec of the example, and without that it is told what to do", async () => {
  const cluster = await Cluster.start({ topics: { t: {} } });
  const connect = (codecs: Codecs) => KafkaClient.connect({ hosts: cluster.hosts, dial: cluster.dial, codecs });
  const clients = await Promise.all([connect(door.codecs), connect({}), connect({ zstd })]);
  const [writer, without, page] = clients as [KafkaClient, KafkaClient, KafkaClient];
  try {
    const values = Array.from({ length: 500 }, (_, i) => `value ${i}`);
    for (const compressionLevel of [undefined, -1, 19]) {
      await (await writer.topic("t")).producer({ compression: "zstd", compressionLevel }).produce(values);
    }
    assert.deepEqual(await texts(page), [...values, ...values, ...values]);
    const told = await texts(without).then(() => undefined, (error) => error);
    assert.instanceOf(told, KafkaError);
    assert.match(told.message, /UNSUPPORTED_COMPRESSION_TYPE: .*codecs: \{ zstd: \{ compress, decompress \} \}/);
    const refused = await (await page.topic("t")).producer({ compression: "zstd" }).produce("x").catch((e) => e);
    assert.match(refused.message, /this page reads zstd and does not write it/);
  } finally {
    await Promise.all(clients.map((client) => client.close()));
    await cluster.close();
  }
});

test("the example's codec keeps to its limit, and reads several frames", async () => {
  const { codecs } = door;
  const plain = new TextEncoder().encode("kafka ".repeat(50_000));
  const frame = await codecs.zstd!.compress(plain);
  assert.deepEqual(await zstd.decompress(frame, plain.length), plain);
  assert.throws(() => zstd.decompress(frame, plain.length - 1), /are allowed/);
  assert.throws(() => zstd.decompress(frame.subarray(0, frame.length - 5), plain.length));
  const two = new Uint8Array(2 * frame.length);
  two.set(frame);
  two.set(frame, frame.length);
  assert.equal((await zstd.decompress(two, 1 << 20)).length, 2 * plain.length);
  const bomb = await codecs.zstd!.compress(new Uint8Array(64 << 20));
  assert.throws(() => zstd.decompress(bomb, 1 << 20), /are allowed/);
  const claim = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0);
  assert.throws(() => zstd.decompress(claim, 1 << 20), /reaches too far back/);
});

/** The main job on real brokers of every age, beside their own Java clients: on Deno from the sources, elsewhere from the package. */

import { assert } from "chai";
import {
  type Compression,
  type KafkaClient,
  KafkaError,
  type Message,
  type ProducerMessage,
  type SimpleConsumerOptions,
  type Topic,
} from "@samsa/kafka";
import { door } from "../package/door.ts";
import { testWith } from "../tools.ts";
import { javaConsume, type JavaInput, javaProduce } from "./java.ts";
import { RealKafka, releases, resolveJars } from "./launcher.ts";
import { atLeast } from "./releases.ts";

const MANY = 10_000;
const PARTITIONS = 6;

/** What is written and read back, byte for byte. */
interface Sample {
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly (readonly [string, Uint8Array | null])[];
  readonly timestamp: number;
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

/** What the release can hold (KIP-110 brought zstd). lz4 is there from 0.8.2 on, before 0.10 with a wrong checksum (KAFKA-3160). */
function codecsOf(release: string): Compression[] {
  return ["none", "gzip", "snappy", "lz4", ...atLeast(release, "2.1") ? ["zstd" as const] : []];
}

/** One of everything that the release can hold. */
function samples(release: string): Sample[] {
  const binary = Uint8Array.from({ length: 256 }, (_, i) => i);
  const headers = [["h", utf8("1")], ["h", null], ["ünï-☃", new Uint8Array()], ["bin", binary]] as const;
  const plain: (readonly [Uint8Array | null, Uint8Array | null])[] = [
    [null, utf8("no key")],
    [null, null],
    [new Uint8Array(), utf8("empty key")],
    [utf8("empty value"), new Uint8Array()],
    [utf8("ключ-☃-😀"), utf8("väl — 日本語 — 😀")],
    [binary, binary],
    [utf8("large"), new Uint8Array(900 * 1024).map((_, i) => i * 31 + (i >> 8))],
  ];
  return plain.map(([key, value], i) => ({
    key,
    value,
    headers: atLeast(release, "0.11") && i % 2 === 0 ? headers : [],
    timestamp: atLeast(release, "0.10") ? 1_700_000_000_000 + i * 3_000_000_000 : -1,
  }));
}

/** What can be compared: plain data. */
function plain({ key, value, headers, timestamp }: Sample | Message): Sample {
  return {
    key: key && key.slice(),
    value: value && value.slice(),
    headers: headers.map(([n, v]) => [n, v && v.slice()]),
    timestamp,
  };
}

/** A sample as the producer takes it: before 0.10 there is no timestamp to keep. */
function asMessage({ key, value, headers, timestamp }: Sample, partition: number) {
  return { key, value, headers, partition, ...(timestamp >= 0 && { timestamp }) };
}

async function read(topic: Topic, partitions?: number[]): Promise<Message[]> {
  const messages: Message[] = [];
  for await (const message of topic.simpleConsumer({ until: "end", partitions })) messages.push(message);
  return messages;
}

/** Makes a topic as the release allows: by a request from 0.10.1 on, before by its own tool. */
async function makeTopic(kafka: RealKafka, client: KafkaClient, name: string): Promise<Topic> {
  if (atLeast(kafka.release, "0.10.1")) {
    await client.admin.createTopic(name, { partitions: PARTITIONS, replicationFactor: 1 });
  } else await kafka.createTopic(name, { partitions: PARTITIONS });
  return await client.topic(name);
}

/** The code of the error that this ends with. */
async function caught(work: Promise<unknown>): Promise<string> {
  const error = await work.then(() => undefined, (error) => error);
  assert.instanceOf(error, KafkaError);
  return (error as KafkaError).code;
}

/** The topic's own life: listed, refused twice, deleted. */
async function topicsComeAndGo(kafka: RealKafka, client: KafkaClient): Promise<void> {
  if (!atLeast(kafka.release, "0.10.1")) {
    assert.equal(await caught(client.admin.createTopic("come.and.go")), "UNSUPPORTED_FEATURE");
    await kafka.createTopic("come.and.go", { partitions: 2 });
  } else await client.admin.createTopic("come.and.go", { partitions: 2 });
  await client.refresh();
  assert.isTrue(client.topics.has("come.and.go"));
  assert.equal(client.topics.get("come.and.go")!.partitions.length, 2);
  assert.equal(await caught(client.topic("no.such.topic")), "UNKNOWN_TOPIC_OR_PARTITION");
  await client.refresh();
  assert.isFalse(client.topics.has("no.such.topic"), "nothing is created by asking");
  if (!atLeast(kafka.release, "0.10.1")) return;
  assert.equal(await caught(client.admin.createTopic("come.and.go")), "TOPIC_ALREADY_EXISTS");
  await client.admin.deleteTopic("come.and.go");
  await client.refresh();
  assert.isFalse(client.topics.has("come.and.go"));
  assert.equal(await caught(client.admin.deleteTopic("come.and.go")), "UNKNOWN_TOPIC_OR_PARTITION");
}

/** One of everything, one partition a codec: as we read it, and as the release's own client does. */
async function samplesGoRound(kafka: RealKafka, topic: Topic): Promise<void> {
  const wanted = samples(kafka.release);
  const codecs = codecsOf(kafka.release);
  for (const [partition, compression] of codecs.entries()) {
    const producer = topic.producer({ compression });
    const places = await producer.produce(wanted.map((sample) => asMessage(sample, partition)));
    assert.deepEqual(places.map(({ offset }) => offset), wanted.map((_, i) => i));
    await producer.close();
    const got = await read(topic, [partition]);
    assert.deepEqual(got.map(plain), wanted, `${compression}, read by us`);
  }
  const byJava = await javaConsume(kafka, topic.name);
  for (const [partition, compression] of codecs.entries()) {
    const got = byJava.filter((record) => record.partition === partition).sort((a, b) => a.offset - b.offset);
    assert.deepEqual(
      got.map((record) => plain({ ...record, timestamp: record.timestamp ?? -1 })),
      wanted,
      `${compression}, read by Java`,
    );
  }
}

/** What the release's own client wrote, in each codec, as we read it. */
async function javaIsRead(kafka: RealKafka, topic: Topic): Promise<void> {
  const wanted = samples(kafka.release);
  const codecs = codecsOf(kafka.release);
  const batches = codecs.map((compression, partition) => ({
    topic: topic.name,
    compression,
    records: wanted.map((sample): JavaInput => asMessage(sample, partition)),
  }));
  await javaProduce(kafka, batches);
  for (const [partition, compression] of codecs.entries()) {
    assert.deepEqual((await read(topic, [partition])).map(plain), wanted, `${compression}, written by Java`);
  }
}

/** Many small ones over all partitions, in each codec: everything once, in order. */
async function manyGoRound({ release }: RealKafka, topic: Topic): Promise<void> {
  const ends = new Map<number, number>();
  for (const compression of codecsOf(release)) {
    const producer = topic.producer({ compression });
    const sent = Array.from(
      { length: MANY },
      (_, i) => producer.produce({ key: `key ${i % 977}`, value: `${compression} ${i}` }),
    );
    const places = await Promise.all(sent);
    await producer.close();
    const from = new Map(ends);
    for (const { partition, offset } of places) ends.set(partition, Math.max(ends.get(partition) ?? 0, offset + 1));
    assert.equal(ends.size, PARTITIONS);
    const seen = new Set<number>();
    const next = new Map<number, number>();
    for await (const batch of topic.simpleConsumer({ until: "end" }).batches()) {
      for (const message of batch) {
        assert.equal(message.offset, next.get(message.partition) ?? 0);
        next.set(message.partition, message.offset + 1);
        if (message.offset < (from.get(message.partition) ?? 0)) continue;
        const i = Number(message.text().slice(compression.length + 1));
        assert.deepEqual([message.partition, message.offset], [places[i]!.partition, places[i]!.offset]);
        seen.add(i);
      }
    }
    assert.equal(seen.size, MANY, compression);
  }
  assert.deepEqual([...await topic.latestOffsets()], [...ends].sort(([a], [b]) => a - b));
}

/** As many as were asked for are told where they are, as far as the kind of acknowledgement tells it; all are written. */
async function everyAcknowledgement(topic: Topic): Promise<void> {
  const wanted: string[] = [];
  for (const acks of [1, "all", 0] as const) {
    const producer = topic.producer({ acks });
    const values = Array.from({ length: 10 }, (_, i) => `${acks} ${i}`);
    const places = await producer.produce(values.map((value) => ({ partition: 0, value })));
    await producer.close();
    assert.deepEqual(places.map(({ offset }) => offset), values.map((_, i) => acks === 0 ? -1 : wanted.length + i));
    wanted.push(...values);
  }
  const end = Date.now() + 10_000; // nobody says when what was only written to the socket is in the log
  while ((await topic.latestOffsets()).get(0)! < wanted.length && Date.now() < end) await sleep(20);
  assert.deepEqual((await read(topic, [0])).map((message) => message.text()), wanted);
}

/** Messages from each place in the log on, and where a time is; before 0.10.1 brokers know of none. */
async function everyBeginning(kafka: RealKafka, topic: Topic): Promise<void> {
  const [start, step, count] = [1_700_000_000_000, 1_000, 10];
  const stamp = (i: number) => atLeast(kafka.release, "0.10") ? { timestamp: start + i * step } : {};
  const producer = topic.producer();
  await producer.produce(Array.from({ length: count }, (_, i) => ({ partition: 1, value: `${i}`, ...stamp(i) })));
  const numbers = async (from: SimpleConsumerOptions["from"]) => {
    const consumer = topic.simpleConsumer({ partitions: [1], until: "end", from });
    const got: number[] = [];
    for await (const message of consumer) got.push(Number(message.text()));
    return got;
  };
  const all = Array.from({ length: count }, (_, i) => i);
  assert.deepEqual(await numbers("earliest"), all);
  assert.deepEqual(await numbers(4), all.slice(4));
  assert.deepEqual(await numbers("latest"), []);
  assert.deepEqual([(await topic.earliestOffsets()).get(1), (await topic.latestOffsets()).get(1)], [0, count]);

  const late = topic.simpleConsumer({ partitions: [1], from: "latest" });
  await late.start();
  await producer.produce({ partition: 1, value: "late", ...stamp(count) });
  for await (const message of late) {
    assert.deepEqual([message.text(), message.offset], ["late", count]);
    break;
  }
  await Promise.all([late.close(), producer.close()]);

  if (!atLeast(kafka.release, "0.10.1")) {
    assert.equal(await caught(topic.offsetsAt(new Date(start))), "UNSUPPORTED_FEATURE");
    return assert.equal(await caught(numbers(new Date(start))), "UNSUPPORTED_FEATURE");
  }
  const places = [[-1, 0], [0, 0], [3, 3], [3.5, 4], [count + 1, count + 1]] as const;
  for (const [i, offset] of places) {
    assert.equal((await topic.offsetsAt(new Date(start + i * step))).get(1), offset, `at message ${i}`);
  }
  const [first] = await numbers(new Date(start + 3.5 * step));
  assert.equal(first, 4);
}

/** A message that is too large, and headers where there are none: named, and certainly not written. */
async function whatCannotBeSentIsRefused(kafka: RealKafka, topic: Topic): Promise<void> {
  const refusal = async (message: ProducerMessage) => {
    const error = await topic.producer().produce(message).then(() => undefined, (error) => error);
    assert.instanceOf(error, KafkaError);
    const { code, persisted, topic: where } = error as KafkaError;
    return { code, persisted, where };
  };
  const large = await refusal({ value: new Uint8Array(2 * 1024 * 1024) });
  assert.deepEqual(large, { code: "MESSAGE_TOO_LARGE", persisted: "no", where: topic.name });
  if (atLeast(kafka.release, "0.11")) return;
  const headed = await refusal({ value: "x", headers: { h: "1" } });
  assert.deepEqual(headed, { code: "UNSUPPORTED_FEATURE", persisted: "no", where: topic.name });
}

for (const release of releases) {
  testWith(
    ["java", "mvn"],
    `Kafka ${release}: topics, samples and many messages go round, beside its Java client`,
    async () => {
      await resolveJars(releases);
      await using kafka = await RealKafka.start({ release });
      const client = await door.connect({ hosts: kafka.hosts });
      try {
        await topicsComeAndGo(kafka, client);
        await samplesGoRound(kafka, await makeTopic(kafka, client, "ours"));
        await javaIsRead(kafka, await makeTopic(kafka, client, "java"));
        await manyGoRound(kafka, await makeTopic(kafka, client, "many"));
        const places = await makeTopic(kafka, client, "places");
        await everyAcknowledgement(places);
        await everyBeginning(kafka, places);
        await whatCannotBeSentIsRefused(kafka, await client.topic("ours"));
      } finally {
        await client.close();
      }
    },
  );
}

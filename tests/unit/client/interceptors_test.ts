/** Interceptors: what they see and may change, both ways, in which order, and what becomes of their failures. */

import { assert } from "chai";
import type { Interceptor } from "../../../src/client/options.ts";
import { type ConsumerInterceptor, ConsumerInterceptors } from "../../../src/consumer/interceptors.ts";
import {
  type ProducerInterceptor,
  ProducerInterceptors,
  type SentMessage,
} from "../../../src/producer/interceptors.ts";
import type { Message } from "../../../src/records/message.ts";
import { SimulatedWorld } from "../../../src/testing/world.ts";
import { rejectionTest, test } from "../../harness.ts";
import { failure, play, texts, thrown } from "./rig.ts";

/** Adds a header with its name. */
function signing(name: string): ProducerInterceptor & { readonly name: string } {
  return { name, onSend: (message) => void message.headers.push(["signed", name]) };
}

function signatures({ headers }: Message): string[] {
  return headers.map(([name, value]) => `${name} ${new TextDecoder().decode(value ?? new Uint8Array())}`);
}

test("on the way out: the client's first, then the producer's; each sees what the one before it has made", () => {
  const seen: unknown[] = [];
  const watching: Interceptor = { onSend: (message) => void seen.push({ ...message, headers: [...message.headers] }) };
  return play({ client: { interceptors: [signing("a"), watching] } }, async ({ client, cluster }) => {
    const topic = await client.topic("t");
    const producer = topic.producer({ interceptors: [signing("b"), signing("c")] });
    await producer.produce({ key: "k", value: "v", headers: { mine: "x" }, timestamp: 5, partition: 0 });
    await producer.produce("text");
    const [first, second] = await cluster.records("t", 0);
    assert.deepEqual(signatures(first!), ["mine x", "signed a", "signed b", "signed c"]);
    assert.deepEqual(signatures(second!), ["signed a", "signed b", "signed c"]);
    const common = { topic: "t", key: "k", value: "v", partition: 0, timestamp: 5 };
    assert.deepEqual(seen[0], { ...common, headers: [["mine", "x"], ["signed", "a"]] });
    assert.deepInclude(seen[1], { topic: "t", key: null, value: "text", partition: undefined });
    const own = topic.producer({ interceptors: [] });
    await own.produce("other");
    assert.deepEqual(signatures((await cluster.records("t", 0))[2]!), ["signed a"]);
  });
});

test("every part may be changed: the key before the partition is chosen, the topic where it may go anywhere", () => {
  const interceptors: Interceptor[] = [{
    onSend(message) {
      message.value = `${message.value}!`;
      if (message.value === "one!") message.partition = 2;
      if (message.value === "two!") message.topic = "u";
      message.key = null;
      message.timestamp = 77;
      message.headers = [];
    },
  }];
  return play({ topics: { t: { partitions: 3 }, u: { partitions: 2 } } }, async ({ client, cluster }) => {
    const producer = client.producer({
      interceptors,
      partitioner: ({ key }) => key === null ? 1 : 0,
    });
    const given = { topic: "t", key: "k", headers: [["a", "b"]] as [string, string][] };
    const messages = ["zero", "one", "two"].map((value) => ({ ...given, value }));
    const text = JSON.stringify(messages);
    const deliveries = await producer.produce(messages);
    assert.deepEqual(deliveries.map(({ topic, partition }) => `${topic}/${partition}`), ["t/1", "t/2", "u/1"]);
    assert.equal(JSON.stringify(messages), text, "what the caller gave is the caller's");
    const [zero] = await cluster.records("t", 1);
    assert.deepEqual([zero!.text(), zero!.key, zero!.timestamp, zero!.headers], ["zero!", null, 77, []]);
  });
});

test("what an interceptor throws on the way out is thrown by the call, names it, and sends nothing", () =>
  play({}, async ({ client, cluster }) => {
    const topic = await client.topic("t");
    const mine = new RangeError("no");
    const throwing: ProducerInterceptor = {
      name: "trace",
      onSend({ value }) {
        if (value === "b") throw mine;
      },
    };
    const producer = topic.producer({ interceptors: [{ onSend() {} }, throwing] });
    const error = await failure(producer.produce(["a", "b", "c"]));
    assert.deepEqual([error.code, error.cause, error.topic], ["INVALID_OPTION", mine, "t"]);
    assert.match(error.message, /onSend of trace failed: no$/);
    assert.equal(thrown(() => producer.enqueue("b")).cause, mine);
    await producer.flush();
    assert.deepEqual(await texts(cluster), []);
    await producer.produce("a");
    assert.deepEqual(await texts(cluster), ["a"]);
  }));

test("what an interceptor makes that cannot be sent is refused, with its place where it has no name", () =>
  play({}, async ({ client }) => {
    const topic = await client.topic("t");
    const bad: [ProducerInterceptor["onSend"], RegExp][] = [
      [(message) => void (message.value = 5 as never), /number 1 failed: .*value must be a text, bytes or null/],
      [(message) => void message.headers.push(["a"] as never), /number 1 failed: .*a header must be a pair/],
      [(message) => void (message.timestamp = -1), /number 1 failed: .*timestamp must be/],
      [(message) => void (message.topic = ""), /number 1 failed: .*topic must be/],
      [(async () => await Promise.resolve()) as never, /number 1 failed: it returned an object/],
      [((message: unknown) => message) as never, /number 1 failed: it returned an object/],
    ];
    for (const [onSend, text] of bad) {
      const producer = topic.producer({ interceptors: [signing("a"), { onSend: onSend! }] });
      const error = await failure(producer.produce("x"));
      assert.equal(error.code, "INVALID_OPTION");
      assert.match(error.message, text);
    }
  }));

test("what is changed after onSend has returned changes nothing", () =>
  play({}, async ({ client, cluster }) => {
    const kept: { value: unknown; headers: unknown[] }[] = [];
    const producer = (await client.topic("t")).producer({
      lingerMs: 10,
      interceptors: [{ onSend: (message) => void kept.push(message) }],
    });
    const sent = client.producer({ interceptors: [{ onSend: (message) => void kept.push(message) }] })
      .produce({ topic: "t", value: "other" });
    producer.enqueue("a");
    for (const message of kept) {
      message.value = "changed";
      message.headers.push(["late", "x"]);
    }
    await Promise.all([producer.flush(), sent]);
    const records = await cluster.records("t", 0);
    assert.deepEqual(records.map((one) => one.text()).sort(), ["a", "other"]);
    assert.deepEqual(records.flatMap(({ headers }) => headers), []);
  }));

test("headers before Kafka 0.11 are refused as in any message", () =>
  play({ release: "0.10.2.2" }, async ({ client, cluster }) => {
    const topic = await client.topic("t");
    const plain = await failure(topic.producer().produce({ value: "a", headers: { b: "c" } }));
    const signed = await failure(topic.producer({ interceptors: [signing("a")] }).produce("a"));
    assert.deepEqual([signed.code, signed.topic], [plain.code, plain.topic]);
    assert.equal(signed.code, "UNSUPPORTED_FEATURE");
    assert.deepEqual(await texts(cluster), []);
  }));

test("an acknowledgement comes with the report and the message that onSend was given, for every message once", () =>
  play({ topics: { t: { partitions: 2 } } }, async ({ client }) => {
    const given = new Set<unknown>();
    const told: string[] = [];
    const interceptor: ProducerInterceptor = {
      onSend: (message) => void given.add(message),
      onAcknowledgement(report, message) {
        assert.isTrue(given.delete(message), "each once");
        told.push(`${message.value} ${"code" in report ? report.code : `${report.partition}/${report.offset}`}`);
      },
    };
    const producer = (await client.topic("t")).producer({ interceptors: [interceptor] });
    await producer.produce([{ value: "a", partition: 1 }, { value: "b", partition: 0 }]);
    await failure(producer.produce({ value: "c", partition: 9 }));
    producer.enqueue({ value: "d", partition: 0 });
    await producer.flush();
    assert.deepEqual(told, ["a 1/0", "b 0/0", "c INVALID_OPTION", "d 0/1"]);
    assert.equal(given.size, 0);
  }));

rejectionTest(
  "what onAcknowledgement throws is an unhandled rejection, and the others are told all the same",
  async () => {
    const world = new SimulatedWorld(1);
    let told = 0;
    const report = await world.run(() => {
      const interceptors = ProducerInterceptors.of([
        {
          onAcknowledgement() {
            throw new RangeError("mine");
          },
        },
        { onAcknowledgement: () => void told++ },
      ])!;
      const [{ known }] = interceptors.send(["a"], "t", 1) as [SentMessage];
      interceptors.acknowledged({ topic: "t", partition: 0, offset: 0, timestamp: 1 }, known);
      return Promise.resolve();
    });
    assert.equal(report.failure, "unhandled rejection: RangeError: mine");
    assert.equal(told, 1);
  },
);

test("where none has a function for it there is nothing to do for a message", () => {
  assert.isUndefined(ProducerInterceptors.of(undefined));
  assert.isUndefined(ProducerInterceptors.of([]));
  assert.isUndefined(ProducerInterceptors.of([{ onConsume() {} } as Interceptor]));
  assert.isFalse(ProducerInterceptors.of([{ onSend() {} }])!.areTold);
  assert.isUndefined(ConsumerInterceptors.of(undefined));
  assert.isUndefined(ConsumerInterceptors.of([{ onSend() {} } as Interceptor]));
});

/** Reads to the end, by message or by batch. */
async function read(
  consumer: AsyncIterable<Message> & { batches(): AsyncIterable<Iterable<Message>> },
  by: "message" | "batch",
): Promise<Message[]> {
  const messages: Message[] = [];
  if (by === "message") { for await (const message of consumer) messages.push(message); }
  else for await (const batch of consumer.batches()) messages.push(...batch);
  return messages;
}

for (const by of ["message", "batch"] as const) {
  test(`on the way in, by ${by}: each message once, in order, before the loop; one may be given in another's place`, () => {
    const seen: string[] = [];
    const first: ConsumerInterceptor = {
      onConsume(message) {
        seen.push(`first ${message.offset}`);
        return message.with({ value: `${message.text()}!` });
      },
    };
    const second: ConsumerInterceptor = { onConsume: (message) => void seen.push(`second ${message.text()}`) };
    return play({ client: { interceptors: [first] } }, async ({ client }) => {
      const topic = await client.topic("t");
      await topic.producer().produce([{ key: "k", value: "a", headers: { h: "x" } }, "b"]);
      await topic.producer().produce("c");
      const messages = await read(topic.simpleConsumer({ until: "end", interceptors: [second] }), by);
      assert.deepEqual(messages.map((message) => message.text()), ["a!", "b!", "c!"]);
      const [one] = messages;
      assert.deepEqual([one!.topic, one!.partition, one!.offset], ["t", 0, 0]);
      assert.deepEqual([...one!.key!], [107]);
      assert.deepEqual(signatures(one!), ["h x"]);
      assert.deepEqual(seen, [0, 1, 2].flatMap((i) => [`first ${i}`, `second ${"abc"[i]}!`]));
    });
  });

  test(`on the way in, by ${by}: what is thrown names the message, which comes again until somebody seeks past it`, () =>
    play({}, async ({ client }) => {
      const topic = await client.topic("t");
      await topic.producer().produce("a");
      await topic.producer().produce("b");
      await topic.producer().produce("c");
      const mine = new RangeError("no");
      const decrypting: ConsumerInterceptor = {
        name: "decrypt",
        onConsume(message) {
          if (message.text() === "b") throw mine;
        },
      };
      const consumer = topic.simpleConsumer({ until: "end", interceptors: [decrypting] });
      const seen: string[] = [];
      for (let i = 0; i < 2; i++) {
        const error = await failure((async () => {
          if (by === "message") { for await (const message of consumer) seen.push(message.text()); }
          else for await (const batch of consumer.batches()) for (const message of batch) seen.push(message.text());
        })());
        assert.deepEqual([error.code, error.cause, error.offset], ["INVALID_OPTION", mine, 1]);
        assert.match(error.message, /onConsume of decrypt failed at t\/0, offset 1: no$/);
        assert.equal(consumer.positions.get(0), 1);
      }
      assert.deepEqual(seen, ["a"]);
      consumer.seek(0, 2);
      assert.deepEqual((await read(consumer, by)).map((message) => message.text()), ["c"]);
    }));
}

test("only the same message may be given back", () =>
  play({}, async ({ client }) => {
    const topic = await client.topic("t");
    await topic.producer().produce(["a", "b"]);
    let last: Message | undefined;
    const bad: [ConsumerInterceptor["onConsume"], RegExp][] = [
      [(() => Promise.resolve()) as never, /number 0 failed .* it returned an object, which is not made by/],
      [(() => null) as never, /it returned null/],
      [(message) => {
        const before = last;
        last = message;
        return before;
      }, /it returned an object/],
    ];
    for (const [onConsume, text] of bad) {
      const consumer = topic.simpleConsumer({ until: "end", interceptors: [{ onConsume: onConsume! }] });
      const error = await failure(read(consumer, "message"));
      assert.equal(error.code, "INVALID_OPTION");
      assert.match(error.message, text);
      await consumer.close();
    }
  }));

test("what goes out changed comes in as it was: both ways in one", () => {
  const turned = (text: string) => [...text].reverse().join("");
  const interceptor: Interceptor = {
    onSend: (message) => void (message.value = turned(String(message.value))),
    onConsume: (message) =>
      message.with({ value: turned(message.text()), headers: [["turned", "yes"], ["null", null]] }),
  };
  return play({ client: { interceptors: [interceptor] } }, async ({ client, cluster }) => {
    const topic = await client.topic("t");
    await topic.producer().produce("abc");
    assert.deepEqual(await texts(cluster), ["cba"]);
    const [message] = await read(topic.simpleConsumer({ until: "end" }), "message");
    assert.equal(message!.text(), "abc");
    assert.deepEqual(signatures(message!), ["turned yes", "null "]);
    const bare = message!.with({ key: "k", value: null });
    assert.deepEqual([bare.value, [...bare.key!], bare.offset, bare.timestamp], [null, [107], 0, message!.timestamp]);
    assert.equal(message!.key, null, "the one that it was made from stays as it is");
  });
});

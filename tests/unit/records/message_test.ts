/** What a message gives its reader. */

import { assert } from "chai";
import { KafkaError } from "../../../src/base/errors.ts";
import { test } from "../../harness.ts";
import { built, MAGICS, messagesIn, record } from "./samples.ts";

test("text() reads UTF-8 of every length, and puts U+FFFD for what is not", () => {
  const texts = [
    "",
    "a",
    "1234567",
    "12345678",
    "123456789012345678901234",
    "1234567890123456789012345",
    "é",
    "12345678é",
  ];
  for (const text of [...texts, "☃😀", "\ufeffwith a mark", "x".repeat(1000), "\0\x7f"]) {
    for (const magic of MAGICS) assert.equal(messagesIn(built(magic, [record({ value: text })]))[0]!.text(), text);
  }
  const broken = record({ value: Uint8Array.of(0x61, 0xff, 0xc3, 0x62) });
  assert.equal(messagesIn(built(2, [broken]))[0]!.text(), "a\ufffd\ufffdb");
});

test("a tombstone's text is empty and its JSON is null", () => {
  for (const magic of MAGICS) {
    const [message] = messagesIn(built(magic, [record({ key: "gone", value: null })]));
    assert.isNull(message!.value);
    assert.equal(message!.text(), "");
    assert.isNull(message!.json());
  }
});

test("json() parses the value, and says which message is none", () => {
  const [good, bad, empty] = messagesIn(
    built(2, [record({ value: '{"a":[1,"☃"]}' }), record({ value: "{oops" }), record({ value: "" })]),
  );
  assert.deepEqual(good!.json(), { a: [1, "☃"] });
  for (const [message, offset] of [[bad!, 1], [empty!, 2]] as const) {
    try {
      message.json();
    } catch (error) {
      assert.instanceOf(error, KafkaError);
      const { topic, partition, cause, message: said } = error as KafkaError;
      assert.deepEqual([topic, partition, (error as KafkaError).offset], ["my.test", 3, offset]);
      assert.include(said, `the message of my.test/3 at offset ${offset} is not JSON`);
      assert.instanceOf(cause, SyntaxError);
      continue;
    }
    assert.fail("it was parsed");
  }
});

test("bytes are views of what was read, never copies, and plain arrays", () => {
  const bytes = built(2, [record({ key: "k", headers: [["h", "v"]] })]);
  const [message] = messagesIn(bytes);
  for (const view of [message!.key!, message!.value!, message!.headers[0]![1]!]) {
    assert.strictEqual(view.buffer, bytes.buffer);
    assert.strictEqual(view.constructor, Uint8Array);
  }
  const [unpacked] = messagesIn(built(2, [record({ value: "v" })], "gzip"));
  assert.strictEqual(unpacked!.value!.constructor, Uint8Array);
});

test("a message knows where it comes from", () => {
  const [message] = messagesIn(built(1, [record({ timestamp: 1_700_000_000_123 })]));
  const { topic, partition, offset, timestamp, key, headers } = message!;
  assert.deepEqual([topic, partition, offset, timestamp, key, headers], [
    "my.test",
    3,
    0,
    1_700_000_000_123,
    null,
    [],
  ]);
});

test("the same message with other parts: what is not named stays, and so does the one it is made from", () => {
  const [message] = messagesIn(built(2, [record({ key: "k", value: "v", headers: [["a", "b"]], timestamp: 7 })]));
  const changed = message!.with({ value: "ü", headers: [["n", null], ["t", "x"], ["b", Uint8Array.of(9)]] });
  assert.deepEqual([...changed.value!], [195, 188]);
  assert.deepEqual(changed.headers, [["n", null], ["t", Uint8Array.of(120)], ["b", Uint8Array.of(9)]]);
  assert.deepEqual([changed.topic, changed.partition, changed.offset, changed.timestamp], ["my.test", 3, 0, 7]);
  assert.deepEqual(changed.key, message!.key);
  assert.equal(message!.text(), "v");
  const bare = changed.with({ key: null, value: null, headers: undefined });
  assert.deepEqual([bare.key, bare.value, bare.headers.length, bare.json()], [null, null, 3, null]);
});

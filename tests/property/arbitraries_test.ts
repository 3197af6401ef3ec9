/** The door of arbitraries: what it draws is what it says, parts that are given are kept, and a failure shrinks to little. */

import { assert } from "chai";
import fc from "fast-check";
import { KafkaError } from "../../src/base/errors.ts";
import {
  anyBatch,
  anyBatches,
  anyRecord,
  anyRequest,
  anyRequestFrame,
  anyResponseFrame,
  anyStruct,
  anyText,
  type Arbitrary,
  damaged,
  inPieces,
  junk,
} from "../../src/doors/arbitraries.ts";
import { decodeRequest } from "../../src/protocol/decode_request.ts";
import { fetch } from "../../src/protocol/fetch.ts";
import { decodeResponse } from "../../src/protocol/message.ts";
import { metadata } from "../../src/protocol/metadata.ts";
import { encodeBatch, type PlacedBatch } from "../../src/records/placed.ts";
import { recordBatches } from "../../src/records/reading.ts";
import type { Message } from "../../src/records/message.ts";
import { framesIn } from "../../src/wire/sources.ts";
import type { Response } from "../../src/wire/schema.ts";
import { codecs } from "../codecs.ts";
import { test } from "../harness.ts";
import { messagesIn, options, origin, parts } from "../unit/records/samples.ts";

/** What is to be read of a batch. */
function expected({ magic, records, appendTime }: PlacedBatch) {
  return records.map(({ offset, timestamp, key, value, headers }) => {
    return { offset, timestamp: magic === 0 ? -1 : appendTime ?? timestamp, key, value, headers };
  });
}

/** What a failing property shrinks to. */
function shrunk<T>(arbitrary: Arbitrary<T>, holds: (value: T) => boolean): T {
  const { counterexample } = fc.check(fc.property(arbitrary, holds), { seed: 7, numRuns: 5000 });
  assert.isNotNull(counterexample, "nothing was found");
  return counterexample![0];
}

test("property: frames hold what they say, head and body", () => {
  for (const version of [0, 8, 9, 13]) {
    fc.assert(
      fc.property(anyRequestFrame(metadata, version), anyResponseFrame(metadata, version), (asked, told) => {
        const { head, body } = asked;
        assert.deepEqual(decodeRequest(framesIn(asked.bytes).frames[0]!), { ...head, body, api: metadata, version });
        const answer: Response<typeof metadata> = decodeResponse(metadata, version, told.bytes.subarray(4));
        assert.deepEqual(answer, told.body);
      }),
      { numRuns: 30 },
    );
  }
});

test("property: parts that are given are drawn from, however deep, and only there", () => {
  const names = fc.constantFrom("a", "b");
  const given = anyRequest(fetch, 12, {
    maxWaitMs: fc.nat({ max: 50 }),
    topics: { topic: names, partitions: { partition: fc.constant(3) } },
    forgottenTopicsData: fc.constant([]),
  });
  const seen = new Set<string>();
  fc.assert(fc.property(given, ({ maxWaitMs, topics, forgottenTopicsData, rackId }) => {
    seen.add(rackId);
    assert.isAtMost(maxWaitMs, 50);
    assert.lengthOf(forgottenTopicsData, 0);
    for (const { topic, partitions } of topics) {
      assert.oneOf(topic, ["a", "b"]);
      for (const { partition } of partitions) assert.equal(partition, 3);
    }
  }));
  assert.isAbove(seen.size, 10);
  // A field that the version lacks has its default, whatever is given for it.
  fc.assert(fc.property(anyRequest(fetch, 4, { sessionId: fc.constant(9) }), ({ sessionId }) => sessionId === 0));
  // A list that may be null is not where somebody says what is in it; one that is given whole is as it is given.
  fc.assert(fc.property(anyRequest(metadata, 9, { topics: { name: names } }), ({ topics }) => topics !== null));
  fc.assert(fc.property(anyRequest(metadata, 9, { topics: fc.constant(null) }), ({ topics }) => topics === null));
});

test("property: batches are read as they were drawn, in every format and codec", () => {
  fc.assert(
    fc.property(anyBatch({ codecs }), (batch) => {
      const bytes = encodeBatch(batch, codecs) as Uint8Array;
      assert.deepEqual(messagesIn(bytes).map(parts), expected(batch));
      if (batch.magic < 2) return;
      const [found] = recordBatches(bytes, origin);
      const { baseOffset, lastOffset, leaderEpoch, producerId, producerEpoch, baseSequence, compression } = found!;
      const { isControl, isTransactional, isAppendTime } = found!;
      assert.deepEqual({
        ...{ baseOffset, lastOffset, leaderEpoch, producerId, producerEpoch, baseSequence, compression },
        ...{ isControl, isTransactional, isAppendTime },
      }, {
        ...{ baseOffset: batch.baseOffset!, lastOffset: batch.lastOffset!, leaderEpoch: batch.leaderEpoch! },
        ...{ producerId: batch.producerId!, producerEpoch: batch.producerEpoch!, baseSequence: batch.baseSequence! },
        ...{ compression: batch.compression!, isControl: batch.control ?? false },
        ...{ isTransactional: batch.transactional!, isAppendTime: batch.appendTime !== undefined },
      });
    }),
    { numRuns: 300 },
  );
});

test("property: batches in a row have offsets that go up, and are read in a row", () => {
  fc.assert(
    fc.property(anyBatches({ codecs, recordsMax: 3 }), ({ batches, bytes }) => {
      const read = messagesIn(bytes).map(parts);
      assert.deepEqual(read, batches.flatMap(expected));
      assert.isTrue(read.every(({ offset }, i) => i === 0 || offset > read[i - 1]!.offset));
    }),
    { numRuns: 150 },
  );
  const own = anyBatches({ magics: [2], brokersOwn: false });
  fc.assert(fc.property(own, ({ batches }) => batches.every(({ control, records }) => !control && records.length > 0)));
});

test("property: whatever is done to batches, they are read, or refused as corrupt", () => {
  const bytes = anyBatches({ codecs, recordsMax: 3 }).map(({ bytes }) => bytes);
  for (const checkCrc of [true, false]) {
    fc.assert(
      fc.property(fc.oneof(damaged(bytes), junk()), (bent) => {
        const how = { ...options, checkCrc, decompressedLimit: 1 << 16 };
        try {
          for (const batch of recordBatches(bent, origin)) {
            for (const message of batch.open(origin, how) as Iterable<Message>) parts(message);
          }
        } catch (error) {
          assert.instanceOf(error, KafkaError);
          assert.oneOf((error as KafkaError).code, ["CORRUPT_MESSAGE", "UNSUPPORTED_COMPRESSION_TYPE"]);
        }
      }),
      { numRuns: 400 },
    );
  }
});

test("property: pieces are the whole", () => {
  fc.assert(fc.property(inPieces(fc.uint8Array()), fc.uint8Array(), (pieces, _) => {
    const joined = Uint8Array.from(pieces.flatMap((piece) => [...piece]));
    assert.equal(joined.length, pieces.reduce((size, { length }) => size + length, 0));
  }));
  const whole = Uint8Array.from({ length: 99 }, (_, i) => i);
  fc.assert(fc.property(inPieces(fc.constant(whole)), (pieces) => {
    assert.deepEqual(Uint8Array.from(pieces.flatMap((piece) => [...piece])), whole);
  }));
});

test("what fails shrinks to little", () => {
  const request = shrunk(anyRequest(metadata, 12), ({ topics }) => topics === null || topics.length === 0);
  assert.deepEqual(request, {
    topics: [{ topicId: request.topics![0]!.topicId, name: null }],
    ...{ allowAutoTopicCreation: false, includeClusterAuthorizedOperations: false },
    includeTopicAuthorizedOperations: false,
  });
  assert.equal(shrunk(anyText(), (text) => text.length < 3).length, 3);
  const batch = shrunk(anyBatch({ codecs, magics: [2] }), ({ records }) => records.length < 2);
  assert.lengthOf(batch.records, 2);
  assert.deepInclude(batch, { compression: "none", baseOffset: 0, lastOffset: 1, producerId: -1 });
  const { value } = shrunk(anyStruct({ value: "int64" }), ({ value }) => value < 1000);
  assert.equal(value, 1000);
  assert.deepEqual(shrunk(anyRecord(), ({ key }) => key === null), {
    key: new Uint8Array(),
    value: null,
    headers: [],
    timestamp: 1_700_000_000_000,
  });
});

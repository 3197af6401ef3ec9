/** Whatever the bytes, decoding gives a value or a KafkaError, soon, and makes room only for what can be there. */

import { concat } from "@std/bytes";
import { assert } from "chai";
import fc from "fast-check";
import { KafkaError } from "../../src/base/errors.ts";
import { Reader } from "../../src/bytes/reader.ts";
import { Writer } from "../../src/bytes/writer.ts";
import { apis } from "../../src/protocol/apis.ts";
import { consumerProtocolAssignment, consumerProtocolSubscription } from "../../src/protocol/consumer_protocol.ts";
import { type Codec, requestCodec, responseCodec, structCodec } from "../../src/wire/codec.ts";
import { isList, noted } from "../../src/wire/defaults.ts";
import type { Field, Struct } from "../../src/wire/schema.ts";
import { test } from "../harness.ts";
import { anyStruct } from "../../src/testing/arbitraries/messages.ts";

const RUNS = 15;

/** How deep lists are nested in a field. */
function depthOf(field: Field): number {
  const { is } = noted(field);
  if (typeof is === "string") return 0;
  return isList(is) ? 1 + depthOf(is[0]) : Math.max(0, ...Object.values(is).map(depthOf));
}

/**
 * An item takes a byte at least, so at each depth the lists that were read whole and the one that was not cannot announce more
 * items than there are bytes.
 */
function isReadSafely(codec: Codec<unknown>, bytes: Uint8Array, depth: number): void {
  const reader = new Reader(bytes);
  try {
    codec.read(reader);
  } catch (error) {
    assert.instanceOf(error, KafkaError);
    assert.equal((error as KafkaError).code, "PROTOCOL_ERROR");
  }
  assert.isAtMost(reader.offset, bytes.length);
  assert.isAtMost(reader.items, depth * bytes.length);
}

function withstands(codec: Codec<unknown>, struct: Struct, version: number): void {
  const depth = depthOf(struct);
  const broken = fc.tuple(
    anyStruct(struct, version),
    fc.double({ min: 0, max: 1, noNaN: true }),
    fc.array(fc.tuple(fc.nat(), fc.nat({ max: 7 })), { minLength: 1, maxLength: 4 }),
  );
  fc.assert(
    fc.property(broken, fc.uint8Array({ maxLength: 100 }), ([value, cut, flips], noise) => {
      const writer = new Writer();
      codec.write(writer, value);
      const bytes = concat(writer.finish());
      isReadSafely(codec, bytes.subarray(0, Math.floor(cut * bytes.length)), depth);
      for (const [at, bit] of flips) if (bytes.length > 0) bytes[at % bytes.length]! ^= 1 << bit;
      isReadSafely(codec, bytes, depth);
      isReadSafely(codec, noise, depth);
    }),
    { numRuns: RUNS },
  );
}

for (const api of apis.values()) {
  test(`${api.name} withstands junk in every version`, () => {
    const [min, max] = api.versions;
    for (let version = min; version <= max; version++) {
      withstands(requestCodec(api, version) as Codec<unknown>, api.request, version);
      withstands(responseCodec(api, version) as Codec<unknown>, api.response, version);
    }
  });
}

for (const { name, versions, fields } of [consumerProtocolSubscription, consumerProtocolAssignment]) {
  test(`${name} withstands junk in every version`, () => {
    for (let version = versions[0]; version <= versions[1]; version++) {
      withstands(structCodec<Struct>(fields, version, name), fields, version);
    }
  });
}

test("a count of all ones is refused before anything is made of it", () => {
  for (const api of apis.values()) {
    for (let version = api.versions[0]; version <= api.versions[1]; version++) {
      for (const byte of [0xff, 0x7f, 0x3f]) {
        const bytes = new Uint8Array(2000).fill(byte);
        isReadSafely(requestCodec(api, version), bytes, depthOf(api.request));
        isReadSafely(responseCodec(api, version), bytes, depthOf(api.response));
      }
    }
  }
});

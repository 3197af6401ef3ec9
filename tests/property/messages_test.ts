/** Every message goes round in every version, from a value to bytes and back, and from these bytes to the same bytes. */

import { concat } from "@std/bytes";
import { assert } from "chai";
import fc from "fast-check";
import { apis } from "../../src/protocol/apis.ts";
import {
  consumerProtocolAssignment,
  consumerProtocolSubscription,
  decodeEmbedded,
  encodeEmbedded,
} from "../../src/protocol/consumer_protocol.ts";
import { decodeRequest } from "../../src/protocol/decode_request.ts";
import { correlationIdOf, decodeResponse, encodeRequest, encodeResponse } from "../../src/protocol/message.ts";
import type { Api, Embedded, In } from "../../src/wire/schema.ts";
import { test } from "../harness.ts";
import { anyRequest, anyRequestHead, anyResponse, anyStruct } from "../../src/testing/arbitraries/messages.ts";

const RUNS = 30;

/** A frame without its size, after a look at the size. */
function framed(chunks: readonly Uint8Array[]): Uint8Array {
  const bytes = concat(chunks);
  assert.equal(new DataView(bytes.buffer).getInt32(0), bytes.length - 4);
  return bytes.subarray(4);
}

function requestGoesRound(api: Api, version: number): void {
  fc.assert(
    fc.property(anyRequest(api, version), anyRequestHead(), (body, { correlationId, clientId }) => {
      const frame = framed(encodeRequest(api, version, { correlationId, clientId }, body));
      const decoded = decodeRequest(frame);
      assert.deepEqual(decoded, { api, version, correlationId, clientId, body });
      const again = framed(encodeRequest(api, version, decoded, decoded.body as typeof body));
      assert.deepEqual(again, frame);
    }),
    { numRuns: RUNS },
  );
}

function responseGoesRound(api: Api, version: number): void {
  fc.assert(
    fc.property(anyResponse(api, version), fc.integer(), (body, correlationId) => {
      const frame = framed(encodeResponse(api, version, correlationId, body));
      assert.equal(correlationIdOf(frame), correlationId);
      const decoded = decodeResponse(api, version, frame);
      assert.deepEqual(decoded, body);
      assert.deepEqual(framed(encodeResponse(api, version, correlationId, decoded)), frame);
    }),
    { numRuns: RUNS },
  );
}

for (const api of apis.values()) {
  test(`${api.name} goes round in every version`, () => {
    const [min, max] = api.versions;
    for (let version = min; version <= max; version++) {
      requestGoesRound(api, version);
      responseGoesRound(api, version);
    }
  });
}

for (const message of [consumerProtocolSubscription, consumerProtocolAssignment]) {
  test(`${message.name} goes round in every version`, () => {
    for (let version = message.versions[0]; version <= message.versions[1]; version++) {
      const encode = (value: In<Embedded["fields"]>) => encodeEmbedded<Embedded>(message, version, value);
      fc.assert(
        fc.property(anyStruct(message.fields, version), (value) => {
          const decoded = decodeEmbedded(message, encode(value));
          assert.deepEqual(decoded, { version, value });
          assert.deepEqual(encode(decoded.value), encode(value));
        }),
        { numRuns: RUNS },
      );
    }
  });
}

/** Which types the low doors have for users: nothing of this runs, a compiler reads it, Deno's and, from the tarball, TypeScript's own. */

import fc from "fast-check";
import type { KafkaClient } from "@samsa/kafka";
import {
  decodeRequest,
  decodeResponse,
  encodeRequest,
  exactResponseBody,
  fetch,
  initProducerId,
  isRequestOf,
  listOffsets,
  metadata,
  produce,
  requestBody,
  structBody,
} from "@samsa/kafka/protocol";
import { anyRequest, anyResponse } from "@samsa/kafka/testing/arbitraries";

/** `A` and `B` are one type. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false;
function holds<_T extends true>(): void {}

/** Requests by a client. */
export async function requests(client: KafkaClient): Promise<void> {
  const { topics } = await client.request(metadata, { topics: [{ name: "t" }] }, { broker: 1, version: 9 });
  holds<Same<typeof topics[number]["name"], string | null>>();
  holds<Same<typeof topics[number]["partitions"][number]["replicaNodes"], number[]>>();
  await client.request(metadata, (version) => ({ topics: version === 0 ? [] : null }));
  await client.request(initProducerId, { transactionalId: "x", transactionTimeoutMs: 1 }, {
    coordinatorOf: { transactionalId: "x" },
  });
  // @ts-expect-error: a field that there is not
  await client.request(metadata, { topic: [] });
  // @ts-expect-error: a field that is missing
  await client.request(produce, { acks: 1, timeoutMs: 1 });
  // @ts-expect-error: a value of another type
  await client.request(listOffsets, { replicaId: "-1", topics: [] });
  // @ts-expect-error: a target that there is not
  await client.request(metadata, { topics: null }, { leader: 1 });
  // @ts-expect-error: a partition has a number
  await client.request(metadata, { topics: null }, { leaderOf: { topic: "t", partition: "0" } });
  // @ts-expect-error: only this is a controller
  await client.request(metadata, { topics: null }, { controller: false });
}

/** Frames and bodies. */
export function bytes(frame: Uint8Array): void {
  encodeRequest(fetch, 4, { correlationId: 1, clientId: null }, { maxWaitMs: 1, minBytes: 1, topics: [] });
  const { responses } = decodeResponse(fetch, 4, frame);
  holds<Same<typeof responses[number]["partitions"][number]["records"], Uint8Array | null>>();
  const request = decodeRequest(frame);
  holds<Same<typeof request.body, unknown>>();
  if (isRequestOf(request, produce)) holds<Same<typeof request.body.acks, number>>();
  const { topics } = exactResponseBody(listOffsets, 6).decode(frame);
  holds<Same<typeof topics[number]["partitions"][number]["offset"], bigint>>();
  const group = requestBody(metadata, 1).decode(frame);
  holds<Same<NonNullable<typeof group.topics>[number]["name"], string | null>>();
  const own = structBody({ id: "int16", names: { is: ["string"], since: 1 } }).decode(frame);
  holds<Same<typeof own, { id: number; names: string[] }>>();
}

/** Arbitraries. */
export function arbitraries(): void {
  const requests = anyRequest(fetch, 12, {
    maxWaitMs: fc.nat(),
    topics: { topic: fc.constantFrom("a", "b"), partitions: { partition: fc.nat() } },
    forgottenTopicsData: fc.constant([]),
  });
  fc.assert(fc.property(requests, ({ topics }) => {
    holds<Same<typeof topics[number]["partitions"][number]["fetchOffset"], number>>();
  }));
  fc.assert(fc.property(anyResponse(metadata, 9), ({ clusterId }) => holds<Same<typeof clusterId, string | null>>()));
  // @ts-expect-error: a field that there is not
  anyRequest(fetch, 12, { topics: { name: fc.constant("a") } });
  // @ts-expect-error: values of another type
  anyRequest(fetch, 12, { maxWaitMs: fc.string() });
}

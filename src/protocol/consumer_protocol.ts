/** What consumers in a group of the classic protocol say to one another, in the bytes of JoinGroup and SyncGroup (KIP-62). */

import { KafkaError } from "../base/errors.ts";
import { Reader } from "../bytes/reader.ts";
import { Writer } from "../bytes/writer.ts";
import { structCodec } from "../wire/codec.ts";
import type { Embedded, In, Out } from "../wire/schema.ts";

/**
 * What a member wants: the metadata of each protocol in JoinGroup. What `userData` holds is the assignor's own affair. Version 1
 * says what the member has (KIP-429), version 2 since which generation (KIP-792), version 3 in which rack it is (KIP-881).
 */
export const consumerProtocolSubscription = {
  name: "ConsumerProtocolSubscription",
  versions: [0, 3],
  fields: {
    topics: ["string"],
    userData: { is: "bytes", null: 0, or: null },
    ownedPartitions: { is: [{ topic: "string", partitions: ["int32"] }], since: 1, lax: true },
    generationId: { is: "int32", since: 2, or: -1, lax: true },
    rackId: { is: "string", since: 3, null: 3, or: null, lax: true },
  },
} as const satisfies Embedded;

/** What a member gets: its assignment in SyncGroup, which is empty, without even a version, for who gets nothing. */
export const consumerProtocolAssignment = {
  name: "ConsumerProtocolAssignment",
  versions: [0, 3],
  fields: {
    assignedPartitions: [{ topic: "string", partitions: ["int32"] }],
    userData: { is: "bytes", null: 0, or: null },
  },
} as const satisfies Embedded;

/** The bytes of a message within a message: its version, and its fields. Throws as {@linkcode encodeRequest} does. */
export function encodeEmbedded<E extends Embedded>(message: E, version: number, value: In<E["fields"]>): Uint8Array {
  const [min, max] = message.versions;
  if (!(version >= min && version <= max)) {
    throw new KafkaError("INVALID_OPTION", `${message.name} is known in versions ${min} to ${max}, not ${version}`);
  }
  const codec = structCodec<E["fields"]>(message.fields, version, `${message.name} v${version}`);
  const writer = new Writer();
  writer.int16(version);
  codec.write(writer, value);
  return writer.finish()[0]!;
}

/**
 * The message in these bytes, and its version. Newer versions only add to the end, so one that is not known is read as the newest
 * that is, as Java does (`ConsumerProtocol`). Throws `PROTOCOL_ERROR` for bytes that are too short, or none at all.
 */
export function decodeEmbedded<E extends Embedded>(
  message: E,
  bytes: Uint8Array,
): { version: number; value: Out<E["fields"]> } {
  const [min, max] = message.versions;
  if (bytes.length < VERSION_BYTES) {
    throw new KafkaError("PROTOCOL_ERROR", `${message.name}: ${bytes.length} bytes do not even hold its version`);
  }
  const reader = new Reader(bytes);
  const version = reader.int16();
  if (version < min) throw new KafkaError("PROTOCOL_ERROR", `${message.name}: there is no version ${version}`);
  const codec = structCodec<E["fields"]>(message.fields, Math.min(version, max), `${message.name} v${version}`);
  return { version, value: codec.read(reader) };
}

const VERSION_BYTES = 2;

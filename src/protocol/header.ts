/** What comes before the body: who asks what in which version, and which question is answered. */

import type { Reader } from "../bytes/reader.ts";
import { utf8Length, type Writer } from "../bytes/writer.ts";
import { KafkaError } from "../base/errors.ts";
import type { Api } from "../wire/schema.ts";
import { apiVersions } from "./api_versions.ts";

/** What a client says before each request, besides what it asks. */
export interface RequestHead {
  /** An int32 that comes back with the response. */
  readonly correlationId: number;
  /** What the broker's quotas and logs call the client; null for nameless. */
  readonly clientId: string | null;
}

/** The head of a request as a broker reads it. */
export interface RequestHeadOut extends RequestHead {
  /** Which API is asked. */
  readonly apiKey: number;
  /** In which version of it. */
  readonly version: number;
}

/** Writes a request's header. The client's name has the old length even where the rest is flexible (KIP-482). */
export function writeRequestHead(writer: Writer, api: Api, version: number, head: RequestHead): void {
  writer.int16(api.key);
  writer.int16(version);
  writer.int32(head.correlationId);
  if (head.clientId === null) writer.int16(-1);
  else {
    const length = utf8Length(head.clientId);
    if (length > CLIENT_ID_BYTES_MAX) {
      throw new KafkaError(
        "INVALID_OPTION",
        `a client id of ${length} bytes: at most ${CLIENT_ID_BYTES_MAX} are allowed`,
      );
    }
    writer.int16(length);
    writer.text(head.clientId, length);
  }
  if (version >= api.flexible) writer.uvarint(0);
}

const CLIENT_ID_BYTES_MAX = 0x7fff;

/** Reads the part of a request's header that is the same for all of them; tagged fields may follow. */
export function readRequestHead(reader: Reader): RequestHeadOut {
  const apiKey = reader.int16();
  const version = reader.int16();
  const correlationId = reader.int32();
  const length = reader.int16();
  return { apiKey, version, correlationId, clientId: length === -1 ? null : reader.text(length) };
}

/** Passes over the tagged fields of a header: none is known yet. */
export function skipTags(reader: Reader): void {
  for (let count = reader.uvarint(); count > 0; count--) {
    reader.uvarint();
    reader.take(reader.uvarint());
  }
}

/**
 * Whether the header of a response ends with tagged fields. Never for ApiVersions: the client does not know yet what the broker
 * understands (KIP-511).
 */
export function isResponseHeadTagged(api: Api, version: number): boolean {
  return version >= api.flexible && api.key !== apiVersions.key;
}

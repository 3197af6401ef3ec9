/** A request as a broker reads it. It may be any that is known, so this file alone pulls in the table: a client does without. */

import { errorNumbers } from "../base/error_codes.ts";
import { KafkaError } from "../base/errors.ts";
import { Reader } from "../bytes/reader.ts";
import { requestCodec } from "../wire/codec.ts";
import type { Api } from "../wire/schema.ts";
import { apis } from "./apis.ts";
import { readRequestHead, type RequestHead, skipTags } from "./header.ts";

/** A request as a broker reads it. */
export interface DecodedRequest extends RequestHead {
  /** What is asked. */
  readonly api: Api;
  /** In which version. */
  readonly version: number;
  /** Which type it has follows from `api`: it is what {@linkcode RequestOut} says. */
  readonly body: unknown;
}

/**
 * The request in a frame, as a broker reads it. Throws `UNSUPPORTED_VERSION` for what is not known here (then
 * `decodeRequestHead` tells whom to answer), `PROTOCOL_ERROR` for a body that is too short or, unless what follows it is
 * to be ignored as Kafka does, too long.
 */
export function decodeRequest(frame: Uint8Array, ignoreRest = false): DecodedRequest {
  const reader = new Reader(frame);
  const { apiKey, version, correlationId, clientId } = readRequestHead(reader);
  const api = apis.get(apiKey);
  if (api === undefined) {
    throw KafkaError.ofBroker(errorNumbers.UNSUPPORTED_VERSION, `a request with the unknown API key ${apiKey}`);
  }
  const codec = requestCodec(api, version);
  if (version >= api.flexible) skipTags(reader);
  const body = codec.read(reader);
  if (reader.remaining > 0 && !ignoreRest) {
    throw new KafkaError("PROTOCOL_ERROR", `${api.name} request v${version}: ${reader.remaining} bytes follow its end`);
  }
  return { api, version, correlationId, clientId, body };
}

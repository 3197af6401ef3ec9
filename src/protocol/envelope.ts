/** Frames taken apart into head and body, and put together again: for those who pass on, record or bend what they do not have to understand. */

import { errorNumbers } from "../base/error_codes.ts";
import { KafkaError } from "../base/errors.ts";
import { Reader } from "../bytes/reader.ts";
import { Writer } from "../bytes/writer.ts";
import type { Api, RequestOut } from "../wire/schema.ts";
import { apis } from "./apis.ts";
import { joined } from "./body.ts";
import { isResponseHeadTagged, readRequestHead, type RequestHeadOut, skipTags, writeRequestHead } from "./header.ts";
import type { DecodedRequest } from "./decode_request.ts";

/** A request, its body not decoded. */
export interface SplitRequest {
  /** Who asks what in which version. */
  readonly head: RequestHeadOut;
  /** The body, as a view of the frame. */
  readonly body: Uint8Array;
}

/** A response, its body not decoded. */
export interface SplitResponse {
  /** Which request it answers. */
  readonly correlationId: number;
  /** The body, as a view of the frame. */
  readonly body: Uint8Array;
}

/**
 * Head and body of the request in a frame. Where the body begins depends on whether the API is flexible in that version, so one that
 * {@linkcode apis} does not know has to be given; else `UNSUPPORTED_VERSION`. Tagged fields of the head are passed over: Kafka has
 * none so far.
 */
export function splitRequest(frame: Uint8Array, api?: Api): SplitRequest {
  const reader = new Reader(frame);
  const head = readRequestHead(reader);
  const known = api ?? apis.get(head.apiKey);
  if (known === undefined) {
    const detail = `a request with the unknown API key ${head.apiKey}: where its body begins cannot be told`;
    throw KafkaError.ofBroker(errorNumbers.UNSUPPORTED_VERSION, detail);
  }
  if (head.version >= known.flexible) skipTags(reader);
  return { head, body: frame.subarray(reader.offset) };
}

/** The opposite: a request's frame, its size in front. */
export function joinRequest(api: Api, head: Omit<RequestHeadOut, "apiKey">, body: Uint8Array): Uint8Array {
  const writer = new Writer();
  writer.int32(0);
  writeRequestHead(writer, api, head.version, head);
  return sized(writer, body);
}

/** Head and body of the response in a frame, to a request of that API and version. */
export function splitResponse(api: Api, version: number, frame: Uint8Array): SplitResponse {
  const reader = new Reader(frame);
  const correlationId = reader.int32();
  if (isResponseHeadTagged(api, version)) skipTags(reader);
  return { correlationId, body: frame.subarray(reader.offset) };
}

/** The opposite: a response's frame, its size in front. */
export function joinResponse(api: Api, version: number, correlationId: number, body: Uint8Array): Uint8Array {
  const writer = new Writer();
  writer.int32(0);
  writer.int32(correlationId);
  if (isResponseHeadTagged(api, version)) writer.uvarint(0);
  return sized(writer, body);
}

/** Whether a decoded request is one of that API: then its body has that type. */
export function isRequestOf<A extends Api>(
  request: DecodedRequest,
  api: A,
): request is DecodedRequest & { readonly api: A; readonly body: RequestOut<A> } {
  return request.api === api;
}

const SIZE_BYTES = 4;

function sized(writer: Writer, body: Uint8Array): Uint8Array {
  writer.setInt32(0, writer.length - SIZE_BYTES + body.length);
  return joined([...writer.finish(), body]);
}

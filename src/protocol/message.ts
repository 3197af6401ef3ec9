/** Whole messages, head and body: what goes into a frame, and what comes out of one. */

import { KafkaError } from "../base/errors.ts";
import { Reader } from "../bytes/reader.ts";
import { Writer } from "../bytes/writer.ts";
import { requestCodec, responseCodec } from "../wire/codec.ts";
import type { Api, Request, Response, ResponseIn } from "../wire/schema.ts";
import {
  isResponseHeadTagged,
  readRequestHead,
  type RequestHead,
  type RequestHeadOut,
  skipTags,
  writeRequestHead,
} from "./header.ts";

export type { RequestHead, RequestHeadOut } from "./header.ts";

/**
 * A request as the chunks of its frame; the first four bytes are the frame's size. Blocks of records are kept by reference, so
 * they must not change until they are sent. Throws `INVALID_OPTION` for a value that does not fit its field,
 * `UNSUPPORTED_FEATURE` for one that the version has no field for, `UNSUPPORTED_VERSION` for a version that is not spoken here.
 */
export function encodeRequest<A extends Api>(
  api: A,
  version: number,
  head: RequestHead,
  body: Request<A>,
): Uint8Array[] {
  const codec = requestCodec(api, version);
  const writer = new Writer();
  writer.int32(0);
  writeRequestHead(writer, api, version, head);
  codec.write(writer, body);
  return sized(writer);
}

/** The head of the request in a frame, whether its body is understood or not. */
export function decodeRequestHead(frame: Uint8Array): RequestHeadOut {
  return readRequestHead(new Reader(frame));
}

/** A response as the chunks of its frame; the first four bytes are the frame's size. */
export function encodeResponse<A extends Api>(
  api: A,
  version: number,
  correlationId: number,
  body: ResponseIn<A>,
): Uint8Array[] {
  const codec = responseCodec(api, version);
  const writer = new Writer();
  writer.int32(0);
  writer.int32(correlationId);
  if (isResponseHeadTagged(api, version)) writer.uvarint(0);
  codec.write(writer, body);
  return sized(writer);
}

/** Which request the response in a frame answers. */
export function correlationIdOf(frame: Uint8Array): number {
  if (frame.length >= CORRELATION_ID_BYTES) return new Reader(frame).int32();
  throw new KafkaError("PROTOCOL_ERROR", `a frame of ${frame.length} bytes holds no answer`);
}

/**
 * The body of the response in a frame; bytes in it are views of the frame. What follows the body is left alone; one that is too
 * short throws `PROTOCOL_ERROR`.
 */
export function decodeResponse<A extends Api>(api: A, version: number, frame: Uint8Array): Response<A> {
  const codec = responseCodec(api, version);
  const reader = new Reader(frame);
  try {
    reader.int32();
    if (isResponseHeadTagged(api, version)) skipTags(reader);
  } catch (cause) {
    throw new KafkaError("PROTOCOL_ERROR", `${api.name} response v${version}: its head makes no sense`, { cause });
  }
  return codec.read(reader);
}

const SIZE_BYTES = 4;
const CORRELATION_ID_BYTES = 4;

function sized(writer: Writer): Uint8Array[] {
  writer.setInt32(0, writer.length - SIZE_BYTES);
  return writer.finish();
}

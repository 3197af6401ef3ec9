/**
 * Arbitraries for fast-check, which has to be installed beside: every message of Kafka's protocol in every version, records and
 * batches in every format, and bytes that lie. With them any implementation of Kafka can be tested by properties.
 *
 * @module
 */

// What signatures name, for who has no import of fast-check itself
export type { Arbitrary, Random, Stream, Value } from "fast-check";
export {
  anyRequest,
  anyRequestFrame,
  anyRequestHead,
  anyResponse,
  anyResponseFrame,
  anyStruct,
  anyText,
  type Drawn,
  type FramedRequest,
  type FramedResponse,
  type Inside,
  type Parts,
} from "../testing/arbitraries/messages.ts";
export {
  anyBatch,
  anyBatches,
  anyRecord,
  type BatchOptions,
  type PlacedBatches,
} from "../testing/arbitraries/records.ts";
export { damaged, inPieces, junk } from "../testing/arbitraries/hostile.ts";
export type { Codecs, Compression, CompressionCodec } from "../records/compression.ts";
export type { PlacedBatch, PlacedRecord } from "../records/placed.ts";
export type { Bytes, RecordInput } from "../records/record.ts";
export type { RequestHead } from "../protocol/message.ts";
export type * from "../wire/schema.ts";

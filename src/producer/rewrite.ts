/** Writes batches anew: in an older record format for a leader that is older, or as two where one is too large for a topic. */

import { KafkaError } from "../base/errors.ts";
import { type RecordsBuilder, recordsBuilder } from "../records/builder.ts";
import type { Message } from "../records/message.ts";
import { recordBatches } from "../records/reading.ts";
import type { Batch } from "./accumulator.ts";
import type { Part } from "./call.ts";
import { sequenceAfter } from "./numbering.ts";

/** The same records in another format; only for a batch that was never sent. Throws `UNSUPPORTED_FEATURE` for headers before magic 2. */
export function rewritten(batch: Batch, magic: 0 | 1 | 2): RecordsBuilder {
  const anew = recordsBuilder(magic);
  for (const message of messagesOf(batch)) appendTo(anew, message);
  return anew;
}

/** Two batches with the records of one, in order; each as if it had never been sent, but with its share of the numbers. */
export function halves(batch: Batch): [Batch, Batch] {
  const { builder: { magic, count }, heldBytes } = batch;
  const middle = count >> 1;
  const builders = [recordsBuilder(magic), recordsBuilder(magic)] as const;
  messagesOf(batch).forEach((message, i) => appendTo(builders[i < middle ? 0 : 1], message));
  const [first, second] = splitParts(batch.parts, middle);
  const firstBytes = Math.floor(heldBytes / 2);
  const common = { ...batch, state: "waiting", tries: 0, failures: 0, retryAt: 0, bytes: undefined } as const;
  const { stamp } = batch;
  const later = stamp && { ...stamp, sequence: sequenceAfter(stamp.sequence, middle) };
  return [
    { ...common, builder: builders[0], parts: first, heldBytes: firstBytes },
    { ...common, builder: builders[1], parts: second, heldBytes: heldBytes - firstBytes, stamp: later },
  ];
}

function splitParts(parts: readonly Part[], middle: number): [Part[], Part[]] {
  const first: Part[] = [], second: Part[] = [];
  let left = middle;
  for (const part of parts) {
    const count = Math.min(left, part.count);
    left -= count;
    if (count > 0) first.push(part.slice(0, count));
    if (count < part.count) second.push(part.slice(count, part.count));
  }
  return [first, second];
}

function messagesOf({ builder, topic, partition }: Batch): Message[] {
  const bytes = builder.build({ compression: "none", codecs: {} });
  const origin = { topic, partition };
  if (bytes instanceof Promise) {
    throw new KafkaError("PROTOCOL_ERROR", "Records that are not compressed are built at once", origin);
  }
  return recordBatches(bytes, origin).flatMap((batch) => {
    const list = batch.open(origin, { codecs: {}, checkCrc: false, decompressedLimit: Infinity });
    return list instanceof Promise ? [] : [...list];
  });
}

function appendTo(builder: RecordsBuilder, { key, value, headers, timestamp }: Message): void {
  builder.append({ key, value, headers, timestamp });
}

/** Opens what a log holds, for those who look inside: searches by time, and tests. */

import type { Codecs } from "../records/compression.ts";
import type { Message } from "../records/message.ts";
import { type Origin, recordBatches } from "../records/reading.ts";
import type { Stored } from "./log.ts";

/** What no batch of ours comes near, when it is opened. */
export const DECOMPRESSED_BYTES_MAX: number = 256 * 1024 * 1024;

/** The records of one append; `UNSUPPORTED_COMPRESSION_TYPE` if there is no codec for them. */
export async function openStored(stored: Stored, origin: Origin, codecs: Codecs): Promise<Message[]> {
  const messages: Message[] = [];
  for (const batch of recordBatches(stored.bytes, origin)) {
    if (batch.isControl) continue;
    const list = await batch.open(origin, { codecs, checkCrc: false, decompressedLimit: DECOMPRESSED_BYTES_MAX });
    for (const message of list) messages.push(message);
  }
  return messages;
}

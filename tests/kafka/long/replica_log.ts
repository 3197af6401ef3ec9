/** Reads what a broker has in its files, with no broker's help: the log of each partition of a topic. */

import { cp, mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { codecs } from "../../../src/doors/codecs.ts";
import type { Message } from "../../../src/records/message.ts";
import { recordBatches, type RecordList } from "../../../src/records/reading.ts";
import type { Id, PartitionLog, Replica } from "./verdict.ts";

const OPEN = { codecs, checkCrc: true, decompressedLimit: 1 << 30 };

/** Copies the log of a topic from a broker's data folder to another one, while the broker may go on. */
export async function keepReplica(folder: string, topic: string, partitions: number, to: string): Promise<void> {
  for (let partition = 0; partition < partitions; partition++) {
    const name = `${topic}-${partition}`;
    await mkdir(join(to, name), { recursive: true });
    for (const file of await segments(join(folder, name))) await cp(join(folder, name, file), join(to, name, file));
  }
}

const segments = async (folder: string): Promise<string[]> =>
  (await readdir(folder)).filter((file) => file.endsWith(".log")).sort();

/** Reads the log of a topic from a broker's data folder, or a copy of it. What is half written is left out at its end. */
export async function readReplica(
  broker: number,
  folder: string,
  topic: string,
  partitions: number,
  idOf: (message: Message) => Id,
): Promise<Replica> {
  const logs: PartitionLog[] = [];
  for (let partition = 0; partition < partitions; partition++) {
    logs.push(await readLog(join(folder, `${topic}-${partition}`), { topic, partition }, idOf));
  }
  return { broker, partitions: logs };
}

async function readLog(
  folder: string,
  origin: { readonly topic: string; readonly partition: number },
  idOf: (message: Message) => Id,
): Promise<PartitionLog> {
  const ids: Id[] = [];
  const batches = new Map<number, number>();
  let bordered = true;
  for (const segment of await segments(folder)) {
    for (const batch of recordBatches(new Uint8Array(await readFile(join(folder, segment))), origin)) {
      const list = await batch.open(origin, OPEN) as RecordList;
      for (const message of list) ids[message.offset] = idOf(message);
      // A run of plain messages in the old formats is no batch: they may have come one by one.
      if (batch.magic < 2 && batch.recordCount >= 0) bordered = false;
      else if (list.count > 0) batches.set(list.at(0).offset, list.count);
    }
  }
  return { ids, batches: bordered ? batches : undefined };
}

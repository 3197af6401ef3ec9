/** What producers send to the brokers of a test's cluster, batch by batch, and answers that are bent. */

import { errorNumbers } from "../../../src/base/error_codes.ts";
import { Accumulator } from "../../../src/producer/accumulator.ts";
import { produce } from "../../../src/protocol/produce.ts";
import type { Answer } from "../../../src/testing/call.ts";
import type { Cluster } from "../../../src/testing/cluster.ts";
import type { ControlledCall } from "../../../src/testing/controls.ts";
import { producerHead } from "../../../src/testing/producer_state.ts";

/** One batch in one request. */
export interface SentBatch {
  readonly broker: number;
  readonly partition: number;
  /** -1 where the batch has no number. */
  readonly producerId: number;
  readonly epoch: number;
  readonly sequence: number;
  readonly count: number;
  readonly bytes: Uint8Array;
}

/** What a broker does with a request instead of answering it. */
export type Bend = (call: ControlledCall<typeof produce>) => Promise<Answer<typeof produce> | undefined>;

/** Writes down all that comes to the brokers; the first requests are answered by the bends, in their order. */
export class Wire {
  readonly batches: SentBatch[] = [];

  constructor(cluster: Cluster, bends: readonly (Bend | undefined)[] = [], everyOther?: Bend) {
    const left = [...bends];
    cluster.control(produce, async (call) => {
      this.batches.push(...batchesOf(call));
      const bend = left.length > 0 ? left.shift() : everyOther;
      const answer = await (bend?.(call) ?? call.answer());
      return answer ?? await call.answer();
    }, Infinity);
  }

  /** Numbers as `epoch/sequence`, in the order in which the batches came. */
  numbers(partition = 0): string[] {
    return this.batches.filter((one) => one.partition === partition).map(({ epoch, sequence }) =>
      `${epoch}/${sequence}`
    );
  }
}

function batchesOf({ body, broker }: ControlledCall<typeof produce>): SentBatch[] {
  return body.topicData.flatMap(({ partitionData }) =>
    partitionData.map(({ index, records }): SentBatch => {
      const bytes = records!.slice();
      const none = { producerId: -1, epoch: -1, sequence: -1, count: -1 };
      return { broker, partition: index, ...(producerHead(bytes) ?? none), bytes };
    })
  );
}

/** Nothing is written, and the partitions have this error. */
export function refuse(
  error: keyof typeof errorNumbers,
  more: { readonly logStartOffset?: number; readonly baseOffset?: number } = {},
): Bend {
  // deno-lint-ignore require-await -- a bend is asked like a broker
  return async ({ body }) => ({
    responses: body.topicData.map(({ name, topicId, partitionData }) => ({
      name,
      topicId,
      partitionResponses: partitionData.map(({ index }) => ({
        ...{ index, errorCode: errorNumbers[error], baseOffset: -1 },
        ...more,
      })),
    })),
  });
}

/** All is written, and the partitions have this error. */
export function writeAnd(error: keyof typeof errorNumbers): Bend {
  return async (call) => {
    await call.answer();
    return await refuse(error)(call);
  };
}

/** All is written, and the connection ends before the answer. */
export const loseAnswer: Bend = async ({ answer }) => {
  await answer();
  return "close";
};

/** Counts, at each batch that is sent, how many of its partition are under way with it; while it lasts. */
export function watchInFlight(): { readonly counts: number[]; readonly end: () => void } {
  const counts: number[] = [];
  const { take } = Accumulator.prototype;
  Accumulator.prototype.take = function (this: Accumulator, queue, leader) {
    const batch = take.call(this, queue, leader);
    counts.push(queue.underWay);
    return batch;
  };
  return { counts, end: () => void (Accumulator.prototype.take = take) };
}

/** Each message is a batch of its own. */
export const ONE_BY_ONE: { readonly batchBytes: number } = { batchBytes: 1 };

/** Messages whose order can be seen. */
export function numbered(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${i}`);
}

/** Looks at what the producers of a run send: in which order, under which numbers, the same bytes again, and only after a failure. */

import { errorNumbers } from "../../src/base/error_codes.ts";
import { KafkaError } from "../../src/base/errors.ts";
import { Connection, type RequestOptions } from "../../src/connection/connection.ts";
import { produce } from "../../src/protocol/produce.ts";
import { recordBatches } from "../../src/records/reading.ts";
import { snappy } from "../../src/records/snappy.ts";
import { hashText } from "../../src/testing/chance.ts";
import type { Api, Request, Response } from "../../src/wire/schema.ts";
import type { Wire } from "./books.ts";
import { numberOf, ownerOf } from "./numbers.ts";

type ProduceRequest = Request<typeof produce>;
type ProduceResponse = Response<typeof produce>;

/** How many batches of a partition may be on their way: brokers remember the last five of a producer (P5), of others nothing. */
const NUMBERED_MAX = 5;

/** Sequences go on at 0 behind this one. */
const SEQUENCES = 2 ** 31;

/** What is known of a batch's records; "unknown": they may be in the log, or may yet come there. */
type Fate = "no" | "unknown" | "yes";

/** A batch as it went out. */
export interface Sent {
  /** The numbers of its messages. */
  readonly numbers: readonly number[];
  /** The topic and partition. */
  readonly place: string;
  /** Who sent it, and where to. */
  readonly lane: string;
  readonly producerId: number;
  readonly epoch: number;
  readonly sequence: number;
  /** Over its bytes. */
  readonly sum: number;
  tries: number;
  fate: Fate;
  /** Where tries went whose end is not known. */
  readonly open: Set<Connection>;
}

/** Sees every Produce request of the program while it lasts. */
export class Watch implements Wire {
  /** The batch that each message went out in last. */
  readonly last: Map<number, Sent> = new Map();
  /** How often each message went out. */
  readonly tries: Map<number, number> = new Map();
  /** Messages that went out without a sequence. */
  readonly #unnumbered = new Set<number>();
  readonly #tell: (fault: string) => void;
  readonly #before = Connection.prototype.request;
  readonly #firstSequence: number;
  readonly #onTheWay = new Map<string, number>();
  /** The newest epoch of each producer in each partition. */
  readonly #epochs = new Map<string, number>();
  /** All that went out in a producer's epoch to one partition. */
  readonly #streams = new Map<string, Sent[]>();

  /** `tell` is told what is wrong. Sequences begin at 0, or at that one in a producer's first epoch. */
  constructor(tell: (fault: string) => void, firstSequence = 0) {
    this.#tell = tell;
    this.#firstSequence = firstSequence;
    const before = this.#before;
    // deno-lint-ignore no-this-alias -- the function below has a `this` of its own: the connection
    const watch = this;
    Connection.prototype.request = function <A extends Api>(
      this: Connection,
      api: A,
      body: Request<A> | ((version: number) => Request<A>),
      options: RequestOptions,
    ): Promise<Response<A>> {
      const sent = api.key === produce.key ? watch.#begins(body as ProduceRequest) : [];
      const answer = before.call(this, api, body as never, options) as Promise<Response<A>>;
      if (sent.length > 0) {
        watch.#follow(this, sent, body as ProduceRequest, answer as unknown as Promise<ProduceResponse>);
      }
      return answer;
    } as typeof before;
  }

  /** Looks no more. */
  end(): void {
    Connection.prototype.request = this.#before;
  }

  isNumbered(number: number): boolean {
    return this.last.has(number) && !this.#unnumbered.has(number);
  }

  #begins(body: ProduceRequest): Sent[] {
    return body.topicData.flatMap(({ name, partitionData }) =>
      partitionData.map(({ index, records }) => this.#send(sentOf(`${name}/${index}`, records as Uint8Array)))
    );
  }

  #send(batch: Sent): Sent {
    const before = this.last.get(batch.numbers[0]!);
    const isAgain = before !== undefined && isSame(before, batch);
    if (!isAgain) { for (const number of batch.numbers) this.#checkNew(this.last.get(number), batch); }
    const sent = isAgain ? before : batch;
    if (sent.fate === "yes") this.#tell(`a batch of ${sent.place} was sent again after it was written`);
    sent.tries++;
    if (sent.producerId >= 0 && !(isAgain && this.#streamOf(sent).includes(sent))) this.#checkSequence(sent);
    for (const number of sent.numbers) {
      this.last.set(number, sent);
      if (sent.producerId < 0) this.#unnumbered.add(number);
      this.tries.set(number, (this.tries.get(number) ?? 0) + 1);
    }
    const onTheWay = (this.#onTheWay.get(sent.lane) ?? 0) + 1;
    this.#onTheWay.set(sent.lane, onTheWay);
    const most = sent.producerId >= 0 ? NUMBERED_MAX : 1;
    if (onTheWay > most) this.#tell(`${onTheWay} batches of ${sent.place} are on their way at once, ${most} may be`);
    return sent;
  }

  /** What may be in the log goes out as it was, or not at all (P2, P9, P10). */
  #checkNew(before: Sent | undefined, { place, epoch, sequence }: Sent): void {
    if (before === undefined || before.fate === "no") return;
    const was = `epoch ${before.epoch} and sequence ${before.sequence}`;
    this.#tell(
      `a batch of ${place} that may have been written with ${was} goes out again with ${epoch} and ${sequence}, or with other bytes`,
    );
  }

  /** Within an epoch sequences count records without a gap; what was surely not written may leave its place to others (P1). */
  #checkSequence(sent: Sent): void {
    const { lane, producerId, epoch, sequence, place } = sent;
    const newest = this.#epochs.get(`${lane} ${producerId}`) ?? 0;
    if (epoch < newest) this.#tell(`${place}: epoch ${epoch} of producer ${producerId} goes out behind ${newest}`);
    this.#epochs.set(`${lane} ${producerId}`, epoch);
    const stream = this.#streamOf(sent);
    while (stream.length > 0 && nextOf(stream.at(-1)!) !== sequence && stream.at(-1)!.fate === "no") stream.pop();
    const last = stream.at(-1);
    if (last === undefined ? sequence !== 0 && sequence !== this.#firstSequence : nextOf(last) !== sequence) {
      const behind = last === undefined ? "first" : `behind ${last.sequence} with ${last.numbers.length} records`;
      this.#tell(`${place}: sequence ${sequence} goes out ${behind}`);
    }
    stream.push(sent);
  }

  /** What went out under the numbers of a batch, but for what has left its place to others. */
  #streamOf({ lane, producerId, epoch }: Sent): Sent[] {
    const key = `${lane} ${producerId} ${epoch}`;
    const stream = this.#streams.get(key) ?? [];
    this.#streams.set(key, stream);
    return stream;
  }

  #follow(
    on: Connection,
    sent: readonly Sent[],
    { topicData }: ProduceRequest,
    answer: Promise<ProduceResponse>,
  ): void {
    const gaps = new Set<string>();
    const over = (fateOf: (place: string) => Fate) => {
      for (const batch of sent) {
        this.#onTheWay.set(batch.lane, this.#onTheWay.get(batch.lane)! - 1);
        const fate = fateOf(batch.place);
        if (fate === "unknown") batch.open.add(on);
        // What a try has left open, only its being there settles; or a gap, if it went the same way, or to another broker, which has
        // been deposed: by another way to the same broker it may still arrive.
        const isSettled = gaps.has(batch.place) && [...batch.open].every((one) => one === on || one.label !== on.label);
        if (isSettled) batch.open.clear();
        if (fate !== "no" || batch.open.size === 0) batch.fate = fate;
      }
    };
    answer.then(({ responses }) => {
      const fates = new Map<string, Fate>();
      for (const { name, topicId, partitionResponses } of responses) {
        const topic = name || topicData.find((it) => it.topicId === topicId)?.name;
        for (const { index, errorCode, baseOffset } of partitionResponses) {
          fates.set(`${topic}/${index}`, fateOf(errorCode, baseOffset));
          if (errorCode === errorNumbers.OUT_OF_ORDER_SEQUENCE_NUMBER) gaps.add(`${topic}/${index}`);
        }
      }
      over((place) => fates.get(place) ?? "unknown");
    }, () => over(() => "unknown"));
  }
}

/** An error beside an offset came after the leader had written it: it may stay, or be cut off. */
function fateOf(errorCode: number, baseOffset: number): Fate {
  if (errorCode === 0) return "yes";
  if (baseOffset >= 0) return "unknown";
  const { persisted } = KafkaError.ofBroker(errorCode, "");
  return persisted === "possibly" ? "unknown" : persisted ?? "unknown";
}

function sentOf(place: string, records: Uint8Array): Sent {
  const numbers: number[] = [];
  let producerId = -1, epoch = -1, sequence = -1;
  for (const batch of recordBatches(records, { topic: "", partition: 0 })) {
    ({ producerId, baseSequence: sequence, producerEpoch: epoch } = batch);
    const list = batch.open({ topic: "", partition: 0 }, {
      codecs: { snappy },
      checkCrc: false,
      decompressedLimit: 1e8,
    });
    if (list instanceof Promise) throw new Error("a codec of the simulation is not synchronous");
    for (const message of list) numbers.push(numberOf(message.text()));
  }
  const lane = `${ownerOf(numbers[0]!)} ${place}`;
  let sum = records.length;
  for (let i = 0; i < records.length; i++) sum = Math.imul(sum ^ records[i]!, 0x01000193);
  return {
    numbers,
    place,
    lane,
    producerId,
    epoch,
    sequence,
    sum: hashText("", sum),
    tries: 0,
    fate: "unknown",
    open: new Set(),
  };
}

function isSame(before: Sent, { place, sum, numbers }: Sent): boolean {
  return before.place === place && before.sum === sum && before.numbers.length === numbers.length;
}

function nextOf({ sequence, numbers }: Sent): number {
  return (sequence + numbers.length) % SEQUENCES;
}

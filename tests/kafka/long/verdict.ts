/** Judges a run in which brokers died: what our client has to answer for, and what the brokers themselves have cut off. */

/** A message's identity as a number: who produced it, and which one in its partition it was. */
export type Id = number;

const SEQUENCES = 2 ** 31;

/** The message of a producer that is `sequence`-th (from 0) in its partition. */
export const idOf = (producer: number, sequence: number): Id => producer * SEQUENCES + sequence;
const producerOf = (id: Id): number => Math.floor(id / SEQUENCES);
const sequenceOf = (id: Id): number => id % SEQUENCES;
const nameOf = (id: Id | undefined): string =>
  id === undefined ? "nothing" : `message ${sequenceOf(id)} of producer ${producerOf(id)}`;

/** One partition's log: the messages by their offsets, which begin with 0. */
export interface PartitionLog {
  readonly ids: readonly (Id | undefined)[];
  /** Where batches begin and how many messages each has; only where the format keeps them together. */
  readonly batches?: ReadonlyMap<number, number> | undefined;
}

/** The logs of a topic's partitions, as one broker has them in its files at one time. */
export interface Replica {
  readonly broker: number;
  readonly partitions: readonly PartitionLog[];
}

/** What a consumer that ran meanwhile was given, by partition: in its order. */
export interface Reader {
  readonly name: string;
  readonly partitions: readonly { readonly offsets: readonly number[]; readonly ids: readonly Id[] }[];
}

/** All that is known of a run. */
export interface Evidence {
  /** How many messages each producer has asked for, by producer and partition. */
  readonly produced: readonly (readonly number[])[];
  /** Whether the producers were idempotent: then nothing may stand there twice. */
  readonly once: boolean;
  /** What was acknowledged, by partition: where each message is said to be. */
  readonly acknowledged: readonly ReadonlyMap<Id, number>[];
  /** The logs as a consumer reads them when all is over. */
  readonly log: readonly PartitionLog[];
  readonly readers: readonly Reader[];
  /** The files of all brokers as they were at each fault. */
  readonly kept: readonly Replica[];
  /** The brokers' files when all is over. */
  readonly replicas: readonly Replica[];
}

/** What came out. */
export interface Verdict {
  /** What no broker can have done: faults of the client. */
  readonly ours: readonly string[];
  /** What brokers have lost or kept differently, each proved by their own files. Right releases have none of it (KIP-101). */
  readonly theirs: readonly string[];
  /** Messages that stand in the log more than once, each repetition counted. */
  readonly duplicates: number;
  /** Batches that stand there more than once: each repetition is one retry whose first try was written after all. */
  readonly retries: number;
}

/** So many of one kind are told one by one. */
const TOLD_MAX = 20;

/** Collects what is found. */
class Findings {
  readonly ours: string[] = [];
  readonly theirs: string[] = [];
  duplicates = 0;
  retries = 0;
  /** What was acknowledged and written, and is gone: by partition. */
  readonly lost: Set<Id>[] = [];

  tell(isTheirs: boolean, text: string): void {
    if (isTheirs) this.theirFault(text);
    else this.ourFault(text);
  }

  ourFault(text: string): void {
    if (this.ours.length < TOLD_MAX) this.ours.push(text);
  }

  theirFault(text: string): void {
    if (this.theirs.length < TOLD_MAX) this.theirs.push(text);
  }
}

/** Looks at everything; pure. */
export function judge(evidence: Evidence): Verdict {
  const findings = new Findings();
  for (const partition of evidence.log.keys()) {
    findings.lost.push(new Set());
    judgeAcknowledgements(evidence, partition, findings);
    judgeOrder(evidence, partition, findings);
    for (const reader of evidence.readers) judgeReader(evidence, reader, partition, findings);
    judgeReplicas(evidence, partition, findings);
  }
  const { ours, theirs, duplicates, retries } = findings;
  return { ours, theirs, duplicates, retries };
}

/** So many replicas are to have a message before it is acknowledged (`min.insync.replicas`). */
const IN_SYNC_MIN = 2;

/**
 * What the files of the faults say of a message that was acknowledged, or read, at a place where it is no more. What is
 * acknowledged stands in the logs of the leader and of another broker by then. A leader changes only by a fault, after which all
 * files were kept before anybody could cut them. So the brokers have cut it off if two of them had it there; if fewer had, it
 * was never written, or we were told of something else than we believed (had not asked all replicas, say): our fault.
 */
function whatFilesSay({ kept }: Evidence, at: number, offset: number, id: Id): { cutOff: boolean; text: string } {
  const had = new Set(kept.filter(({ partitions }) => partitions[at]?.ids[offset] === id).map(({ broker }) => broker));
  if (had.size === 0) return { cutOff: false, text: "no broker's files have had it there" };
  const text = `it was in the log of ${had.size > 1 ? "brokers" : "broker"} ${[...had].join(" and ")}`;
  return had.size < IN_SYNC_MIN
    ? { cutOff: false, text: `${text} alone` }
    : { cutOff: true, text: `${text}, and was cut off there` };
}

/** Everything that was asked for is acknowledged, and is where the acknowledgement says. */
function judgeAcknowledgements(evidence: Evidence, at: number, to: Findings): void {
  const { produced, acknowledged, log } = evidence;
  for (const [producer, counts] of produced.entries()) {
    for (let sequence = 0; sequence < counts[at]!; sequence++) {
      const id = idOf(producer, sequence);
      const offset = acknowledged[at]!.get(id);
      if (offset === undefined) {
        to.ourFault(`partition ${at}: ${nameOf(id)} was never acknowledged`);
        continue;
      }
      const there = log[at]!.ids[offset];
      if (there === id) continue;
      const where = `partition ${at}: ${nameOf(id)} was acknowledged at ${offset}, where now is ${nameOf(there)}`;
      const { cutOff, text } = whatFilesSay(evidence, at, offset, id);
      if (cutOff) to.lost[at]!.add(id);
      to.tell(cutOff, `${where}; ${text}`);
    }
  }
}

/** First occurrences come in order and without gaps; what comes again is a retry, from a batch's first message on. */
function judgeOrder({ log, produced, once }: Evidence, at: number, to: Findings): void {
  const { ids, batches } = log[at]!;
  const next = produced.map(() => 0);
  const last = produced.map(() => -1);
  const sizes = new Map<Id, number>();
  for (let offset = 0; offset < ids.length; offset++) {
    const id = ids[offset];
    if (id === undefined || produced[producerOf(id)] === undefined) {
      to.ourFault(`partition ${at}: at ${offset} is ${nameOf(id)}`);
      continue;
    }
    const [producer, sequence] = [producerOf(id), sequenceOf(id)];
    const size = batches?.get(offset);
    if (sequence >= next[producer]!) {
      for (let gap = next[producer]!; gap < sequence; gap++) {
        const missing = idOf(producer, gap);
        if (!to.lost[at]!.has(missing)) {
          to.ourFault(`partition ${at}: ${nameOf(id)} at ${offset} comes before ${nameOf(missing)}`);
        }
      }
      next[producer] = sequence + 1;
    } else {
      to.duplicates++;
      if (once) to.ourFault(`partition ${at}: ${nameOf(id)} comes again at ${offset}`);
      if (sequence <= last[producer]!) {
        to.retries++;
        if (batches && (size === undefined || size !== sizes.get(id))) {
          to.ourFault(`partition ${at}: ${nameOf(id)} comes again at ${offset}, and not with its whole batch`);
        }
      } else if (sequence !== last[producer]! + 1) {
        to.ourFault(`partition ${at}: ${nameOf(id)} comes again at ${offset}, and not behind the one before it`);
      }
    }
    last[producer] = sequence;
    if (size !== undefined) sizes.set(id, size);
  }
}

/** Every offset once, in order, up to the end, and with the message that stands there. */
function judgeReader(evidence: Evidence, reader: Reader, at: number, to: Findings): void {
  const { offsets, ids } = reader.partitions[at]!;
  const { ids: wanted } = evidence.log[at]!;
  // A reader that has met a log which was cut has read what is gone, and may have been sent back.
  const excused = to.lost[at]!.size > 0;
  let expected = 0;
  for (const [i, offset] of offsets.entries()) {
    if (offset !== expected) {
      to.tell(excused, `partition ${at}: ${reader.name} read ${offset} where ${expected} was next`);
    }
    expected = offset + 1;
    if (ids[i] === wanted[offset]) continue;
    const what = `partition ${at}: ${reader.name} read ${nameOf(ids[i])} at ${offset}, where is ${
      nameOf(wanted[offset])
    }`;
    const { cutOff, text } = whatFilesSay(evidence, at, offset, ids[i]!);
    to.tell(cutOff, `${what}; ${text}`);
  }
  if (expected !== wanted.length) {
    to.tell(excused, `partition ${at}: ${reader.name} ended before ${expected}, of ${wanted.length}`);
  }
}

/** When all is over, all replicas are the same, and what a consumer of ours reads is what the files hold. */
function judgeReplicas({ log, replicas }: Evidence, at: number, to: Findings): void {
  const { ids } = log[at]!;
  for (const { broker, partitions } of replicas) {
    const own = partitions[at]?.ids ?? [];
    let offset = 0;
    while (offset < Math.max(ids.length, own.length) && ids[offset] === own[offset]) offset++;
    if (offset === ids.length && offset === own.length) continue;
    const text =
      `partition ${at}: at ${offset} a consumer reads ${nameOf(ids[offset])}, and in the log of broker ${broker} is ` +
      `${nameOf(own[offset])}`;
    const others = replicas.some(({ partitions }) => partitions[at]?.ids[offset] === ids[offset]);
    to.tell(others, others ? `${text}: the replicas have diverged` : text);
  }
}

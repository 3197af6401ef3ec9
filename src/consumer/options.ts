/** Every option of a simple consumer, its default, and what is allowed. */

import { KafkaError } from "../base/errors.ts";
import {
  type Checked,
  checkOptions,
  either,
  oneOf,
  type OptionRules,
  someInterceptors,
  someSignal,
  someText,
  trueOrFalse,
  wholeNumber,
} from "../base/options.ts";
import type { ConsumerInterceptor } from "./interceptors.ts";

/** How a simple consumer reads. */
export interface SimpleConsumerOptions {
  /** Which partitions; all of the topic, with those that are added later, if not said. */
  readonly partitions?: readonly number[] | undefined;
  /** Whose progress is kept: it commits offsets for that group, and goes on where the group has committed. It does not join the group. */
  readonly group?: string | undefined;
  /** Whether what is finished is committed every `autoCommitMs` and on close; true where there is a group, if not said. */
  readonly autoCommit?: boolean | undefined;
  /** Milliseconds between automatic commits; 5,000 if not said. */
  readonly autoCommitMs?: number | undefined;
  /** Who keeps the group's offsets: `"kafka"` (the default), or `"zookeeper"`, through brokers that it runs (before Kafka 4.0). */
  readonly offsets?: "kafka" | "zookeeper" | undefined;
  /** A text that is stored beside each committed offset; none if not said. */
  readonly commitMetadata?: string | undefined;
  /**
   * Where to begin, in partitions that the group has not committed: `"earliest"` (the default: nothing is skipped), `"latest"`, an
   * offset, or a date (from Kafka 0.10.1).
   */
  readonly from?: "earliest" | "latest" | number | Date | undefined;
  /** Where to go on when the log does not hold the offset: `"earliest"` (the default), `"latest"`, or `"error"`: `OFFSET_OUT_OF_RANGE` is thrown. */
  readonly reset?: "earliest" | "latest" | "error" | undefined;
  /** `"end"`: the loop ends where the log ended when it began; it goes on for ever if not said. */
  readonly until?: "end" | undefined;
  /** A broker waits for so many bytes before it answers; 1 if not said. */
  readonly minBytes?: number | undefined;
  /** Milliseconds that a broker waits for `minBytes`; 500 if not said. */
  readonly maxWaitMs?: number | undefined;
  /** Bytes of one partition in an answer, 1,048,576 if not said; a larger first batch comes whole. */
  readonly partitionBytes?: number | undefined;
  /** Bytes of an answer; 8,388,608 if not said. */
  readonly responseBytes?: number | undefined;
  /** Bytes that are fetched ahead and not read yet; 33,554,432 if not said. */
  readonly bufferBytes?: number | undefined;
  /** Bytes that one batch may have when it is decompressed; 134,217,728 if not said. */
  readonly decompressedBytes?: number | undefined;
  /**
   * Whether checksums are compared; true if not said. What is corrupt throws `CORRUPT_MESSAGE`, with the partition and the offset
   * where the reader stands, again until somebody seeks past it; a loop that is begun again reads the other partitions meanwhile.
   */
  readonly checkCrc?: boolean | undefined;
  /** See every message just before the loop does; after those of the client. */
  readonly interceptors?: readonly ConsumerInterceptor[] | undefined;
  /** Ends loops over this consumer with its reason. */
  readonly signal?: AbortSignal | undefined;
}

const BYTES_MAX = 0x7fffffff;

/** What each option may be. */
export const rules: OptionRules<SimpleConsumerOptions> = {
  partitions: {
    allowed: "a list of different whole numbers from 0",
    accepts: (value) =>
      Array.isArray(value) && new Set(value).size === value.length &&
      value.every((one) => Number.isInteger(one) && one >= 0),
  },
  group: someText,
  autoCommit: trueOrFalse,
  autoCommitMs: wholeNumber(1, 86_400_000),
  offsets: oneOf("kafka", "zookeeper"),
  commitMetadata: { allowed: "a text", accepts: (value) => typeof value === "string" },
  from: either(oneOf("earliest", "latest"), wholeNumber(0, Number.MAX_SAFE_INTEGER), {
    allowed: "a valid Date",
    accepts: (value) => value instanceof Date && !Number.isNaN(value.getTime()),
  }),
  reset: oneOf("earliest", "latest", "error"),
  until: oneOf("end"),
  minBytes: wholeNumber(0, BYTES_MAX),
  maxWaitMs: wholeNumber(0, 3_600_000),
  partitionBytes: wholeNumber(1, 1024 * 1024 * 1024),
  responseBytes: wholeNumber(1, 1024 * 1024 * 1024),
  bufferBytes: wholeNumber(1, BYTES_MAX),
  decompressedBytes: wholeNumber(1, BYTES_MAX),
  checkCrc: trueOrFalse,
  interceptors: someInterceptors,
  signal: someSignal,
};

const defaults = {
  autoCommitMs: 5000,
  offsets: "kafka",
  commitMetadata: "",
  from: "earliest",
  reset: "earliest",
  minBytes: 1,
  maxWaitMs: 500,
  partitionBytes: 1024 * 1024,
  responseBytes: 8 * 1024 * 1024,
  bufferBytes: 32 * 1024 * 1024,
  decompressedBytes: 128 * 1024 * 1024,
  checkCrc: true,
} as const;

/** The options after the check. */
export type CheckedOptions = Checked<SimpleConsumerOptions, typeof defaults>;

/** Options that mean nothing without a group. */
const OF_GROUPS = ["autoCommit", "autoCommitMs", "offsets", "commitMetadata"] as const;

/** Checks the options; `INVALID_OPTION` names the one that is wrong, and what is allowed. */
export function checkedOptions(options: SimpleConsumerOptions): CheckedOptions {
  const checked = checkOptions<SimpleConsumerOptions, typeof defaults>("simpleConsumer", options, rules, defaults);
  const orphan = OF_GROUPS.find((name) => options[name] !== undefined && options[name] !== false);
  if (checked.group !== undefined || orphan === undefined) return checked;
  throw new KafkaError("INVALID_OPTION", `simpleConsumer: ${orphan} needs a group`);
}

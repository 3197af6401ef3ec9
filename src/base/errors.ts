/** The one class of error that Samsa throws, and the table of the errors that are its own. */

import { type BrokerError, brokerError } from "./error_codes.ts";

/** An error of Samsa's own: none of these names is Kafka's. */
export interface OwnError {
  /** Whether the same call may succeed later. */
  readonly retriable: boolean;
  /** Whether the records of a produce request that ended so may be in the log; where not said, they are not. */
  readonly persisted?: "possibly";
  /** What it means. */
  readonly sentence: string;
}

/** A code of Samsa's own. */
export type OwnCode =
  | "CONNECTION_REFUSED"
  | "HOST_NOT_FOUND"
  | "HOST_UNREACHABLE"
  | "CONNECT_TIMEOUT"
  | "CONNECTION_RESET"
  | "CONNECTION_CLOSED"
  | "REQUEST_TIMEOUT"
  | "DELIVERY_TIMEOUT"
  | "TLS_FAILED"
  | "NOT_KAFKA"
  | "PROTOCOL_ERROR"
  | "FRAME_TOO_LARGE"
  | "NO_BROKERS"
  | "INVALID_OPTION"
  | "UNSUPPORTED_FEATURE"
  | "BATCH_REFUSED"
  | "LOG_TRUNCATED"
  | "CLOSED";

/** Samsa's own errors by code. */
export const ownErrors: Readonly<Record<OwnCode, OwnError>> = {
  CONNECTION_REFUSED: { retriable: true, sentence: "Nobody listens at the address" },
  HOST_NOT_FOUND: { retriable: true, sentence: "The host's name is not known" },
  HOST_UNREACHABLE: { retriable: true, sentence: "There is no way to the host" },
  CONNECT_TIMEOUT: { retriable: true, sentence: "The connection was not ready in time" },
  CONNECTION_RESET: { retriable: true, persisted: "possibly", sentence: "The connection broke" },
  CONNECTION_CLOSED: { retriable: true, persisted: "possibly", sentence: "The connection was closed" },
  REQUEST_TIMEOUT: { retriable: true, persisted: "possibly", sentence: "The broker did not answer in time" },
  DELIVERY_TIMEOUT: { retriable: false, sentence: "The messages were not acknowledged in time" },
  TLS_FAILED: { retriable: false, sentence: "The TLS handshake failed" },
  NOT_KAFKA: { retriable: false, sentence: "What answers there does not speak Kafka's protocol" },
  PROTOCOL_ERROR: { retriable: false, persisted: "possibly", sentence: "The peer broke the protocol" },
  FRAME_TOO_LARGE: {
    retriable: false,
    persisted: "possibly",
    sentence: "The peer announced a frame that is too large",
  },
  NO_BROKERS: { retriable: true, sentence: "No broker could be reached" },
  INVALID_OPTION: { retriable: false, sentence: "An option has a value that is not allowed" },
  UNSUPPORTED_FEATURE: { retriable: false, sentence: "The broker or the platform cannot do that" },
  BATCH_REFUSED: { retriable: true, sentence: "Another message of the same batch was refused" },
  LOG_TRUNCATED: { retriable: false, sentence: "The log was cut back behind what had been read" },
  CLOSED: { retriable: false, sentence: "It has been closed" },
};

/** Where an error belongs, as far as it is known, and what it came from. */
export interface ErrorContext {
  /** Which broker, as `host:port` or with its id. */
  readonly broker?: string | undefined;
  /** Which topic. */
  readonly topic?: string | undefined;
  /** Which partition of it. */
  readonly partition?: number | undefined;
  /** Which offset in it. */
  readonly offset?: number | undefined;
  /** What caused it. */
  readonly cause?: unknown;
  /** Whether the records of a produce call are in the log, where it is known better than by the code. */
  readonly persisted?: "no" | "possibly" | "yes" | undefined;
  /** What became of each message of a produce call, in their order. */
  readonly reports?: readonly unknown[] | undefined;
  /** Whether a retry may help, where it is known better than by the code. */
  readonly retriable?: boolean | undefined;
  /** Whether what threw it is of no use any more. */
  readonly fatal?: boolean | undefined;
}

/**
 * Everything that goes wrong, but for a caller's own abort, which rejects with the signal's reason. `code` is stable: Kafka's
 * own name for what a broker said, or one of {@linkcode OwnCode}.
 */
export class KafkaError extends Error {
  /** Always `"KafkaError"`. */
  /** For stack traces and logs. */
  override get name(): string {
    return "KafkaError";
  }
  /** Kafka's own name of the error, or one of ours. */
  readonly code: string;
  /** Whether the same call may succeed later. */
  readonly retriable: boolean;
  /** Whether what threw it is of no use any more. */
  readonly fatal: boolean;
  /** Whether a broker said that the client's picture of the cluster is out of date. */
  readonly stale: boolean;
  /** Which broker it came from or was about, where that is known. */
  readonly broker: string | undefined;
  /** Which topic it is about. */
  readonly topic: string | undefined;
  /** Which partition it is about. */
  readonly partition: number | undefined;
  /** Which offset it is about. */
  readonly offset: number | undefined;
  /** From producing: whether the messages are in the log. */
  readonly persisted: "no" | "possibly" | "yes";
  /** From producing a list: what became of each message. */
  readonly reports: readonly unknown[] | undefined;
  readonly #kind: OwnCode | BrokerError;
  readonly #detail: string;

  /** `detail` says what, where and why, without a full stop; empty, the code's own sentence takes its place. */
  constructor(code: OwnCode | BrokerError, detail: string, context: ErrorContext = {}) {
    const kind: BrokerError | (OwnError & { code: string }) = typeof code === "string"
      ? { code, ...ownErrors[code] }
      : code;
    super(`${kind.code}: ${detail || kind.sentence}`, context.cause === undefined ? {} : { cause: context.cause });
    this.code = kind.code;
    this.retriable = context.retriable ?? kind.retriable;
    this.fatal = context.fatal ?? false;
    this.stale = "stale" in kind && kind.stale;
    this.broker = context.broker;
    this.topic = context.topic;
    this.partition = context.partition;
    this.offset = context.offset;
    this.persisted = context.persisted ?? kind.persisted ?? "no";
    this.reports = context.reports;
    this.#kind = code;
    this.#detail = detail;
  }

  /** The same error where more is known about where it belongs; what is known already stays. */
  within(context: ErrorContext): KafkaError {
    const known = this.#context();
    const isNew = Object.keys(said(context)).some((name) => !(name in known));
    return isNew ? new KafkaError(this.#kind, this.#detail, { cause: this, ...said(context), ...known }) : this;
  }

  /** The same error where something about it is known better; what the context leaves out stays. */
  with(context: ErrorContext): KafkaError {
    return new KafkaError(this.#kind, this.#detail, { cause: this, ...this.#context(), ...said(context) });
  }

  #context(): ErrorContext {
    const { retriable, fatal, broker, topic, partition, offset, persisted, reports } = this;
    return said({ retriable, fatal, broker, topic, partition, offset, persisted, reports });
  }

  /** What a broker answered: its number, and where it belongs. */
  static ofBroker(number: number, detail: string, context: ErrorContext = {}): KafkaError {
    const error = brokerError(number);
    return new KafkaError(error, detail ? `${error.sentence} (${detail})` : error.sentence, context);
  }
}

/** A context without what is undefined in it: an unknown never covers what is known. */
function said(context: ErrorContext): ErrorContext {
  return Object.fromEntries(Object.entries(context).filter(([, value]) => value !== undefined));
}

/** What an operator reads in a log: which events are worth a line, at which level, and in which words. */

import { KafkaError } from "./errors.ts";
import type { ClientEvent } from "./events.ts";

/** What belongs to a line, for logs that can be searched: the event that it tells of, its error by code. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

/**
 * Where log lines go: a line that says all by itself, and its fields behind it. `console` is one, and so is a logger of winston's. A
 * logger that wants fields in front (pino's) prints the line alone as it is, and all of it by
 * `{ warn: (line, fields) => pino.warn(fields, line), … }`.
 *
 * Levels: `error` for what a reader or a caller has lost unless somebody does something; `warn` for what fails and is tried again, or
 * what skips data; `info` for what heals by itself; `debug` for what is expected. Single requests and batches that went well are not
 * logged: `onEvent` tells of them. What a logger throws becomes an unhandled rejection.
 */
export interface Logger {
  /** What is expected: connections that come and go, metadata that was fetched. */
  debug(message: string, fields: LogFields): void;
  /** What heals by itself: first retries, connections that a broker closed while nothing was asked. */
  info(message: string, fields: LogFields): void;
  /** What keeps failing, is throttled, or skips data. */
  warn(message: string, fields: LogFields): void;
  /** What stays lost unless somebody does something. */
  error(message: string, fields: LogFields): void;
}

/** How urgent a line is. */
export type LogLevel = "debug" | "info" | "warn" | "error";

/** So many failures of one thing in a row are everyday: a leader has moved, a broker restarts. */
const EVERYDAY_FAILURES = 3;

/** Writes the line of an event, if it is worth one. */
export function writeLine(log: Logger, event: ClientEvent): void {
  const level = levelOf(event);
  if (level !== undefined) log[level](lineOf(event), fieldsOf(event));
}

function levelOf(event: ClientEvent): LogLevel | undefined {
  switch (event.type) {
    case "connected":
    case "authenticated":
      return "debug";
    case "connectFailed":
      return isOver(event.error) ? "debug" : "warn";
    case "disconnected":
      if (event.expected) return "debug";
      return event.inFlight === 0 ? "info" : "warn";
    case "request":
      // A lost connection has a line of its own, and who gave up waiting knows.
      return event.throttleMs > 0 || codeOf(event.error) === "REQUEST_TIMEOUT" ? "warn" : undefined;
    case "retry":
      if (event.delayMs === 0) return "debug"; // an idle connection had ended: nobody's fault
      return event.attempt <= EVERYDAY_FAILURES ? "info" : "warn";
    case "metadata":
      return event.error === undefined || isOver(event.error) ? "debug" : "warn";
    case "batchSent":
      return event.error === undefined || isOver(event.error) ? undefined : "error";
    case "offsetReset":
      return "warn";
    case "partitionFailed":
      return "error";
    default:
      return undefined;
  }
}

/** Somebody ended it: by closing, or by a signal of their own. */
function isOver(error: unknown): boolean {
  const code = codeOf(error);
  return code === undefined || code === "CLOSED";
}

function codeOf(error: unknown): string | undefined {
  return error instanceof KafkaError ? error.code : undefined;
}

function lineOf(event: ClientEvent): string {
  switch (event.type) {
    case "connected":
      return `Connected to ${event.broker} in ${round(event.durationMs)} ms`;
    case "authenticated":
      return `Authenticated to ${event.broker} by ${event.mechanism}${event.again ? ", again" : ""}`;
    case "connectFailed":
      return `Could not connect to ${event.broker}: ${wordsOf(event.error)}`;
    case "disconnected":
      return event.expected
        ? `Closed the connection to ${event.broker}`
        : `Lost the connection to ${event.broker} with ${event.inFlight} requests in flight: ${wordsOf(event.error)}`;
    case "request":
      return event.error === undefined
        ? `${event.broker} throttled ${event.api} for ${event.throttleMs} ms`
        : `${event.broker} has not answered ${event.api} v${event.version}: ${wordsOf(event.error)}`;
    case "retry":
      return `${retried(event.what, event.topic, event.partition)} again in ${round(event.delayMs)} ms, ` +
        `after failure ${event.attempt}: ${wordsOf(event.error)}`;
    case "metadata":
      return event.error === undefined
        ? `Metadata from ${event.broker}: ${event.brokers} brokers, ${event.topics} topics`
        : `Could not fetch metadata: ${wordsOf(event.error)}`;
    case "batchSent":
      return `Gave up ${event.records} messages for ${event.topic}/${event.partition}: ${wordsOf(event.error)}`;
    case "batchFetched":
      return `Fetched ${event.batches} batches of ${event.topic}/${event.partition}`;
    case "offsetReset":
      return `${event.topic}/${event.partition} has no offset ${event.offset}: going on at the ${event.to}`;
    case "partitionFailed":
      return `Can not go on in ${event.topic}/${event.partition}: ${wordsOf(event.error)}`;
  }
}

function retried(what: string, topic: string | undefined, partition: number | undefined): string {
  const where = topic === undefined ? "" : partition === undefined ? ` ${topic}` : ` ${topic}/${partition}`;
  const verb = { produce: "Sending to", fetch: "Fetching", call: "Asking" }[what];
  return `${verb ?? what}${where}`;
}

/** All of it in one line, an error by its code; it may end up as JSON. */
function fieldsOf(event: ClientEvent): LogFields {
  const { type, ...rest } = event;
  if (!("error" in rest) || rest.error === undefined) return { event: type, ...rest } as LogFields;
  return { event: type, ...rest, error: codeOf(rest.error) ?? wordsOf(rest.error) };
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function round(ms: number): number {
  return Math.round(ms * 10) / 10;
}

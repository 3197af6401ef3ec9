/**
 * An example: carries W3C trace context (https://www.w3.org/TR/trace-context/) in the headers of messages, so that a trace goes
 * on in whoever consumes them. Give `new TraceContextInterceptor({ current })` to a client's `interceptors`.
 */

import type { Header, Interceptor, Message, OutgoingMessage } from "@samsa/kafka";

/** Where in a trace something happens. */
export interface TraceContext {
  /** The trace: 32 lower-case hexadecimal digits, not all 0. */
  readonly traceId: string;
  /** The span in it: 16 lower-case hexadecimal digits, not all 0. */
  readonly spanId: string;
  /** Bit 0: whether it is recorded. */
  readonly flags: number;
  /** What tracing systems add for themselves: `"a=1,b=2"`; empty if they do not. */
  readonly state: string;
}

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const ZEROS = /^0+$/;
const SAMPLED = 1;

/** A member of the state: a key, with a tenant before `@` or without, and a value that does not end in a space. */
const MEMBER =
  /^(?:[a-z][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13})=[ -+\--<>-~]{0,255}[!-+\--<>-~]$/;
const MEMBERS_MAX = 32;

/** Reads a `traceparent`; undefined if it is malformed: then a new trace begins. Versions to come may add parts behind the known ones. */
export function parseTraceparent(text: string): Omit<TraceContext, "state"> | undefined {
  const [, version, traceId, spanId, flags, more] = TRACEPARENT.exec(text) ?? [];
  if (version === undefined || traceId === undefined || spanId === undefined || flags === undefined) return undefined;
  if (version === "ff" || (version === "00" && more !== undefined)) return undefined;
  if (ZEROS.test(traceId) || ZEROS.test(spanId)) return undefined;
  const known = version === "00" ? 0xff : SAMPLED;
  return { traceId, spanId, flags: Number.parseInt(flags, 16) & known };
}

/** Writes a `traceparent`, of version 00. */
export function formatTraceparent({ traceId, spanId, flags }: Omit<TraceContext, "state">): string {
  return `00-${traceId}-${spanId}-${flags.toString(16).padStart(2, "0")}`;
}

/** Reads a `tracestate`; empty if it is malformed, has a key twice or too many members. The trace goes on without it then. */
export function parseTracestate(text: string): string {
  const members = text.split(",").map((member) => member.replace(/^[ \t]+|[ \t]+$/g, "")).filter((member) =>
    member !== ""
  );
  const keys = new Set(members.map((member) => member.slice(0, member.indexOf("="))));
  const isSound = members.length <= MEMBERS_MAX && keys.size === members.length &&
    members.every((member) => MEMBER.test(member));
  return isSound ? members.join(",") : "";
}

/** Where the sender of a message was, by its headers; undefined if they do not say. */
export function traceContextOf(headers: readonly Header[]): TraceContext | undefined {
  const decoder = new TextDecoder();
  const texts = (wanted: string) =>
    headers.filter(([name, value]) => name.toLowerCase() === wanted && value !== null)
      .map(([, value]) => decoder.decode(value!));
  const [parent, ...others] = texts("traceparent");
  if (parent === undefined || others.length > 0) return undefined;
  const context = parseTraceparent(parent);
  // A state that comes in several headers is one list.
  return context && { ...context, state: parseTracestate(texts("tracestate").join(",")) };
}

/** The headers that say where the sender is. */
export function traceHeaders(context: TraceContext): [name: string, value: string][] {
  const headers: [string, string][] = [["traceparent", formatTraceparent(context)]];
  if (context.state !== "") headers.push(["tracestate", context.state]);
  return headers;
}

/** What comes next in a trace, or a new trace. */
export function childOf(parent: TraceContext | undefined): TraceContext {
  const spanId = randomHex(8);
  return parent ? { ...parent, spanId } : { traceId: randomHex(16), spanId, flags: SAMPLED, state: "" };
}

function randomHex(bytes: number): string {
  for (;;) {
    const digits = [...crypto.getRandomValues(new Uint8Array(bytes))].map((byte) => byte.toString(16).padStart(2, "0"));
    if (digits.some((two) => two !== "00")) return digits.join("");
  }
}

/** How to trace. */
export interface TraceContextOptions {
  /** Where in a trace whoever produces is now: an `AsyncLocalStorage` knows, for one. Undefined: a message begins a trace. */
  readonly current: () => TraceContext | undefined;
  /** Called for each message that comes in, with where its sender was. */
  readonly received?: ((message: Message, sender: TraceContext | undefined) => void) | undefined;
}

/** Puts the context into what goes out, and reads it from what comes in. */
export class TraceContextInterceptor implements Interceptor {
  /** For errors. */
  readonly name = "trace context";
  readonly #options: TraceContextOptions;

  /** Works with any number of clients. */
  constructor(options: TraceContextOptions) {
    this.#options = options;
  }

  /** A message that brings a context of its own keeps it: it is passed on from elsewhere. */
  onSend({ headers }: OutgoingMessage): void {
    if (headers.some(([name]) => name.toLowerCase() === "traceparent")) return;
    headers.push(...traceHeaders(childOf(this.#options.current())));
  }

  /** Looks, and changes nothing. */
  onConsume(message: Message): void {
    this.#options.received?.(message, traceContextOf(message.headers));
  }
}

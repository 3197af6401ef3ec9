/** A stream of bytes through a WebSocket, with backpressure both ways: what a page and a bridge speak with one another. */

import { KafkaError, type OwnCode } from "../base/errors.ts";
import { type Deferred, realWorld } from "../base/world.ts";
import { closedHere } from "./failure.ts";
import { Inbox } from "./inbox.ts";
import { joined } from "./joining.ts";
import type { Transport } from "./transport.ts";

/**
 * The subprotocol: its name, and its version.
 *
 * A page opens a WebSocket whose URL says `?to=host:port`. Binary messages are the bytes of the stream, cut anyhow. A message of
 * text is a whole number in decimal digits: so many more bytes the sender of it is ready for. Nobody sends more bytes than it has
 * been allowed, since nobody can keep a WebSocket from delivering. The page allows some as soon as the WebSocket is open, the bridge
 * as soon as it has connected, and so its first number says that. The end of the stream is a close with 1000; any other close is
 * a failure: 4000 and above have their place in {@linkcode CLOSE_CODES}, and the reason says more. What is about the broker leaves
 * out its name, which both know, and begins with a space or a colon.
 */
export const SUBPROTOCOL = "samsa.tunnel.1";

/** What a close means: the first with 4000, the next with 4001, and so on. New ones go to the end. */
export const CLOSE_CODES: readonly OwnCode[] = [
  "PROTOCOL_ERROR",
  "CONNECTION_REFUSED",
  "HOST_NOT_FOUND",
  "HOST_UNREACHABLE",
  "CONNECT_TIMEOUT",
  "CONNECTION_RESET",
  "CONNECTION_CLOSED",
  "TLS_FAILED",
  "INVALID_OPTION",
  "UNSUPPORTED_FEATURE",
];

const CLOSE_FIRST = 4000;

/** The end of a stream. */
export const CLOSE_END = 1000;

/** A WebSocket lets a reason have 123 bytes of UTF-8. */
const REASON_BYTES_MAX = 123;

/** Bytes that may be on their way, or lie unread, in each direction. */
const WINDOW_BYTES = 1 << 20;

/** Larger pieces than that go out as several messages. */
const MESSAGE_BYTES = 64 * 1024;

/** As much of a WebSocket as is used here. What comes in is told to the tunnel. */
export interface TunnelSocket {
  /** Sends a message; of bytes it has made a copy when it returns. */
  send(data: string | Uint8Array): void;
  /** Begins the closing handshake, or does nothing. */
  close(code: number, reason: string): void;
}

/** Who wants to know of a tunnel's beginning and end. */
export interface TunnelListeners {
  /** Resolves when the other end is ready for bytes; rejects if it ends before. */
  readonly opened?: Deferred<void> | undefined;
  /** The WebSocket is closed, by the other end or by a failure; bytes may still lie unread. */
  readonly closed?: ((isClean: boolean) => void) | undefined;
}

interface Write {
  readonly pieces: Iterator<Uint8Array, undefined>;
  readonly done: Deferred<void>;
  /** What has not gone of the piece that is under way. */
  rest: Uint8Array | undefined;
}

/** One end of a tunnel. Both are alike. */
export class Tunnel implements Transport {
  readonly #socket: TunnelSocket;
  readonly #broker: string;
  readonly #inbox: Inbox;
  readonly #listeners: TunnelListeners;
  readonly #writes: Write[] = [];
  #scratch: Uint8Array | undefined;
  /** Bytes that may still be sent. */
  #allowed = 0;
  /** Bytes that the other end may send, and has sent, since the beginning. */
  #granted = 0;
  #received = 0;
  #sent = 0;
  #error: KafkaError | undefined;

  /** The end that is at this WebSocket; `broker` is what the stream leads to, for errors. */
  constructor(socket: TunnelSocket, broker: string, listeners: TunnelListeners = {}) {
    this.#socket = socket;
    this.#broker = broker;
    this.#listeners = listeners;
    this.#inbox = new Inbox(realWorld, broker, () => {});
  }

  /** Bytes that have gone through it, both ways. */
  get moved(): number {
    return this.#received + this.#sent;
  }

  /** Lets the other end send. To be called once. */
  open(): void {
    this.#grant();
  }

  read(into: Uint8Array, atLeast?: number): Promise<number | null> {
    const read = this.#inbox.read(into, atLeast);
    this.#grant();
    return read;
  }

  write(chunks: readonly Uint8Array[]): Promise<void> {
    if (this.#error !== undefined) return Promise.reject(this.#error);
    const pieces = chunks.length < 2
      ? chunks[Symbol.iterator]()
      : joined(chunks, this.#scratch ??= new Uint8Array(MESSAGE_BYTES));
    const done = realWorld.deferred<void>("a write");
    this.#writes.push({ pieces, done, rest: undefined });
    if (this.#writes.length === 1) this.#flush();
    return done.promise;
  }

  close(): void {
    // What waits will not go any more, and so this is no clean end.
    const code = this.#writes.length > 0 ? "CONNECTION_RESET" : undefined;
    this.#inbox.close();
    this.#end(closedHere(this.#broker));
    this.#socket.close(code === undefined ? CLOSE_END : closeCodeOf(code), "");
  }

  /** Ends the stream by a failure, which the other end is told. */
  fail(error: KafkaError): void {
    if (this.#error !== undefined) return;
    this.#inbox.close();
    this.#end(error);
    const words = error.message.slice(error.code.length + 2);
    const isOfBroker = words.startsWith(this.#broker);
    this.#socket.close(closeCodeOf(error.code), shortened(isOfBroker ? words.slice(this.#broker.length) : words));
  }

  /** A message came. Bytes have to be the tunnel's own to keep. */
  message(data: unknown): void {
    if (this.#error !== undefined) return;
    if (typeof data === "string") return this.#allow(data);
    if (!(data instanceof Uint8Array)) return this.#complain("a message that is neither text nor bytes");
    this.#received += data.length;
    if (this.#received > this.#granted) return this.#complain("more bytes than it was allowed to send");
    this.#inbox.push(data, true);
    this.#grant();
  }

  /** The WebSocket is closed; without a code it broke, or was never open. */
  closed(code: number | undefined, reason: string, cause?: unknown): void {
    const isClean = code === CLOSE_END;
    if (isClean) {
      this.#inbox.end();
      this.#end(new KafkaError("CONNECTION_CLOSED", `${this.#broker} has closed the connection`, this.#context(cause)));
    } else {
      const known = code === undefined ? undefined : CLOSE_CODES[code - CLOSE_FIRST];
      const said = reason || (code === undefined ? "the WebSocket broke" : `the WebSocket was closed with ${code}`);
      const detail = `${this.#broker}${/^[ :]/.test(said) ? "" : ": "}${said}`;
      this.#end(new KafkaError(known ?? "CONNECTION_RESET", detail, this.#context(cause)));
    }
    this.#listeners.closed?.(isClean);
  }

  /** The number is in text, and so in order with the bytes. */
  #allow(text: string): void {
    if (!/^[1-9]\d{0,14}$/.test(text)) return this.#complain("a text that is no number of bytes");
    this.#allowed += Number(text);
    this.#listeners.opened?.resolve();
    this.#flush();
  }

  /** Allows more when half of the window has been read. */
  #grant(): void {
    if (this.#error !== undefined) return;
    const more = this.#received - this.#inbox.kept + WINDOW_BYTES - this.#granted;
    if (more < WINDOW_BYTES / 2) return;
    this.#granted += more;
    this.#socket.send(`${more}`);
  }

  #flush(): void {
    for (let write = this.#writes[0]; write !== undefined; write = this.#writes[0]) {
      let piece = write.rest ?? write.pieces.next().value;
      while (piece !== undefined) {
        if (piece.length === 0) {
          piece = write.pieces.next().value;
          continue;
        }
        const count = Math.min(piece.length, this.#allowed, MESSAGE_BYTES);
        if (count === 0) {
          write.rest = piece;
          return;
        }
        this.#allowed -= count;
        this.#sent += count;
        this.#socket.send(piece.subarray(0, count));
        piece = piece.subarray(count);
      }
      this.#writes.shift();
      write.done.resolve();
    }
  }

  #complain(what: string): void {
    this.fail(new KafkaError("PROTOCOL_ERROR", `${this.#broker}: the other end of the tunnel sent ${what}`));
  }

  #context(cause: unknown): { broker: string; cause: unknown } {
    return { broker: this.#broker, cause };
  }

  /** The first error is the error. An end that has been told hides what comes after it from the reader. */
  #end(error: KafkaError): void {
    this.#error ??= error;
    this.#inbox.end(this.#error);
    this.#listeners.opened?.reject(this.#error);
    for (const write of this.#writes.splice(0)) write.done.reject(this.#error);
  }
}

/** The number that a WebSocket is closed with for an error. */
function closeCodeOf(code: string): number {
  const index = CLOSE_CODES.indexOf(code as OwnCode);
  return CLOSE_FIRST + (index < 0 ? CLOSE_CODES.indexOf("CONNECTION_RESET") : index);
}

/** As much of a sentence as a close may carry, cut between characters. */
function shortened(reason: string): string {
  const bytes = new TextEncoder().encode(reason);
  if (bytes.length <= REASON_BYTES_MAX) return reason;
  return `${new TextDecoder().decode(bytes.subarray(0, REASON_BYTES_MAX - 3)).replace(/\uFFFD+$/, "")}…`;
}

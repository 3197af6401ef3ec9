/** Takes a stream of bytes apart into frames, at the price of one promise a read, and reads large frames straight into place. */

import { KafkaError } from "../base/errors.ts";

/** Where bytes come from; a transport is one. */
export interface Source {
  /** Reads into `into`; fewer than `atLeast` bytes (1 if not said) only at the end of the stream; null at the end. */
  read(into: Uint8Array, atLeast?: number): Promise<number | null>;
}

/** What each read is offered at least: platforms hand out no more at once. Larger frames get an array of their own. */
const ROOM_BYTES = 64 * 1024;

/** Room for what is left of a small frame and, behind it, for a whole read. */
const STAGING_BYTES = 2 * ROOM_BYTES;

/** How long a frame may be, unless somebody says so, to get all of its memory before its bytes have come. */
const EXPECTED_BYTES = 1024 * 1024;

const SIZE_BYTES = 4;

/**
 * The frames of a stream, each of which has its size before it as an int32.
 *
 * ```ts ignore
 * do {
 *   for (let frame; (frame = frames.take()) !== undefined;) handle(frame);
 * } while (await frames.more());
 * ```
 */
export class Frames {
  /** A frame that announces more bytes than this gets its memory by and by, as they come. */
  expected: number = EXPECTED_BYTES;
  readonly #source: Source;
  readonly #limit: number;
  readonly #staging = new Uint8Array(STAGING_BYTES);
  readonly #view = new DataView(this.#staging.buffer);
  #start = 0;
  #end = 0;
  #large: Uint8Array | undefined;
  #greeted = false;
  #failure: KafkaError | undefined;

  /** Reads from `source`; a frame of more than `limit` bytes is refused. */
  constructor(source: Source, limit: number) {
    this.#source = source;
    this.#limit = limit;
  }

  /**
   * The next frame that has come, without its size. One of up to 64 KB is a view that is good until {@linkcode more} is called; a
   * larger one belongs to the caller. Throws `PROTOCOL_ERROR`, `FRAME_TOO_LARGE` or `NOT_KAFKA` if what comes next is no frame.
   */
  take(): Uint8Array | undefined {
    const large = this.#large;
    if (large !== undefined) {
      this.#large = undefined;
      return large;
    }
    const length = this.#announced();
    const start = this.#start + SIZE_BYTES;
    if (length === undefined || this.#end - start < length) return undefined;
    this.#start = start + length;
    return length > ROOM_BYTES
      ? this.#staging.slice(start, start + length)
      : this.#staging.subarray(start, start + length);
  }

  /**
   * Waits for more bytes; for a large frame until all of it is there. False at the end of the stream between two frames; an end
   * inside a frame throws `CONNECTION_RESET`.
   */
  async more(): Promise<boolean> {
    if (this.#failure !== undefined) throw this.#failure;
    const length = this.#announced();
    if (length !== undefined && length > ROOM_BYTES && this.#end - this.#start - SIZE_BYTES < length) {
      this.#large = await this.#readLarge(length);
      return true;
    }
    if (STAGING_BYTES - this.#end < ROOM_BYTES) {
      this.#staging.copyWithin(0, this.#start, this.#end);
      this.#end -= this.#start;
      this.#start = 0;
    }
    const count = await this.#source.read(this.#staging.subarray(this.#end));
    if (count === null) {
      if (this.#end > this.#start) throw this.#torn();
      return false;
    }
    this.#end += count;
    return true;
  }

  /** The frame's own array is read into directly: only what had come along with its size is copied. */
  async #readLarge(length: number): Promise<Uint8Array> {
    const staged = this.#staging.subarray(this.#start + SIZE_BYTES, this.#end);
    let frame = new Uint8Array(Math.min(length, Math.max(this.expected, STAGING_BYTES)));
    frame.set(staged);
    let have = staged.length;
    this.#start = this.#end = 0;
    while (have < length) {
      if (have === frame.length) {
        const grown = new Uint8Array(Math.min(length, 2 * have));
        grown.set(frame);
        frame = grown;
      }
      const rest = frame.subarray(have);
      const count = await this.#source.read(rest, rest.length);
      if (count !== rest.length) throw this.#torn();
      have += count;
    }
    return frame;
  }

  #torn(): KafkaError {
    return this.#failure = new KafkaError("CONNECTION_RESET", "the stream ended inside a frame");
  }

  /** How long the next frame is, if its size has come. */
  #announced(): number | undefined {
    if (this.#end - this.#start < SIZE_BYTES) return undefined;
    const length = this.#view.getInt32(this.#start);
    if (!this.#greeted) {
      const stranger = whoSpeaks(length);
      if (stranger !== undefined) throw new KafkaError("NOT_KAFKA", stranger);
      this.#greeted = true;
    }
    if (length < 0) throw new KafkaError("PROTOCOL_ERROR", `a frame of ${length} bytes is announced`);
    if (length > this.#limit) {
      throw new KafkaError("FRAME_TOO_LARGE", `a frame of ${length} bytes is announced, ${this.#limit} are allowed`);
    }
    return length;
  }
}

/** The first letters of what speaks HTTP, as a server or as a client, each read as an int32. */
const HTTP = ["HTTP", "GET ", "POST", "HEAD", "PUT ", "OPTI"].map((letters) => {
  let word = 0;
  for (let i = 0; i < letters.length; i++) word = word << 8 | letters.charCodeAt(i);
  return word;
});

/** Who greets with these four bytes, which would be the size of a first frame that no broker sends. */
function whoSpeaks(greeting: number): string | undefined {
  if (HTTP.includes(greeting)) return "the peer speaks HTTP: is this the port of a web server?";
  const type = greeting >>> 16;
  if (type === 0x1503) return "the peer answers with a TLS alert: this port wants TLS (the option tls)";
  if (type === 0x1603) return "the peer starts a TLS handshake, here TLS is not spoken";
  return undefined;
}

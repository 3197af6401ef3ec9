/** lz4's frames: independent blocks are written, as Kafka's Java reader asks for; whatever the format knows is read, but dictionaries. */

import { xxh32 } from "../bytes/xxh32.ts";
import type { CompressionCodec } from "./compression.ts";
import { compressBlock, decompressBlock, EXPANSION_MAX, malformed } from "./lz4_block.ts";
import { FLAG, FLAGS_AT, FRAME_MAGIC, headChecksum } from "./lz4_head.ts";
import { seenTable } from "./matching.ts";

/** What a frame to be skipped begins with, but for its lowest four bits. */
const MAGIC_SKIPPABLE = 0x184d2a50;
const VERSION_MASK = 0xc0, VERSION = 0x40;
/** Bytes of plain text in a block, and their name in a frame's head: the smallest that there is, and what Java writes. */
const BLOCK = 64 * 1024, BLOCK_NAME = 4;
/** The bit of a block's length that says that it is stored as it was. */
const STORED = 0x80000000;
/** Bytes of the head that we write, and of a length or a checksum. */
const HEAD = 7, WORD = 4;
/** Room to begin with, and how many times as many bytes usually come out. */
const ROOM_MIN = 1024, ROOM_RATIO = 4;

/** Compresses into one frame; reads any number of them, with everything that they may have but dictionaries. */
export const lz4: CompressionCodec = {
  compress(bytes: Uint8Array): Uint8Array {
    const blocks = Math.ceil(bytes.length / BLOCK);
    const out = new Uint8Array(HEAD + bytes.length + (blocks + 1) * WORD);
    const view = viewOf(bytes);
    const outView = viewOf(out);
    outView.setUint32(0, FRAME_MAGIC, true);
    out[FLAGS_AT] = VERSION | FLAG.independent;
    out[FLAGS_AT + 1] = BLOCK_NAME << 4;
    out[6] = headChecksum(out, FLAGS_AT, HEAD - 1);
    const seen = seenTable(bytes.length);
    let to = HEAD;
    for (let at = 0; at < bytes.length; at += BLOCK) {
      const end = Math.min(at + BLOCK, bytes.length);
      const from = to + WORD;
      to = compressBlock(bytes, view, at, end, out, from, seen);
      if (to < 0) {
        out.set(bytes.subarray(at, end), from);
        to = from + end - at;
        outView.setUint32(from - WORD, (end - at | STORED) >>> 0, true);
      } else outView.setUint32(from - WORD, to - from, true);
    }
    return out.subarray(0, to + WORD); // a length of 0 ends it
  },
  decompress: (bytes: Uint8Array, limit: number): Uint8Array => new Reading(bytes, limit).all(),
};

/** What a frame's head says. */
interface Head {
  readonly flags: number;
  readonly blockMax: number;
  readonly contentSize: number | undefined;
}

/** One pass over some frames. Room is made as blocks can fill it, not as a head or a length says. */
class Reading {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #limit: number;
  #at = 0;
  #out: Uint8Array;
  #outView: DataView;
  #to = 0;

  constructor(bytes: Uint8Array, limit: number) {
    this.#bytes = bytes;
    this.#view = viewOf(bytes);
    this.#limit = limit;
    this.#out = new Uint8Array(Math.min(limit, Math.max(ROOM_MIN, bytes.length * ROOM_RATIO)));
    this.#outView = viewOf(this.#out);
  }

  all(): Uint8Array {
    let frames = 0;
    while (this.#at < this.#bytes.length) {
      const magic = this.#word("a frame's first bytes");
      if (magic === FRAME_MAGIC) frames++, this.#frame(this.#head());
      else if ((magic & ~15) === MAGIC_SKIPPABLE) this.#skip(this.#word("the length of what is to be skipped"));
      else throw malformed(`no frame begins with ${magic.toString(16)}`);
    }
    if (frames === 0) throw malformed("there is no frame");
    const out = this.#out, to = this.#to;
    return to > out.length * 3 / 4 ? out.subarray(0, to) : out.slice(0, to);
  }

  #head(): Head {
    const start = this.#at;
    const flags = this.#bytes[start] ?? 0, descriptor = this.#bytes[start + 1] ?? 0;
    if ((flags & VERSION_MASK) !== VERSION) throw malformed(`there is no version ${flags >>> 6} of frames`);
    const blockName = descriptor >>> 4;
    if (flags & FLAG.reserved || descriptor & 0x8f || blockName < BLOCK_NAME) {
      throw malformed(`flags that mean nothing are set in a frame's head, ${flags} and ${descriptor}`);
    }
    if (flags & FLAG.dictionary) throw malformed("a frame needs a dictionary, and Kafka knows none");
    this.#skip(2);
    let contentSize: number | undefined;
    if (flags & FLAG.contentSize) contentSize = this.#word("a size") + this.#word("a size") * 0x100000000;
    const end = this.#at;
    this.#skip(1);
    if (this.#bytes[end] !== headChecksum(this.#bytes, start, end)) {
      throw malformed("a frame's head fails its checksum");
    }
    if (contentSize !== undefined) this.#checkLimit(contentSize);
    return { flags, blockMax: 1 << 8 + 2 * blockName, contentSize };
  }

  #frame({ flags, blockMax, contentSize }: Head): void {
    const start = this.#to;
    for (;;) {
      const length = this.#word("a block's length");
      if (length === 0) break;
      this.#block((length & ~STORED) >>> 0, length >= STORED, flags & FLAG.independent ? this.#to : start, blockMax);
      if (flags & FLAG.blockChecksum) this.#checkBlock((length & ~STORED) >>> 0);
    }
    if (flags & FLAG.contentChecksum && this.#word("a checksum") !== xxh32(this.#out, start, this.#to)) {
      throw malformed("a frame's content fails its checksum");
    }
    const size = this.#to - start;
    if (contentSize !== undefined && contentSize !== size) {
      throw malformed(`a frame says that it holds ${contentSize} bytes, and holds ${size}`);
    }
  }

  #block(length: number, isStored: boolean, windowStart: number, blockMax: number): void {
    const at = this.#at;
    this.#skip(length);
    if (isStored) {
      if (length > blockMax) throw malformed(`a stored block has ${length} bytes, and ${blockMax} are allowed`);
      this.#makeRoom(length);
      this.#out.set(this.#bytes.subarray(at, at + length), this.#to);
      this.#to += length;
      return;
    }
    const end = this.#to + Math.min(blockMax, length * EXPANSION_MAX);
    for (;;) {
      const room = Math.min(end, this.#out.length);
      const to = decompressBlock(this.#bytes, at, at + length, this.#out, this.#outView, this.#to, room, windowStart);
      if (to >= 0) return void (this.#to = to);
      if (room === end) throw malformed(`a block gives more bytes than it may, which is ${end - this.#to}`);
      this.#makeRoom(room - this.#to + 1);
    }
  }

  #checkBlock(length: number): void {
    const end = this.#at;
    if (this.#word("a checksum") !== xxh32(this.#bytes, end - length, end)) {
      throw malformed("a block fails its checksum");
    }
  }

  /** Room for so many bytes more. */
  #makeRoom(more: number): void {
    const needed = this.#checkLimit(this.#to + more);
    if (needed <= this.#out.length) return;
    const larger = new Uint8Array(Math.min(this.#limit, Math.max(needed, this.#out.length * 2)));
    larger.set(this.#out.subarray(0, this.#to));
    this.#out = larger;
    this.#outView = viewOf(larger);
  }

  #checkLimit(size: number): number {
    if (size <= this.#limit) return size;
    throw malformed(`decompressed it would be ${size} bytes or more, and ${this.#limit} are allowed`);
  }

  #word(what: string): number {
    const at = this.#at;
    if (at + WORD > this.#bytes.length) {
      throw malformed(`${this.#bytes.length - at} bytes are left where ${what} should be`);
    }
    this.#at += WORD;
    return this.#view.getUint32(at, true);
  }

  #skip(count: number): void {
    const left = this.#bytes.length - this.#at;
    if (count > left) throw malformed(`${count} bytes should follow, and ${left} are left`);
    this.#at += count;
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

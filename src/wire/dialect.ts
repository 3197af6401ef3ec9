/** The three dialects in which one schema language is written: how lengths, absence and int64 look in each. */

import type { Reader } from "../bytes/reader.ts";
import type { Writer } from "../bytes/writer.ts";

/** What differs between the dialects. A length of -1 stands for null. */
export interface Dialect {
  /** Reads how many bytes a string has. */
  readTextLength(reader: Reader): number;
  /** Writes how many bytes a string has. */
  writeTextLength(writer: Writer, length: number): void;
  /** Reads how many bytes a block, or how many items an array has. */
  readLength(reader: Reader): number;
  /** Writes how many bytes a block, or how many items an array has. */
  writeLength(writer: Writer, length: number): void;
  /** The fewest bytes that the length of a string takes. */
  readonly textLengthBytes: number;
  /** The fewest bytes that the length of a block or an array takes. */
  readonly lengthBytes: number;
  /** Whether structs end with tagged fields. */
  readonly tagged: boolean;
  /** Whether an int64 is a bigint. */
  readonly exactLongs: boolean;
}

/** Kafka's first way: int16 before strings, int32 before the rest. */
export const classic: Dialect = {
  readTextLength: (reader) => reader.int16(),
  writeTextLength: (writer, length) => writer.int16(length),
  readLength: (reader) => reader.int32(),
  writeLength: (writer, length) => writer.int32(length),
  textLengthBytes: 2,
  lengthBytes: 4,
  tagged: false,
  exactLongs: false,
};

/** Kafka's way since KIP-482: lengths are varints, one too high so that 0 is null, and structs end with tagged fields. */
export const flexible: Dialect = {
  readTextLength: (reader) => reader.uvarint() - 1,
  writeTextLength: (writer, length) => writer.uvarint(length + 1),
  readLength: (reader) => reader.uvarint() - 1,
  writeLength: (writer, length) => writer.uvarint(length + 1),
  textLengthBytes: 1,
  lengthBytes: 1,
  tagged: true,
  exactLongs: false,
};

/** Kafka's two ways, with every int64 exact: for those who have to write the very bytes that they have read. */
export const exactClassic: Dialect = { ...classic, exactLongs: true };
/** The flexible one of them. */
export const exactFlexible: Dialect = { ...flexible, exactLongs: true };

/** ZooKeeper's way: int32 before everything, and int64 is exact, since session ids and zxids use all of its bits. */
export const jute: Dialect = {
  readTextLength: (reader) => reader.int32(),
  writeTextLength: (writer, length) => writer.int32(length),
  readLength: (reader) => reader.int32(),
  writeLength: (writer, length) => writer.int32(length),
  textLengthBytes: 4,
  lengthBytes: 4,
  tagged: false,
  exactLongs: true,
};

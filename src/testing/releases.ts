/** What the brokers of each Kafka release speak, and how they behave where that changed: the profiles of the embedded cluster. */

import { KafkaError } from "../base/errors.ts";
import type { ProducerRules } from "./producer_state.ts";

/** The lowest and the highest version of a request. */
export type VersionRange = readonly [min: number, max: number];

/** One release, as far as its brokers differ from those of another. */
export interface Release {
  /** Its number, such as `2.8.2`. */
  readonly name: string;
  /** What it answers to ApiVersions, of the APIs that the embedded cluster has; for releases without ApiVersions, what it understands. */
  readonly listed: ReadonlyMap<number, VersionRange>;
  /** What it really takes. Only for Produce on 4.x less than what is listed (KAFKA-18659). */
  readonly served: ReadonlyMap<number, VersionRange>;
  /** The format of its logs. */
  readonly magic: 0 | 1 | 2;
  /** What meets a request that it cannot read: 0.9 forgets it and goes on, all others hang up. */
  readonly unreadable: "close" | "silence";
  /** Whether the error for an unknown version of ApiVersions says which are known (KIP-511). */
  readonly hintsApiVersions: boolean;
  /** Whether brokers pass on to the controller what only it may do, so that any broker takes it (KRaft). */
  readonly raft: boolean;
  /** The largest batch that a topic takes if its own configuration does not say. */
  readonly messageBytesMax: number;
  /** Whether brokers know of one another only once a topic exists (seen on 0.8.2.2). */
  readonly startsBlind: boolean;
  /** Whether `acks` may be any number; later only -1, 0 and 1. */
  readonly anyAcks: boolean;
  /** What a malformed batch is called: INVALID_RECORD exists since 2.4. */
  readonly invalidRecord: 2 | 87;
  /** Whether Produce with several or old batches fails already when it is read, so that the connection ends (0.11 to 2.0). */
  readonly parsesRecords: boolean;
  /** Whether Metadata tells an impossible name from an unknown one. */
  readonly checksNames: boolean;
  /** Whether a producer may claim that its timestamps are the broker's; before 4.0 it may not. */
  readonly takesAppendTime: boolean;
  /** Whether CreateTopics takes -1 for the broker's defaults (KIP-464). */
  readonly topicDefaults: boolean;
  /** Whether zstd is known (KIP-110). */
  readonly zstd: boolean;
  /** Whether records with headers cannot be converted to a format without (0.11; later ones drop the headers). */
  readonly headersBlockConversion: boolean;
  /** Whether what is converted for an old reader takes the bytes that it took before (KIP-283). */
  readonly padsConversion: boolean;
  /** Whether Fetch before version 3 gives bytes that hold not one whole entry: 2.8.2 does, 3.9.2 does not. */
  readonly givesTorn: boolean;
  /** Whether a follower answers a fetch of version 11 and later (KIP-392). */
  readonly followerFetch: boolean;
  /** Whether Produce looks for the partition before all else (seen on 1.1.1, not on 0.11.0.3). */
  readonly placeFirst: boolean;
  /** Whether offsets are taken from anybody and for partitions that do not exist (0.8). */
  readonly commitsUnchecked: boolean;
  /** Whether a generation of a group that is not there is told by that, from OffsetCommit version 9 on. */
  readonly groupNotFound: boolean;
  /** Whether a partition of Fetch that does not exist has no aborted transactions instead of none told of. */
  readonly emptyAborted: boolean;
  /** Whether a new leader says that it does not know yet where the committed part of its log ends (KIP-207). */
  readonly offsetNotAvailable: boolean;
  /** Whether the new leader is named where the asked one is not it any more (KIP-951). */
  readonly leaderHints: boolean;
  /** How far in the future a timestamp may lie, in ms, if the topic's own configuration does not say (KIP-937). */
  readonly futureMsMax: number;
  /** How it minds producers and their sequences. */
  readonly producers: ProducerRules;
  /** Which of the records that are wrong it names (KIP-467): 2.4 only the first, 2.5.1 all of them. */
  readonly recordErrors: "none" | "first" | "all";
  /** The mechanisms that it has, where it has SASL as it is spoken here. */
  readonly saslMechanisms: readonly string[];
  /** Whether a session may be renewed on its connection (KIP-368). */
  readonly renewsSessions: boolean;
  /** How long it waits before it says that it refuses somebody, in ms (KIP-306). */
  readonly refusalDelayMs: number;
  /** Whether who is throttled is answered at once and then not heard; before 2.0 the answer waits (KIP-219). */
  readonly throttlesAtOnce: boolean;
}

/**
 * Produce, Fetch, ListOffsets, Metadata, OffsetCommit, OffsetFetch, FindCoordinator, ListGroups, ApiVersions, CreateTopics,
 * DeleteTopics, InitProducerId.
 */
const KEYS = [0, 1, 2, 3, 8, 9, 10, 16, 18, 19, 20, 22];

const SASL_HANDSHAKE = 17;
const SASL_AUTHENTICATE = 36;

/**
 * Recorded from the releases themselves, but for 0.8.2 and 0.9, which cannot be asked: theirs are from `Protocol.java`. A number
 * is the highest version, from 0 on; a dash is an API that the release lacks.
 */
const RANGES: Readonly<Record<string, string>> = {
  "0.8.2": "0 0 0 0 1 1 0 - - - - -",
  "0.9.0": "1 1 0 0 2 1 0 0 - - - -",
  "0.10.0": "2 2 0 1 2 1 0 0 0 - - -",
  "0.10.1": "2 3 1 2 2 1 0 0 0 0 0 -",
  "0.10.2": "2 3 1 2 2 2 0 0 0 1 0 -",
  "0.11.0": "3 5 2 4 3 3 1 1 1 2 1 0",
  "1.0": "5 6 2 5 3 3 1 1 1 2 1 0",
  "1.1": "5 7 2 5 3 3 1 1 1 2 1 0",
  "2.0": "6 8 3 6 4 4 2 2 2 3 2 1",
  "2.1": "7 10 4 7 6 5 2 2 2 3 3 1",
  "2.2": "7 10 5 7 6 5 2 2 2 3 3 1",
  "2.3": "7 11 5 8 7 5 2 2 2 3 3 1",
  "2.4": "8 11 5 9 8 6 3 3 3 5 4 2",
  "2.5": "8 11 5 9 8 7 3 3 3 5 4 3",
  "2.6": "8 11 5 9 8 7 3 4 3 5 4 3",
  "2.7": "8 12 5 9 8 7 3 4 3 6 5 4",
  "2.8": "9 12 6 11 8 7 3 4 3 7 6 4",
  "3.0": "9 12 7 11 8 8 4 4 3 7 6 4",
  "3.1": "9 13 7 12 8 8 4 4 3 7 6 4",
  "3.2": "9 13 7 12 8 8 4 4 3 7 6 4",
  "3.3": "9 13 7 12 8 8 4 4 3 7 6 4",
  "3.4": "9 13 7 12 8 8 4 4 3 7 6 4",
  "3.5": "9 15 8 12 8 8 4 4 3 7 6 4",
  "3.6": "9 15 8 12 8 8 4 4 3 7 6 4",
  "3.7": "10 16 8 12 9 9 4 4 3 7 6 4",
  "3.8": "11 16 8 12 9 9 5 5 3 7 6 5",
  "3.9": "11 17 9 12 9 9 6 5 4 7 6 5",
  "4.0": "12 4-17 1-10 13 2-9 1-9 6 5 4 2-7 1-6 5",
  "4.1": "13 4-18 1-10 13 2-9 1-9 6 5 4 2-7 1-6 5",
  "4.2": "13 4-18 1-11 13 2-10 1-10 6 5 4 2-7 1-6 5",
  "4.3": "13 4-18 1-11 13 2-10 1-10 6 5 4 2-7 1-6 5",
  "4.4": "13 4-18 1-11 13 2-10 1-10 6 5 5 2-7 1-6 5",
};

/** The minor releases that the embedded cluster can play, the oldest first; with or without a patch level, as `2.8` or `2.8.2`. */
export const minorReleases: readonly string[] = Object.keys(RANGES);

/** One of each age, the oldest first: what a test goes through that minds the release. */
export const releaseNames: readonly string[] = [
  ...["0.8.2.2", "0.9.0.1", "0.10.2.2", "0.11.0.3", "1.1", "2.8.2", "3.9", "4.0", "4.4.0"],
];

/** The newest of them. */
export const newestRelease: string = releaseNames[releaseNames.length - 1]!;

/** Whether {@linkcode releaseOf} has a profile for it. */
export function isRelease(name: unknown): name is string {
  return typeof name === "string" && rowOf(name) !== undefined;
}

/** The profile of a release; `INVALID_OPTION` for one that is not on the list. */
export function releaseOf(name: string): Release {
  const row = rowOf(name);
  if (row === undefined) {
    throw new KafkaError(
      "INVALID_OPTION",
      `release must be one of ${minorReleases.join(", ")}, not ${JSON.stringify(name)}`,
    );
  }
  const listed = readRow(row);
  const since = (first: string) => isAtLeast(name, first);
  if (since("0.10")) listed.set(SASL_HANDSHAKE, [0, since("1.0") ? 1 : 0]);
  if (since("1.0")) listed.set(SASL_AUTHENTICATE, [0, since("2.5") ? 2 : since("2.2") ? 1 : 0]);
  const served = new Map(listed);
  const produce = listed.get(0)!;
  if (since("4.0")) served.set(0, [3, produce[1]]);
  return {
    name,
    listed,
    served,
    magic: since("0.11") ? 2 : since("0.10") ? 1 : 0,
    unreadable: since("0.9") && !since("0.10") ? "silence" : "close",
    hintsApiVersions: since("2.4"),
    raft: since("3.3"),
    messageBytesMax: since("2.5") ? 1_048_588 : 1_000_012,
    startsBlind: !since("0.9"),
    anyAcks: !since("0.9"),
    invalidRecord: since("2.4") ? 87 : 2,
    parsesRecords: !since("2.1"),
    checksNames: since("2.4"),
    takesAppendTime: since("4.0"),
    topicDefaults: since("2.4"),
    zstd: since("2.1"),
    headersBlockConversion: !since("1.0"),
    padsConversion: since("2.0"),
    givesTorn: !since("3.3"),
    followerFetch: since("2.4"),
    placeFirst: since("1.0"),
    commitsUnchecked: !since("0.9"),
    groupNotFound: since("4.0"),
    emptyAborted: since("3.0"),
    offsetNotAvailable: since("2.2"),
    leaderHints: since("3.7"),
    futureMsMax: since("4.0") ? 3_600_000 : Infinity,
    producers: {
      window: since("1.0") ? 5 : 1,
      unknown: since("2.5") ? undefined : since("1.0") ? 59 : 45,
      dropsDeleted: !since("2.4"),
      expirationMs: (since("3.4") ? 1 : 7) * 86_400_000,
    },
    recordErrors: since("2.5") ? "all" : since("2.4") ? "first" : "none",
    saslMechanisms: [
      ...(since("0.10") ? ["PLAIN"] : []),
      ...(since("0.10.2") ? ["SCRAM-SHA-256", "SCRAM-SHA-512"] : []),
      ...(since("2.0") ? ["OAUTHBEARER"] : []),
    ],
    renewsSessions: since("2.2"),
    refusalDelayMs: since("2.1") ? 100 : 0,
    throttlesAtOnce: since("2.0"),
  };
}

/** The oldest of some releases: what a cluster in the middle of an upgrade has to keep to. */
export function oldestOf(releases: readonly Release[]): Release {
  return releases.reduce((oldest, release) => isAtLeast(release.name, oldest.name) ? oldest : release);
}

function readRow(row: string): Map<number, VersionRange> {
  const ranges = new Map<number, VersionRange>();
  row.split(" ").forEach((cell, i) => {
    if (cell === "-") return;
    const [min, max] = cell.includes("-") ? cell.split("-").map(Number) : [0, Number(cell)];
    ranges.set(KEYS[i]!, [min!, max!]);
  });
  return ranges;
}

/** The row of a release, by its number without the patch level. */
function rowOf(name: string): string | undefined {
  const [minor] = /^(?:0\.\d+\.\d+|[1-9]\d*\.\d+)(?=\.\d+$|$)/.exec(name) ?? [];
  return minor !== undefined && Object.hasOwn(RANGES, minor) ? RANGES[minor] : undefined;
}

function isAtLeast(name: string, first: string): boolean {
  const have = name.split(".").map(Number);
  const need = first.split(".").map(Number);
  for (let i = 0; i < need.length; i++) {
    const ahead = (have[i] ?? 0) - need[i]!;
    if (ahead !== 0) return ahead > 0;
  }
  return true;
}

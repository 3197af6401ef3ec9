/** The first words on a new connection: what does this broker speak? Brokers before 0.10 cannot say, and are told by how they fail. */

import { errorNumbers } from "../base/error_codes.ts";
import { KafkaError } from "../base/errors.ts";
import type { World } from "../base/world.ts";
import { Reader } from "../bytes/reader.ts";
import { apiVersions } from "../protocol/api_versions.ts";
import { listGroups } from "../protocol/list_groups.ts";
import { correlationIdOf, decodeResponse, encodeRequest } from "../protocol/message.ts";
import { metadata } from "../protocol/metadata.ts";
import type { Transport } from "../transport/transport.ts";
import type { Frames } from "../wire/frames.ts";
import { BrokerVersions, type VersionRange, versionsOf09 } from "./versions.ts";

/** The two ends of the talk. */
export interface Line {
  readonly world: World;
  readonly transport: Transport;
  readonly frames: Frames;
  readonly clientId: string;
  readonly label: string;
  /** When it was dialled, on the world's clock. */
  readonly startedAt: number;
}

/** What came of it. */
export interface Greeting {
  readonly versions: BrokerVersions;
  /** The version of ApiVersions that was understood. */
  readonly apiVersionsVersion: number;
  /** Where the connection's correlation ids go on. */
  readonly nextCorrelationId: number;
  /** The id of an answer that is still to come, and to be swallowed. */
  readonly lateAnswer: number | undefined;
  /** Milliseconds for which the broker wants to hear nothing more (KIP-219). */
  readonly throttleMs: number;
}

/** v5 asks for the cluster's and the node's id, which a first connection does not know (KIP-1242). */
export const API_VERSIONS_MAX = 4;

const SOFTWARE = { clientSoftwareName: "samsa", clientSoftwareVersion: "0.1.0" };

/**
 * A broker of 0.9 takes ApiVersions and never answers it, but answers what comes after it (seen on 0.9.0.1). So after this
 * silence a second request follows: if its answer comes first, the broker is one of those, and no ten seconds were lost.
 */
const SILENCE_MS = 500;

/**
 * Asks for the broker's versions. `hangup` when it closes the connection instead: that is a broker of 0.8, or no Kafka at
 * all. Rejects with `NOT_KAFKA`, `PROTOCOL_ERROR`, a broker's error. Without `probes` it waits for as long as that takes: a listener
 * with SASL hangs up on whatever comes before the authentication, and those of 0.9 have none that is spoken here.
 */
export async function negotiate(
  line: Line,
  firstVersion: number,
  { firstId = 0, probes = true } = {},
): Promise<Greeting | "hangup"> {
  let id = firstId, version = Math.min(firstVersion, API_VERSIONS_MAX);
  for (;;) {
    const probeId = id + 1;
    let probed = false;
    await sendApiVersions(line, version, id);
    const silence = !probes ? undefined : line.world.timer(SILENCE_MS, () => {
      probed = true;
      const probe = encodeRequest(listGroups, 0, { correlationId: probeId, clientId: line.clientId }, {});
      write(line, probe);
    });
    let frame: Uint8Array | undefined;
    try {
      frame = await nextFrame(line);
    } finally {
      silence?.cancel();
    }
    if (!frame) return "hangup";
    const answered = correlationIdOf(frame);
    if (probed && answered === probeId) {
      const known = { versions: versionsOf09, apiVersionsVersion: 0 };
      return { ...known, nextCorrelationId: id + 2, lateAnswer: undefined, throttleMs: 0 };
    }
    if (answered !== id) throw outOfStep(line, answered, id);
    const lower = lowerVersion(line, frame, version);
    if (lower === undefined) {
      return {
        ...readVersions(line, frame, version),
        apiVersionsVersion: version,
        nextCorrelationId: id + 2,
        lateAnswer: probed ? probeId : undefined,
      };
    }
    if (probed) await skipAnswer(line, probeId);
    id += 2;
    version = lower;
  }
}

/**
 * A broker hung up on ApiVersions. One of 0.8 answers Metadata v0 and hangs up on ApiVersions again; then its versions are
 * known, and the connection is used up. A newer one that was only being restarted answers both, and its greeting is given.
 */
export async function isOf08(line: Line): Promise<Greeting | boolean> {
  const head = { correlationId: 0, clientId: line.clientId };
  await write(line, encodeRequest(metadata, 0, head, { topics: [] }));
  const frame = await nextFrame(line);
  if (!frame) return false;
  if (correlationIdOf(frame) !== 0) throw outOfStep(line, correlationIdOf(frame), 0);
  decodeResponse(metadata, 0, frame);
  const greeting = await negotiate(line, 0, { firstId: 1 });
  return greeting === "hangup" ? true : greeting;
}

/** Suites that a server of TLS 1.2 knows one of; one that speaks only 1.3 answers with an alert, which tells as much. */
const CIPHER_SUITES = [0xc02b, 0xc02f, 0xc02c, 0xc030, 0x009c, 0x002f];

/** The first words of a TLS client (RFC 5246, 7.4.1.2): enough to be answered, and no more. */
function clientHello(world: World): Uint8Array {
  const suites = CIPHER_SUITES.flatMap((suite) => [suite >> 8, suite & 0xff]);
  const hello = [3, 3, ...world.entropy(32), 0, 0, suites.length, ...suites, 1, 0];
  const handshake = [1, 0, 0, hello.length, ...hello];
  return Uint8Array.from([0x16, 3, 1, 0, handshake.length, ...handshake]);
}

/**
 * A peer hangs up on whatever it is told in clear. Some that want TLS do so without the alert that others send; all of them
 * answer a greeting in TLS. Throws `NOT_KAFKA` then.
 */
export async function throwIfTls(line: Line): Promise<void> {
  await write(line, [clientHello(line.world)]);
  try {
    await nextFrame(line);
  } catch (cause) {
    if (!(cause instanceof KafkaError) || cause.code !== "NOT_KAFKA") return; // it said something, but not in TLS
    const detail = `${line.label} answers in TLS, and was spoken to in clear: connect with the option tls`;
    throw new KafkaError("NOT_KAFKA", detail, { broker: line.label, cause });
  }
}

/**
 * The other way round: a peer hung up on a greeting in TLS, as brokers do where they are to be spoken to in clear. Throws
 * `TLS_FAILED` if it answers in clear. Nothing is told to it, not even who we are.
 */
export async function throwIfClear(line: Line, cause: unknown): Promise<void> {
  const { label } = line;
  let greeting: Greeting | "hangup";
  try {
    greeting = await negotiate({ ...line, clientId: "" }, 0);
  } catch {
    return; // what it is, nobody knows
  }
  if (greeting === "hangup") return;
  const detail = `${label} answers in clear, and was spoken to in TLS: connect without the option tls, ` +
    "or to the port where it speaks TLS";
  throw new KafkaError("TLS_FAILED", detail, { broker: label, cause });
}

function sendApiVersions(line: Line, version: number, correlationId: number): Promise<void> {
  const body = version >= 3 ? SOFTWARE : {};
  return write(line, encodeRequest(apiVersions, version, { correlationId, clientId: line.clientId }, body));
}

/** Writes. If the peer has hung up, or does so meanwhile, reading tells: it may have said something before. */
export function write({ transport }: Line, chunks: readonly Uint8Array[]): Promise<void> {
  return transport.write(chunks).catch(() => {});
}

/** The next frame; undefined when the peer hung up before it said anything. */
export async function nextFrame({ frames }: Line): Promise<Uint8Array | undefined> {
  for (;;) {
    const frame = frames.take();
    if (frame) return frame;
    try {
      if (!await frames.more()) return undefined;
    } catch (error) {
      if (isHangup(error)) return undefined;
      throw error;
    }
  }
}

/** A reset that the transport tells of, with the broker's name; a stream that ends inside a frame was no silent hang-up. */
function isHangup(error: unknown): boolean {
  return error instanceof KafkaError && error.code === "CONNECTION_RESET" && error.broker !== undefined;
}

async function skipAnswer(line: Line, correlationId: number): Promise<void> {
  const frame = await nextFrame(line);
  if (frame) checkStep(line, frame, correlationId);
}

/** Throws `PROTOCOL_ERROR` for an answer to something else. */
export function checkStep(line: Line, frame: Uint8Array, correlationId: number): void {
  const got = correlationIdOf(frame);
  if (got !== correlationId) throw outOfStep(line, got, correlationId);
}

function outOfStep({ label }: Line, got: number, wanted: number): KafkaError {
  const detail = `${label} answered with correlation id ${got} where ${wanted} was due`;
  return new KafkaError("PROTOCOL_ERROR", detail, { broker: label });
}

/**
 * A broker that does not speak our version of ApiVersions answers in v0, and from 2.4 names what it speaks (KIP-511). Only a
 * strictly lower version is tried then: a hostile broker could go on for ever.
 */
function lowerVersion({ label }: Line, frame: Uint8Array, sent: number): number | undefined {
  const reader = new Reader(frame);
  reader.offset = 4;
  if (reader.int16() !== errorNumbers.UNSUPPORTED_VERSION) return undefined;
  if (sent === 0) throw KafkaError.ofBroker(errorNumbers.UNSUPPORTED_VERSION, "to ApiVersions v0", { broker: label });
  const own = decodeResponse(apiVersions, 0, frame).apiKeys.find(({ apiKey }) => apiKey === apiVersions.key);
  return own && own.maxVersion >= 0 && own.maxVersion < sent ? own.maxVersion : 0;
}

function readVersions(
  { label }: Line,
  frame: Uint8Array,
  version: number,
): Pick<Greeting, "versions" | "throttleMs"> {
  const { errorCode, apiKeys, throttleTimeMs } = decodeResponse(apiVersions, version, frame);
  if (errorCode !== 0) throw KafkaError.ofBroker(errorCode, "to ApiVersions", { broker: label });
  if (apiKeys.length === 0) {
    throw new KafkaError("PROTOCOL_ERROR", `${label} answered ApiVersions with nothing that it speaks`, {
      broker: label,
    });
  }
  const ranges = new Map<number, VersionRange>();
  for (const { apiKey, minVersion, maxVersion } of apiKeys) ranges.set(apiKey, [minVersion, maxVersion]);
  const throttleMs = version >= apiVersions.clientThrottlesFrom ? throttleTimeMs : 0;
  return { versions: new BrokerVersions(ranges, "ApiVersions"), throttleMs };
}

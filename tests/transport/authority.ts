/** Authorities of certificates for tests: each signs what a test needs, for whom and for as long as it needs it. */

import { generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";
import type { Identity } from "./certificates.ts";

/** For whom, and for how long. */
export interface Subject {
  /** Its name for people; nobody checks it. */
  readonly name?: string | undefined;
  /** The names that a server has. */
  readonly dns?: readonly string[] | undefined;
  /** The IPv4 addresses that a server has. */
  readonly ips?: readonly string[] | undefined;
  /** Whether it may sign others. */
  readonly authority?: boolean | undefined;
  /** What it is for; anything if not said. */
  readonly use?: "server" | "client" | undefined;
  /** From when on it is valid; from a day ago if not said. */
  readonly from?: Date | undefined;
  /** Until when; for a day from now on if not said. */
  readonly until?: Date | undefined;
  /** The kind of its key; an elliptic curve if not said. */
  readonly kind?: "ec" | "rsa" | undefined;
}

const DAY_MS = 24 * 3600_000;

/** Object identifiers, as DER has them. */
const OID = {
  ecdsaWithSha256: "2a8648ce3d040302",
  commonName: "550403",
  keyUsage: "551d0f",
  subjectAltName: "551d11",
  basicConstraints: "551d13",
  extendedKeyUsage: "551d25",
  server: "2b06010505070301",
  client: "2b06010505070302",
};

function der(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const size = parts.reduce((sum, part) => sum + part.length, 0);
  const length = size < 0x80 ? [size] : size < 0x100 ? [0x81, size] : [0x82, size >> 8, size & 0xff];
  const bytes = Uint8Array.from([tag, ...length, ...new Uint8Array(size)]);
  let at = 1 + length.length;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

const sequence = (...parts: readonly Uint8Array[]) => der(0x30, ...parts);
const utf8 = (text: string) => new TextEncoder().encode(text);
const oid = (hex: string) => der(0x06, Uint8Array.from(hex.match(/../g)!, (digits) => parseInt(digits, 16)));
const named = (name: string) => sequence(der(0x31, sequence(oid(OID.commonName), der(0x0c, utf8(name)))));
const bits = (bytes: Uint8Array) => der(0x03, Uint8Array.of(0), bytes);

/** Two digits of the year up to 2049, and four from then on. */
function time(date: Date): Uint8Array {
  const text = date.toISOString().replace(/[-:T]|\.\d+/g, "");
  return text < "2050" ? der(0x17, utf8(text.slice(2))) : der(0x18, utf8(text));
}

function extension(id: string, critical: boolean, value: Uint8Array): Uint8Array {
  return sequence(oid(id), ...critical ? [der(0x01, Uint8Array.of(0xff))] : [], der(0x04, value));
}

function extensions({ dns = [], ips = [], authority = false, use }: Subject): Uint8Array {
  const names = [
    ...dns.map((name) => der(0x82, utf8(name))),
    ...ips.map((ip) => der(0x87, Uint8Array.from(ip.split("."), Number))),
  ];
  return der(
    0xa3,
    sequence(
      extension(OID.basicConstraints, true, sequence(...authority ? [der(0x01, Uint8Array.of(0xff))] : [])),
      ...authority ? [extension(OID.keyUsage, true, der(0x03, Uint8Array.of(2, 4)))] : [],
      ...names.length > 0 ? [extension(OID.subjectAltName, false, sequence(...names))] : [],
      ...use ? [extension(OID.extendedKeyUsage, false, sequence(oid(OID[use])))] : [],
    ),
  );
}

function pem(bytes: Uint8Array): string {
  const lines = btoa(String.fromCharCode(...bytes)).match(/.{1,64}/g)!;
  return ["-----BEGIN CERTIFICATE-----", ...lines, "-----END CERTIFICATE-----", ""].join("\n");
}

function newKey(kind: "ec" | "rsa"): { privateKey: KeyObject; publicKey: KeyObject } {
  return kind === "ec"
    ? generateKeyPairSync("ec", { namedCurve: "P-256" })
    : generateKeyPairSync("rsa", { modulusLength: 2048 });
}

let count = 0;

/** One that signs: by itself, or under another. */
export class Authority {
  /** Its own certificate. */
  readonly cert: string;
  readonly #name: string;
  readonly #key: KeyObject;

  /** A new one, signed by `parent` or by itself. */
  constructor(parent?: Authority) {
    this.#name = `Authority ${++count} ${randomBytes(4).toString("hex")}`;
    const { privateKey, publicKey } = newKey("ec");
    this.#key = privateKey;
    const subject = { name: this.#name, authority: true };
    this.cert = (parent ?? this).#certificate(subject, publicKey);
  }

  /** A new key and the certificate for it; the key as PKCS #8, or in the older form of its kind. */
  sign(subject: Subject, form: "pkcs8" | "pkcs1" | "sec1" = "pkcs8"): Identity {
    const { privateKey, publicKey } = newKey(subject.kind ?? "ec");
    const key = String(privateKey.export({ type: form as "pkcs8", format: "pem" }));
    return { cert: this.#certificate(subject, publicKey), key };
  }

  #certificate(subject: Subject, publicKey: KeyObject): string {
    const now = Date.now();
    const { name = "somebody", from = new Date(now - DAY_MS), until = new Date(now + DAY_MS) } = subject;
    const algorithm = sequence(oid(OID.ecdsaWithSha256));
    const body = sequence(
      der(0xa0, der(0x02, Uint8Array.of(2))),
      der(0x02, Uint8Array.of(0x40), randomBytes(12)),
      algorithm,
      named(this.#name),
      sequence(time(from), time(until)),
      named(name),
      new Uint8Array(publicKey.export({ type: "spki", format: "der" })),
      extensions(subject),
    );
    return pem(sequence(body, algorithm, bits(sign("sha256", body, this.#key))));
  }
}

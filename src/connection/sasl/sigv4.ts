/** Signatures of AWS, version 4, of which Kafka needs only one kind: that of a query. */

import type { World } from "../../base/world.ts";
import { digest, hmac } from "./crypto.ts";

/** For what a signature is good. */
export interface SigningScope {
  /** The day, as `20150830`. */
  readonly day: string;
  /** The region, as `us-east-1`. */
  readonly region: string;
  /** The service, as `kafka-cluster`. */
  readonly service: string;
}

const utf8 = new TextEncoder();

/** The names of a scope, as they are signed and said. */
export function scopeText({ day, region, service }: SigningScope): string {
  return `${day}/${region}/${service}/aws4_request`;
}

/** The key that signs within a scope. */
export async function signingKey(world: World, secret: string, scope: SigningScope): Promise<Uint8Array> {
  let key: Uint8Array = utf8.encode(`AWS4${secret}`);
  for (const part of scopeText(scope).split("/")) key = await hmac(world, "SHA-256", key, utf8.encode(part));
  return key;
}

/** The signature of a canonical request at a time, as `20150830T123600Z`; in hexadecimal digits. */
export async function signature(
  world: World,
  secret: string,
  scope: SigningScope,
  time: string,
  canonicalRequest: string,
): Promise<string> {
  const hash = hex(await digest(world, "SHA-256", utf8.encode(canonicalRequest)));
  const text = `AWS4-HMAC-SHA256\n${time}\n${scopeText(scope)}\n${hash}`;
  return hex(await hmac(world, "SHA-256", await signingKey(world, secret, scope), utf8.encode(text)));
}

/** Names and values in the order and the letters in which they are signed. */
export function canonicalQuery(pairs: Readonly<Record<string, string>>): string {
  const parts = Object.entries(pairs).map(([name, value]) => `${escaped(name)}=${escaped(value)}`);
  return parts.sort().join("&");
}

/** Percent signs for all but RFC 3986's unreserved letters. */
function escaped(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** What mechanisms need of WebCrypto, and base64. */

import { KafkaError } from "../../base/errors.ts";
import type { World } from "../../base/world.ts";

/** A hash, as WebCrypto calls it. */
export type Hash = "SHA-256" | "SHA-512";

type Bytes = Uint8Array<ArrayBuffer>;

/** Runs on WebCrypto, which pages have in secure contexts alone. */
async function onSubtle(world: World, work: (subtle: SubtleCrypto) => Promise<ArrayBuffer>): Promise<Bytes> {
  // The types promise more than a page over http has.
  const subtle = (globalThis.crypto as Crypto | undefined)?.subtle as SubtleCrypto | undefined;
  if (!subtle) {
    const detail = "This platform has no WebCrypto (crypto.subtle), which the SASL mechanism needs: " +
      "a page has it over https or from localhost";
    throw new KafkaError("UNSUPPORTED_FEATURE", detail);
  }
  return new Uint8Array(await world.outside(() => work(subtle)));
}

/** A digest. */
export function digest(world: World, hash: Hash, bytes: Uint8Array): Promise<Bytes> {
  return onSubtle(world, (subtle) => subtle.digest(hash, bytes as Bytes));
}

/** A keyed digest (RFC 2104). */
export function hmac(world: World, hash: Hash, key: Uint8Array, message: Uint8Array): Promise<Bytes> {
  return onSubtle(world, async (subtle) => {
    const imported = await subtle.importKey("raw", key as Bytes, { name: "HMAC", hash }, false, ["sign"]);
    return await subtle.sign("HMAC", imported, message as Bytes);
  });
}

/** A key out of a password, as long as the hash (RFC 8018; SCRAM's Hi). */
export function pbkdf2(
  world: World,
  hash: Hash,
  password: Uint8Array,
  salt: Uint8Array,
  iterations: number,
): Promise<Bytes> {
  return onSubtle(world, async (subtle) => {
    const imported = await subtle.importKey("raw", password as Bytes, "PBKDF2", false, ["deriveBits"]);
    const algorithm = { name: "PBKDF2", hash, salt: salt as Bytes, iterations };
    return await subtle.deriveBits(algorithm, imported, hash === "SHA-256" ? 256 : 512);
  });
}

/** As base64. */
export function toBase64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}

/** From base64; undefined if it is none. */
export function fromBase64(text: string): Bytes | undefined {
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text)) return undefined;
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

/** Whether they are the same, in a time that does not tell where they differ. */
export function isSame(a: Uint8Array, b: Uint8Array): boolean {
  let difference = a.length ^ b.length;
  for (let i = 0; i < a.length; i++) difference |= a[i]! ^ (b[i] ?? 0);
  return difference === 0;
}

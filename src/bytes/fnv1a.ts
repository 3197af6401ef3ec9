/** FNV-1a of 32 bits, which Go's clients take for keys. */

const OFFSET_BASIS = 0x811c9dc5;
const PRIME = 0x01000193;

/** The hash of `bytes` as a signed number of 32 bits. */
export function fnv1a(bytes: Uint8Array): number {
  let hash = OFFSET_BASIS | 0;
  for (let at = 0; at < bytes.length; at++) hash = Math.imul(hash ^ bytes[at]!, PRIME);
  return hash;
}

/** MurmurHash2 as Kafka's Java client computes it, so that equal keys go to equal partitions whoever sends them. */

const SEED = 0x9747b28c;
const M = 0x5bd1e995;

/** The hash of `bytes` as Java's signed int (`org.apache.kafka.common.utils.Utils.murmur2`). */
export function murmur2(bytes: Uint8Array): number {
  const length = bytes.length;
  const whole = length & ~3;
  let hash = SEED ^ length;
  for (let at = 0; at < whole; at += 4) {
    let word = bytes[at]! | bytes[at + 1]! << 8 | bytes[at + 2]! << 16 | bytes[at + 3]! << 24;
    word = Math.imul(word, M);
    word = Math.imul(word ^ word >>> 24, M);
    hash = Math.imul(hash, M) ^ word;
  }
  const tail = length - whole;
  if (tail > 2) hash ^= bytes[whole + 2]! << 16;
  if (tail > 1) hash ^= bytes[whole + 1]! << 8;
  if (tail > 0) hash = Math.imul(hash ^ bytes[whole]!, M);
  hash = Math.imul(hash ^ hash >>> 13, M);
  return hash ^ hash >>> 15;
}

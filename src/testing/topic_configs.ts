/** Which settings a topic has, and what they may be. */

/** Whole numbers, with the least that each may be (`org.apache.kafka.common.config.TopicConfig`, `LogConfig`). */
const NUMBERS: ReadonlyMap<string, number> = new Map([
  ["delete.retention.ms", 0],
  ["file.delete.delay.ms", 0],
  ["flush.messages", 1],
  ["flush.ms", 0],
  ["index.interval.bytes", 0],
  ["local.retention.bytes", -2],
  ["local.retention.ms", -2],
  ["max.compaction.lag.ms", 1],
  ["max.message.bytes", 0],
  ["message.timestamp.after.max.ms", 0],
  ["message.timestamp.before.max.ms", 0],
  ["message.timestamp.difference.max.ms", 0],
  ["min.compaction.lag.ms", 0],
  ["min.insync.replicas", 1],
  ["retention.bytes", -1],
  ["retention.ms", -1],
  ["segment.bytes", 14],
  ["segment.index.bytes", 4],
  ["segment.jitter.ms", 0],
  ["segment.ms", 1],
]);

/** What is no whole number; its values are not checked. */
const OTHERS: ReadonlySet<string> = new Set([
  "cleanup.policy",
  "compression.gzip.level",
  "compression.lz4.level",
  "compression.type",
  "compression.zstd.level",
  "follower.replication.throttled.replicas",
  "leader.replication.throttled.replicas",
  "message.downconversion.enable",
  "message.format.version",
  "message.timestamp.type",
  "min.cleanable.dirty.ratio",
  "preallocate",
  "remote.storage.enable",
  "unclean.leader.election.enable",
]);

/** Whether there is a setting of that name. */
export function isTopicConfig(name: string): boolean {
  return NUMBERS.has(name) || OTHERS.has(name);
}

/** What is wrong with a setting; undefined if nothing is. */
export function configFault(name: string, value: string | null): string | undefined {
  const least = NUMBERS.get(name);
  if (least === undefined) return OTHERS.has(name) ? undefined : `Unknown topic config name: ${name}`;
  if (value === null) return `Null value not supported for topic config: ${name}`;
  const number = /^-?\d+$/.test(value) ? Number(value) : NaN;
  return number >= least ? undefined : `Invalid value ${value} for configuration ${name}: at least ${least} is allowed`;
}

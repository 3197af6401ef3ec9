/** The Kafka releases that the tests run, and the jars that each of them needs as a server and as a client. */

import process from "node:process";

/** The releases of the long tests, one for each step that the protocol took. Any other from 0.8.2 on works by the same table. */
export const everyAge: readonly string[] = [
  ...["0.8.2.2", "0.9.0.1", "0.10.2.2", "0.11.0.3", "1.1.1", "2.4.1", "2.8.2"],
  ...["3.9.2", "4.0.2", "4.3.1", "4.4.0"],
];

/** The releases of the long tests of TLS and SASL: one for each step that these took. */
export const securedAges: readonly string[] = [
  ...["0.9.0.1", "0.10.0.1", "0.10.2.2", "0.11.0.3", "1.0.2", "2.1.1"],
  ...["2.4.1", "2.8.2", "3.9.2", "4.3.1", "4.4.0"],
];

/** The releases that a test run starts: a few of all ages, or what `SAMSA_RELEASES` names, with commas between. */
export const releases: readonly string[] = process.env.SAMSA_RELEASES?.split(",") ??
  ["0.8.2.2", "0.9.0.1", "0.10.2.2", "0.11.0.3", "2.8.2", "4.4.0"];

/** Whether a release is this one or a later one: `atLeast("0.10.2.2", "0.9")`. */
export function atLeast(release: string, floor: string): boolean {
  const have = release.split(".").map(Number);
  const need = floor.split(".").map(Number);
  for (let i = 0; i < Math.max(have.length, need.length); i++) {
    const ahead = (have[i] ?? 0) - (need[i] ?? 0);
    if (ahead !== 0) return ahead > 0;
  }
  return true;
}

/** Whether the release runs without ZooKeeper: possible from 2.8 on, done here from 3.3 on, where Kafka calls it finished. */
export const withoutZooKeeper = (release: string): boolean => atLeast(release, "3.3");

/** From which release on something is there, and from which on it is not any more. */
interface Span {
  readonly since?: string;
  readonly until?: string;
}

const inSpan = (release: string, { since, until }: Span): boolean =>
  (since === undefined || atLeast(release, since)) && (until === undefined || !atLeast(release, until));

/** Kafka's own jars, all of the release's version. */
const own: Readonly<Record<string, Span>> = {
  "kafka_2.11": { until: "2.4" },
  "kafka_2.13": { since: "2.4" },
  "kafka-clients": {},
  "kafka-metadata": { since: "2.8" },
  "kafka-raft": { since: "2.8" },
  "kafka-server-common": { since: "3.0" },
  "kafka-storage": { since: "3.0" },
  "kafka-storage-api": { since: "3.0" },
  "kafka-group-coordinator": { since: "3.4" },
  "kafka-tools-api": { since: "3.5" },
  "kafka-server": { since: "3.7" },
  "kafka-group-coordinator-api": { since: "3.8" },
  "kafka-transaction-coordinator": { since: "3.8" },
  "kafka-coordinator-common": { since: "4.0" },
  "kafka-share-coordinator": { since: "4.0" },
};

/**
 * Other people's jars that a broker loads. Where Kafka bundles another version, the oldest and newest releases run with this one
 * all the same, so that most are downloaded once.
 */
const others: Readonly<Record<string, Span>> = {
  "org.scala-lang:scala-library:2.11.12": { until: "2.4" },
  "org.scala-lang:scala-library:2.13.18": { since: "2.4" },
  "org.scala-lang.modules:scala-parser-combinators_2.11:1.0.4": { until: "1.0" },
  "org.scala-lang.modules:scala-java8-compat_2.13:1.0.2": { since: "2.4", until: "4.0" },
  "com.typesafe.scala-logging:scala-logging_2.11:3.9.0": { since: "1.1", until: "2.4" },
  "com.typesafe.scala-logging:scala-logging_2.13:3.9.6": { since: "2.4" },
  // The clients of ZooKeeper 3.4.13 and 3.4.14 find no host on Java 14 and later.
  "org.apache.zookeeper:zookeeper:3.4.12": { until: "2.4" },
  "org.apache.zookeeper:zookeeper:3.8.6": { since: "2.4", until: "4.0" },
  "org.apache.zookeeper:zookeeper-jute:3.8.6": { since: "2.4", until: "4.0" },
  "com.101tec:zkclient:0.11": { until: "2.4" },
  "io.dropwizard.metrics:metrics-core:4.1.12.1": { since: "2.4", until: "4.0" },
  "com.yammer.metrics:metrics-core:2.2.0": {},
  // These releases need a class that left the JDK with Java 11.
  "javax.xml.bind:jaxb-api:2.3.1": { since: "0.10.1", until: "1.0" },
  // Up to 1.0 Kafka calls log4j itself; later any binding of slf4j does.
  "log4j:log4j:1.2.17": { until: "1.1" },
  "org.slf4j:slf4j-log4j12:1.7.36": { until: "1.1" },
  "org.slf4j:slf4j-simple:1.7.36": { since: "1.1" },
  "org.slf4j:slf4j-api:1.7.36": {},
  "org.apache.logging.log4j:log4j-api:2.25.4": { since: "4.1" },
  "org.xerial.snappy:snappy-java:1.1.10.7": {},
  // The oldest releases call what later versions of lz4 lack.
  "net.jpountz.lz4:lz4:1.2.0": { until: "0.10" },
  "at.yawk.lz4:lz4-java:1.10.2": { since: "0.10" },
  "com.github.luben:zstd-jni:1.5.6-10": { since: "2.1" },
  "net.sf.jopt-simple:jopt-simple:5.0.4": {},
  "net.sourceforge.argparse4j:argparse4j:0.7.0": { since: "2.8" },
  "com.fasterxml.jackson.core:jackson-core:2.21.2": { since: "1.0" },
  "com.fasterxml.jackson.core:jackson-databind:2.21.2": { since: "1.0" },
  "com.fasterxml.jackson.core:jackson-annotations:2.21": { since: "1.0" },
  "org.bitbucket.b_c:jose4j:0.9.6": { since: "3.1" },
  "commons-validator:commons-validator:1.10.1": { since: "3.6" },
  "org.pcollections:pcollections:4.0.2": { since: "3.6" },
  "com.google.re2j:re2j:1.8": { since: "4.0" },
  "org.hdrhistogram:HdrHistogram:2.2.2": { since: "4.0" },
  "com.dynatrace.hash4j:hash4j:0.22.0": { since: "4.1" },
};

/** The jars of a release as Maven's coordinates, `group:artifact:version`. */
export function jarsOf(release: string): string[] {
  const named = (jars: Readonly<Record<string, Span>>) =>
    Object.entries(jars).filter(([, span]) => inSpan(release, span)).map(([name]) => name);
  return [...named(own).map((name) => `org.apache.kafka:${name}:${release}`), ...named(others)];
}

/**
 * The source of a Java program as a release can compile it: of a line that ends in `// since X`, `// until X` or
 * `// since X until Y` only what holds is kept.
 */
export function javaFor(release: string, source: string): string {
  const note = /\/\/ (?=since|until)(?:since (?<since>[\d.]+))?\s*(?:until (?<until>[\d.]+))?$/;
  return source.split("\n").filter((line) => {
    const span = note.exec(line)?.groups;
    return span === undefined || inSpan(release, span);
  }).join("\n");
}

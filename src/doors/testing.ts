/**
 * A Kafka cluster in the process, and a world made up from a seed: for tests without Java, Docker or a network.
 *
 * @module
 */

export * from "../testing/mod.ts";

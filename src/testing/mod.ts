/** What `@samsa/kafka/testing` offers: a Kafka cluster in the process, and a world that is made up from a seed. */

export type { Answer } from "./call.ts";
export { Chance } from "./chance.ts";
export { Cluster, type ClusterOptions, type StartOptions, type TopicOptions } from "./cluster.ts";
export type { EpochEnd } from "./leader_epochs.ts";
export type { PaceOptions } from "./pace.ts";
export { Partition, type Topic } from "./partition.ts";
export type { PlaceOptions } from "./place.ts";
export type { Node, PartitionState, TopicState } from "./picture.ts";
export type { Control, ControlledCall } from "./controls.ts";
export type { CommittedOffset, TopicOffsets } from "./group_offsets.ts";
export type { Entry } from "./heap.ts";
export { commonFaults, drawFaults, type Fault, type FaultKind, playFaults, type Stage } from "./faults.ts";
export { Log, type ReadLimit, type Stored } from "./log.ts";
export {
  type KnownBatch,
  type KnownProducer,
  type Moment,
  type ProducerHead,
  type ProducerRules,
  ProducerState,
  type StoredBatch,
} from "./producer_state.ts";
export type { Quota } from "./quotas.ts";
export { minorReleases, newestRelease, releaseNames } from "./releases.ts";
export type { End, Habit, Keep, Link, Tell, Way } from "./link.ts";
export { addressText, dialOf, listenOf, Network, pairText } from "./network.ts";
export type { SaslOptions } from "./sasl.ts";
export type { SaslServer, SaslServerContext, SaslStep } from "./sasl_servers.ts";
export { kindOf, shrink } from "./shrink.ts";
export { type Machine, simulate, type SimulateOptions, type Simulation } from "./simulate.ts";
export {
  type Happening,
  type Kind,
  Process,
  type Report,
  SimulatedWorld,
  type SimulatedWorldOptions,
} from "./world.ts";

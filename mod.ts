/**
 * Samsa: a cluster-aware Kafka client for Deno, Node, Bun and the browser. This is the core, which knows no platform: import
 * `@samsa/kafka/deno`, `/node` or `/bun` to get it together with that platform's `connect`.
 *
 * @module
 */

export { KafkaClient } from "./src/client/client.ts";
export type { ClientOptions, ConnectOptions, Interceptor } from "./src/client/options.ts";
export type { RequestBody, RequestOptions, RequestTarget } from "./src/client/request.ts";
export { Topic } from "./src/client/topic.ts";
export { Admin, type DeleteTopicOptions, type NewTopicOptions } from "./src/admin/admin.ts";
export { type OneOrMany, Producer, type ProducerOptions, type WaitOptions } from "./src/producer/producer.ts";
export type { BatchReport, DeliveryReport } from "./src/producer/call.ts";
export type { Bytes, Delivery, HeadersInput, ProducerMessage, TopicMessage } from "./src/producer/message.ts";
export type { OutgoingMessage, ProducerInterceptor } from "./src/producer/interceptors.ts";
export {
  groupHashing,
  type KeyHash,
  type Partitioner,
  type PartitionerContext,
  type PartitionerMessage,
  type PartitionerName,
  partitionOfKey,
} from "./src/producer/partitioner.ts";
export { SimpleConsumer, type SimpleConsumerOptions } from "./src/consumer/simple_consumer.ts";
export type { ConsumerInterceptor } from "./src/consumer/interceptors.ts";
export type { CommitOptions, CommitTarget } from "./src/consumer/committing.ts";
export type { CommittedOffset } from "./src/consumer/group_offsets.ts";
export { Batch } from "./src/consumer/batch.ts";
export { type Header, Message, type MessageChanges } from "./src/records/message.ts";
export type { Codecs, Compression, CompressionCodec } from "./src/records/compression.ts";
export type { Coordinated } from "./src/cluster/coordinators.ts";
export type { BrokerInfo, PartitionInfo, TopicInfo } from "./src/cluster/snapshot.ts";
export type { Asked, SaslContext, SaslMechanism } from "./src/connection/sasl/mechanism.ts";
export { type AwsCredentials, awsMskIam, type AwsMskIamOptions } from "./src/connection/sasl/aws_msk_iam.ts";
export { oauthBearer, type OAuthOptions, type OAuthToken } from "./src/connection/sasl/oauth_bearer.ts";
export { plain, type UserPassword } from "./src/connection/sasl/plain.ts";
export { type ScramCredentials, scramSha256, scramSha512 } from "./src/connection/sasl/scram.ts";
export type {
  AuthenticatedEvent,
  BatchFetchedEvent,
  BatchSentEvent,
  ClientEvent,
  ConnectedEvent,
  ConnectFailedEvent,
  DisconnectedEvent,
  MetadataEvent,
  OffsetResetEvent,
  PartitionFailedEvent,
  RequestEvent,
  RetryEvent,
} from "./src/base/events.ts";
export type { LogFields, Logger } from "./src/base/log.ts";
export type {
  ApiMetrics,
  BrokerMetrics,
  ClientMetrics,
  ConnectionMetrics,
  ConsumedMetrics,
  ConsumerMetrics,
  MetadataMetrics,
  PartitionMetrics,
  ProducedMetrics,
  ProducerMetrics,
  RequestMetrics,
} from "./src/base/metrics.ts";
export { type Histogram, quantile } from "./src/base/histogram.ts";
export { type ErrorContext, KafkaError, type OwnCode } from "./src/base/errors.ts";
export { type Deferred, realWorld, type Timer, type World } from "./src/base/world.ts";
export type {
  Api,
  Field,
  HasDefault,
  In,
  Noted,
  Omissible,
  OrNull,
  Out,
  Request,
  Response,
  Scalar,
  Scalars,
  Shape,
  Shown,
  Struct,
} from "./src/wire/schema.ts";
export type {
  Address,
  Dial,
  DialOptions,
  Listen,
  Listener,
  ListenOptions,
  TlsOptions,
  Transport,
} from "./src/transport/transport.ts";

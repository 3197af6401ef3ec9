/** What of Kafka's protocol is not ours, and why: the requests that no client sends, and what no client reads. */

const ZOOKEEPER = "the controller told brokers so in the days of ZooKeeper";
const RAFT = "controllers elect and copy from one another by it";
const JOINING = "a broker or controller says it to the controllers";
const PERSISTER = "brokers keep the state of share groups at one another by it";

/** Requests that no client sends, by key: Kafka's name, and who sends them to whom. */
export const BROKERS_OWN: ReadonlyMap<number, readonly [name: string, why: string]> = new Map([
  [4, ["LeaderAndIsr", ZOOKEEPER]],
  [5, ["StopReplica", ZOOKEEPER]],
  [6, ["UpdateMetadata", ZOOKEEPER]],
  [7, ["ControlledShutdown", "a broker that ends said it to the controller in the days of ZooKeeper"]],
  [52, ["Vote", RAFT]],
  [53, ["BeginQuorumEpoch", RAFT]],
  [54, ["EndQuorumEpoch", RAFT]],
  [56, ["AlterPartition", "a leader tells the controller who is in sync"]],
  [58, ["Envelope", "a broker passes on to the controller what a client asked"]],
  [59, ["FetchSnapshot", RAFT]],
  [62, ["BrokerRegistration", JOINING]],
  [63, ["BrokerHeartbeat", JOINING]],
  [67, ["AllocateProducerIds", "a broker fetches producer ids from the controller"]],
  [70, ["ControllerRegistration", JOINING]],
  [73, ["AssignReplicasToDirs", JOINING]],
  [82, ["UpdateRaftVoter", JOINING]],
  [83, ["InitializeShareGroupState", PERSISTER]],
  [84, ["ReadShareGroupState", PERSISTER]],
  [85, ["WriteShareGroupState", PERSISTER]],
  [86, ["DeleteShareGroupState", PERSISTER]],
  [87, ["ReadShareGroupStateSummary", PERSISTER]],
]);

const CONTROLLERS_LOG = "stands in the log of the controllers";
const CONTROL = "src/records reads control records and their four bytes of a key by hand";

/** What is neither request nor response, and not ours: by Kafka's name, why. */
export const OTHERS_OWN: ReadonlyMap<string, string> = new Map([
  ["RequestHeader", "src/protocol/header.ts writes it by hand; it is held against Java below"],
  ["ResponseHeader", "src/protocol/header.ts reads it by hand; it is held against Java below"],
  ["LeaderChangeMessage", CONTROLLERS_LOG],
  ["SnapshotHeaderRecord", CONTROLLERS_LOG],
  ["SnapshotFooterRecord", CONTROLLERS_LOG],
  ["KRaftVersionRecord", CONTROLLERS_LOG],
  ["VotersRecord", CONTROLLERS_LOG],
  ["DefaultPrincipalData", "brokers put it into Envelope"],
  ["ControlRecordTypeSchema", CONTROL],
  ["EndTxnMarker", CONTROL],
  ["AbortedTxn", "brokers keep it in their files"],
]);

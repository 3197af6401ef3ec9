/** Telemetry: what is built where nobody listens, what a listener can spoil, and which events become lines of which level. */

import { assert } from "chai";
import { errorNumbers } from "../../../src/base/error_codes.ts";
import { KafkaError } from "../../../src/base/errors.ts";
import type { ClientEvent } from "../../../src/base/events.ts";
import type { LogFields, Logger, LogLevel } from "../../../src/base/log.ts";
import { type Listeners, type ReportedBatch, type ReportedPiece, Telemetry } from "../../../src/base/telemetry.ts";
import { SimulatedWorld } from "../../../src/testing/world.ts";
import { rejectionTest, test } from "../../harness.ts";
import { simulated } from "./simulated.ts";

const BROKER = "b:1";
const PLACE = { topic: "t", partition: 3 };
const refused = new KafkaError("CONNECTION_REFUSED", "b:1 refuses", { broker: BROKER });
const closed = new KafkaError("CLOSED", "The client has been closed");
const moved = KafkaError.ofBroker(errorNumbers.NOT_LEADER_OR_FOLLOWER, "", PLACE);

/** Parts of what rooms report that only an event needs, counted whenever one is read. */
function counted() {
  let reads = 0;
  const seen = <T>(value: T) => {
    reads++;
    return value;
  };
  const request = {
    ...{ api: "Fetch", requestBytes: 10, sentAt: 0 },
    get version() {
      return seen(4);
    },
    get correlationId() {
      return seen(17);
    },
  };
  const batch: ReportedBatch = {
    ...{ topic: "t", builder: { count: 2, size: 100 }, bytes: new Uint8Array(60), createdAt: 0 },
    get partition() {
      return seen(3);
    },
    get failures() {
      return seen(0);
    },
  };
  const piece: ReportedPiece = {
    ...{ bytes: 80, highWatermark: 9 },
    get batches() {
      return seen([{ baseOffset: 5, lastOffset: 7, recordCount: 3 }, { baseOffset: 8, lastOffset: 8, recordCount: 1 }]);
    },
  };
  const known = {
    get brokers() {
      return seen(new Set([1]));
    },
    get topics() {
      return seen(new Set(["t", "u"]));
    },
  };
  return { request, batch, piece, known, reads: () => reads };
}

/** Reports one of each kind. */
function everything(telemetry: Telemetry, { request, batch, piece, known } = counted()): void {
  telemetry.connected(BROKER, 0, "ApiVersions");
  telemetry.connectFailed(BROKER, 0, refused);
  telemetry.requestSent(BROKER, request);
  telemetry.requestEnded(BROKER, request, 20, 0);
  telemetry.batchRetried(batch, BROKER, moved, 100);
  telemetry.batchSent(batch, BROKER, 40);
  telemetry.batchFailed(batch, undefined, moved);
  telemetry.fetched(BROKER, PLACE, piece);
  telemetry.fetchRetried(PLACE, 1, 100, moved);
  telemetry.callRetried(1, 100, moved);
  telemetry.metadataFetched(BROKER, 0, known);
  telemetry.metadataFailed(0, known, refused);
  telemetry.offsetReset(PLACE, 5, "latest");
  telemetry.partitionFailed(PLACE, 5, moved);
  telemetry.disconnected(BROKER, 0, 0, true, closed);
}

const TYPES: readonly ClientEvent["type"][] = [
  ...["connected", "connectFailed", "request", "batchSent", "retry", "batchSent", "batchSent", "batchFetched"] as const,
  ...["retry", "retry", "metadata", "metadata", "offsetReset", "partitionFailed", "disconnected"] as const,
];

/** A log that keeps its lines. */
function keeping(): { readonly log: Logger; readonly lines: [LogLevel, string, LogFields][] } {
  const lines: [LogLevel, string, LogFields][] = [];
  const at = (level: LogLevel) => (line: string, fields: LogFields) => void lines.push([level, line, fields]);
  return { lines, log: { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") } };
}

async function play(listeners: Listeners, body: (telemetry: Telemetry) => void): Promise<void> {
  await simulated((world) => Promise.resolve(body(new Telemetry(world, listeners))));
}

test("where nobody listens no event is built, and everything is counted all the same", () =>
  play({}, (telemetry) => {
    const parts = counted();
    everything(telemetry, parts);
    assert.equal(parts.reads(), 0);
    const { connections, requests, metadata, producer, consumer } = telemetry.metrics();
    assert.deepEqual(connections, { open: 0, opened: 1, closed: 1, failed: 1, authentications: 0 });
    assert.deepInclude(requests, { inFlight: 0, count: 1, failed: 0, requestBytes: 10, responseBytes: 20 });
    assert.deepInclude(metadata, { refreshes: 1, failures: 1 });
    assert.deepInclude(producer, { records: 2, failedRecords: 2, batches: 1, retries: 1 });
    assert.deepInclude(producer, { bytes: 60, uncompressedBytes: 100 });
    assert.deepInclude(consumer, { fetchedBytes: 80, retries: 1 });
  }));

test("with a log alone nothing is built for requests and batches that went well", () =>
  play({ log: keeping().log }, (telemetry) => {
    const { request, batch, piece, reads } = counted();
    telemetry.requestSent(BROKER, request);
    telemetry.requestEnded(BROKER, request, 20, 0);
    telemetry.batchSent(batch, BROKER, 40);
    telemetry.fetched(BROKER, PLACE, piece);
    assert.equal(reads(), 0);
  }));

test("who listens is told of everything, in order", async () => {
  const events: ClientEvent[] = [];
  await play({ onEvent: (event) => events.push(event) }, (telemetry) => everything(telemetry));
  assert.deepEqual(events.map(({ type }) => type), TYPES);
  const fetched = events.find((event) => event.type === "batchFetched");
  assert.deepInclude(fetched, { batches: 2, records: 4, bytes: 80, baseOffset: 5, lastOffset: 8, highWatermark: 9 });
});

test("what heads of batches do not say is not made up", async () => {
  const events: ClientEvent[] = [];
  await play({ onEvent: (event) => events.push(event) }, (telemetry) => {
    const batches = [
      { baseOffset: 0, lastOffset: 0, recordCount: 1 },
      { baseOffset: 4, lastOffset: 4, recordCount: -1 },
    ];
    telemetry.fetched(BROKER, PLACE, { batches, highWatermark: 5, bytes: 1 });
  });
  assert.equal(events[0]?.type === "batchFetched" && events[0].records, -1);
});

test("lines have the level that an operator expects, say all by themselves, and bring fields that fit into JSON", async () => {
  const { log, lines } = keeping();
  const { request } = counted();
  const late = new KafkaError("REQUEST_TIMEOUT", "b:1 did not answer", { broker: BROKER });
  await play({ log }, (telemetry) => {
    everything(telemetry);
    telemetry.connectFailed(BROKER, 0, closed);
    telemetry.requestEnded(BROKER, request, 20, 250);
    telemetry.requestEnded(BROKER, request, 0, 0, late);
    telemetry.requestEnded(BROKER, request, 0, 0, refused);
    telemetry.fetchRetried(PLACE, 4, 100, moved);
    telemetry.callRetried(4, 0, moved);
    telemetry.batchFailed(counted().batch, undefined, closed);
    telemetry.metadataFailed(0, counted().known, closed);
    telemetry.disconnected(BROKER, 0, 0, false, refused);
    telemetry.disconnected(BROKER, 0, 2, false, refused);
  });
  assert.deepEqual(lines.map(([level, line]) => `${level} ${line.replace(/: [A-Z_]+: .*/, "")}`), [
    "debug Connected to b:1 in 0 ms",
    "warn Could not connect to b:1",
    "info Sending to t/3 again in 100 ms, after failure 1",
    "error Gave up 2 messages for t/3",
    "info Fetching t/3 again in 100 ms, after failure 1",
    "info Asking again in 100 ms, after failure 1",
    "debug Metadata from b:1: 1 brokers, 2 topics",
    "warn Could not fetch metadata",
    "warn t/3 has no offset 5: going on at the latest",
    "error Can not go on in t/3",
    "debug Closed the connection to b:1",
    "debug Could not connect to b:1",
    "warn b:1 throttled Fetch for 250 ms",
    "warn b:1 has not answered Fetch v4",
    "warn Fetching t/3 again in 100 ms, after failure 4",
    "debug Asking again in 0 ms, after failure 4",
    "debug Could not fetch metadata",
    "info Lost the connection to b:1 with 0 requests in flight",
    "warn Lost the connection to b:1 with 2 requests in flight",
  ]);
  const fields = JSON.parse(JSON.stringify(lines.map(([, , fields]) => fields)));
  assert.deepInclude(fields[1], { event: "connectFailed", broker: BROKER, error: "CONNECTION_REFUSED" });
  assert.deepInclude(fields[2], { event: "retry", what: "produce", partition: 3, attempt: 1, delayMs: 100 });
});

test("a log is called as a method, so that one that needs its this works", async () => {
  class Mine implements Logger {
    readonly #lines: string[] = [];
    debug = this.#keep;
    info = this.#keep;
    warn = this.#keep;
    error = this.#keep;
    #keep(line: string): void {
      this.#lines.push(line);
    }
    get count(): number {
      return this.#lines.length;
    }
  }
  const log = new Mine();
  await play({ log }, (telemetry) => telemetry.connected(BROKER, 0, "0.9"));
  assert.equal(log.count, 1);
});

rejectionTest(
  "what a listener throws is an unhandled rejection, and reaches neither the caller nor the other listener",
  async () => {
    const { log, lines } = keeping();
    const world = new SimulatedWorld(1);
    const report = await world.run(() => {
      const onEvent = () => {
        throw new RangeError("mine");
      };
      new Telemetry(world.process("test"), { onEvent, log }).connected(BROKER, 0, "0.9");
      return Promise.resolve();
    });
    assert.equal(report.failure, "unhandled rejection: RangeError: mine");
    assert.equal(lines.length, 1);
  },
);

test("what producers and consumers hold is asked for, until they end", () =>
  play({}, (telemetry) => {
    const partitions = [
      { ...PLACE, position: 4, highWatermark: 10, bufferedBytes: 50 },
      { topic: "t", partition: 4, position: undefined, highWatermark: 10, bufferedBytes: 5 },
      { topic: "u", partition: 0, position: 4, highWatermark: 3, bufferedBytes: 0 },
    ];
    const ends = [telemetry.watchProducer(() => 7), telemetry.watchProducer(() => 8)];
    ends.push(telemetry.watchConsumer(() => partitions));
    const { producer, consumer } = telemetry.metrics();
    assert.equal(producer.bufferedBytes, 15);
    assert.deepInclude(consumer, { bufferedBytes: 55, lagMax: 6 });
    assert.deepEqual(consumer.partitions.map(({ lag }) => lag), [6, undefined, 0]);
    for (const end of ends) end();
    const after = telemetry.metrics();
    assert.equal(after.producer.bufferedBytes, 0);
    assert.deepInclude(after.consumer, { bufferedBytes: 0, lagMax: 0 });
    assert.deepEqual(after.consumer.partitions, []);
  }));

/** Looks at what the producers of a run send: one batch a partition at a time, or five with numbers; the same bytes again, and only after a failure. */

import { Connection, type RequestOptions } from "../../src/connection/connection.ts";
import { produce } from "../../src/protocol/produce.ts";
import { producerHead } from "../../src/testing/producer_state.ts";
import type { Api, Request, Response } from "../../src/wire/schema.ts";

/** So many batches of a partition brokers remember of a producer. */
const IN_FLIGHT_MAX = 5;

type ProduceRequest = Request<typeof produce>;
type ProduceResponse = Response<typeof produce>;

/** A batch on its way. */
interface Sending {
  readonly records: Uint8Array;
  readonly place: string;
}

/** Sees every Produce request of the program while it lasts. */
export class Watch {
  /** How many batches were sent that had been sent before. */
  resends = 0;
  readonly #tell: (fault: string) => void;
  readonly #before = Connection.prototype.request;
  /** What ended well is never sent again. */
  readonly #done = new WeakSet<Uint8Array>();
  readonly #sent = new WeakSet<Uint8Array>();
  /** How many batches of each partition are on their way. */
  readonly #onTheWay = new Map<string, number>();

  /** `tell` is told what is wrong. */
  constructor(tell: (fault: string) => void) {
    this.#tell = tell;
    const before = this.#before;
    // deno-lint-ignore no-this-alias -- the function below has a `this` of its own: the connection
    const watch = this;
    Connection.prototype.request = function <A extends Api>(
      this: Connection,
      api: A,
      body: Request<A> | ((version: number) => Request<A>),
      options: RequestOptions,
    ): Promise<Response<A>> {
      const sendings = api.key === produce.key ? watch.#begins(body as ProduceRequest) : [];
      const answer = before.call(this, api, body as never, options) as Promise<Response<A>>;
      if (sendings.length > 0) watch.#follow(sendings, answer as unknown as Promise<ProduceResponse>);
      return answer;
    } as typeof before;
  }

  /** Looks no more. */
  end(): void {
    Connection.prototype.request = this.#before;
  }

  #begins(body: ProduceRequest): Sending[] {
    return body.topicData.flatMap(({ name, partitionData }) =>
      partitionData.map(({ index, records }) => {
        const sending = { records: records as Uint8Array, place: `${name}/${index}` };
        if (this.#done.has(sending.records)) {
          this.#tell(`a batch of ${sending.place} was sent again after it was written`);
        }
        if (this.#sent.has(sending.records)) this.resends++;
        this.#sent.add(sending.records);
        const others = this.#onTheWay.get(sending.place) ?? 0;
        if (others >= (producerHead(sending.records) ? IN_FLIGHT_MAX : 1)) {
          this.#tell(`${others + 1} batches of ${sending.place} are on their way at once`);
        }
        this.#onTheWay.set(sending.place, others + 1);
        return sending;
      })
    );
  }

  #follow(sendings: readonly Sending[], answer: Promise<ProduceResponse>): void {
    const over = () => sendings.forEach(({ place }) => this.#onTheWay.set(place, this.#onTheWay.get(place)! - 1));
    answer.then(({ responses }) => {
      over();
      const written = responses.flatMap(({ partitionResponses }) => partitionResponses)
        .filter(({ errorCode }) => errorCode === 0).map(({ index }) => index);
      for (const { records, place } of sendings) {
        if (written.includes(Number(place.split("/")[1]))) this.#done.add(records);
      }
    }, over);
  }
}

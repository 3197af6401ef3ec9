/** The authentication of a connection that is being opened: its messages are the only ones on the line. */

import { KafkaError } from "../../base/errors.ts";
import { decodeResponse, encodeRequest } from "../../protocol/message.ts";
import type { Api, Request, Response } from "../../wire/schema.ts";
import { checkStep, type Line, nextFrame, write } from "../negotiation.ts";
import type { Carrier } from "./authenticate.ts";

/** Says them one after the other, and counts the correlation ids. */
export class LineCarrier implements Carrier {
  nextCorrelationId: number;
  readonly #line: Line;
  readonly #hungUp: () => void;

  /** `hungUp` is told when the peer ends a talk without heads. */
  constructor(line: Line, nextCorrelationId: number, hungUp: () => void = () => {}) {
    this.#line = line;
    this.nextCorrelationId = nextCorrelationId;
    this.#hungUp = hungUp;
  }

  async ask<A extends Api>(api: A, version: number, body: Request<A>): Promise<Response<A>> {
    const { clientId, label } = this.#line;
    const correlationId = this.nextCorrelationId++;
    await write(this.#line, encodeRequest(api, version, { correlationId, clientId }, body));
    const frame = await nextFrame(this.#line);
    if (!frame) {
      throw new KafkaError("CONNECTION_CLOSED", `${label} hung up on ${api.name}`, { broker: label });
    }
    checkStep(this.#line, frame, correlationId);
    return decodeResponse(api, version, frame.slice());
  }

  async bare(message: Uint8Array): Promise<Uint8Array | undefined> {
    const size = new Uint8Array(4);
    new DataView(size.buffer).setInt32(0, message.length);
    await write(this.#line, [size, message]);
    const frame = await nextFrame(this.#line);
    if (!frame) this.#hungUp();
    return frame?.slice();
  }
}

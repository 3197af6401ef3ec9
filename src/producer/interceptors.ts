/** Functions of the user's that see every message before it is partitioned and encoded, and again when it has its end. */

import { KafkaError } from "../base/errors.ts";
import { guarded } from "../base/listeners.ts";
import { brief } from "../base/options.ts";
import type { DeliveryReport } from "./call.ts";
import { type Bytes, Draft, type ProducerMessage, type TopicMessage } from "./message.ts";

/** A message on its way out, in one shape whatever the caller gave. It is a copy: change its parts as you like, but replace bytes, which are the caller's. */
export interface OutgoingMessage {
  /** Which topic. */
  topic: string;
  /** Which partition; undefined: the partitioner chooses, after the last interceptor. */
  partition: number | undefined;
  /** The key, or null. */
  key: Bytes | null;
  /** The value; null is a tombstone. */
  value: Bytes | null;
  /** Its headers, in their order: an array of its own, to push to. Brokers before Kafka 0.11 take none: such a message is refused. */
  headers: (readonly [name: string, value: Bytes | null])[];
  /** Milliseconds since 1970. */
  timestamp: number;
}

/** What may be done with every message that is produced (Java's `ProducerInterceptor`, KIP-42). */
export interface ProducerInterceptor {
  /** What errors call it; its place in the list, from 0, if not said. */
  readonly name?: string | undefined;
  /**
   * Sees a message before a partition is chosen, and may change it in place; the next interceptor sees what this one made of it. What
   * it throws, or makes that cannot be sent, is thrown by the call as the cause of an `INVALID_OPTION` that names it, and nothing of
   * the call is sent. It has to be done when it returns: a promise is refused.
   */
  onSend?(message: OutgoingMessage): void;
  /**
   * Sees what became of a message: where it went, or the error, with the very object that `onSend` was given. What it throws becomes an
   * unhandled rejection, and changes nothing else.
   */
  onAcknowledgement?(report: DeliveryReport, message: OutgoingMessage): void;
}

/** A message as the interceptors have left it: nobody changes it any more, whatever they do with the one that they know. */
export interface SentMessage extends TopicMessage {
  readonly known: OutgoingMessage;
}

/** Those of a list that have something to do with messages on their way out. */
export class ProducerInterceptors {
  readonly #list: readonly ProducerInterceptor[];
  readonly #draft = new Draft();
  /** Whether anybody wants to know the end of a message: only then it is kept. */
  readonly areTold: boolean;

  private constructor(list: readonly ProducerInterceptor[]) {
    this.#list = list;
    this.areTold = list.some(({ onAcknowledgement }) => onAcknowledgement !== undefined);
  }

  /** Undefined where there are none: then nothing is to be done for a message. */
  static of(list: readonly ProducerInterceptor[] | undefined): ProducerInterceptors | undefined {
    const some = list?.some(({ onSend, onAcknowledgement }) => onSend !== undefined || onAcknowledgement !== undefined);
    return some ? new ProducerInterceptors(list!) : undefined;
  }

  /** What they make of a call's messages. */
  send(messages: readonly (Bytes | ProducerMessage)[], topic: string | undefined, wall: number): SentMessage[] {
    return messages.map((message) => this.#send(message, topic, wall));
  }

  /** Tells what became of a message. */
  acknowledged(report: DeliveryReport, message: OutgoingMessage): void {
    for (const interceptor of this.#list) guarded(() => interceptor.onAcknowledgement?.(report, message));
  }

  #send(message: Bytes | ProducerMessage, topic: string | undefined, wall: number): SentMessage {
    const known = this.#read(message, topic, wall);
    let sent: SentMessage = { ...known, headers: [...known.headers], known };
    this.#list.forEach((interceptor, index) => {
      if (!interceptor.onSend) return;
      try {
        const result: unknown = interceptor.onSend(known);
        if (result !== undefined) throw new TypeError(`it returned ${brief(result)}; it changes the message in place`);
        sent = { ...this.#read(known, undefined, wall), known };
      } catch (cause) {
        const why = cause instanceof Error ? cause.message : String(cause);
        const detail = `interceptors: onSend of ${interceptor.name ?? `number ${index}`} failed: ${why}`;
        throw new KafkaError("INVALID_OPTION", detail, { topic: sent.topic, partition: sent.partition, cause });
      }
    });
    return sent;
  }

  /** A copy of a message, checked. What interceptors do meanwhile (produce something else, say) does not meet the draft. */
  #read(message: Bytes | ProducerMessage, topic: string | undefined, wall: number): OutgoingMessage {
    this.#draft.read(message, topic, wall);
    const copy = this.#draft.copy();
    return { ...copy, headers: [...copy.headers] };
  }
}

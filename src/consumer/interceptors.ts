/** Functions of the user's that see every message before the loop over it does. */

import { KafkaError } from "../base/errors.ts";
import { brief } from "../base/options.ts";
import { Message } from "../records/message.ts";

/** What may be done with every message that is consumed (Java's `ConsumerInterceptor`, KIP-42). */
export interface ConsumerInterceptor {
  /** What errors call it; its place in the list, from 0, if not said. */
  readonly name?: string | undefined;
  /**
   * Sees a message just before the loop is given it, or its batch: each once, in the order of its partition, again only where somebody
   * seeks back. It may give another in its place, made by `message.with({ … })`; topic, partition, offset and timestamp stay, and none
   * can be left out. What it throws is thrown by the loop as the cause of an `INVALID_OPTION` that names it and the message; the
   * consumer stays in front of that message or its batch, so a later loop meets it again, unless somebody seeks past it. It has to be
   * done when it returns: a promise is refused.
   */
  onConsume?(message: Message): Message | void;
}

/** Those of a list that have something to do with messages on their way in. */
export class ConsumerInterceptors {
  readonly #list: readonly ConsumerInterceptor[];

  private constructor(list: readonly ConsumerInterceptor[]) {
    this.#list = list;
  }

  /** Undefined where there are none: then nothing is to be done for a message. */
  static of(list: readonly ConsumerInterceptor[] | undefined): ConsumerInterceptors | undefined {
    return list?.some(({ onConsume }) => onConsume !== undefined) ? new ConsumerInterceptors(list) : undefined;
  }

  /** What they make of a message. */
  consume(message: Message): Message {
    const { topic, partition, offset } = message;
    let result = message;
    this.#list.forEach((interceptor, index) => {
      if (!interceptor.onConsume) return;
      try {
        const given: unknown = interceptor.onConsume(result);
        if (given === undefined) return;
        const isSame = given instanceof Message && given.topic === topic && given.partition === partition &&
          given.offset === offset;
        if (!isSame) throw new TypeError(`it returned ${brief(given)}, which is not made by message.with()`);
        result = given;
      } catch (cause) {
        const why = cause instanceof Error ? cause.message : String(cause);
        const who = interceptor.name ?? `number ${index}`;
        const detail = `interceptors: onConsume of ${who} failed at ${topic}/${partition}, offset ${offset}: ${why}`;
        throw new KafkaError("INVALID_OPTION", detail, { topic, partition, offset, cause });
      }
    });
    return result;
  }
}

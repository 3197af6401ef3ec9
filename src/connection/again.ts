/** Failures that are nobody's: a connection ended because it lay idle or is not needed any more, and a request met the end. */

import { KafkaError } from "../base/errors.ts";

const harmless = new WeakSet<KafkaError>();

/** Says of an error that it tells of no fault: whoever meets it may ask again at once, without a backoff. */
export function markHarmless(error: KafkaError): KafkaError {
  harmless.add(error);
  return error;
}

/**
 * Whether an error tells of no fault (see {@linkcode markHarmless}). It says nothing of whether the request was carried out: that
 * is as uncertain as with any other lost connection, so what must not be done twice is not to be asked again by anybody but its
 * owner. A loop is not possible: the new connection has not been idle.
 */
export function isHarmless(error: unknown): boolean {
  // The same error may have learned meanwhile where it belongs.
  for (let one = error; one instanceof KafkaError;) {
    if (harmless.has(one)) return true;
    const { cause, code }: KafkaError = one;
    one = cause instanceof KafkaError && cause.code === code ? cause : undefined;
  }
  return false;
}

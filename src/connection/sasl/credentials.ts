/** Credentials that users give: asked for when they are needed, checked, and never shown. */

import { brokerError, errorNumbers } from "../../base/error_codes.ts";
import { type ErrorContext, KafkaError } from "../../base/errors.ts";
import type { Asked } from "./mechanism.ts";

/** An authentication that has failed, in our own words; by Kafka's number, or `SASL_AUTHENTICATION_FAILED`. */
export function refusal(detail: string, context: ErrorContext = {}, number?: number): KafkaError {
  return new KafkaError(brokerError(number ?? errorNumbers.SASL_AUTHENTICATION_FAILED), detail, context);
}

/** The words of what was thrown. */
export function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/**
 * Gives the function that asks for them. What is given as a value is checked at once. What a function of the user's throws may heal:
 * a service that hands out tokens is down. A `KafkaError` of its own decides for itself.
 */
export function credentialsOf<T>(where: string, given: Asked<T>, check: (value: T) => void): () => Promise<T> {
  const isAsked = (value: Asked<T>): value is () => T | Promise<T> => typeof value === "function";
  if (!isAsked(given)) {
    check(given);
    return () => Promise.resolve(given);
  }
  return async () => {
    let value: T;
    try {
      value = await given();
    } catch (cause) {
      if (cause instanceof KafkaError) throw cause;
      const detail = `The function that gives the credentials of ${where} failed: ${wordsOf(cause)}`;
      throw refusal(detail, { cause, retriable: true });
    }
    check(value);
    return value;
  };
}

/** Checks an object: the texts that it needs, and, where it is said what else there may be, that there is nothing else. */
export function checkTexts(where: string, value: unknown, needed: readonly string[], others?: readonly string[]): void {
  if (typeof value !== "object" || value === null) {
    throw new KafkaError("INVALID_OPTION", `${where} takes ${needed.join(" and ")} in an object, or a function for it`);
  }
  const texts = value as Readonly<Record<string, unknown>>;
  const known = [...needed, ...others ?? Object.keys(texts)];
  const strange = Object.keys(texts).find((name) => !known.includes(name));
  if (strange !== undefined) {
    throw new KafkaError("INVALID_OPTION", `${where} has no option ${strange}; it knows ${known.join(", ")}`);
  }
  for (const name of needed) {
    // Never the value: it may be a secret with a fault.
    if (typeof texts[name] === "string" && texts[name] !== "" && !texts[name].includes("\0")) continue;
    throw new KafkaError("INVALID_OPTION", `${where}: ${name} must be a text that is not empty and has no zero byte`);
  }
}

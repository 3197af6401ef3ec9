/** Errors on their way out of nested fields: where they happened is told once, at the top. */

import { KafkaError } from "../base/errors.ts";

/** An error on its way out of nested fields, which collects their names. */
class Fault {
  readonly error: unknown;
  path: string;

  constructor(error: unknown, path: string) {
    this.error = error;
    this.path = path;
  }
}

/** The error of a value inside another: `step` is the way to it. */
export function inside(error: unknown, step: string): Fault {
  if (!(error instanceof Fault)) return new Fault(error, step);
  error.path = error.path.startsWith("[") ? step + error.path : `${step}.${error.path}`;
  return error;
}

/** What users get to see: where it happened, in the message of this name. */
export function located(fault: unknown, fallbackCode: "PROTOCOL_ERROR" | "INVALID_OPTION", name: string): KafkaError {
  const [error, path] = fault instanceof Fault ? [fault.error, `${name}, ${fault.path}`] : [fault, name];
  const told = error instanceof KafkaError;
  const code = told && error.code === "UNSUPPORTED_FEATURE" ? error.code : fallbackCode;
  const detail = told ? error.message.slice(error.code.length + 2) : String(error);
  return new KafkaError(code, `${path}: ${detail}`, { cause: error });
}

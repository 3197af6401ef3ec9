/** How options are checked: every one by name, against a rule that can say what is allowed. */

import { KafkaError } from "./errors.ts";

/** What one option may be. */
export interface OptionRule {
  /** What is allowed, for the error's text: "a whole number from 1 to 65535". */
  readonly allowed: string;
  /** Whether a value is. */
  readonly accepts: (value: unknown) => boolean;
}

/** A rule for each option of `T`. */
export type OptionRules<T> = { readonly [K in keyof T]-?: OptionRule };

/** A whole number within bounds; `orInfinity` takes Infinity too. */
export function wholeNumber(min: number, max: number, orInfinity = false): OptionRule {
  return {
    allowed: `a whole number from ${min} to ${max}${orInfinity ? ", or Infinity" : ""}`,
    accepts: (value) =>
      (Number.isInteger(value) && (value as number) >= min && (value as number) <= max) ||
      (orInfinity && value === Infinity),
  };
}

/** One of a few values. */
export function oneOf(...values: readonly unknown[]): OptionRule {
  return {
    allowed: values.map((value) => JSON.stringify(value)).join(", "),
    accepts: (value) => values.includes(value),
  };
}

/** A text that is not empty. */
export const someText: OptionRule = {
  allowed: "a text that is not empty",
  accepts: (value) => typeof value === "string" && value.length > 0,
};

/** A function. */
export const someFunction: OptionRule = { allowed: "a function", accepts: (value) => typeof value === "function" };

/** True or false. */
export const trueOrFalse: OptionRule = { allowed: "true or false", accepts: (value) => typeof value === "boolean" };

/** An object. */
export const someObject: OptionRule = {
  allowed: "an object",
  accepts: (value) => typeof value === "object" && value !== null,
};

/** A list of interceptors: objects with at least one of their functions. */
export const someInterceptors: OptionRule = {
  allowed: "a list of objects with functions onSend, onAcknowledgement or onConsume",
  accepts: (value) => Array.isArray(value) && value.every(isInterceptor),
};

function isInterceptor(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const { onSend, onAcknowledgement, onConsume } = value as Record<string, unknown>;
  const given = [onSend, onAcknowledgement, onConsume].filter((one) => one !== undefined);
  return given.length > 0 && given.every((one) => typeof one === "function");
}

/** A signal that ends a wait. */
export const someSignal: OptionRule = {
  allowed: "an AbortSignal",
  accepts: (value) => value instanceof AbortSignal,
};

/** Whatever one of the rules accepts. */
export function either(...rules: readonly OptionRule[]): OptionRule {
  return {
    allowed: rules.map((rule) => rule.allowed).join(", or "),
    accepts: (value) => rules.some((rule) => rule.accepts(value)),
  };
}

/** A value in few words, for an error's text: never a whole object, never a secret's neighbours. */
export function brief(value: unknown): string {
  if (typeof value === "string" && value.includes("-----BEGIN ")) return "a text in PEM"; // it may be a key
  if (typeof value === "string") return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
  if (typeof value === "bigint") return `${value}n`;
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === "function") return "a function";
  if (typeof value === "object" && value !== null) return "an object";
  return String(value);
}

/** Options after the check: what has a default is there. */
export type Checked<T, D> = Omit<T, keyof D> & { readonly [K in keyof D & keyof T]-?: Exclude<T[K], undefined> };

/**
 * The options with their defaults filled in. `undefined` counts as not given. Throws `INVALID_OPTION` that names `where`
 * and the option: for a value that its rule refuses, for a name that is not known.
 */
export function checkOptions<T extends object, D extends Partial<T>>(
  where: string,
  given: T,
  rules: OptionRules<T>,
  defaults: D,
): Checked<T, D> {
  if (typeof given !== "object" || given === null) {
    throw new KafkaError("INVALID_OPTION", `${where} takes an object of options, not ${brief(given)}`);
  }
  const checked: Record<string, unknown> = { ...defaults };
  for (const [name, value] of Object.entries(given)) {
    // Own names only: "constructor" is no option because every object has one.
    const rule = Object.hasOwn(rules, name) ? (rules as Record<string, OptionRule>)[name] : undefined;
    if (!rule) {
      throw new KafkaError(
        "INVALID_OPTION",
        `${where} has no option ${/^\w+$/.test(name) ? name : brief(name)}; it knows ${Object.keys(rules).join(", ")}`,
      );
    }
    if (value === undefined) continue;
    if (!rule.accepts(value)) {
      throw new KafkaError("INVALID_OPTION", `${where}: ${name} must be ${rule.allowed}, not ${brief(value)}`);
    }
    checked[name] = value;
  }
  return checked as Checked<T, D>;
}

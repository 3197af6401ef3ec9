/** The values that are sent and expected: those of a file, over and over; or each with its own number, for a run that verifies. */

import { Buffer } from "node:buffer";
import { readFileSync } from "node:fs";
import type { Job } from "./job.ts";

/** A value as a client takes it. */
export type Value = Buffer | string;

const DIGITS = 10;

/** Gives values in the order in which they are to be sent. */
export class Values {
  readonly #pool: Value[];
  readonly #numbered: boolean;
  readonly #numberAt: number;
  readonly #asText: boolean;
  #next = 0;

  /** The values of a job. */
  constructor({ pool, valueBytes, poolCount, numberAt, verify }: Job, asText: boolean) {
    const bytes = readFileSync(pool);
    const one = (i: number): Value => {
      const value = Buffer.alloc(valueBytes); // each in memory of its own
      bytes.copy(value, 0, i * valueBytes, (i + 1) * valueBytes);
      return asText ? value.toString("latin1") : value;
    };
    this.#pool = Array.from({ length: poolCount }, (_, i) => one(i));
    this.#numbered = verify;
    this.#numberAt = numberAt;
    this.#asText = asText;
  }

  /** How many it has given. */
  get given(): number {
    return this.#next;
  }

  /** The next one. */
  one(): Value {
    const number = this.#next++;
    const value = this.#pool[number % this.#pool.length]!;
    return this.#numbered ? this.#withNumber(value, number) : value;
  }

  /** The next so many; the file's number of values is a multiple of it. */
  list(size: number): Value[] {
    if (this.#numbered) return Array.from({ length: size }, () => this.one());
    const from = this.#next % this.#pool.length;
    this.#next += size;
    return this.#pool.slice(from, from + size);
  }

  #withNumber(value: Value, number: number): Value {
    const at = this.#numberAt;
    const digits = String(number).padStart(DIGITS, "0");
    if (this.#asText) return (value as string).slice(0, at) + digits + (value as string).slice(at + DIGITS);
    const copy = Buffer.from(value as Buffer);
    copy.write(digits, at, "latin1");
    return copy;
  }
}

/** The number that a value carries. */
export function numberOf(value: Uint8Array | string, at: number): number {
  if (typeof value === "string") return Number(value.slice(at, at + DIGITS));
  let number = 0;
  for (let i = at; i < at + DIGITS; i++) number = number * 10 + value[i]! - 48;
  return number;
}

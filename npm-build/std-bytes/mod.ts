/** What we use of JSR's `@std/bytes`, for builds that have npm alone; never published. */

import { concat as concatImpl } from "deno-std/bytes/concat.js";
import { equals as equalsImpl } from "deno-std/bytes/equals.js";

/** Joins byte slices into a new array. */
export const concat: (buffers: readonly Uint8Array[]) => Uint8Array<ArrayBuffer> = concatImpl;

/** Whether two byte slices hold the same bytes. */
export const equals: (a: Uint8Array, b: Uint8Array) => boolean = equalsImpl;

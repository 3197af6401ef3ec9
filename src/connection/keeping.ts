/** Which answers have to be kept: those that hold views of their frame, which the next read would overwrite. */

import type { Field, Struct } from "../wire/schema.ts";

const carrying = new WeakMap<Struct, boolean>();

/** Whether an answer holds views of its frame, which has to outlive the next read then. */
export function carriesBytes(struct: Struct): boolean {
  let known = carrying.get(struct);
  if (known === undefined) carrying.set(struct, known = Object.values(struct).some(isOfBytes));
  return known;
}

function isOfBytes(field: Field): boolean {
  if (typeof field === "string") return field === "bytes" || field === "records";
  if (Array.isArray(field)) return isOfBytes(field[0]);
  if ("is" in field) return isOfBytes((field as { is: Field }).is);
  return carriesBytes(field as Struct);
}

/** A frame that is a view of the reader's staging is copied; a large one has an array of its own already. */
export function owned(frame: Uint8Array): Uint8Array {
  return frame.byteLength === frame.buffer.byteLength ? frame : frame.slice();
}

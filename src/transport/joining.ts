/** Fewer, larger pieces to write, where a platform takes one array a call. */

/**
 * The chunks' bytes in order: neighbours that fit into `scratch` together are copied there and given as one, a chunk that
 * fits with none is given as it is. Write a piece wholly before asking for the next, which may lie in `scratch` again.
 */
export function* joined(chunks: readonly Uint8Array[], scratch: Uint8Array): Generator<Uint8Array, undefined> {
  let alone: Uint8Array | undefined;
  let size = 0;
  for (const chunk of chunks) {
    if (chunk.length === 0) continue;
    if (size + chunk.length > scratch.length && size > 0) {
      yield alone ?? scratch.subarray(0, size);
      size = 0;
      alone = undefined;
    }
    if (size === 0) {
      alone = chunk; // is copied only if another joins it
    } else {
      if (alone !== undefined) scratch.set(alone);
      alone = undefined;
      scratch.set(chunk, size);
    }
    size += chunk.length;
  }
  if (size > 0) yield alone ?? scratch.subarray(0, size);
  return undefined;
}

/** Calls what users give to be told of something. */

/** What a user's function throws is the user's, and must not spoil what is under way here: it becomes an unhandled rejection. */
export function guarded<A extends readonly unknown[]>(listener: (...args: A) => void, ...args: A): void {
  try {
    listener(...args);
  } catch (error) {
    Promise.reject(error);
  }
}

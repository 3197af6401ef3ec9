/** How messages of a simulation are told apart: a value begins with its number, and a number says whose message it is. */

/** So many numbers has each producer of a run. */
export const NUMBERS_EACH = 10_000;

/** From this one on come those that a producer sends in the end, when nothing is wrong any more. */
export const FIRST_LAST = 9_000;

/** The number that a value begins with. */
export function numberOf(text: string): number {
  return Number(text.split(" ", 1)[0]);
}

/** Which producer's a message is. */
export function ownerOf(number: number): number {
  return Math.floor(number / NUMBERS_EACH);
}

/** Throws where two things are not equal. */
export function equal<T>(got: T, wanted: T, what: string): void {
  if (got !== wanted) throw new Error(`${what}: got ${brief(got)}, not ${brief(wanted)}`);
}

function brief(value: unknown): string {
  return String(value).slice(0, 30).trim();
}

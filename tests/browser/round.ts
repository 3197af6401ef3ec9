/** What a page that produces and consumes tells of it. */

/** What a page did, for the test to look at. */
export interface Round {
  readonly produced: number;
  readonly consumed: number;
  readonly wrong: readonly string[];
}

/** What a page tells of the tests that ran in it. */

/** What the page tells of all of them. */
export interface Results {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** What went wrong, test by test. */
  readonly failures: readonly string[];
  /** What the policy refused, by what was asked for. */
  readonly violations: readonly string[];
  /** Milliseconds by file. */
  readonly times: readonly (readonly [file: string, ms: number])[];
}

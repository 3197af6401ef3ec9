/** All that seeds are played of. */

import { producing } from "./producing.ts";
import { roundTrip } from "./round_trip.ts";
import type { Scenario } from "./seeds.ts";

/** By name. */
export const scenarios: readonly Scenario[] = [
  { name: "producing", play: producing },
  { name: "round-trip", play: roundTrip },
];

/** The scenario of a name; throws if there is none. */
export function scenarioOf(name: string): Scenario {
  const scenario = scenarios.find((one) => one.name === name);
  if (!scenario) throw new Error(`there is no scenario ${name}, but ${scenarios.map(({ name }) => name).join(", ")}`);
  return scenario;
}

/** The rules of the house, for `deno lint`: what a reviewer would have to say again and again, said by a program. */

import { dependencies, floors, noNodeModules, publicNames } from "./rules_imports.ts";
import {
  ignoresSayWhy,
  noDefaultExport,
  noDrawers,
  noLossyData,
  noPrivateKeyword,
  opensWithASentence,
  short,
} from "./rules_shape.ts";
import { namedPromises, noEval, noPlatform, noStreams, noWorld, samePlay } from "./rules_world.ts";

const plugin: Deno.lint.Plugin = {
  name: "house",
  rules: {
    "floors": floors,
    "dependencies": dependencies,
    "no-node-modules": noNodeModules,
    "public-names": publicNames,
    "no-platform": noPlatform,
    "no-world": noWorld,
    "no-eval": noEval,
    "no-streams": noStreams,
    "same-play": samePlay,
    "named-promises": namedPromises,
    "short": short,
    "no-private-keyword": noPrivateKeyword,
    "no-drawers": noDrawers,
    "no-default-export": noDefaultExport,
    "opens-with-a-sentence": opensWithASentence,
    "no-lossy-data": noLossyData,
    "ignores-say-why": ignoresSayWhy,
  },
};

export default plugin;

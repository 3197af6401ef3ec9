/** The Java client of several ages on an embedded cluster. */

import { javas } from "./peers.ts";
import { testPeers } from "./play.ts";

testPeers(javas);

/** The Java client of several ages on an embedded cluster, and all clients on what others have written. */

import { javas, peers } from "./peers.ts";
import { testLz4, testPeers } from "./play.ts";

testPeers(javas);
testLz4(peers);

/** Clients of others in Python on an embedded cluster, librdkafka among them. */

import { pythons } from "./peers.ts";
import { testPeers } from "./play.ts";

testPeers(pythons);

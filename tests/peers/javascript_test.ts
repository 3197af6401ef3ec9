/** Clients of others in JavaScript and Go on an embedded cluster. */

import { javascriptAndGo } from "./peers.ts";
import { testPeers } from "./play.ts";

testPeers(javascriptAndGo);

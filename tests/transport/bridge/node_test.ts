/** The bridge on Node: real sockets, and the contract through it. */

import { dial, listen, serveBridge } from "../../../src/doors/node.ts";
import { bridgeSuite } from "./suite.ts";

bridgeSuite({ name: "node", dial, listen, serveBridge });

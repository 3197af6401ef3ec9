/** The bridge on Node: real sockets, secrets, and the contract through it. */

import { dial, listen, serveBridge } from "../../../src/doors/node.ts";
import { secureSuite } from "./secure.ts";
import { bridgeSuite } from "./suite.ts";

bridgeSuite({ name: "node", dial, listen, serveBridge });
secureSuite({ name: "node", dial, listen, serveBridge });

/** The bridge on Deno: real sockets, secrets, and the contract through it. */

import { dial, listen, serveBridge } from "../../../src/doors/deno.ts";
import { listen as listenAsking } from "../../../src/transport/node.ts";
import { secureSuite } from "./secure.ts";
import { bridgeSuite } from "./suite.ts";

bridgeSuite({ name: "deno", dial, listen, serveBridge });
secureSuite({ name: "deno", dial, listen, listenAsking, serveBridge });

/** The bridge on Deno: real sockets, and the contract through it. */

import { dial, listen, serveBridge } from "../../../src/doors/deno.ts";
import { bridgeSuite } from "./suite.ts";

bridgeSuite({ name: "deno", dial, listen, serveBridge });

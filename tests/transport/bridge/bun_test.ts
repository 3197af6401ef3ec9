/** The bridge on Bun: real sockets, secrets, and the contract through it. */

import { dial, listen, serveBridge } from "../../../src/doors/bun.ts";
import { listen as listenAsking } from "../../../src/transport/node.ts";
import { secureSuite } from "./secure.ts";
import { bridgeSuite } from "./suite.ts";

/** Bun gives a listener's queue more places than it is asked for, so that no connection waits in front of it. */
const unseen = ["an abort while TCP connects rejects at once"];

bridgeSuite({ name: "bun", dial, listen, serveBridge, unseen });
secureSuite({ name: "bun", dial, listen, listenAsking, serveBridge });

/** The contract, kept by Bun's sockets. */

import { dial, listen } from "../../src/transport/bun.ts";
import * as tls from "./certificates.ts";
import { contract } from "./contract.ts";
import * as rig from "./rig.ts";

/** What kernels keep between two ends of a loopback connection, with room to spare. */
const windowMax = 24 << 20;

/** Bun gives a listener's queue more places than it is asked for, so that no connection waits in front of it. */
const unseen = ["an abort while TCP connects rejects at once"];

contract({ name: "bun", dial, listen, host: "localhost", rig, windowMax, unseen });
contract({ name: "bun tls", dial, listen, host: "localhost", rig, windowMax, unseen, tls });

/** The contract, kept by Node's sockets. */

import { dial, listen } from "../../src/transport/node.ts";
import * as tls from "./certificates.ts";
import { contract } from "./contract.ts";
import * as rig from "./rig.ts";

/** What kernels keep between two ends of a loopback connection, with room to spare. */
const windowMax = 24 << 20;

contract({ name: "node", dial, listen, host: "localhost", rig, windowMax });
contract({ name: "node tls", dial, listen, host: "localhost", rig, windowMax, tls });

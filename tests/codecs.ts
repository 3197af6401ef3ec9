/** The codecs that tests compress with on Deno, Node and Bun: those of these platforms' doors. */

import { codecs } from "../src/doors/codecs.ts";
import type { CompressionCodec } from "../src/records/compression.ts";

export { codecs } from "../src/doors/codecs.ts";

/** gzip by the platform. */
export const gzip: CompressionCodec = codecs.gzip!;

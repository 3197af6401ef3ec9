/** What is measured of the client but exported by none of its doors; bundled for the benchmark as the package is. */

export { accelerateCrc32c, crc32c } from "../../src/bytes/crc32c.ts";

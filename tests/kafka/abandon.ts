/** A program that starts a cluster, holds its second broker, prints its ports and its folder, and waits to be killed itself. */

import { RealKafka } from "./launcher.ts";

const kafka = await RealKafka.start({ release: "0.8.2.2", brokers: 2 });
await kafka.pause(2);
console.log(JSON.stringify([...kafka.brokers.map(({ port }) => port), kafka.folder]));
setInterval(() => {}, 1000);

/** What every transport promises, as one suite that any pair of `dial` and `listen` can be put to. */

import { assert, AssertionError } from "chai";
import { skippedTest, test } from "../harness.ts";
import { dials, secrets } from "./contract_dials.ts";
import { certificates, keys } from "./contract_tls.ts";
import { endings, streams } from "./contract_streams.ts";
import { becomes, type Subject } from "./subject.ts";

/** Puts a subject to the whole suite. */
export function contract(subject: Subject): void {
  const { around = (body) => body() } = subject;
  for (const { name, only, check } of [...streams, ...endings, ...dials, ...secrets, ...certificates, ...keys]) {
    if (only?.(subject) === false) continue;
    const title = `${subject.name}: ${name}`;
    if (subject.unseen?.includes(name)) {
      skippedTest(title);
    } else if (subject.known?.includes(name)) {
      test(`${title} (known not to hold)`, () => around(() => stillFails(check(subject), name)));
    } else {
      test(title, () => leavingNoSocket(subject, () => around(() => check(subject))));
    }
  }
}

async function stillFails(checking: Promise<void>, name: string): Promise<void> {
  try {
    await checking;
  } catch (error) {
    assert.instanceOf(error, AssertionError);
    return;
  }
  throw new Error(`"${name}" holds now: take it off the list of what is known not to`);
}

/** Closing takes some turns of the loop; but soon no socket may be open that was not open before. */
async function leavingNoSocket({ rig }: Subject, body: () => Promise<void>): Promise<void> {
  const before = rig?.openSockets();
  await body();
  await becomes(() => rig?.openSockets(), before);
}

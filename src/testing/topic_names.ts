/** Which names a topic may have. */

const LENGTH_MAX = 249;
const LEGAL = /^[a-zA-Z0-9._-]+$/;

/** What is wrong with a topic's name; undefined if nothing is (`org.apache.kafka.common.internals.Topic.validate`). */
export function topicNameFault(name: string): string | undefined {
  if (name === "") return "The topic name is empty";
  if (name === "." || name === "..") return `The topic name cannot be "." or ".."`;
  if (name.length > LENGTH_MAX) return `The topic name is longer than ${LENGTH_MAX} characters`;
  if (!LEGAL.test(name)) {
    return `The topic name ${JSON.stringify(name)} has characters other than letters, digits, ".", "_" and "-"`;
  }
  return undefined;
}

/** Kafka takes `.` and `_` for one another in the names of its metrics, so two topics may not differ in that alone. */
export function collides(name: string, others: Iterable<string>): string | undefined {
  const plain = name.replaceAll(".", "_");
  for (const other of others) {
    if (other !== name && other.replaceAll(".", "_") === plain) return other;
  }
  return undefined;
}

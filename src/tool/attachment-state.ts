// What is said of an attachment, and on which proof. Pure. "alive" says no more than what was looked at: the recorded path
// still leads to the recorded namespace, and the host's end of the link exists.

export type State =
  /** The path leads to the namespace of ADD, and the link is there. */
  | "alive"
  /** The namespace is there and the link is not: the container runs without this network. */
  | "cut off"
  /** One of the two cannot be found, which proves nothing: a process may hold the namespace, or we run in another. */
  | "unclear"
  /** Proved: of an earlier boot, or neither namespace nor link are there any more. */
  | "dead"
  /** Another plugin made it, or it has no record: nothing can be proved. */
  | "foreign";

/** What was found out. */
export interface Evidence {
  /** The attachment has a record of this boot. */
  readonly recorded: boolean;
  /** Its lease is from before the machine's last start. */
  readonly earlierBoot: boolean;
  /** Where the path of ADD leads: to the same namespace, to some namespace of which no more is known, or not there. */
  readonly namespace: "same" | "some" | "gone" | "unknown";
  readonly link: boolean;
  /** ADD ran in the network namespace that we run in: only there does a link that is not seen not exist. */
  readonly home: boolean;
}

interface Verdict {
  readonly state: State;
  /** What the state was concluded from. */
  readonly because: string;
}

export function judge({ recorded, earlierBoot, namespace, link, home }: Evidence): Verdict {
  if (earlierBoot) return { state: "dead", because: "its lease is of an earlier boot of this machine" };
  if (!recorded && (namespace !== "gone" || link || !home)) {
    const because = link ? "no record of it here; its link exists" : "no record of it here";
    return { state: "foreign", because };
  }
  if (namespace === "gone") {
    if (link) {
      const because = "its path does not lead to its namespace, but its link exists: a process may hold it";
      return { state: "unclear", because };
    }
    if (home) return { state: "dead", because: "its namespace and its link are gone" };
    const because =
      "its path does not lead to its namespace; whether its link exists cannot be seen from here";
    return { state: "unclear", because };
  }
  const leads =
    namespace === "same" ? "its path leads to the recorded namespace" : "its path leads to a namespace";
  if (link) return { state: "alive", because: `${leads}, its link exists` };
  return home
    ? { state: "cut off", because: `${leads}, but its link is gone` }
    : { state: "unclear", because: `${leads}; its link cannot be seen from here` };
}

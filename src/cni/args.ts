// CNI_ARGS: `KEY=VALUE;KEY=VALUE`, deprecated but still how runtimes ask for an address or a MAC. Reading never
// fails: runtimes put their own keys there (K8S_POD_NAME), and the reference's refusal of unknown ones only taught
// everybody to send IgnoreUnknown=1. Whoever uses a key checks its value.

/** The pairs in CNI_ARGS. Keys are case-sensitive, the last of several wins; a part without "=" is left out. */
export function parseArgs(text: string): Map<string, string> {
  const args = new Map<string, string>();
  if (text === "") return args;
  for (const pair of text.split(";")) {
    const equals = pair.indexOf("=");
    if (equals > 0) args.set(pair.slice(0, equals), pair.slice(equals + 1));
  }
  return args;
}

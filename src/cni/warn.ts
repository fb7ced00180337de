// What a person should know although the call succeeds. It goes to stderr, which runtimes log; stdout holds the
// answer and nothing else.

import type { Host } from "../host.ts";

const STDERR = 2;

/** Writes one line to stderr. A failure to do so changes nothing: there is nowhere left to tell it. */
export function warn(host: Host, text: string): void {
  host.write(STDERR, `cni-bridge: ${text}\n`);
}

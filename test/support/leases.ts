// The leases of a network, as every host-local sees them: a file for each address.

import type { Node } from "./node.ts";

/** Where host-local keeps its networks unless told. */
const DATA_DIR = "/var/lib/cni/networks";

/** Address → what is in its file, "/" for a carriage return and ":" for a newline; none where there is no store. */
export function leasesOf(node: Node, network: string, dataDir = DATA_DIR): Map<string, string> {
  const text = node.sh(
    `cd ${dataDir}/${network} 2>/dev/null || exit 0
     for file in *; do
       case $file in lock | last_reserved_ip.* | '*') ;; *) echo "$file $(tr '\\r\\n' '/:' <"$file")" ;; esac
     done`,
  );
  const lines = text.split("\n").filter(Boolean);
  return new Map(lines.map((line) => line.split(" ") as [string, string]));
}

// `resolvConf`: a resolv.conf(5) file as the DNS part of the result. Follows the reference's host-local/dns.go.

import type { Dns } from "../cni/result.ts";
import { fields } from "./fields.ts";

/** What a resolv.conf says. `search` and `options` add up over their lines, the last `domain` wins. */
export function parseResolvConf(text: string): Dns {
  const nameservers: string[] = [];
  const search: string[] = [];
  const options: string[] = [];
  let domain = "";
  for (const line of text.split("\n")) {
    const trimmed = line.trim();
    if (trimmed === "" || trimmed.startsWith("#") || trimmed.startsWith(";")) continue;
    const [keyword, ...values] = fields(trimmed);
    const [first] = values;
    if (first === undefined) continue;
    if (keyword === "nameserver") nameservers.push(first);
    else if (keyword === "domain") domain = first;
    else if (keyword === "search") search.push(...values);
    else if (keyword === "options") options.push(...values);
  }
  return {
    ...(nameservers.length > 0 && { nameservers }),
    ...(domain !== "" && { domain }),
    ...(search.length > 0 && { search }),
    ...(options.length > 0 && { options }),
  };
}

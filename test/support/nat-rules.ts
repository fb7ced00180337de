// What stands in table nat for containers, whichever plugin and program put it there, and a PATH of our own that tells
// which of iptables' programs a plugin started.

import type { Sandbox } from "./sandbox.ts";

/** The flavours of iptables; each reads only its own rules. */
export type Flavour = "nft" | "legacy";

/** Rules and chains of containers as iptables-save prints them, without counters. */
export function iptablesRules(node: Sandbox, flavour: Flavour = "nft"): string[] {
  const lines = node.sh(`iptables-${flavour}-save -t nat; ip6tables-${flavour}-save -t nat`).split("\n");
  return lines.filter((line) => line.includes("CNI-")).map((line) => line.replace(/ \[\d+:\d+\]$/, ""));
}

/** Every line of any rule set that names one of these. */
export function mentions(node: Sandbox, ...texts: readonly string[]): string[] {
  const all = node.sh(
    "nft list ruleset 2>/dev/null; iptables-legacy-save 2>/dev/null; ip6tables-legacy-save 2>/dev/null",
  );
  return all.split("\n").filter((line) => texts.some((text) => line.includes(text)));
}

/** A directory of iptables programs that write down how they are called. */
export class LoggedPath {
  readonly #node: Sandbox;
  readonly #directory: string;
  /** For a plugin: nothing else is in it. */
  readonly env: { readonly PATH: string };

  /** `flavour`: what `iptables` is; `programs`: which there are. */
  constructor(node: Sandbox, flavour: Flavour = "nft", programs = ["iptables", "ip6tables"]) {
    this.#node = node;
    this.#directory = `/run/logged-${flavour}-${programs.length}`;
    this.env = { PATH: this.#directory };
    const names = programs.flatMap((name) => [name, `${name}-legacy`]);
    node.sh(`mkdir -p ${this.#directory}; : >${this.#directory}/log`);
    for (const name of names) {
      const real = name.endsWith("-legacy") ? name : `${name}-${flavour}`;
      const script = `#!/bin/sh\necho "${name} $*" >>${this.#directory}/log\nexec /usr/sbin/${real} "$@"\n`;
      const file = `${this.#directory}/${name}`;
      node.sh(`cat >${file}; chmod +x ${file}`, { input: script });
    }
  }

  /** The calls since the last look. */
  calls(): string[] {
    const log = `${this.#directory}/log`;
    return this.#node.sh(`cat ${log}; : >${log}`).split("\n").filter(Boolean);
  }
}

// The machine that was measured, in words.

import { readFileSync } from "node:fs";
import { cpus, loadavg, release, totalmem } from "node:os";

function field(path: string, pattern: RegExp, absent: string): string {
  try {
    return pattern.exec(readFileSync(path, "utf8"))?.[1] ?? absent;
  } catch {
    return absent;
  }
}

export interface Machine {
  readonly processor: string;
  readonly memoryGib: number;
  readonly system: string;
  readonly kernel: string;
  /** Of one minute, before and after. */
  readonly load: [before: number, after: number];
  readonly date: string;
}

/** To be called before the first measurement; `load[1]` is to be set after the last. */
export function describeMachine(): Machine {
  const processors = cpus();
  const hypervisor = /^flags.*\bhypervisor\b/m.test(readFileSync("/proc/cpuinfo", "utf8"));
  return {
    processor: `${processors.length} × ${processors[0]?.model.trim() ?? "unknown"}${hypervisor ? ", virtual" : ""}`,
    memoryGib: Math.round(totalmem() / 2 ** 30),
    system: field("/etc/os-release", /^PRETTY_NAME="?([^"\n]*)/m, "unknown"),
    kernel: release(),
    load: [loadavg()[0]!, 0],
    date: new Date().toISOString().slice(0, 10),
  };
}

// The versions of the CNI specification that are spoken, and which verb came with which. A configuration's version
// must equal one of them as text: "0.4", "1.0" and "v1.0.0" are unknown, as they are to the reference plugins.

import { CniError, Code } from "../errors.ts";

export const supportedVersions: readonly string[] = [
  "0.1.0",
  "0.2.0",
  "0.3.0",
  "0.3.1",
  "0.4.0",
  "1.0.0",
  "1.1.0",
];
/** What VERSION answers, and what an error carries as long as the configuration's version is unknown. */
export const newestVersion = "1.1.0";
/** A configuration without cniVersion, or with an empty one. */
export const undeclaredVersion = "0.1.0";

/** CHECK came with 0.4.0, GC and STATUS with 1.1.0; other verbs are as old as the specification. */
const since = new Map([
  ["CHECK", "0.4.0"],
  ["GC", "1.1.0"],
  ["STATUS", "1.1.0"],
]);

export function isSupported(cniVersion: string): boolean {
  return supportedVersions.includes(cniVersion);
}

/** Versions that share one form of the result. Inside a family only the version text differs. */
export type Family = "ip4-ip6" | "versioned-ips" | "ips";

export function resultFamily(cniVersion: string): Family {
  if (cniVersion === "0.1.0" || cniVersion === "0.2.0") return "ip4-ip6";
  return cniVersion.startsWith("0.") ? "versioned-ips" : "ips";
}

/** Whether a result without an address cannot be said in this version: refuse before anything is changed. */
export function requiresAddress(cniVersion: string): boolean {
  return resultFamily(cniVersion) === "ip4-ip6";
}

/**
 * Throws code 1 unless `cniVersion` is supported and allows `command`. For a verb that has a first version, a version
 * that is not made of numbers is code 6, because the two cannot be compared (as in the Go plugin skeleton).
 */
export function checkVersion(command: string, cniVersion: string): void {
  const spoken = () =>
    `config is "${cniVersion}", plugin supports [${supportedVersions.map((v) => `"${v}"`).join(" ")}]`;
  const first = since.get(command);
  if (first !== undefined) {
    if (compareVersions(cniVersion, first) < 0) {
      throw new CniError(
        Code.incompatibleVersion,
        `config version does not allow ${command}`,
        `${command} needs ${first} or later; ${spoken()}`,
      );
    }
    if (compareVersions(cniVersion, newestVersion) > 0) {
      throw new CniError(Code.incompatibleVersion, `plugin version does not allow ${command}`, spoken());
    }
  }
  if (!isSupported(cniVersion)) {
    throw new CniError(Code.incompatibleVersion, "incompatible CNI versions", spoken());
  }
}

function compareVersions(a: string, b: string): number {
  const left = parseVersion(a);
  const right = parseVersion(b);
  for (let part = 0; part < 3; part++) {
    const difference = (left[part] ?? 0) - (right[part] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function parseVersion(cniVersion: string): number[] {
  const parts = cniVersion.split(".");
  if (parts.length > 3) {
    throw new CniError(Code.decodingFailure, `cniVersion "${cniVersion}" has more than three parts`);
  }
  return parts.map((part) => {
    if (part === "" || ![...part].every((char) => char >= "0" && char <= "9")) {
      throw new CniError(Code.decodingFailure, `cniVersion "${cniVersion}": "${part}" is not a number`);
    }
    return Number(part);
  });
}

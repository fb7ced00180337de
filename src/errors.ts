// The three errors of the program and the code table. A leaf: imports nothing but errno names.

import { describeErrno } from "./errno.ts";

/** Error codes of SPEC.md §Error; 100 and up are the plugin's own. */
export const Code = {
  /** Incompatible CNI version. */
  incompatibleVersion: 1,
  /** Unsupported field in network configuration; the message holds its key and value. */
  unsupportedField: 2,
  /** Invalid necessary environment variables; the message names them. */
  invalidEnvironment: 4,
  /** I/O failure. */
  ioFailure: 5,
  /** Failed to decode content. */
  decodingFailure: 6,
  /** Invalid network config. */
  invalidNetworkConfig: 7,
  /** Try again later. */
  tryAgainLater: 11,
  /** The plugin cannot service ADD requests (STATUS). */
  pluginNotAvailable: 50,
  /** As 50, and existing containers may have limited connectivity (STATUS). */
  limitedConnectivity: 51,
  /** The kernel refused a change. */
  kernelRefused: 100,
  /** No address could be allocated. */
  allocationFailed: 101,
  /** CHECK found a difference. */
  checkFailed: 102,
  /** A delegated plugin, or iptables, could not be run or gave no usable answer. */
  delegationFailed: 103,
  /** A defect of this program; the Go library's ErrInternal. */
  internal: 999,
} as const;
// Code 3 (unknown container) is never used: a runtime may skip DEL after it.

/** An error as the caller will see it: one JSON object on stdout. */
export class CniError extends Error {
  readonly code: number;
  readonly details: string | undefined;
  constructor(code: number, message: string, details?: string) {
    super(message);
    this.code = code;
    this.details = details;
  }
}

/** A system call failed. `errno` is positive. */
export class HostError extends Error {
  readonly errno: number;
  readonly call: string;
  readonly target: string;
  constructor(errno: number, call: string, target: string) {
    super(`${call} ${target}: ${describeErrno(errno)}`);
    this.errno = errno;
    this.call = call;
    this.target = target;
  }
}

/** The kernel refused a netlink request. `errno` is positive; `extack` is the kernel's own sentence, if it gave one. */
export class NetlinkError extends Error {
  readonly errno: number;
  readonly request: string;
  readonly extack: string | undefined;
  constructor(errno: number, request: string, extack?: string) {
    super(`${request}: ${describeErrno(errno)}${extack === undefined ? "" : ` (${extack})`}`);
    this.errno = errno;
    this.request = request;
    this.extack = extack;
  }
}

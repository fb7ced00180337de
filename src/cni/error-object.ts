// A failure as the caller sees it (SPEC.md §Error): one JSON object on stdout, with cniVersion, a code of the table in
// src/errors.ts, a message of one line, and details of any length.

import { CniError, Code, HostError, NetlinkError } from "../errors.ts";

/** The exact text, indented by four spaces and without a newline, as the reference prints its own. */
export function formatError(error: CniError, cniVersion: string): string {
  const { code, message, details } = error;
  const lines = message.replaceAll("\r", "\n").split("\n");
  const msg = lines
    .map((line) => line.trim())
    .filter((line) => line !== "")
    .join(" ");
  return JSON.stringify({ cniVersion, code, msg, ...(details && { details }) }, null, 4);
}

/**
 * Whatever was thrown, as a CniError. A system call or a kernel request whose failure nobody put into words becomes
 * code 5 or 100; anything else is a defect of this program, whose stack the details hold.
 */
export function asCniError(thrown: unknown): CniError {
  if (thrown instanceof CniError) return thrown;
  if (thrown instanceof HostError) return new CniError(Code.ioFailure, thrown.message);
  if (thrown instanceof NetlinkError) return new CniError(Code.kernelRefused, thrown.message);
  if (thrown instanceof Error) {
    return new CniError(Code.internal, `internal error: ${thrown.name}: ${thrown.message}`, thrown.stack);
  }
  return new CniError(Code.internal, `internal error: ${String(thrown)}`);
}

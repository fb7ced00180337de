// What a Host makes of texts and bytes without asking the kernel, by Node's own means.

import { createHash } from "node:crypto";
import type { Host } from "../../src/host.ts";

export const hashing: Pick<Host, "sha512" | "hex"> = {
  sha512: (text) => new Uint8Array(createHash("sha512").update(text).digest()),
  hex: (bytes, separator) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(separator),
};

// Whole small files in one go. A file that cannot be opened is an errno for the caller to judge.

import { type Errno, type Host, ok } from "../host.ts";
import { O_NONBLOCK, O_RDONLY } from "../open-flags.ts";

/** The text of a file, or the errno of opening or reading it. `flags`: more of open(2), such as O_NOFOLLOW. */
export function readSmallFile(
  host: Host,
  dirfd: number,
  path: string,
  flags = 0,
  chunkBytes = 65536,
): string | Errno {
  const fd = host.openat(dirfd, path, O_RDONLY | O_NONBLOCK | flags, 0);
  if (fd < 0) return fd;
  try {
    let text = "";
    for (;;) {
      const chunk = host.read(fd, chunkBytes);
      if (typeof chunk === "number") return chunk;
      text += host.decode(chunk);
      if (chunk.length < chunkBytes) return text;
    }
  } finally {
    host.close(fd);
  }
}

/** Writes a file opened with these flags; throws HostError. */
export function writeSmallFile(host: Host, dirfd: number, path: string, flags: number, text: string): void {
  const fd = ok(host.openat(dirfd, path, flags, 0o600), "open", path);
  try {
    ok(host.write(fd, text), "write", path);
  } finally {
    host.close(fd);
  }
}

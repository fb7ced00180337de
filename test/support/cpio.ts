// An archive in cpio's "newc" form, which the kernel unpacks as its first root file system
// (Documentation/driver-api/early-userspace/buffer-format.rst). Written here, it needs neither cpio nor root.

const DIRECTORY = 0o040755;
const SYMLINK = 0o120777;
const FILE = 0o100000;

/** One entry per path; directories on the way come by themselves. Paths are absolute. */
export class Archive {
  readonly #entries = new Map<string, { readonly mode: number; readonly content: Uint8Array }>();

  directory(path: string): void {
    const parts = path.split("/").filter(Boolean);
    for (let depth = 1; depth <= parts.length; depth++) {
      const name = parts.slice(0, depth).join("/");
      if (!this.#entries.has(name)) this.#entries.set(name, { mode: DIRECTORY, content: new Uint8Array() });
    }
  }

  file(path: string, content: Uint8Array | string, permissions = 0o644): void {
    this.#add(path, FILE | permissions, Buffer.from(content));
  }

  symlink(path: string, target: string): void {
    this.#add(path, SYMLINK, Buffer.from(target));
  }

  #add(path: string, mode: number, content: Uint8Array): void {
    this.directory(path.replace(/\/[^/]*$/, ""));
    this.#entries.set(path.replace(/^\//, ""), { mode, content });
  }

  bytes(): Uint8Array {
    const parts: Uint8Array[] = [];
    let inode = 0;
    for (const [name, { mode, content }] of this.#entries) {
      inode++;
      parts.push(...record(name, inode, mode, content));
    }
    parts.push(...record("TRAILER!!!", 0, 0, new Uint8Array()));
    return Buffer.concat(parts);
  }
}

/** Header and name, then the content; each is padded to a multiple of four bytes. */
function record(name: string, inode: number, mode: number, content: Uint8Array): Uint8Array[] {
  const path = Buffer.from(`${name}\0`);
  const [uid, gid, links, time, major, minor, check] = [0, 0, 1, 0, 0, 0, 0];
  const fields = [
    [inode, mode, uid, gid, links, time, content.length],
    [major, minor, major, minor, path.length, check],
  ].flat();
  const header = `070701${fields.map((field) => field.toString(16).padStart(8, "0")).join("")}`;
  return [Buffer.from(header), path, padding(header.length + path.length), content, padding(content.length)];
}

function padding(length: number): Uint8Array {
  return new Uint8Array(-length & 3);
}

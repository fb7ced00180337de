// A directory tree in memory: files, symbolic and hard links, network namespaces, and time stamps in ticks as kernels
// take them. It imitates Linux from path_resolution(7); the calls on it are fake-host.ts.

import { ENOENT, ENOTDIR } from "../../src/errno.ts";
import type { Errno } from "../../src/host.ts";

/** How often the kernel's coarse clock moves, in milliseconds (CONFIG_HZ=250). */
const tickMs = 4;

export interface File {
  readonly kind: "file";
  readonly ino: number;
  mtimeMs: number;
  bytes: Uint8Array;
}
export interface Link {
  readonly kind: "link";
  readonly ino: number;
  mtimeMs: number;
  readonly target: string;
}
export interface Netns {
  readonly kind: "netns";
  readonly ino: number;
  mtimeMs: number;
  readonly cookie: bigint;
}
export interface Directory {
  readonly kind: "directory";
  readonly ino: number;
  mtimeMs: number;
  readonly entries: Map<string, Node>;
}
export type Node = File | Link | Netns | Directory;

export class FileTree {
  readonly root: Directory;
  /** The wall clock, in milliseconds. */
  now = 1_800_000_000_000.903;
  #nextIno = 100;

  constructor(root: Directory = { kind: "directory", ino: 1, mtimeMs: 0, entries: new Map() }) {
    this.root = root;
  }

  /** The clock as time stamps have it. */
  stamp(): number {
    return Math.floor(this.now / tickMs) * tickMs + 0.903;
  }

  file(bytes: Uint8Array): File {
    return { kind: "file", ino: this.#nextIno++, mtimeMs: this.stamp(), bytes };
  }

  link(target: string): Link {
    return { kind: "link", ino: this.#nextIno++, mtimeMs: this.stamp(), target };
  }

  netns(cookie: bigint): Netns {
    return { kind: "netns", ino: this.#nextIno++, mtimeMs: this.stamp(), cookie };
  }

  directory(): Directory {
    return { kind: "directory", ino: this.#nextIno++, mtimeMs: this.stamp(), entries: new Map() };
  }

  enter(directory: Directory, name: string, node: Node): void {
    directory.entries.set(name, node);
    directory.mtimeMs = this.stamp();
  }

  remove(directory: Directory, name: string): void {
    directory.entries.delete(name);
    directory.mtimeMs = this.stamp();
  }

  /** The directory of this absolute path, made where it is not there. */
  makePath(path: string): Directory {
    let directory = this.root;
    for (const name of path.split("/").filter((part) => part !== "")) {
      let next = directory.entries.get(name);
      if (next === undefined) {
        next = this.directory();
        this.enter(directory, name, next);
      }
      if (next.kind !== "directory") throw new Error(`${path}: ${name} is no directory`);
      directory = next;
    }
    return directory;
  }

  /** What a path from `base` leads to; `follow` is for a link at its end. */
  find(base: Node | Errno, path: string, follow: boolean): Node | Errno {
    let node: Node | Errno = base;
    const parts = path.split("/").filter((part) => part !== "" && part !== ".");
    for (const [index, part] of parts.entries()) {
      if (typeof node === "number") return node;
      if (node.kind !== "directory") return -ENOTDIR;
      const parent: Directory = node;
      node = parent.entries.get(part) ?? -ENOENT;
      if (typeof node !== "number" && node.kind === "link" && (follow || index < parts.length - 1))
        node = this.find(node.target.startsWith("/") ? this.root : parent, node.target, true);
    }
    return node;
  }

  /** Every path with what is there, as text. */
  dump(path = "", node: Node = this.root): string {
    if (node.kind === "file") return `${path} ${Buffer.from(node.bytes).toString("latin1")}\n`;
    if (node.kind === "link") return `${path} -> ${node.target}\n`;
    if (node.kind === "netns") return `${path} netns ${node.cookie}\n`;
    const inside = [...node.entries].sort(([a], [b]) => (a < b ? -1 : 1));
    return `${path}/\n${inside.map(([name, child]) => this.dump(`${path}/${name}`, child)).join("")}`;
  }

  /** A copy, and what each node has become in it. Hard links stay hard links. */
  clone(): { readonly tree: FileTree; readonly copies: ReadonlyMap<Node, Node> } {
    const copies = new Map<Node, Node>();
    const copy = (node: Node): Node => {
      const known = copies.get(node);
      if (known !== undefined) return known;
      let made: Node;
      if (node.kind === "directory") {
        made = { ...node, entries: new Map() };
        for (const [name, child] of node.entries) made.entries.set(name, copy(child));
      } else made = node.kind === "file" ? { ...node, bytes: Uint8Array.from(node.bytes) } : { ...node };
      copies.set(node, made);
      return made;
    };
    const tree = new FileTree(copy(this.root) as Directory);
    tree.now = this.now;
    tree.#nextIno = this.#nextIno;
    return { tree, copies };
  }
}

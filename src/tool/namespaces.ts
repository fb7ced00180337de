// The network namespaces that have a name (ip-netns(8), and the runtimes, which do the same), and the links inside them:
// how a link of another plugin, of which nothing was recorded, is led back to its container.

import { AT_FDCWD, type Host } from "../host.ts";
import { formatPrefix } from "../net/ip.ts";
import { getAddr } from "../netlink/if-addr.ts";
import { AF_UNSPEC, getLink } from "../netlink/if-link.ts";
import { getNsid } from "../netlink/rtnetlink.ts";
import { NETLINK_ROUTE, Socket } from "../netlink/socket.ts";
import { O_NONBLOCK, O_RDONLY } from "../open-flags.ts";
import { listDirectory } from "./directory.ts";
import { Progress } from "./terminal.ts";

/** Where ip-netns(8), containerd, CRI-O and podman keep their namespaces, and where docker does. */
const directories = ["/run/netns", "/run/docker/netns"];
const NSFS_MAGIC = 0x6e736673;

/** The other end of a link of the host. */
export interface Inside {
  readonly netns: string;
  readonly ifname: string;
  /** With prefix, link-local ones aside. */
  readonly addresses: readonly string[];
}

/** The key of a link's other end: the host's number for its namespace, and its index in there. */
export function peerKey(nsid: number, index: number): string {
  return `${nsid} ${index}`;
}

function isLinkLocal({ ip }: { readonly ip: Uint8Array }): boolean {
  return ip.length === 16 && ip[0] === 0xfe && (ip[1]! & 0xc0) === 0x80;
}

/** Notes every link of one namespace that has its other end in the host's. */
function look(host: Host, own: Socket, netns: string, fd: number, found: Map<string, Inside>): void {
  const nsid = own.get("look up a namespace's id", getNsid, { fd }, [])?.nsid ?? -1;
  // Without a number no link of the host can lead there.
  if (nsid < 0) return;
  const socket = Socket.open(host, fd, NETLINK_ROUTE);
  try {
    const links = socket.dump(`list the links of ${netns}`, getLink, { family: AF_UNSPEC });
    const addresses = socket.dump(`list the addresses of ${netns}`, getAddr, { family: AF_UNSPEC });
    for (const { index, ifname = "" } of links) {
      const held = addresses
        .filter((each) => each.index === index)
        .map((each) => ({ ip: (each.local ?? each.address)!, length: each.prefixlen! }))
        .filter((prefix) => !isLinkLocal(prefix));
      found.set(peerKey(nsid, index!), { netns, ifname, addresses: held.map(formatPrefix) });
    }
  } finally {
    socket.close();
  }
}

/** What the named namespaces hold, by `peerKey`. One that goes while it is looked at counts as gone. */
export function lookIntoNamespaces(host: Host, own: Socket): ReadonlyMap<string, Inside> {
  const found = new Map<string, Inside>();
  const paths = directories.flatMap((directory) =>
    listDirectory(host, directory).map((name) => `${directory}/${name}`),
  );
  const progress = new Progress(host, "looking into network namespaces");
  for (const [done, path] of paths.entries()) {
    progress.at(done, paths.length);
    const fd = host.openat(AT_FDCWD, path, O_RDONLY | O_NONBLOCK, 0);
    if (fd < 0) continue;
    try {
      if (host.fstatfs(fd) === NSFS_MAGIC) look(host, own, path, fd, found);
    } finally {
      host.close(fd);
    }
  }
  progress.end();
  return found;
}

// The calls of the plugin that the build watches, to learn what they write to in the engine's memory
// (native/src/rehearsal.rs): ADD and DEL on the networks that most people have, on a machine in memory. What is not called
// here works the same and costs a few more page faults. Bundled with its own copy of what it uses of src/; not shipped.

import type { Verb } from "../src/cni/request.ts";
import type { Host } from "../src/host.ts";
import { Files } from "./files.ts";
import { Network } from "./network.ts";

const gateway = { cniVersion: "1.0.0", type: "bridge", bridge: "cni0", isGateway: true, ipMasq: true };
const ipv4 = { range: [{ subnet: "10.88.0.0/16" }], route: { dst: "0.0.0.0/0" } };
const ipv6 = { range: [{ subnet: "fd00:88::/64" }], route: { dst: "::/0" } };
const networks = [[ipv4], [ipv4, ipv6]].map((families, index) => ({
  ...gateway,
  name: `net${index}`,
  ipam: {
    type: "host-local",
    ranges: families.map(({ range }) => range),
    routes: families.map(({ route }) => route),
  },
}));

/** `host` is the native one, whose calls of the operating system are replaced. Throws what a call says that fails. */
export default function rehearse(main: (host: Host) => number, host: Host): void {
  // The native functions, which are called in earnest, are written to by whoever reads them.
  Object.values(host);
  let descriptors = 3;
  const open = () => descriptors++;
  const files = new Files(host, open);
  const network = new Network(open, (netns) => files.calls.fstat(netns).ino);
  let clock = 0;
  const call = (verb: Verb, containerId: string, config: object) => {
    const netns = `/run/netns/${containerId}`;
    if (verb === "ADD") files.put(netns, "");
    files.begin(JSON.stringify(config));
    const environment: Readonly<Record<string, string>> = {
      CNI_COMMAND: verb,
      CNI_CONTAINERID: containerId,
      CNI_NETNS: netns,
      CNI_IFNAME: "eth0",
      CNI_PATH: "/opt/cni/bin",
    };
    Object.assign(host, {
      ...files.calls,
      ...network.calls,
      argv: ["/opt/cni/bin/bridge"],
      getenv: (name: string) => environment[name],
      getpid: () => 4711,
      getppid: () => 4710,
      random: (length: number) => Uint8Array.from({ length }, (_, at) => at),
      monotonic: () => clock++,
      realtime: () => 1_700_000_000_000 + clock++,
      deferSignals: () => 0,
    });
    if (main(host) !== 0) throw new Error(`${verb} on ${JSON.stringify(config)}: ${files.printed}`);
  };
  for (const config of networks) {
    // A network's first container leaves an index of its leases; the second is what containers usually are.
    call("ADD", `${config.name}-first`, config);
    call("ADD", `${config.name}-second`, config);
    call("DEL", `${config.name}-second`, config);
  }
}

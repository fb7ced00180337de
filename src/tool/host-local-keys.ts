// The configuration keys of host-local for people. What is read of them is src/host-local/config.ts.

import type { KeyDoc, KeyDocs } from "./key-docs.ts";

const subnet: KeyDoc = {
  text: "the network the range is in, as a CIDR without host bits",
  absent: "none",
  reference: "same",
};
const rangeStart: KeyDoc = {
  text: "the first address given out",
  absent: "the second of the subnet",
  reference: "same",
};
const rangeEnd: KeyDoc = {
  text: "the last address given out",
  absent: "the last but one of the subnet; IPv6: the last",
  reference: "same",
};
const gateway: KeyDoc = {
  text: "never given out; in the result it is the gateway",
  absent: "the second address of the subnet",
  reference: "same; must lie in the subnet, which the reference does not check",
};

/** The table of docs/host-local.md: keys of `ipam`. */
export const hostLocalTable: KeyDocs = {
  ranges: {
    text: "range sets; a set is an array of `{subnet, rangeStart, rangeEnd, gateway}` of one family. One address of **each set** is given out",
    absent: "none",
    reference: "same",
  },
  subnet: {
    ...subnet,
    text: "the old form: one range, which becomes a set before those of `ranges`. A CIDR without host bits",
  },
  rangeStart: { ...rangeStart, text: "the old form: the first address given out" },
  rangeEnd: { ...rangeEnd, text: "the old form: the last address given out" },
  gateway: { ...gateway, text: "the old form: never given out; in the result it is the gateway" },
  routes: {
    text: "`{dst, gw, mtu, advmss, priority, table, scope}`, handed on in the result",
    absent: "none",
    reference: "same",
  },
  resolvConf: {
    text: "a resolv.conf(5) file that becomes the `dns` of the result",
    absent: "none",
    reference: "same",
  },
  dataDir: {
    text: "leases are in `<dataDir>/<network name>/`. That last directory may not be a symbolic link",
    default: "/var/lib/cni/networks",
    reference: "same",
  },
  exclude: {
    text: "addresses and CIDRs that are never given out",
    absent: "none",
    reference: "new",
  },
  cooldown: {
    text: "seconds for which a released address rests. Given up, and said so on stderr, when nothing else is free",
    default: 0,
    reference: "new",
    limits: { minimum: 0 },
  },
  sticky: {
    text: "give a name its last address again if it is free. The name is `K8S_POD_NAMESPACE`/`K8S_POD_NAME` of CNI_ARGS, with the interface; containerd, CRI-O and podman send it",
    default: false,
    reference: "new",
  },
  lockTimeout: {
    text: "seconds to wait for the lock of the directory. STATUS waits for 1",
    default: 30,
    reference: "new",
    limits: { minimum: 0 },
  },
  statusFailsWhenFull: {
    text: "whether STATUS fails when a set has no address left. Off, because containerd then marks the whole node NotReady",
    default: false,
    reference: "new",
  },
};

const same = (text: string, absent = "none"): KeyDoc => ({ text, absent, reference: "same" });

const inner: KeyDocs = {
  type: { text: "this plugin: `host-local`", absent: "required", reference: "same" },
  "ranges[][].subnet": { ...subnet, absent: "required" },
  "ranges[][].rangeStart": rangeStart,
  "ranges[][].rangeEnd": rangeEnd,
  "ranges[][].gateway": gateway,
  "routes[].dst": same("the destination, as a CIDR", "required"),
  "routes[].gw": same("the next hop", "the gateway of the first address of its family"),
  "routes[].mtu": same("the path's MTU"),
  "routes[].advmss": same("the maximum segment size to advertise"),
  "routes[].priority": same("the metric; the least wins"),
  "routes[].table": same("the routing table", "main"),
  "routes[].scope": same("how far the destination is: 0 global, 253 link, 254 host"),
};

const outer: KeyDocs = {
  ipam: same("the keys of IPAM", "required"),
  runtimeConfig: same("filled in by the runtime, for keys that `capabilities` lists"),
  "runtimeConfig.ipRanges": same("range sets before all others"),
  "runtimeConfig.ipRanges[][].subnet": { ...subnet, absent: "required" },
  "runtimeConfig.ipRanges[][].rangeStart": rangeStart,
  "runtimeConfig.ipRanges[][].rangeEnd": rangeEnd,
  "runtimeConfig.ipRanges[][].gateway": gateway,
  "runtimeConfig.ips": same("addresses to be given out"),
  args: same("what an orchestrator adds; `cni` holds what plugins may read"),
  "args.cni": same("arguments for any plugin"),
  "args.cni.ips": same("addresses to be given out", "`IP=` in CNI_ARGS"),
  capabilities: same("the keys of `runtimeConfig` that the runtime may fill in"),
  "capabilities.ipRanges": same("the ranges may come with each ADD", "false"),
};

/** Every key by its path in a network configuration. */
export const hostLocalDocs: KeyDocs = {
  ...outer,
  ...Object.fromEntries(
    Object.entries({ ...hostLocalTable, ...inner }).map(([path, row]) => [`ipam.${path}`, row]),
  ),
};

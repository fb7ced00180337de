// `cni-bridge plan`: what an ADD would do with a configuration, as the commands that would do the same. Reads the leases
// of host-local, and the kernel for an "auto" MTU; changes nothing.

import { readConfig } from "../bridge/config.ts";
import { type Identity, identify } from "../bridge/identity.ts";
import { planAddressing, planLayer2, planLink, planPort } from "../bridge/plan.ts";
import { planRouting } from "../bridge/routing.ts";
import { isObject } from "../cni/json.ts";
import { checkRequest, type Request } from "../cni/request.ts";
import type { Result } from "../cni/result.ts";
import { CniError, Code } from "../errors.ts";
import type { Host } from "../host.ts";
import { foresee } from "../host-local/foresight.ts";
import { defaultRouteMtu } from "../kernel/route-mtu.ts";
import { Session } from "../kernel/session.ts";
import type { Step } from "../kernel/steps.ts";
import type { Command, Given } from "./command-line.ts";
import { pluginsOf, readText, requestOf } from "./config-file.ts";
import { JsonFault, JsonText } from "./json-text.ts";
import { formatStep, masqueradeTable, type Setting } from "./plan-text.ts";
import { type Paint, paintFor, print } from "./terminal.ts";

/** Stand for what an IPAM plugin answers that was not asked: addresses of documentation (RFC 5737). */
const EXAMPLE: Pick<Result, "ips" | "routes"> = {
  ips: [{ address: "192.0.2.2/24", gateway: "192.0.2.1" }],
  routes: [],
};

/** A heading and the steps below it. */
interface Part {
  readonly title: string;
  readonly steps: readonly Step[];
}

/** The parts of an ADD in their order. */
function planParts(host: Host, request: Request): { parts: Part[]; identity: Identity; hasOwnMac: boolean } {
  const config = readConfig(host, request);
  const identity = identify(host, request, config);
  const session = new Session(host, undefined);
  const mtu = config.mtu === "auto" ? defaultRouteMtu(session) : config.mtu;
  const parts: Part[] = [
    {
      title: `bridge ${config.bridge} where it is missing, and the pair`,
      steps: planLink(config, identity, mtu),
    },
    { title: "the host's end as a port", steps: planPort(config, identity) },
  ];
  const { ipamType } = config;
  if (ipamType === "") parts.push({ title: "layer 2: no addresses", steps: planLayer2(config, identity) });
  else {
    const answer = ipamType === "host-local" ? foresee(host, request) : EXAMPLE;
    const routing = planRouting(config, { interfaces: [], dns: {}, ...answer });
    const addresses = routing.ips.map(({ address }) => address).join(" and ");
    const title =
      ipamType === "host-local"
        ? `host-local would give ${addresses}, which is not reserved`
        : `${ipamType} was not asked: ${addresses} stands for its answer`;
    parts.push({ title, steps: planAddressing(config, identity, routing) });
  }
  return { parts, identity, hasOwnMac: config.mac !== undefined };
}

/** The text of one plugin's ADD. `netns`: how the container's namespace is called in it. */
function formatPlan(host: Host, request: Request, netns: string, paint: Paint): string {
  const { parts, identity, hasOwnMac } = planParts(host, request);
  const setting: Setting = { session: new Session(host, undefined), netns };
  const random = hasOwnMac ? [identity.hostMac] : [identity.hostMac, identity.mac];
  let text = "";
  for (const { title, steps } of parts) {
    text += `${paint("strong", `# ${title}`)}\n`;
    let hasTable = false;
    for (const step of steps) {
      const before = step.kind === "masquerade" && !hasTable ? masqueradeTable : [];
      if (step.kind === "masquerade") hasTable = true;
      for (const line of [...before, ...formatStep(step, setting)]) {
        const shown = random.reduce((rest, mac) => rest.replaceAll(mac, "RANDOM"), line);
        text += `${shown.startsWith("#") ? paint("faint", shown) : shown}\n`;
      }
    }
  }
  return text;
}

function readJson(host: Host, path: string): Readonly<Record<string, unknown>> {
  const text = readText(host, path);
  try {
    const { value } = new JsonText(text);
    if (isObject(value)) return value;
  } catch (error) {
    if (!(error instanceof JsonFault)) throw error;
    const { line, column } = error.place;
    throw new CniError(Code.decodingFailure, `${path}:${line}:${column}: ${error.message}`);
  }
  throw new CniError(Code.decodingFailure, `${path} is not a JSON object`);
}

const faultsOfConfig: readonly number[] = [Code.invalidNetworkConfig, Code.incompatibleVersion];

function run(host: Host, { operands: [path = "-"], options }: Given): number {
  const containerId = options.get("--container") ?? "example";
  const ifname = options.get("--ifname") ?? "eth0";
  const netns = options.get("--netns") ?? "container";
  const paint = paintFor(host);
  let text = "";
  for (const plugin of pluginsOf(readJson(host, path))) {
    if (plugin.type !== "bridge") {
      text += `${paint("strong", `# then ${plugin.type}, which is not ours to foresee`)}\n`;
      continue;
    }
    const { stdin, config } = requestOf(host, plugin, "ADD", { containerId, ifname, netns });
    const environment = { command: "ADD", containerId, ifname, netns, args: "", path: [] };
    try {
      const request = checkRequest(host, environment, { stdin, json: config });
      text += formatPlan(host, request, netns, paint);
    } catch (error) {
      if (!(error instanceof CniError) || !faultsOfConfig.includes(error.code)) throw error;
      throw new CniError(error.code, `${error.message} (cni-bridge lint ${path} says where)`, error.details);
    }
  }
  return print(host, text);
}

export const plan: Command = {
  name: "plan",
  summary: "show what an ADD would do, without doing it",
  description: `Shows what ADD would do with a configuration or a list, in its order, as the commands of ip, bridge, nft and sysctl that do the same; the plugin itself runs none of them. Nothing is changed and no address is reserved: host-local is asked which one would be next.

MACs that would be drawn at random read RANDOM. The name of the host's end is derived from network, container and interface: with --container it is the real one.`,
  operands: "FILE | -",
  operandCount: [1, 1],
  options: [
    { name: "--container", value: "ID", summary: 'the container; "example" unless told' },
    { name: "--ifname", value: "NAME", summary: "its interface; eth0 unless told" },
    {
      name: "--netns",
      value: "NAME",
      summary: 'its namespace as ip-netns(8) names it; "container" unless told',
    },
  ],
  examples: [
    { words: "plan /etc/cni/net.d/10-mynet.conf", purpose: "what the next container on this network gets" },
  ],
  run,
};

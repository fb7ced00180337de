// Writes the result of ADD: the exact text for each version of the specification (SPEC.md §Success and the texts of the
// older versions). Its form inside the program, and reading one, is result.ts.

import { CniError, Code } from "../errors.ts";
import type { Dns, Result } from "./result.ts";
import { type Family, resultFamily } from "./versions.ts";

/** The exact text, indented by four spaces, without a newline. Code 7 where `requiresAddress` is not met. */
export function formatResult(result: Result, cniVersion: string): string {
  return JSON.stringify(layouts[resultFamily(cniVersion)](result, cniVersion), null, 4);
}

// The order of keys is the reference's: alphabetical on every level from 1.0.0 on, that of the older Go structs
// before. JSON.stringify leaves out what is undefined.
const layouts: { [F in Family]: (result: Result, cniVersion: string) => unknown } = {
  ips: ({ interfaces, ips, routes, dns }, cniVersion) => ({
    cniVersion,
    dns: unlessEmpty({
      domain: given(dns.domain),
      nameservers: filled(dns.nameservers),
      options: filled(dns.options),
      search: filled(dns.search),
    }),
    interfaces: filled(
      interfaces.map(({ name, mac, mtu, sandbox }) => ({
        mac: given(mac),
        mtu: cniVersion === "1.0.0" ? undefined : given(mtu),
        name,
        sandbox: given(sandbox),
      })),
    ),
    ips: filled(
      ips.map(({ interface: index, address, gateway }) => ({
        address,
        gateway: given(gateway),
        interface: index,
      })),
    ),
    routes: filled(
      routes.map(({ dst, gw, mtu, advmss, priority, table, scope }) => ({
        advmss: given(advmss),
        dst,
        gw: given(gw),
        mtu: given(mtu),
        priority: given(priority),
        scope,
        table,
      })),
    ),
  }),

  "versioned-ips": ({ interfaces, ips, routes, dns }, cniVersion) => ({
    cniVersion,
    interfaces: filled(
      interfaces.map(({ name, mac, sandbox }) => ({ name, mac: given(mac), sandbox: given(sandbox) })),
    ),
    ips: filled(
      ips.map(({ interface: index, address, gateway }) => ({
        version: isIpv6(address) ? "6" : "4",
        interface: index,
        address,
        gateway: given(gateway),
      })),
    ),
    routes: filled(
      routes.map(({ dst, gw, mtu, advmss, priority, table, scope }) => ({
        dst,
        gw: given(gw),
        mtu: given(mtu),
        advmss: given(advmss),
        priority: given(priority),
        table,
        scope,
      })),
    ),
    dns: olderDns(dns),
  }),

  "ip4-ip6": ({ ips, routes, dns }, cniVersion) => {
    if (ips.length === 0) {
      throw new CniError(
        Code.invalidNetworkConfig,
        "cannot convert: no valid IP addresses",
        `a result of version ${cniVersion} needs an address: configure ipam, or use cniVersion 0.3.0 or later`,
      );
    }
    const part = (ipv6: boolean) => {
      const first = ips.find(({ address }) => isIpv6(address) === ipv6);
      const own = routes.filter(({ dst }) => isIpv6(dst) === ipv6);
      return (
        first && {
          ip: first.address,
          gateway: given(first.gateway),
          routes: filled(own.map(({ dst, gw }) => ({ dst, gw: given(gw) }))),
        }
      );
    };
    return { cniVersion, ip4: part(false), ip6: part(true), dns: olderDns(dns) };
  },
};

function olderDns({ nameservers, domain, search, options }: Dns): unknown {
  return {
    nameservers: filled(nameservers),
    domain: given(domain),
    search: filled(search),
    options: filled(options),
  };
}

/** Go's omitempty: zero and "" are left out. Not for `interface`, `table` and `scope`, whose 0 has a meaning. */
function given<T extends string | number>(value: T | undefined): T | undefined {
  return value || undefined;
}

function filled<T>(list: readonly T[] | undefined): readonly T[] | undefined {
  return list !== undefined && list.length > 0 ? list : undefined;
}

function unlessEmpty<T extends object>(object: T): T | undefined {
  return Object.values(object).some((value) => value !== undefined) ? object : undefined;
}

function isIpv6(text: string): boolean {
  return text.includes(":");
}

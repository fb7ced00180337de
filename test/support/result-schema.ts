// The result of each version of the specification as a zod schema, written from the texts at their tags (SPEC.md
// §Result, and §ADD Success of 1.x): what readers rely on, strict to the last key, so that an invented or misspelt one
// fails. It shares nothing with src/cni.

import * as z from "zod/mini";

const text = z.string().check(z.minLength(1));
const count = z.int().check(z.gte(1));
const fromZero = z.int().check(z.gte(0));
const optional = z.optional;
const list = <T extends z.core.$ZodType>(item: T) => z.array(item).check(z.minLength(1));

const address = z.union([z.ipv4(), z.ipv6()]);
const prefix = z.union([z.cidrv4(), z.cidrv6()]);
const mac = z.string().check(z.regex(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/));

const someDns = {
  nameservers: optional(list(text)),
  domain: optional(text),
  search: optional(list(text)),
  options: optional(list(text)),
};
const emptyOrDns = z.strictObject(someDns);
const filledDns = emptyOrDns.check(z.refine((dns) => Object.keys(dns).length > 0));

const link = { name: text, mac: optional(mac), sandbox: optional(text) };
const ip = { interface: optional(fromZero), address: prefix, gateway: optional(address) };
const route = z.strictObject({
  dst: prefix,
  gw: optional(address),
  mtu: optional(count),
  advmss: optional(count),
  priority: optional(count),
  table: optional(fromZero),
  scope: optional(fromZero),
});

function ofFamily(ipText: z.core.$ZodType, gateway: z.core.$ZodType) {
  const routes = list(z.strictObject({ dst: ipText, gw: optional(gateway) }));
  return z.strictObject({ ip: ipText, gateway: optional(gateway), routes: optional(routes) });
}

function ip4Ip6(version: string) {
  return z
    .strictObject({
      cniVersion: z.literal(version),
      ip4: optional(ofFamily(z.cidrv4(), z.ipv4())),
      ip6: optional(ofFamily(z.cidrv6(), z.ipv6())),
      dns: emptyOrDns,
    })
    .check(z.refine(({ ip4, ip6 }) => ip4 !== undefined || ip6 !== undefined));
}

function versionedIps(version: string) {
  const versioned = z.union([
    z.strictObject({ version: z.literal("4"), ...ip, address: z.cidrv4() }),
    z.strictObject({ version: z.literal("6"), ...ip, address: z.cidrv6() }),
  ]);
  return z.strictObject({
    cniVersion: z.literal(version),
    interfaces: optional(list(z.strictObject(link))),
    ips: optional(list(versioned)),
    routes: optional(list(route)),
    dns: emptyOrDns,
  });
}

function ips(version: string, interfaces: z.core.$ZodType) {
  return z.strictObject({
    cniVersion: z.literal(version),
    interfaces: optional(list(interfaces)),
    ips: optional(list(z.strictObject(ip))),
    routes: optional(list(route)),
    dns: optional(filledDns),
  });
}

/** The schema of a whole result, by cniVersion. */
export const resultSchemas: Readonly<Record<string, z.core.$ZodType>> = {
  "0.1.0": ip4Ip6("0.1.0"),
  "0.2.0": ip4Ip6("0.2.0"),
  "0.3.0": versionedIps("0.3.0"),
  "0.3.1": versionedIps("0.3.1"),
  "0.4.0": versionedIps("0.4.0"),
  "1.0.0": ips("1.0.0", z.strictObject(link)),
  "1.1.0": ips("1.1.0", z.strictObject({ ...link, mtu: optional(count) })),
};

/** Throws unless `text` is one JSON document of the version's shape, with indices inside `interfaces`. */
export function checkResultText(document: string, cniVersion: string): void {
  const schema = resultSchemas[cniVersion];
  if (schema === undefined) throw new Error(`no schema of version ${cniVersion}`);
  const value = JSON.parse(document);
  z.parse(schema, value);
  for (const { interface: index } of value.ips ?? []) {
    if (index !== undefined && index >= (value.interfaces ?? []).length)
      throw new Error(`no interface ${index}`);
  }
}

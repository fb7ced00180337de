// What lint says of one file: name and version, the list around the plugins, and each plugin as deep as its keys are
// known here: bridge with host-local deeply, others as far as every plugin is alike.

import { isIdentifier } from "../cni/environment.ts";
import { findKey, isObject } from "../cni/json.ts";
import { nearestKey } from "../cni/nearest-key.ts";
import type { Findings } from "../cni/shape.ts";
import { isSupported, supportedVersions, undeclaredVersion } from "../cni/versions.ts";
import type { Host } from "../host.ts";
import type { IpamConfig } from "../host-local/config.ts";
import { bridgeDocs } from "./bridge-keys.ts";
import { type PluginConfig, pluginsOf, requestOf } from "./config-file.ts";
import { lintBridge } from "./lint-bridge.ts";
import { lintHostLocal } from "./lint-host-local.ts";
import { noteReference } from "./lint-reference.ts";
import { join, type Report } from "./lint-report.ts";
import { listShape, pluginShape } from "./list-keys.ts";

/** The network of one plugin, to be compared with those of other files. */
export interface LintedNetwork {
  readonly report: Report;
  readonly name: string;
  readonly plugin: PluginConfig;
  readonly ipam: IpamConfig | undefined;
}

/** What runtimes keep in a list for themselves: SPEC.md §Network configuration, nerdctl. */
const extensions = ["cni.dev/", "nerdctl"];

/** Nobody in particular: no container is asked for. */
const nobody = { containerId: "lint", ifname: "eth0", netns: undefined };

/** Plugins that do nothing unless the runtime passes them what they list here. */
const needed: Readonly<Record<string, string>> = { portmap: "portMappings", bandwidth: "bandwidth" };

/** Notes everything about a file; gives the networks in it. */
export function lintFile(host: Host, report: Report, withReference: boolean): LintedNetwork[] {
  const { value } = report.json;
  if (!isObject(value)) {
    report.value("error", "", "a network configuration is a JSON object");
    return [];
  }
  const isList = findKey(value, "plugins") !== undefined;
  lintName(host, report, value);
  lintVersion(report, value);
  if (isList) lintList(report, value);
  else lintKind(report, value);
  const name = findKey(value, "name");
  return pluginsOf(value).map((plugin) => {
    const ipam = lintPlugin(host, report, plugin, isList);
    if (withReference) noteReference(report, plugin, ipam);
    return { report, name: typeof name === "string" ? name : "", plugin, ipam };
  });
}

function lintName(host: Host, report: Report, value: Readonly<Record<string, unknown>>): void {
  const name = findKey(value, "name") ?? "";
  if (typeof name !== "string") report.value("error", "name", "must be a string");
  else if (name === "") report.value("error", "name", "the network has no name");
  else if (!isIdentifier(host.encode(name)))
    report.value(
      "error",
      "name",
      `"${name}" is no network name: letters, digits, "_", "." and "-", the first a letter or digit`,
    );
}

function lintVersion(report: Report, value: Readonly<Record<string, unknown>>): void {
  const version = findKey(value, "cniVersion") ?? "";
  if (typeof version !== "string") report.value("error", "cniVersion", `must be a string, such as "1.0.0"`);
  else if (version === "")
    report.value(
      "warning",
      "cniVersion",
      `is missing: ${undeclaredVersion} is assumed, which has no CHECK, GC and STATUS, and whose results have no interfaces`,
    );
  else if (!isSupported(version)) {
    const near = supportedVersions.find((each) => each === `${version}.0` || `v${each}` === version);
    const nearest = near ?? nearestKey(version, supportedVersions);
    const hint = nearest === undefined ? "" : `; did you mean ${nearest}?`;
    report.value(
      "error",
      "cniVersion",
      `"${version}" is not a version of CNI that is spoken here (${supportedVersions.join(", ")})${hint}`,
    );
  }
}

function lintKind(report: Report, value: Readonly<Record<string, unknown>>): void {
  if (findKey(value, "type") === undefined && report.file.endsWith(".conflist"))
    report.value("error", "", 'the list has no "plugins"');
  else if (report.file.endsWith(".conflist"))
    report.value(
      "error",
      "",
      'a file that ends in .conflist holds a list: {"name", "cniVersion", "plugins": [...]}; runtimes read this one only as .conf',
    );
}

function lintList(report: Report, value: Readonly<Record<string, unknown>>): void {
  if (report.file.endsWith(".conf") || report.file.endsWith(".json"))
    report.value("error", "", "a file with a list ends in .conflist; runtimes do not read this one");
  const findings: Findings = { problems: [], unknownKeys: [] };
  const read = listShape(value, "", findings);
  report.problems(findings, "");
  const unknownKeys = findings.unknownKeys.filter(
    ({ key }) => key !== "$schema" && !extensions.some((prefix) => key.startsWith(prefix)),
  );
  const ofPlugins = [...Object.keys(bridgeDocs), "type", "capabilities", "prevResult"];
  report.unknownKeys({ problems: [], unknownKeys }, "", [
    { keys: ofPlugins.filter((key) => !key.includes(".")), where: "into an element of plugins" },
  ]);
  if (read?.plugins?.length === 0) report.value("error", "plugins", "the list has no plugin");
  for (const [index, plugin] of (read?.plugins ?? []).entries())
    if (!isObject(plugin)) report.value("error", `plugins[${index}]`, "must be an object");
}

function lintPlugin(
  host: Host,
  report: Report,
  plugin: PluginConfig,
  isList: boolean,
): IpamConfig | undefined {
  const { path: at, type, config } = plugin;
  const findings: Findings = { problems: [], unknownKeys: [] };
  pluginShape(config, "", findings);
  report.problems(
    {
      ...findings,
      problems: findings.problems.filter(({ path }) => path !== "name" && path !== "cniVersion"),
    },
    at,
  );
  const written = isList ? findIn(report, at) : {};
  for (const key of ["name", "cniVersion"])
    if (findKey(written, key) !== undefined && findKey(written, key) !== findKey(config, key))
      report.key("warning", join(at, key), "has no effect: the list's counts");
  const capabilities = findKey(config, "capabilities");
  for (const [key, value] of isObject(capabilities) ? Object.entries(capabilities) : [])
    if (typeof value !== "boolean")
      report.value(
        "error",
        join(at, `capabilities.${key}`),
        "must be true or false: runtimes refuse the file",
      );
  if (type === "") {
    if (typeof (findKey(config, "type") ?? "") === "string")
      report.value("error", join(at, "type"), "the plugin has no type");
    return undefined;
  }
  if (type.includes("/")) report.value("error", join(at, "type"), "the name of a plugin has no slash");
  if (type === "cni-bridge")
    report.value("error", join(at, "type"), 'cni-bridge is what people call; the plugin is "bridge"');
  if (type === "bridge") return lintBridge(host, requestOf(host, plugin, "STATUS", nobody), at, report);
  const ipam = findKey(config, "ipam");
  const wanted = Object.hasOwn(needed, type) ? needed[type]! : undefined;
  if (
    wanted !== undefined &&
    !(isObject(capabilities) && capabilities[wanted] === true) &&
    !hasOwnRates(config)
  )
    report.value(
      "warning",
      join(at, "type"),
      `${type} does nothing unless "capabilities" has "${wanted}": true`,
    );
  if (isObject(ipam) && findKey(ipam, "type") === "host-local")
    return lintHostLocal(host, requestOf(host, plugin, "STATUS", nobody), at, report);
  return undefined;
}

/** bandwidth may have its rates in the configuration. */
function hasOwnRates(config: Readonly<Record<string, unknown>>): boolean {
  return findKey(config, "ingressRate") !== undefined || findKey(config, "egressRate") !== undefined;
}

/** A plugin as it is written, without what the list gives it. */
function findIn({ json }: Report, at: string): Readonly<Record<string, unknown>> {
  const list = isObject(json.value) ? findKey(json.value, "plugins") : undefined;
  const index = Number(at.slice("plugins[".length, -1));
  const plugin: unknown = Array.isArray(list) ? list[index] : undefined;
  return isObject(plugin) ? plugin : {};
}

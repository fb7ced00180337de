// JSON Schema (draft 7, which every editor speaks) of the configurations: the forms that the plugins read, with the texts
// of the key tables. Stricter than the plugins where a person who types gains by it: keys in their usual spelling only,
// no null, no key that nobody reads.

import { keys as bridgeKeys } from "../bridge/config.ts";
import type { Form } from "../cni/shape.ts";
import { keys as hostLocalKeys } from "../host-local/config.ts";
import { bridgeDocs } from "./bridge-keys.ts";
import { hostLocalDocs } from "./host-local-keys.ts";
import type { KeyDoc, KeyDocs } from "./key-docs.ts";
import { listDocs, listShape, pluginDocs } from "./list-keys.ts";

type JsonSchema = { readonly [keyword: string]: unknown };

const DRAFT = "http://json-schema.org/draft-07/schema#";

/** `[text](address)` without the address, which leads nowhere from an editor. */
function withoutLinks(text: string): string {
  let plain = "";
  for (let at = 0; at < text.length; ) {
    const close = text[at] === "[" ? text.indexOf("](", at) : -1;
    if (close < 0) plain += text[at++];
    else {
      plain += text.slice(at + 1, close);
      at = text.indexOf(")", close) + 1;
    }
  }
  return plain;
}

function capitalized(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;
}

function describe(row: KeyDoc): JsonSchema {
  const { text, absent, reference, since } = row;
  const notes = [
    absent === undefined || absent === "required" ? "" : `Default: ${absent}.`,
    reference === "new" ? "Not known to the reference plugin, which ignores it." : "",
    since === undefined ? "" : `Since ${since}.`,
  ].filter((note) => note !== "");
  const description = [capitalized(`${withoutLinks(text)}.`), ...notes].join(" ");
  return row.default === undefined ? { description } : { description, default: row.default };
}

function valuesOf(form: Form, docs: KeyDocs, path: string, row: KeyDoc | undefined): JsonSchema {
  const limits = row?.limits ?? {};
  switch (form.kind) {
    case "json":
      return {};
    case "array":
      return { type: "array", items: valuesOf(form.item, docs, `${path}[]`, row) };
    case "object":
      return {
        type: "object",
        properties: propertiesOf(form, docs, path),
        ...(form.open ? {} : { additionalProperties: false }),
      };
    case "integer":
      if (form.word === undefined) return { type: "integer", ...limits };
      return { anyOf: [{ type: "integer", ...limits }, { const: form.word }] };
    default:
      return { type: form.kind, ...limits };
  }
}

function propertiesOf(form: Form & { readonly kind: "object" }, docs: KeyDocs, path: string): JsonSchema {
  const entries = Object.entries(form.keys).map(([key, inner]) => {
    const at = path === "" ? key : `${path}.${key}`;
    const row = docs[at];
    return [key, { ...(row && describe(row)), ...valuesOf(inner, docs, at, row) }] as const;
  });
  return Object.fromEntries(entries);
}

type Properties = { readonly [key: string]: JsonSchema };

function objectForm(form: Form | undefined): Form & { readonly kind: "object" } {
  if (form?.kind !== "object") throw new TypeError("not a form of an object");
  return form;
}

const text = { type: "string" };
const about = (docs: KeyDocs, key: string, values: JsonSchema) => ({ ...describe(docs[key]!), ...values });

/** Keys that belong to the protocol: a runtime or an editor puts them there, and no plugin wonders. */
const protocol: Properties = {
  $schema: text,
  cniVersion: about(bridgeDocs, "cniVersion", { ...text, ...bridgeDocs.cniVersion?.limits }),
  name: about(bridgeDocs, "name", { ...text, ...bridgeDocs.name?.limits }),
  capabilities: about(pluginDocs, "capabilities", {
    type: "object",
    additionalProperties: { type: "boolean" },
  }),
  prevResult: { type: "object" },
};
const conventions = { patternProperties: { "^(cni\\.dev/|nerdctl)": {} }, additionalProperties: false };

function hostLocalIpam(): JsonSchema {
  const form = objectForm(objectForm(hostLocalKeys.form).keys.ipam);
  return {
    type: "object",
    properties: {
      ...propertiesOf(form, hostLocalDocs, "ipam"),
      type: about(hostLocalDocs, "ipam.type", { const: "host-local" }),
    },
    required: ["type"],
    additionalProperties: false,
  };
}

/** IPAM plugins whose keys are not known here. */
const otherIpam = { type: "object", properties: { type: { ...text, pattern: "^(?!host-local$)" } } };

function bridgePlugin(required: readonly string[]): JsonSchema {
  return {
    type: "object",
    properties: {
      ...protocol,
      type: about(pluginDocs, "type", { const: "bridge" }),
      ...propertiesOf(objectForm(bridgeKeys.form), bridgeDocs, ""),
      ipam: { ...describe(bridgeDocs.ipam!), anyOf: [{ $ref: "#/definitions/hostLocal" }, otherIpam] },
    },
    required,
    ...conventions,
  };
}

function conflist(): JsonSchema {
  const otherPlugin = {
    type: "object",
    properties: {
      type: about(pluginDocs, "type", { ...text, pattern: "^(?!bridge$)[^/]+$" }),
      capabilities: protocol.capabilities,
    },
    required: ["type"],
  };
  const properties = propertiesOf(objectForm(listShape.form), listDocs, "");
  return {
    type: "object",
    properties: {
      $schema: text,
      ...properties,
      plugins: {
        ...describe(listDocs.plugins!),
        type: "array",
        minItems: 1,
        items: { anyOf: [{ $ref: "#/definitions/bridge" }, otherPlugin] },
      },
    },
    required: ["name", "plugins"],
    ...conventions,
  };
}

/** The schemas by name; each stands by itself. */
export const schemas: Readonly<Record<string, () => JsonSchema>> = {
  bridge: () => ({
    $schema: DRAFT,
    title: "Configuration of the CNI plugin bridge",
    ...bridgePlugin(["name", "type"]),
    definitions: { hostLocal: hostLocalIpam() },
  }),
  "host-local": () => ({
    $schema: DRAFT,
    title: "The ipam section of a CNI configuration, for the plugin host-local",
    ...hostLocalIpam(),
  }),
  conflist: () => ({
    $schema: DRAFT,
    title: "CNI network configuration list",
    ...conflist(),
    definitions: { bridge: bridgePlugin(["type"]), hostLocal: hostLocalIpam() },
  }),
};

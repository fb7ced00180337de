// Every file that is made of src/ and checked in, as it should be: JSON Schemas, key tables in docs/, the manual page,
// completions. scripts/generate.mjs writes them; test/generated.test.ts compares.

import { readFileSync } from "node:fs";
import { keys as bridgeKeys } from "../src/bridge/config.ts";
import type { Form } from "../src/cni/shape.ts";
import { keys as hostLocalKeys } from "../src/host-local/config.ts";
import { bridgeTables } from "../src/tool/bridge-keys.ts";
import { commands } from "../src/tool/command.ts";
import { completions } from "../src/tool/completion.ts";
import { hostLocalTable } from "../src/tool/host-local-keys.ts";
import { schemas } from "../src/tool/json-schema.ts";
import { type KeyDoc, type KeyDocs, keysOf } from "../src/tool/key-docs.ts";
import { formatManual } from "../src/tool/man.ts";

/** What a reader calls a value of this form. */
function typeOf(form: Form, { limits }: KeyDoc): string {
  if (form.kind === "array") {
    if (form.item.kind === "array") return "array of arrays";
    const words = limits?.enum?.map((word) => `\`"${word}"\``).join(", ");
    return words === undefined ? "array" : `array of ${words}`;
  }
  if (form.kind === "integer" && form.word !== undefined) return `integer or \`"${form.word}"\``;
  const words = form.kind === "string" ? limits?.enum : undefined;
  if (words !== undefined && words.length < 4) return words.map((word) => `\`"${word}"\``).join(", ");
  return form.kind;
}

function defaultOf({ absent, default: value }: KeyDoc): string {
  return absent ?? `\`${JSON.stringify(value)}\``;
}

/** One table. `forms`: the forms of the keys by path. */
function table(docs: KeyDocs, forms: ReadonlyMap<string, Form>, prefix: string): string {
  const rows = Object.entries(docs).map(([key, row]) => {
    const { text, reference, see, since } = row;
    const form: Form = forms.get(`${prefix}${key}`) ?? { kind: "string" };
    const more = see === undefined ? "" : `; [${see}](${see})`;
    const from = since === undefined ? reference : `${reference}, since ${since}`;
    return `| \`${key}\` | ${typeOf(form, row)} | ${defaultOf(row)} | ${from} | ${text}${more} |`;
  });
  return ["| key | type | default | | what it does |", "|---|---|---|---|---|", ...rows].join("\n");
}

function formsOf(form: Form | undefined): Map<string, Form> {
  return new Map(keysOf(form!).map(({ path, form: inner }) => [path, inner]));
}

const tables: Readonly<Record<string, () => string>> = {
  ...Object.fromEntries(
    Object.entries(bridgeTables).map(([group, docs]) => [
      `bridge ${group}`,
      () => table(docs, formsOf(bridgeKeys.form), ""),
    ]),
  ),
  "host-local": () => table(hostLocalTable, formsOf(hostLocalKeys.form), "ipam."),
};

/** A page with its tables, which stand between `<!-- keys: NAME -->` and `<!-- end of keys -->`, as they should be. */
export function withTables(page: string): string {
  return page.replace(
    /(<!-- keys: ([a-z -]+) -->\n)[\s\S]*?(<!-- end of keys -->)/g,
    (_, begin, name, end) => `${begin}\n${tables[name]!()}\n\n${end}`,
  );
}

const root = new URL("../", import.meta.url);
const pages = ["docs/configuration.md", "docs/host-local.md"];
const completionNames: Readonly<Record<string, string>> = {
  bash: "cni-bridge.bash",
  zsh: "_cni-bridge",
  fish: "cni-bridge.fish",
};

/** Contents by path from the root of the tree. */
export function generated(): Map<string, string> {
  return new Map([
    ...Object.entries(schemas).map(
      ([name, make]) => [`schemas/${name}.schema.json`, `${JSON.stringify(make(), undefined, 2)}\n`] as const,
    ),
    ...pages.map((path) => [path, withTables(readFileSync(new URL(path, root), "utf8"))] as const),
    ["man/cni-bridge.1", formatManual(commands)],
    ...Object.entries(completions).map(
      ([shell, make]) => [`completions/${completionNames[shell]}`, make(commands)] as const,
    ),
  ]);
}

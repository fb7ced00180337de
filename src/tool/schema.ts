// `cni-bridge schema`: a JSON Schema on stdout, for editors and CI.

import { type Command, UsageError } from "./command-line.ts";
import { schemas } from "./json-schema.ts";
import { printJson } from "./terminal.ts";

const names = Object.keys(schemas).join(" | ");

export const schema: Command = {
  name: "schema",
  summary: "print a JSON Schema, with which editors check while you type",
  description: `Prints the JSON Schema (draft 7) of a network configuration of bridge, of the ipam section of host-local, or of a configuration list. The same files are in schemas/.

A schema is stricter than the plugins: it knows keys in their usual spelling only, which the plugins read in any case, and it refuses keys that no plugin reads, of which the plugins only warn. What needs more than one key, such as an address outside its subnet, is found by lint.`,
  operands: names,
  operandCount: [1, 1],
  options: [],
  examples: [
    {
      words: "schema conflist > conflist.schema.json",
      purpose: 'in VS Code: "json.schemas": [{"fileMatch": ["*.conflist"], "url": "./conflist.schema.json"}]',
    },
  ],
  run(host, { operands: [name = ""] }) {
    const make = Object.hasOwn(schemas, name) ? schemas[name] : undefined;
    if (make === undefined) throw new UsageError(`there is no schema ${name}, only ${names}`);
    return printJson(host, make());
  },
};

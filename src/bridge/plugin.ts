// The bridge plugin: its verbs.

import type { Plugin } from "../cni/outcome.ts";
import { add } from "./add.ts";
import { check } from "./check.ts";
import { del } from "./del.ts";
import { gc } from "./gc.ts";
import { status } from "./status.ts";

export const bridge: Plugin = { ADD: add, DEL: del, CHECK: check, GC: gc, STATUS: status };

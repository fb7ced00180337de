// The plugin host-local: its verbs. The bridge calls them in its own process; ADD takes a second argument there, what
// only it knows of the container (attachment-proof.ts).

import type { Plugin } from "../cni/outcome.ts";
import { add } from "./add.ts";
import { check } from "./check.ts";
import { del } from "./del.ts";
import { gc } from "./gc.ts";
import { status } from "./status.ts";

export const hostLocal = { ADD: add, DEL: del, CHECK: check, GC: gc, STATUS: status } satisfies Plugin;

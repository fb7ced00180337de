// An nf_tables transaction: several changes in one send, of which the kernel takes all or none.
// Framing: Documentation of nfnetlink_rcv_batch in net/netfilter/nfnetlink.c.

import { written } from "./codec.ts";
import { type Answer, NLM_F_ACK, NLM_F_REQUEST, type Request, writeMessage } from "./message.ts";
import { batchBegin, batchEnd } from "./nf-tables.ts";
import type { Socket } from "./socket.ts";

const AF_UNSPEC = 0;
const NFNL_SUBSYS_NFTABLES = 10;

interface Change {
  readonly what: Request<unknown>;
  readonly value: unknown;
  readonly flags: number;
}

export class Batch {
  readonly #changes: Change[] = [];

  /** `flags`: NLM_F_CREATE, NLM_F_EXCL, NLM_F_APPEND. */
  add<T>(what: Request<T>, value: T, flags = 0): this {
    this.#changes.push({ what: what as Request<unknown>, value, flags });
    return this;
  }

  get empty(): boolean {
    return this.#changes.length === 0;
  }

  /**
   * Commits. With `generation` the kernel answers ERESTART when the ruleset has changed since that number was read.
   * A refusal names the change: `of`, such as "NFT_MSG_NEWCHAIN".
   */
  commit(socket: Socket, generation?: number): Answer & { readonly of: string } {
    const first = socket.nextSeq;
    const last = first + this.#changes.length;
    const frame = { family: AF_UNSPEC, resId: NFNL_SUBSYS_NFTABLES };
    const begin = generation === undefined ? frame : { ...frame, genid: generation };
    const bytes = written((into) => {
      let at = writeMessage(into, 0, batchBegin, NLM_F_REQUEST, first, begin);
      let seq = first;
      for (const { what, value, flags } of this.#changes) {
        const ack = ++seq === last ? NLM_F_ACK : 0;
        at = writeMessage(into, at, what, NLM_F_REQUEST | ack | flags, seq, value);
      }
      return writeMessage(into, at, batchEnd, NLM_F_REQUEST, seq + 1, frame);
    });
    const answer = socket.batch(bytes, first, last);
    const refused = this.#changes[answer.seq - first - 1];
    return { ...answer, of: refused?.what.name ?? "commit" };
  }
}

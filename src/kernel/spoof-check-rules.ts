// The chains, comments and rules of a MAC spoof check, as expressions and as nft(8) writes them. Pure: spoof-check.ts,
// which shows the layout, sends them.

import { parseMac } from "../net/mac.ts";
import type { AttachmentId } from "../net/names.ts";
import {
  type Expression,
  NF_DROP,
  NFT_CMP_EQ,
  NFT_JUMP,
  NFT_META_IIFNAME,
  NFT_PAYLOAD_LL_HEADER,
  NFT_REG_1,
  NFT_REG_VERDICT,
  NFT_RETURN,
} from "../netlink/nf-tables.ts";
import { comment } from "./element-owner.ts";
import type { Session } from "./session.ts";

export interface SpoofCheckStep {
  readonly kind: "spoof-check";
  readonly owner: AttachmentId;
  /** The host's end, through which the container's frames come. */
  readonly hostName: string;
  /** The container's, lower case with colons. */
  readonly mac: string;
}

export const PREROUTING = "PREROUTING";
const IFNAMSIZ = 16;
const MAC_LENGTH = 6;
/** NFT_USERDATA_MAXLEN less type, length and NUL: nft(8) takes longer comments as JSON than in its own language. */
const COMMENT_LENGTH = 253;

export interface Names {
  /** What the host's end jumps to, and the chain it jumps to in turn. */
  readonly chains: readonly [string, string];
  /** Of each of its rules. */
  readonly userdata: Uint8Array;
}

export function namesOf(
  { host }: Session,
  { containerId, ifname }: Pick<AttachmentId, "containerId" | "ifname">,
): Names {
  const id = `${containerId}-${ifname}`;
  const chain = `cni-br-iface-${id}`;
  return { chains: [chain, `${chain}-mac`], userdata: comment(host, `macspoofchk-${id}`, COMMENT_LENGTH) };
}

function verdict(code: number, chain?: string): Expression {
  const target = chain === undefined ? { code } : { code, chain };
  return { kind: "immediate", data: { dreg: NFT_REG_VERDICT, data: { verdict: target } } };
}

function equals(value: Uint8Array): Expression {
  return { kind: "cmp", data: { sreg: NFT_REG_1, op: NFT_CMP_EQ, data: { value } } };
}

interface Rules {
  readonly chain: string;
  /** As nft(8) writes them. */
  readonly texts: readonly string[];
  readonly rules: readonly (readonly Expression[])[];
}

/** All rules of an attachment, by chain. */
export function rulesOf(
  { host }: Session,
  step: SpoofCheckStep,
  [chain, macChain]: Names["chains"],
): Rules[] {
  const iifname = new Uint8Array(IFNAMSIZ);
  iifname.set(host.encode(step.hostName));
  const source = { base: NFT_PAYLOAD_LL_HEADER, offset: MAC_LENGTH, len: MAC_LENGTH };
  return [
    {
      chain: PREROUTING,
      texts: [`iifname "${step.hostName}" jump ${chain}`],
      rules: [
        [
          { kind: "meta", data: { dreg: NFT_REG_1, key: NFT_META_IIFNAME } },
          equals(iifname),
          verdict(NFT_JUMP, chain),
        ],
      ],
    },
    { chain, texts: [`jump ${macChain}`], rules: [[verdict(NFT_JUMP, macChain)]] },
    {
      chain: macChain,
      texts: [`ether saddr ${step.mac} return`, "drop"],
      rules: [
        [
          { kind: "payload", data: { dreg: NFT_REG_1, ...source } },
          equals(parseMac(step.mac)!),
          verdict(NFT_RETURN),
        ],
        [verdict(NF_DROP)],
      ],
    },
  ];
}

/** The rules as nft(8) writes them, each with its chain. */
export function formatRules(session: Session, step: SpoofCheckStep): { chain: string; text: string }[] {
  return rulesOf(session, step, namesOf(session, step.owner).chains).flatMap(({ chain, texts }) =>
    texts.map((text) => ({ chain, text })),
  );
}

// What the captured requests of nft say, without the frames of their batches.

import { expect } from "vitest";
import { NLM_F_ACK, NLM_F_APPEND, NLM_F_CREATE } from "../../src/netlink/message.ts";
import * as nft from "../../src/netlink/nf-tables.ts";
import { type Case, comment, ip, mac, net, sends } from "./captures.ts";

const inet = { family: nft.NFPROTO_INET, table: "cni-bridge" } as const;
const bridge = { family: nft.NFPROTO_BRIDGE, table: "nat" } as const;
const loadAddress = (nfproto: number, offset: number, len: number): nft.Expression[] => [
  { kind: "meta", data: { dreg: nft.NFT_REG_1, key: nft.NFT_META_NFPROTO } },
  { kind: "cmp", data: { sreg: nft.NFT_REG_1, op: nft.NFT_CMP_EQ, data: { value: Uint8Array.of(nfproto) } } },
  { kind: "payload", data: { dreg: nft.NFT_REG_1, base: nft.NFT_PAYLOAD_NETWORK_HEADER, offset, len } },
];
const verdict = (code: number, chain?: string): nft.Expression => {
  const target = chain === undefined ? { code } : { code, chain };
  return { kind: "immediate", data: { dreg: nft.NFT_REG_VERDICT, data: { verdict: target } } };
};
const returnFor = (nfproto: number, offset: number, mask: string, address: string): nft.Expression[] => [
  ...loadAddress(nfproto, offset, ip(address).length),
  {
    kind: "bitwise",
    data: {
      sreg: nft.NFT_REG_1,
      dreg: nft.NFT_REG_1,
      len: ip(address).length,
      mask: { value: ip(mask) },
      xor: { value: new Uint8Array(ip(address).length) },
    },
  },
  { kind: "cmp", data: { sreg: nft.NFT_REG_1, op: nft.NFT_CMP_EQ, data: { value: ip(address) } } },
  verdict(nft.NFT_RETURN),
];
const vmap = (nfproto: number, offset: number, len: number, set: string, setId: number): nft.Expression[] => [
  ...loadAddress(nfproto, offset, len),
  { kind: "lookup", data: { set, sreg: nft.NFT_REG_1, dreg: nft.NFT_REG_VERDICT, setId } },
];
const map = (name: string, keyType: number, keyLen: number) => ({
  ...inet,
  name,
  flags: nft.NFT_SET_MAP,
  keyType,
  keyLen,
  dataType: nft.NFT_DATA_VERDICT,
  dataLen: 0,
  id: 1,
});
/** User data of a map: nft(8) notes for itself the byte orders of key and data. */
const byteOrders = { userdata: expect.any(Uint8Array) };
const rule = NLM_F_CREATE | NLM_F_APPEND;

// Left to right as the command says it; NLM_F_ACK of a batch's changes is a matter of the batch.
export const nftRequests: readonly Case[] = [
  sends("generation-get", nft.getGen, {}, 0, "same"),
  sends(
    "table-add",
    nft.newTable,
    { family: nft.NFPROTO_INET, name: "cni-bridge", userdata: comment("made by a test") },
    0,
    "alike",
  ),
  sends("map-add-v4", nft.newSet, map("masquerade4", 7, 4), NLM_F_CREATE, "alike", byteOrders),
  sends("map-add-v6", nft.newSet, map("masquerade6", 8, 16), NLM_F_CREATE, "alike", byteOrders),
  sends(
    "base-chain-add",
    nft.newChain,
    {
      ...inet,
      name: "postrouting",
      type: "nat",
      hook: { hooknum: nft.NF_INET_POST_ROUTING, priority: 100 },
      policy: nft.NF_ACCEPT,
    },
    NLM_F_CREATE,
    "alike",
  ),
  sends(
    "rule-add-vmap-v4",
    nft.newRule,
    { ...inet, chain: "postrouting", expressions: vmap(nft.NFPROTO_IPV4, 12, 4, "masquerade4", 1) },
    rule,
    "alike",
  ),
  sends(
    "rule-add-vmap-v6",
    nft.newRule,
    { ...inet, chain: "postrouting", expressions: vmap(nft.NFPROTO_IPV6, 8, 16, "masquerade6", 2) },
    rule,
    "alike",
  ),
  sends(
    "chain-add",
    nft.newChain,
    { ...inet, name: net, userdata: comment("net: one") },
    NLM_F_CREATE,
    "same",
  ),
  sends(
    "rule-add-return-v4",
    nft.newRule,
    { ...inet, chain: net, expressions: returnFor(nft.NFPROTO_IPV4, 16, "255.255.240.0", "10.22.16.0") },
    rule,
    "alike",
  ),
  sends(
    "rule-add-return-v6",
    nft.newRule,
    { ...inet, chain: net, expressions: returnFor(nft.NFPROTO_IPV6, 24, "ffff:ffff:ffff:fffc::", "fd00::") },
    rule,
    "alike",
  ),
  sends(
    "rule-add-masquerade",
    nft.newRule,
    { ...inet, chain: net, expressions: [{ kind: "masq", data: {} }] },
    rule,
    "same",
  ),
  sends(
    "rule-add-masquerade-random",
    nft.newRule,
    { ...inet, chain: net, expressions: [{ kind: "masq", data: { flags: 4 } }] },
    rule,
    "same",
  ),
  sends(
    "element-add",
    nft.newSetElem,
    {
      ...inet,
      set: "masquerade4",
      elements: [
        {
          key: { value: ip("10.22.0.5") },
          data: { verdict: { code: nft.NFT_GOTO, chain: net } },
          userdata: comment("net: one"),
        },
      ],
    },
    NLM_F_CREATE,
    "alike",
  ),
  sends(
    "element-get",
    nft.getSetElem,
    { ...inet, set: "masquerade4", elements: [{ key: { value: ip("10.22.0.5") } }] },
    NLM_F_ACK,
    "alike",
  ),
  sends(
    "element-delete",
    nft.delSetElem,
    { ...inet, set: "masquerade4", elements: [{ key: { value: ip("10.22.0.5") } }] },
    0,
    "same",
  ),
  sends(
    "bridge-chain-add",
    nft.newChain,
    {
      ...bridge,
      name: "PREROUTING",
      type: "filter",
      hook: { hooknum: nft.NF_BR_PRE_ROUTING, priority: -300 },
    },
    NLM_F_CREATE,
    "alike",
  ),
  sends(
    "bridge-rule-add-jump",
    nft.newRule,
    {
      ...bridge,
      chain: "PREROUTING",
      expressions: [
        { kind: "meta", data: { dreg: nft.NFT_REG_1, key: nft.NFT_META_IIFNAME } },
        {
          kind: "cmp",
          data: {
            sreg: nft.NFT_REG_1,
            op: nft.NFT_CMP_EQ,
            data: { value: Uint8Array.from({ length: 16 }, (_, at) => "host0".charCodeAt(at) || 0) },
          },
        },
        verdict(nft.NFT_JUMP, "one"),
      ],
      userdata: comment("net: one"),
    },
    rule,
    "alike",
  ),
  sends(
    "bridge-rule-add-mac",
    nft.newRule,
    {
      ...bridge,
      chain: "one",
      expressions: [
        {
          kind: "payload",
          data: { dreg: nft.NFT_REG_1, base: nft.NFT_PAYLOAD_LL_HEADER, offset: 6, len: 6 },
        },
        // NFT_CMP_NEQ
        { kind: "cmp", data: { sreg: nft.NFT_REG_1, op: 1, data: { value: mac("02:00:00:00:00:03") } } },
        verdict(nft.NF_DROP),
      ],
    },
    rule,
    "same",
  ),
  sends("rule-delete", nft.delRule, { ...bridge, chain: "one", handle: 4n }, 0, "same"),
  sends("chain-delete", nft.delChain, { ...bridge, name: "one" }, 0, "same"),
];

// nf_tables: struct nfgenmsg and NFTA_* attributes, include/uapi/linux/netfilter/{nfnetlink,nf_tables}.h.
// Numbers inside nf_tables attributes are big endian.

import { attrs, behind, body, list, tagged } from "./attributes.ts";
import { bytes, type Infer, i32be, str, struct, u8, u16be, u32be, u64be } from "./codec.ts";
import { request } from "./message.ts";

export const NFPROTO_INET = 1;
export const NFPROTO_IPV4 = 2;
export const NFPROTO_BRIDGE = 7;
export const NFPROTO_IPV6 = 10;
export const NF_INET_POST_ROUTING = 4;
export const NF_BR_PRE_ROUTING = 0;
export const NF_ACCEPT = 1;
export const NF_DROP = 0;
// enum nft_verdicts: negative numbers, sent as they are.
export const NFT_JUMP = -3;
export const NFT_GOTO = -4;
export const NFT_RETURN = -5;

/** The register that holds the rule's verdict, and the first 16 bytes of data. */
export const NFT_REG_VERDICT = 0;
export const NFT_REG_1 = 1;
export const NFT_CMP_EQ = 0;
export const NFT_META_NFPROTO = 15;
export const NFT_META_IIFNAME = 6;
export const NFT_PAYLOAD_LL_HEADER = 0;
export const NFT_PAYLOAD_NETWORK_HEADER = 1;
export const NFT_SET_MAP = 0x8;
/** NFTA_MASQ_FLAGS: the source port is chosen at random, whatever the container's is. */
export const NF_NAT_RANGE_PROTO_RANDOM_FULLY = 0x10;
/** Data type of a map to verdicts. */
export const NFT_DATA_VERDICT = 0xffffff00;

const nfgenmsg = struct({ family: u8, version: u8, resId: u16be });

const data = attrs({
  value: [1, bytes], // NFTA_DATA_VALUE
  verdict: [
    2, // NFTA_DATA_VERDICT
    attrs({
      code: [1, i32be], // NFTA_VERDICT_CODE
      chain: [2, str], // NFTA_VERDICT_CHAIN
    }),
  ],
});

// NFTA_EXPR_NAME, NFTA_EXPR_DATA
const expression = tagged(1, 2, {
  payload: attrs({
    dreg: [1, u32be], // NFTA_PAYLOAD_DREG
    base: [2, u32be], // NFTA_PAYLOAD_BASE
    offset: [3, u32be], // NFTA_PAYLOAD_OFFSET
    len: [4, u32be], // NFTA_PAYLOAD_LEN
  }),
  bitwise: attrs({
    sreg: [1, u32be], // NFTA_BITWISE_SREG
    dreg: [2, u32be], // NFTA_BITWISE_DREG
    len: [3, u32be], // NFTA_BITWISE_LEN
    mask: [4, data], // NFTA_BITWISE_MASK
    xor: [5, data], // NFTA_BITWISE_XOR
    op: [6, u32be], // NFTA_BITWISE_OP
  }),
  cmp: attrs({
    sreg: [1, u32be], // NFTA_CMP_SREG
    op: [2, u32be], // NFTA_CMP_OP
    data: [3, data], // NFTA_CMP_DATA
  }),
  lookup: attrs({
    set: [1, str], // NFTA_LOOKUP_SET
    sreg: [2, u32be], // NFTA_LOOKUP_SREG
    dreg: [3, u32be], // NFTA_LOOKUP_DREG
    setId: [4, u32be], // NFTA_LOOKUP_SET_ID
    flags: [5, u32be], // NFTA_LOOKUP_FLAGS
  }),
  immediate: attrs({
    dreg: [1, u32be], // NFTA_IMMEDIATE_DREG
    data: [2, data], // NFTA_IMMEDIATE_DATA
  }),
  meta: attrs({
    dreg: [1, u32be], // NFTA_META_DREG
    key: [2, u32be], // NFTA_META_KEY
  }),
  masq: attrs({
    flags: [1, u32be], // NFTA_MASQ_FLAGS
  }),
});
export type Expression = Infer<typeof expression>;

const table = body(
  nfgenmsg,
  attrs({
    name: [1, str], // NFTA_TABLE_NAME
    userdata: [6, bytes], // NFTA_TABLE_USERDATA
  }),
);
const chain = body(
  nfgenmsg,
  attrs({
    table: [1, str], // NFTA_CHAIN_TABLE
    name: [3, str], // NFTA_CHAIN_NAME
    hook: [
      4, // NFTA_CHAIN_HOOK
      attrs({
        hooknum: [1, u32be], // NFTA_HOOK_HOOKNUM
        priority: [2, i32be], // NFTA_HOOK_PRIORITY
      }),
    ],
    policy: [5, u32be], // NFTA_CHAIN_POLICY
    use: [6, u32be], // NFTA_CHAIN_USE
    type: [7, str], // NFTA_CHAIN_TYPE
    userdata: [12, bytes], // NFTA_CHAIN_USERDATA
  }),
);
const chainUse = behind(nfgenmsg, attrs({ use: [6, u32be] })); // NFTA_CHAIN_USE
const rule = body(
  nfgenmsg,
  attrs({
    table: [1, str], // NFTA_RULE_TABLE
    chain: [2, str], // NFTA_RULE_CHAIN
    handle: [3, u64be], // NFTA_RULE_HANDLE
    expressions: [4, list(1, expression)], // NFTA_RULE_EXPRESSIONS, NFTA_LIST_ELEM
    userdata: [7, bytes], // NFTA_RULE_USERDATA
  }),
);
export type Rule = Infer<typeof rule>;
/** A rule without its expressions: reading those of a long chain takes most of the time. */
const ruleHead = body(
  nfgenmsg,
  attrs({
    table: [1, str], // NFTA_RULE_TABLE
    chain: [2, str], // NFTA_RULE_CHAIN
    handle: [3, u64be], // NFTA_RULE_HANDLE
    userdata: [7, bytes], // NFTA_RULE_USERDATA
  }),
);
const set = body(
  nfgenmsg,
  attrs({
    table: [1, str], // NFTA_SET_TABLE
    name: [2, str], // NFTA_SET_NAME
    flags: [3, u32be], // NFTA_SET_FLAGS
    keyType: [4, u32be], // NFTA_SET_KEY_TYPE, a number of nft(8)
    keyLen: [5, u32be], // NFTA_SET_KEY_LEN
    dataType: [6, u32be], // NFTA_SET_DATA_TYPE
    dataLen: [7, u32be], // NFTA_SET_DATA_LEN
    id: [10, u32be], // NFTA_SET_ID
    userdata: [13, bytes], // NFTA_SET_USERDATA
  }),
);
const element = attrs({
  key: [1, data], // NFTA_SET_ELEM_KEY
  data: [2, data], // NFTA_SET_ELEM_DATA
  userdata: [6, bytes], // NFTA_SET_ELEM_USERDATA
});
export type Element = Infer<typeof element>;
const elements = body(
  nfgenmsg,
  attrs({
    table: [1, str], // NFTA_SET_ELEM_LIST_TABLE
    set: [2, str], // NFTA_SET_ELEM_LIST_SET
    elements: [3, list(1, element)], // NFTA_SET_ELEM_LIST_ELEMENTS, NFTA_LIST_ELEM
  }),
);
const batch = body(
  nfgenmsg,
  attrs({
    genid: [1, u32be], // NFNL_BATCH_GENID
  }),
);
const generation = body(
  nfgenmsg,
  attrs({
    id: [1, u32be], // NFTA_GEN_ID
  }),
);

const NFNL_SUBSYS_NFTABLES = 10;
const nft = (message: number) => (NFNL_SUBSYS_NFTABLES << 8) | message;

export const batchBegin = request("NFNL_MSG_BATCH_BEGIN", 16, batch);
export const batchEnd = request("NFNL_MSG_BATCH_END", 17, batch);
export const newTable = request("NFT_MSG_NEWTABLE", nft(0), table);
export const newChain = request("NFT_MSG_NEWCHAIN", nft(3), chain);
export const getChain = request("NFT_MSG_GETCHAIN", nft(4), chain);
/** How many rules and elements use a chain. */
export const getChainUse = request("NFT_MSG_GETCHAIN", nft(4), chain, chainUse);
export const delChain = request("NFT_MSG_DELCHAIN", nft(5), chain);
export const newRule = request("NFT_MSG_NEWRULE", nft(6), rule);
export const getRule = request("NFT_MSG_GETRULE", nft(7), rule);
export const getRuleHead = request("NFT_MSG_GETRULE", nft(7), rule, ruleHead);
export const delRule = request("NFT_MSG_DELRULE", nft(8), rule);
export const newSet = request("NFT_MSG_NEWSET", nft(9), set);
export const newSetElem = request("NFT_MSG_NEWSETELEM", nft(12), elements);
export const getSetElem = request("NFT_MSG_GETSETELEM", nft(13), elements);
export const delSetElem = request("NFT_MSG_DELSETELEM", nft(14), elements);
export const getGen = request("NFT_MSG_GETGEN", nft(16), generation);

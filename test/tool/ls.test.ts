import { describe, expect, it } from "vitest";
import type { Session } from "../../src/kernel/session.ts";
import type { Found, Inventory } from "../../src/tool/inventory.ts";
import { formatTree } from "../../src/tool/ls.ts";

const NOW = 1_800_000_000_000;
const plain = (_: unknown, text: string) => text;

const base: Found = {
  state: "alive",
  because: "",
  network: "net",
  containerId: "c1",
  ifname: "eth0",
  addresses: ["10.1.0.2"],
  holder: undefined,
  record: undefined,
  link: undefined,
  bridge: "br0",
  netns: undefined,
  sinceMs: NOW - 65_000,
};

function inventory(found: readonly Found[]): Inventory {
  const bridge = {
    family: 0,
    pad: 0,
    type: 1,
    index: 3,
    flags: 1,
    change: 0,
    ifname: "br0",
    mtu: 1500,
    address: Uint8Array.of(2, 0, 0, 0, 0, 1),
    linkinfo: { kind: "bridge" },
  } as const;
  return {
    session: {} as Session,
    links: [bridge],
    addresses: new Map([[3, ["10.1.0.1/24", "fe80::1/64"]]]),
    stores: [],
    found,
  };
}

describe("formatTree", () => {
  it("says so when there is nothing", () => {
    expect(formatTree(inventory([]), plain, NOW, false)).toBe("no attachments on this node\n");
  });

  it("groups by network and bridge, in columns", () => {
    const found: Found[] = [
      base,
      {
        ...base,
        containerId: "0123456789abcdef",
        state: "dead",
        addresses: ["10.1.0.30", "fd00::30"],
        bridge: "gone",
      },
      {
        ...base,
        network: undefined,
        containerId: undefined,
        ifname: undefined,
        addresses: [],
        state: "foreign",
        bridge: undefined,
        sinceMs: undefined,
      },
    ];
    expect(formatTree(inventory(found), plain, NOW, false)).toBe(`network net
├─ bridge br0, up, 10.1.0.1/24, mtu 1500, 0 ports
│  └─ c1/eth0             10.1.0.2            -  1 min  alive
└─ bridge gone, missing
   └─ 0123456789ab…/eth0  10.1.0.30 fd00::30  -  1 min  dead
no network known
└─ no bridge
   └─ ?/?                 -                   -  -      foreign
`);
    expect(formatTree(inventory(found), plain, NOW, true)).toContain("0123456789abcdef/eth0");
  });

  it("colours the state and nothing that shifts a column", () => {
    const text = formatTree(inventory([base]), (_, part) => `<${part}>`, NOW, false);
    expect(text).toContain("1 min  <alive>\n");
  });
});

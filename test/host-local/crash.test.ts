// A kill or a power cut at every single system call of ADD and DEL. The rules: other containers' leases stay as they
// are; no lease is half written; after a power cut (another boot, the files last written emptied, torn or filled with
// NUL bytes) every address of the range can be given out again, none to two containers.
import { describe, expect, it } from "vitest";
import { FakeHost, PowerCut } from "../support/fake-host.ts";
import { add, addresses, type Call, dataDir, failure, leases, run } from "./call.ts";

/** Two sets of 5 and 3 addresses: each ADD makes two leases. */
const ipam = {
  ranges: [
    [{ subnet: "10.1.2.0/29" }],
    [{ subnet: "2001:db8::/64", rangeStart: "2001:db8::10", rangeEnd: "2001:db8::14" }],
  ],
};
const call: Call = { ipam, netns: "/run/netns/x" };
const capacity = 5;

type Act = (host: FakeHost) => void;
const acts: Record<string, { prepare?: Act; act: Act }> = {
  "the first ADD of all": { act: (host) => add(host, "k", call) },
  "an ADD beside others": {
    prepare: (host) => {
      add(host, "a", call);
      add(host, "b", call);
    },
    act: (host) => add(host, "k", call),
  },
  "an ADD with cooldown and a sticky name": {
    prepare: (host) => {
      add(host, "a", call);
      run(host, "DEL", "a", {
        ...call,
        ipam: { ...ipam, cooldown: 60, sticky: true },
        args: "K8S_POD_NAME=p",
      });
    },
    act: (host) => add(host, "k", { ...call, ipam: { ...ipam, sticky: true }, args: "K8S_POD_NAME=p" }),
  },
  "an ADD after the reference wrote": {
    prepare: (host) => {
      add(host, "a", call);
      host.tick();
      host.put(`${dataDir}/net/10.1.2.5`, "r\r\neth0");
    },
    act: (host) => add(host, "k", call),
  },
  "a DEL": {
    prepare: (host) => {
      add(host, "a", call);
      add(host, "k", call);
    },
    act: (host) => run(host, "DEL", "k", { ...call, ipam: { ...ipam, cooldown: 60 } }),
  },
  "a DEL after the reference wrote": {
    prepare: (host) => {
      add(host, "k", call);
      host.tick();
      host.put(`${dataDir}/net/10.1.2.5`, "r\r\neth0");
    },
    act: (host) => run(host, "DEL", "k", call),
  },
  "a GC": {
    prepare: (host) => {
      add(host, "a", call);
      add(host, "k", call);
    },
    act: (host) =>
      run(host, "GC", "", {
        ...call,
        more: { "cni.dev/valid-attachments": [{ containerID: "a", ifname: "eth0" }] },
      }),
  },
};

/** The states after each number of calls, the last being after all of them. */
function* states({
  prepare,
  act,
}: {
  prepare?: Act;
  act: Act;
}): Generator<{ calls: number; host: FakeHost }> {
  const start = new FakeHost();
  prepare?.(start);
  start.tick();
  for (let calls = 1; ; calls++) {
    const host = start.clone();
    host.trap = { call: calls };
    try {
      act(host);
      yield { calls, host };
      return;
    } catch (error) {
      if (!(error instanceof PowerCut)) throw error;
    }
    yield { calls, host };
  }
}

/** How many containers get addresses before there are none. None may get one of `held`, or one that another got. */
function fill(host: FakeHost, held: readonly string[]): number {
  const given = new Set(held);
  for (let count = 0; ; count++) {
    let got: string[];
    try {
      got = addresses(host, `f${count}`, call);
    } catch (error) {
      expect((error as Error).message).toContain("no IP addresses available in range set");
      return count;
    }
    for (const address of got) {
      expect(given).not.toContain(address);
      given.add(address);
    }
  }
}

describe.each(Object.entries(acts))("a kill at each system call of %s", (_, scenario) => {
  it("half-writes no lease, loses none of others, and DEL frees what is left", () => {
    let seen = 0;
    for (const { calls, host } of states(scenario)) {
      seen++;
      const of = `after ${calls - 1} calls`;
      host.restart();
      for (const [name, text] of Object.entries(leases(host)))
        expect(text, `${name} ${of}`).toMatch(/^[abkr]\r\neth0$/);
      const others = Object.entries(leases(host)).filter(([, text]) => !text.startsWith("k"));
      run(host, "DEL", "k", call);
      expect(Object.entries(leases(host)), of).toEqual(others);
      const perContainer = new Set(others.map(([, text]) => text)).size;
      expect(fill(host, Object.keys(leases(host))), of).toBe(capacity - perContainer);
    }
    expect(seen).toBeGreaterThan(10);
  });

  it("leaves an index that the next call can go by", () => {
    for (const { calls, host } of states(scenario)) {
      host.restart();
      const held = Object.values(leases(host)).includes("k\r\neth0");
      const found = () => run(host, "CHECK", "k", call);
      if (held) found();
      else expect(failure(found).code, `after ${calls - 1} calls`).toBe(102);
    }
  });
});

const damages: Record<string, (text: string) => string> = {
  "stay whole": (text) => text,
  "are empty": () => "",
  "are torn": (text) => text.slice(0, Math.ceil(text.length / 2)),
  "end before the interface": (text) => text.slice(0, text.indexOf("\r\n") + 2),
  "are filled with NUL": (text) => "\0".repeat(text.length),
};

describe.each(Object.entries(acts))("a power cut at each system call of %s", (_, scenario) => {
  it.each(Object.entries(damages))("costs no address when the files last written %s", (_, damage) => {
    for (const { calls, host } of states(scenario)) {
      host.restart();
      for (const file of host.written) file.bytes = Buffer.from(damage(Buffer.from(file.bytes).toString()));
      host.boot("22222222-2222-4222-8222-222222222222");
      host.uptime = 10;
      // What the reference wrote is dead too, but in this boot only a call of ours that saw it before the cut can tell.
      if (
        !host
          .names(`${dataDir}/net/.cni-bridge`)
          .some((name) => host.get(`${dataDir}/net/.cni-bridge/${name}`)?.includes('"r"'))
      )
        host.remove(`${dataDir}/net/10.1.2.5`);
      expect(fill(host, []), `after ${calls - 1} calls`).toBe(capacity);
    }
  });
});

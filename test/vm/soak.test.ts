// Many containers one after another on Debian's kernel: what they leave in its memory and slab caches, and in the
// plugins' directories, does not grow. SOAK_CYCLES sets how many (`make soak`: thousands); a leak shows as so many bytes
// per container, so the longer run sees the smaller one.

import { afterAll, beforeAll, expect, it } from "vitest";
import { Vm } from "../support/vm.ts";

const CYCLES = Number(process.env.SOAK_CYCLES ?? 240);
const ROUNDS = 12;
/** The first rounds load modules and fill the kernel's per-CPU lists. */
const WARM_UP = 4;
const PER_ROUND = Math.ceil(CYCLES / ROUNDS);
const ROUND_TIMEOUT_MS = PER_ROUND * 10_000;
/** What the least of four samples differs by itself, and what a container may leave: less than any kernel object. */
const NOISE_KIB = 64;
const PER_CONTAINER_BYTES = 64;

const CONF = {
  cniVersion: "1.1.0",
  name: "soak",
  type: "bridge",
  bridge: "br0",
  isDefaultGateway: true,
  ipMasq: true,
  macspoofchk: true,
  ipam: { type: "host-local", ranges: [[{ subnet: "10.40.0.0/24" }], [{ subnet: "fd00:40::/64" }]] },
};

// One shell script for each round, because every process costs tens of milliseconds here. Containers end in four ways:
// as they should, with their namespace gone first, killed half way through ADD, and by nothing but GC.
const ROUND = `
  cat >/tmp/conf
  sed 's/}$/,"cni.dev\\/valid-attachments":[]}/' /tmp/conf >/tmp/gc
  export CNI_IFNAME=eth0 CNI_PATH=${Vm.bin}
  bridge() { CNI_COMMAND=$1 CNI_CONTAINERID=$2 CNI_NETNS=$3 exec ${Vm.bin}/bridge </tmp/conf >/tmp/result; }
  call() { (bridge "$@") || { cat /tmp/result >&2; exit 1; }; }
  add() { call ADD $1 /run/netns/$1; }
  del() { call DEL $1 "$2"; }
  i=$FROM
  while [ $i -lt $TO ]; do
    id=soak-$i
    ip netns add $id
    case $((i % 4)) in
    0) add $id; grep -q sandbox /tmp/result; del $id /run/netns/$id; ip netns del $id ;;
    1) add $id; ip netns del $id; del $id '' ;;
    2) (bridge ADD $id /run/netns/$id) & pid=$!; usleep $((i * 997 % 60000)); kill -9 $pid || :; wait $pid || :
       ip netns del $id; del $id '' ;;
    3) add $id; ip netns del $id ;;
    esac
    i=$((i + 1))
  done
  CNI_COMMAND=GC ${Vm.bin}/bridge </tmp/gc
  rm -f /tmp/result
`;

/** Kibibytes that the kernel holds, with all that it can give back given back. */
interface Sample {
  readonly used: number;
  readonly slab: number;
}

let vm: Vm;
beforeAll(async () => {
  vm = await Vm.boot();
});
afterAll(() => vm?.dispose());

function sample(): Sample {
  // Namespaces and links are torn down behind the caller's back.
  const text = vm.sh("sleep 2; sync; echo 3 >/proc/sys/vm/drop_caches; sleep 1; cat /proc/meminfo");
  const kib = (name: string) => Number(new RegExp(`^${name}: +(\\d+) kB$`, "m").exec(text)![1]);
  return { used: kib("MemTotal") - kib("MemFree"), slab: kib("Slab") };
}

function files(): number {
  return Number(vm.sh("find /var/lib/cni /run/cni-bridge | wc -l"));
}

it(`${ROUNDS * PER_ROUND} containers leave memory, slab and directories as they were`, () => {
  const samples: Sample[] = [];
  const counts: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const env = { FROM: `${round * PER_ROUND}`, TO: `${(round + 1) * PER_ROUND}` };
    vm.sh(ROUND, { env, input: JSON.stringify(CONF), timeoutMs: ROUND_TIMEOUT_MS });
    samples.push(sample());
    counts.push(files());
  }
  const told = samples.map(({ used, slab }, round) => `${used} ${slab} ${counts[round]}`).join("\n");
  const steady = samples.slice(WARM_UP);
  const half = steady.length / 2;
  for (const what of ["used", "slab"] as const) {
    const values = steady.map((one) => one[what]);
    // The least of each half: now and then the kernel holds two more megabytes for a while.
    const growth = Math.min(...values.slice(half)) - Math.min(...values.slice(0, half));
    const allowed = NOISE_KIB + (half * PER_ROUND * PER_CONTAINER_BYTES) / 1024;
    expect(growth, `${what}: kB of memory and slab, and files, after each round:\n${told}`).toBeLessThan(
      allowed,
    );
  }
  expect(Math.max(...counts.slice(WARM_UP)), told).toBe(counts[WARM_UP]);
  expect(vm.json("ip -j link show master br0")).toEqual([]);
  expect(vm.sh("nft list ruleset")).not.toMatch(/soak-\d/);
});

#!/bin/sh
# Writes test/golden/netlink/*.hex: what ip, bridge and nft send for the requests that we send too, and what the kernel
# answers them. Needs root, iproute2, nftables and strace; everything happens on a throw-away node. A new run changes
# sequence numbers and counters. The first line of a file is the command; a datagram follows, 16 bytes to a line.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
if [ "${1-}" != --inside ]; then
    rm -f "$here"/../test/golden/netlink/*.hex
    exec unshare -mn --propagation private "$here/throwaway-node.sh" "$here/capture-golden.sh" --inside
fi
out=$here/../test/golden/netlink
trace=/run/trace

# The datagrams of strace's hex dumps (` | 00010  4c 00 …`): the last one, or all of them end to end.
hex() {
    awk -v all="$1" '
        /^ \| 0+ / && !all { bytes = "" }
        /^ \| / { row = substr($0, 11, 49); gsub(/ /, "", row); bytes = bytes row }
        END {
            for (at = 1; at <= length(bytes); at += 8)
                printf "%s%s", substr(bytes, at, 8), (at % 32 == 25 || at + 8 > length(bytes)) ? "\n" : " "
        }' "$trace"
}

write() {
    name=$1 all=$2
    shift 2
    {
        echo "$*"
        hex "$all"
    } >"$out/$name.hex"
}

# sent NAME COMMAND...: the last datagram that the command sends. It may fail: it has been sent all the same.
sent() {
    name=$1
    shift
    strace -qq -o "$trace" -e trace=sendto,sendmsg -e write=all "$@" >/dev/null 2>&1 || :
    write "$name" 0 "$@"
}

# answered NAME COMMAND...: all that the kernel answers to all that the command asks.
answered() {
    name=$1
    shift
    strace -qq -o "$trace" -e trace=recvfrom,recvmsg -e read=all "$@" >/dev/null 2>&1 || :
    write "$name" 1 "$@"
}

ip netns add c1
sent bridge-add ip link add br0 up address 02:00:00:00:00:01 mtu 1400 type bridge
sent veth-add ip link add host0 up address 02:00:00:00:00:02 mtu 1400 master br0 \
    type veth peer name eth0 address 02:00:00:00:00:03 mtu 1400 netns c1
ip -n c1 link set eth0 up
sent link-set-master ip link set dev host0 master br0
sent link-set-up ip link set dev host0 up
sent link-set-promisc ip link set dev br0 promisc on
sent port-hairpin bridge link set dev host0 hairpin on
sent port-isolated bridge link set dev host0 isolated on
sent port-vlan bridge vlan add dev host0 vid 10 pvid untagged
sent port-vlan-range bridge vlan add dev host0 vid 20-29
sent port-vlan-delete bridge vlan del dev host0 vid 10
sent link-get ip link show dev br0
until ip link show dev host0 | grep -q "state UP"; do sleep 0.1; done
answered link-get-answer ip link show dev host0
answered bridge-get-answer ip link show dev br0
sent bridge-add-options ip link add br1 type bridge vlan_filtering 1 vlan_default_pvid 5 group_fwd_mask 0xfff8
sent altname-add ip link property add dev br0 altname other
sent nsid-get ip netns list
answered nsid-get-answer ip netns list

sent address-add-v4 ip addr add 10.22.0.5/16 broadcast 10.22.255.255 dev br0
sent address-add-v6 ip addr add fd00::5/64 dev br0 nodad
answered address-dump-answer ip addr show dev br0
sent route-add-v4 ip route add 10.1.0.0/16 via 10.22.0.1 dev br0 metric 5 mtu 1400 advmss 1300 table 1000
sent route-add-v6 ip -6 route add default via fd00::1 dev br0
sent route-add-scope-link ip route add 10.2.0.0/16 dev br0 scope link table 100
answered route-dump-answer ip route show table 1000
ip route add 10.3.0.0/16 nexthop via 10.22.0.1 dev br0 nexthop via 10.22.0.2 dev br0
answered route-multipath-answer ip route show to exact 10.3.0.0/16
answered refusal-with-extack ip route add 192.0.2.0/24 via 203.0.113.1
answered refusal-without-extack ip link add br0 type bridge
sent address-delete ip addr del 10.22.0.5/16 dev br0
sent link-delete ip link del dev host0

# The table of src/kernel/masquerade-chain.ts, command by command.
table="inet cni-bridge"
chain=net-0123456789abcdef
# shellcheck disable=SC2086 # $table is two words
{
    sent table-add nft add table $table '{ comment "made by a test"; }'
    sent map-add-v4 nft add map $table masquerade4 '{ type ipv4_addr : verdict; }'
    sent map-add-v6 nft add map $table masquerade6 '{ type ipv6_addr : verdict; }'
    sent base-chain-add nft add chain $table postrouting \
        '{ type nat hook postrouting priority srcnat; policy accept; }'
    sent rule-add-vmap-v4 nft add rule $table postrouting ip saddr vmap @masquerade4
    sent rule-add-vmap-v6 nft add rule $table postrouting ip6 saddr vmap @masquerade6
    sent chain-add nft add chain $table $chain '{ comment "net: one"; }'
    sent rule-add-return-v4 nft add rule $table $chain ip daddr 10.22.16.0/20 return
    sent rule-add-return-v6 nft add rule $table $chain ip6 daddr fd00::/62 return
    sent rule-add-masquerade nft add rule $table $chain masquerade
    sent rule-add-masquerade-random nft add rule $table $chain masquerade random
    sent element-add nft add element $table masquerade4 "{ 10.22.0.5 comment \"net: one\" : goto $chain }"
    sent element-get nft get element $table masquerade4 '{ 10.22.0.5 }'
    answered element-get-answer nft get element $table masquerade4 '{ 10.22.0.5 }'
    answered list-table-answer nft list table $table
    sent generation-get nft list chains ip6
    sent element-delete nft delete element $table masquerade4 '{ 10.22.0.5 }'
}

# The words of a spoof check.
nft add table bridge nat
sent bridge-chain-add nft add chain bridge nat PREROUTING '{ type filter hook prerouting priority -300; }'
nft add chain bridge nat one
sent bridge-rule-add-jump nft add rule bridge nat PREROUTING iifname host0 jump one comment '"net: one"'
sent bridge-rule-add-mac nft add rule bridge nat one ether saddr != 02:00:00:00:00:03 drop
sent rule-delete nft delete rule bridge nat one handle 4
nft flush chain bridge nat one
nft flush chain bridge nat PREROUTING
sent chain-delete nft delete chain bridge nat one

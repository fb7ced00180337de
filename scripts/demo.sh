#!/usr/bin/env bash
# The main job, for a person to watch: two containers on a bridge, a ping between them, a request to a host outside,
# and nothing left afterwards. All of it happens on a throw-away node (scripts/throwaway-node.sh); the machine's own
# interfaces, routes, rules and files are out of its reach. Each claim is checked: the status is 0 only if all hold.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
dist=${DIST:-$root/dist}
conf=$root/conf.d-examples/default-route.conf

if [ -t 1 ] && [ -z "${NO_COLOR-}" ]; then
    bold=$'\e[1m' dim=$'\e[2m' green=$'\e[32m' red=$'\e[31m' cyan=$'\e[36m' plain=$'\e[0m'
else
    bold='' dim='' green='' red='' cyan='' plain=''
fi

die() {
    printf '%s\n' "${red}demo: $1${plain}" >&2
    exit 1
}

need() { # command, what it is for, how to get it
    command -v "$1" >/dev/null || die "$1 is missing ($2). Debian, Ubuntu: apt-get install $3 - Fedora: dnf install $4"
}

# --- outside: find or make a place where nothing can be harmed -------------------------------------------------------

why_not() {
    local text=$1 setting value
    printf '%s\n' "unshare says: ${text:-nothing}"
    for setting in kernel/unprivileged_userns_clone user/max_user_namespaces; do
        value=$(cat "/proc/sys/$setting" 2>/dev/null || true)
        [ "$value" != 0 ] || printf '%s\n' "This kernel forbids it to users: /proc/sys/$setting is 0."
    done
    if [ "$(cat /proc/sys/kernel/apparmor_restrict_unprivileged_userns 2>/dev/null || true)" = 1 ]; then
        printf '%s\n' "AppArmor restricts it: /proc/sys/kernel/apparmor_restrict_unprivileged_userns is 1."
    fi
    if [ -e /.dockerenv ] || [ -e /run/.containerenv ]; then
        printf '%s\n' "This is a container, whose seccomp profile may forbid it; start it with --privileged."
    fi
    printf '%s\n' "As root (sudo make demo) it needs none of this."
}

if [ "${1-}" != --inside ]; then
    PATH=$PATH:/usr/sbin:/sbin
    need ip "network interfaces" iproute2 iproute
    need unshare "namespaces" util-linux util-linux
    need nsenter "namespaces" util-linux util-linux
    need node "the outside host's web server" nodejs nodejs
    [ -x "$dist/bridge" ] || die "$dist/bridge is missing: make build"

    flags=-mn
    [ "$(id -u)" -eq 0 ] && unshare -mn true 2>/dev/null || flags=-rmn
    if ! text=$(unshare $flags --propagation private "$root/scripts/throwaway-node.sh" true 2>&1); then
        die "cannot make a throw-away node here.
$(why_not "$text")"
    fi
    exec unshare $flags --propagation private "$root/scripts/throwaway-node.sh" \
        env DIST="$dist" "$root/scripts/demo.sh" --inside
fi

# --- inside -----------------------------------------------------------------------------------------------------------

chapter() { printf '\n%s\n' "${bold}$1${plain}"; }
say() { printf '%s\n' "$1"; }
command_line() { printf '%s\n' "${cyan}\$ $1${plain}"; }
indent() { sed 's/^/    /'; }
holds() { printf '%s\n' "${green}  ok  $1${plain}"; }
fails() {
    printf '%s\n' "${red}FAIL  $1${plain}"
    exit 1
}

server=
finish() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
}
trap finish EXIT

microseconds() { printf '%s' "${EPOCHREALTIME//[.,]/}"; }

# Calls the plugin as a runtime does: everything in the environment, the configuration on stdin.
cni() { # verb, container
    local start end
    command_line "CNI_COMMAND=$1 CNI_CONTAINERID=$2 CNI_NETNS=/run/netns/$2 CNI_IFNAME=eth0 bridge < mynet.conf"
    start=$(microseconds)
    # No PATH: whatever the plugin does, it does without another program.
    answer=$(env -i CNI_COMMAND="$1" CNI_CONTAINERID="$2" CNI_NETNS="/run/netns/$2" CNI_IFNAME=eth0 \
        "$dist/bridge" <"$conf") || { printf '%s\n' "$answer" | indent; fails "$1 of $2"; }
    end=$(microseconds)
    took=$(((end - start) / 100))
    took="$((took / 10)).$((took % 10)) ms"
}

in_container() { nsenter "--net=/run/netns/$1" "${@:2}"; }

# All that could be left of a container, one line each: links, leases, records, and what nf_tables holds.
traces() {
    ip -o link show | sed -E 's/^[0-9]+: ([^:@]+).*/link   \1/' | sort
    find /var/lib/cni /run/cni-bridge -type f 2>/dev/null | grep -vE '/(lock|last_reserved_ip\.[0-9]+)$|/\.[^/]+/' |
        sed 's/^/file   /' | sort || true
    if command -v nft >/dev/null; then nft list ruleset 2>/dev/null | sed 's/^/nft    /'; fi
}

chapter "A node of our own"
say "This shell now runs in a mount and a network namespace that did not exist a moment ago. Your machine's
interfaces, routes, firewall and files are out of reach, and all of this vanishes when the demo ends.
There are two containers, alice and bob (a container's network is just a network namespace), and a host
outside, one cable away from the node. The outside knows no way back to the containers' addresses."
for netns in alice bob outside; do ip netns add "$netns"; done
ip link add uplink type veth peer name eth0 netns outside
ip addr add 198.51.100.1/24 dev uplink
ip -n outside addr add 198.51.100.2/24 dev eth0
ip link set uplink up
ip -n outside link set eth0 up
# shellcheck disable=SC2016
exec 3< <(exec nsenter --net=/run/netns/outside node -e '
    const answer = (request, response) => response.end(`you are ${request.socket.remoteAddress}\n`);
    require("http").createServer(answer).listen(80, "198.51.100.2", () => console.log("ready"));
')
server=$!
read -r _ <&3
command_line "ip -br address"
ip -br address | indent

chapter "The configuration"
say "One bridge that is the containers' default gateway, masquerade for what leaves it, addresses from one subnet.
It asks for the default route twice, as many files in the wild do."
command_line "cat mynet.conf"
indent <"$conf"

before=$(traces)

chapter "ADD: a network for alice"
say "What a runtime does for each container: start the plugin, wait for its answer."
cni ADD alice
printf '%s\n' "$answer" | indent
holds "$took, from the start of the process to its end"
say "${dim}The first ADD also makes what the containers share. The next one shows what a container costs.${plain}"

chapter "ADD: a network for bob"
cni ADD bob
printf '%s' "$answer" | sed -n 's/^ *"address": /    address /p'
holds "$took"

chapter "What alice has now"
command_line "ip -br address; ip route                        (in alice)"
in_container alice sh -c 'ip -br address; ip route' | indent
[ "$(in_container alice ip route show default)" = "default via 10.22.0.1 dev eth0 " ] || fails "the default route"
holds "an address, and one default route"

chapter "alice calls bob"
bob=$(ip -n bob -o -4 addr show dev eth0 | sed -E 's/.*inet ([0-9.]+).*/\1/')
if command -v ping >/dev/null; then
    pinger=(ping -n -c 3 -i 0.2 -W 1 "$bob")
elif command -v busybox >/dev/null && busybox ping -c1 -W1 127.0.0.1 >/dev/null 2>&1; then
    pinger=(busybox ping -c 3 -W 1 "$bob")
else
    pinger=()
fi
if [ ${#pinger[@]} -gt 0 ]; then
    command_line "${pinger[*]}                        (in alice)"
    said=$(in_container alice "${pinger[@]}") || { printf '%s\n' "$said" | indent; fails "bob does not answer"; }
    printf '%s\n' "$said" | indent
    case $said in *" 0% packet loss"*) ;; *) fails "a packet was lost" ;; esac
    holds "no packet lost, not even the first"
else
    say "There is no ping here, so alice opens a connection instead; bob refuses it, which is an answer too."
    command_line "connect $bob:9                        (in alice)"
    said=$(in_container alice timeout 2 bash -c "exec 3<>/dev/tcp/$bob/9" 2>&1 || true)
    case $said in *refused*) ;; *) fails "bob does not answer: $said" ;; esac
    holds "bob answered: connection refused"
fi

chapter "alice calls the outside"
say "The outside could not answer 10.22.0.x. It says whom it sees:"
command_line "GET http://198.51.100.2/                        (in alice)"
said=$(in_container alice timeout 5 bash -c \
    'exec 3<>/dev/tcp/198.51.100.2/80; printf "GET / HTTP/1.0\r\n\r\n" >&3; cat <&3' | tail -n 1)
printf '%s\n' "$said" | indent
[ "$said" = "you are 198.51.100.1" ] || fails "it should see 198.51.100.1"
holds "the node's address: masqueraded"
if command -v nft >/dev/null; then
    say "The plugin wrote this over netlink; it was given no PATH, so that it could not start iptables or nft.
But nft can show it:"
    command_line "nft list ruleset"
    nft list ruleset | indent
fi

chapter "DEL: both containers go"
cni DEL alice
holds "alice: $took"
# A runtime often deletes the namespace first, and then has none to name.
ip netns del bob
cni DEL bob
holds "bob, whose namespace was gone already: $took"

chapter "What is left"
say "Links, leases, records and firewall rules, compared with the moment before the first ADD:"
command_line "diff before after"
after=$(traces)
difference=$(diff <(printf '%s\n' "$before") <(printf '%s\n' "$after") | grep '^[<>]' || true)
printf '%s\n' "${difference:-(no difference)}" | indent
if printf '%s\n' "$difference" | grep -qE '^<|veth|^> file|10\.22\.0\.[2-9]|alice|bob'; then
    fails "something of a container is left"
fi
[ "$(in_container alice ip -br link | wc -l)" -eq 1 ] || fails "alice still has an interface"
holds "no link, no lease, no rule of either container"
say "${dim}What is new belongs to the network, not to a container: the bridge, which stays for the next container,
and rules that are the same for any number of them.${plain}"

printf '\n%s\n' "${bold}Done; this node vanishes now.${plain}"

#!/bin/sh
# Installs what the tests start besides our executable, on Debian or Ubuntu. The build itself needs none of it.
set -eu
[ "$(id -u)" -eq 0 ] || exec sudo "$0" "$@"

export DEBIAN_FRONTEND=noninteractive
apt-get update
apt-get install -y --no-install-recommends \
    iproute2 util-linux nftables iptables busybox-static strace containerd runc podman qemu-system-x86 "$@"

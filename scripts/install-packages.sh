#!/bin/sh
# Installs what the tests start besides our executable, on Debian or Ubuntu. The build itself needs none of it.
set -eu
[ "$(id -u)" -eq 0 ] || exec sudo "$0" "$@"

export DEBIAN_FRONTEND=noninteractive
# A mirror may fail once, and another apt may be at work on a machine that has just started.
apt() { apt-get -o Acquire::Retries=5 -o DPkg::Lock::Timeout=300 "$@"; }
apt update
apt install -y --no-install-recommends \
    iproute2 util-linux procps nftables iptables busybox-static strace containerd runc podman qemu-system-x86 "$@"

#!/bin/sh
# Puts Debian's kernel for virtual machines and the modules that networking needs into a directory, without installing
# anything: vmlinuz, and lib/modules/VERSION with its index. Does nothing where the directory is there already.
#   scripts/vm/fetch-kernel.sh build/vm/kernel
set -eu
kernel=$1
package=linux-image-cloud-amd64
[ ! -d "$kernel" ] || exit 0

fail() {
    echo "$0: $1" >&2
    exit 1
}
for command in apt-get apt-cache dpkg-deb busybox; do
    command -v "$command" >/dev/null || fail "no $command here; this needs Debian, and busybox-static"
done

mkdir -p "$(dirname "$kernel")"
staging=$(mktemp -d "$(realpath "$kernel").XXXXXX")
trap 'rm -rf "$staging"' EXIT
# The package of that name is empty and depends on the newest kernel.
image=$(LC_ALL=C apt-cache depends "$package" | sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p')
[ -n "$image" ] || fail "apt knows no $package: run apt-get update, on Debian amd64"
(cd "$staging" && apt-get download -q -o APT::Sandbox::User=root -o Acquire::Retries=5 "$image" >&2) ||
    fail "cannot download $image; if it is gone from the archive, run apt-get update"
dpkg-deb -x "$staging/$image"_*.deb "$staging/package"

mkdir "$staging/kernel"
cp "$staging"/package/boot/vmlinuz-* "$staging/kernel/vmlinuz"
cd "$staging"/package/lib/modules/*
version=$(basename "$PWD")
target=$staging/kernel/lib/modules/$version
mkdir -p "$target"
# Without udev nothing else is ever asked for.
for part in net lib crypto drivers/virtio drivers/char/virtio_console.ko \
    drivers/net/veth.ko drivers/net/dummy.ko drivers/net/macvlan.ko drivers/net/vxlan drivers/net/tun.ko; do
    [ ! -e "kernel/$part" ] || cp -r --parents "kernel/$part" "$target"
done
cp modules.builtin modules.order "$target"
cd - >/dev/null
busybox depmod -b "$staging/kernel" "$version"
mv -T "$staging/kernel" "$kernel" 2>/dev/null || [ -d "$kernel" ]

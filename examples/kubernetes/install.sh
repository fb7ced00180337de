#!/bin/sh
# Puts the plugins into a node's directory from a container, and takes them out again:
#   install.sh            into $TARGET, which is /host/opt/cni/bin unless told
#   install.sh restore    what was there before
# Each name is replaced by a rename within its directory, so that a runtime that starts a plugin meanwhile finds the old
# one or the new one. What does not run on this node is not put there. It may run any number of times, be killed
# anywhere, and run again. busybox suffices.
set -eu
source=${SOURCE:-/cni-bridge/bridge}
target=${TARGET:-/host/opt/cni/bin}

put() { # file, name
    # No runtime looks at a name with a dot.
    cp "$1" "$target/.$2.new"
    chmod 0755 "$target/.$2.new"
    mv -f "$target/.$2.new" "$target/$2"
}

if [ "${1-}" = restore ]; then
    for name in bridge host-local; do
        if [ -e "$target/$name.reference" ]; then
            mv -f "$target/$name.reference" "$target/$name"
        else
            rm -f "$target/$name"
        fi
    done
    rm -f "$target/cni-bridge"
    echo "restored what was in $target before"
    exit
fi

mkdir -p "$target"
cp "$source" "$target/.cni-bridge.new"
chmod 0755 "$target/.cni-bridge.new"
# A shell takes an empty file for a script that succeeds.
version=$("$target/.cni-bridge.new" --version) || version=
[ -n "$version" ] || {
    echo "the executable does not run in $target (another processor, or mounted noexec?)" >&2
    rm -f "$target/.cni-bridge.new"
    exit 1
}

# Once: with the name cni-bridge there, bridge and host-local are ours already.
if [ ! -e "$target/cni-bridge" ]; then
    for name in bridge host-local; do
        [ ! -e "$target/$name" ] || put "$target/$name" "$name.reference"
    done
fi
mv -f "$target/.cni-bridge.new" "$target/cni-bridge"
for name in host-local bridge; do put "$source" "$name"; done
echo "$version is in $target"

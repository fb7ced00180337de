#!/bin/sh
# Installs the executable under its three names into a directory. Each name is replaced in one step, so that a runtime
# that starts a plugin meanwhile finds the old one or the new one.
set -eu
directory=$1

mkdir -p "$directory"
install -m 0755 dist/bridge "$directory/.bridge.new"
mv -f "$directory/.bridge.new" "$directory/bridge"
for name in host-local cni-bridge; do
    ln -f "$directory/bridge" "$directory/.$name.new" 2>/dev/null || install -m 0755 dist/bridge "$directory/.$name.new"
    mv -f "$directory/.$name.new" "$directory/$name"
done

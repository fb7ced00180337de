#!/bin/sh
# Builds the tree twice, in directories of different names and lengths, and compares the executables byte for byte.
set -eu
cd "$(dirname "$0")/.."
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
one=$place/one
two=$place/the-second-directory/below
for tree in "$one" "$two"; do
    mkdir -p "$tree"
    # shellcheck disable=SC2016 # the inner shell's own variables
    git ls-files -z --cached --others --exclude-standard | xargs -0 sh -c 'for f; do [ ! -e "$f" ] || printf "%s\0" "$f"; done' sh |
        tar --null --files-from=- -cf - | tar -xf - -C "$tree"
    cp -a node_modules "$tree/node_modules"
    touch "$tree/node_modules/.package-lock.json"
    make -C "$tree" build >"$place/log" 2>&1 || {
        cat "$place/log"
        exit 1
    }
done
sha256sum "$one/dist/bridge" "$two/dist/bridge"
cmp "$one/dist/bridge" "$two/dist/bridge"
echo "2 builds, the same bytes"

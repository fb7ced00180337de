#!/bin/sh
# Makes an empty node of the namespaces it is started in, and runs a command there:
#   unshare -mn --propagation private scripts/throwaway-node.sh [--empty DIR]... COMMAND...   (-rmn where not root)
# The loopback is up; /run, /var/lib/cni and each DIR are empty and private. Everything vanishes with the last process.
set -eu

# Where it shares a namespace with whoever started it, it would cover the machine's own directories. What a user
# namespace's root may not look at (-rmn) is outside of it.
for kind in mnt net; do
    outside=$(readlink "/proc/$PPID/ns/$kind" || :)
    if [ "$outside" = "$(readlink "/proc/$$/ns/$kind")" ]; then
        echo "throwaway-node.sh: this is the $kind namespace of its caller; start it with unshare -mn --propagation private" >&2
        exit 1
    fi
done

# A directory that is not there must not be created on the machine itself, so its parent becomes a private copy of its
# own listing. The binds start from the working directory, which still is the covered parent.
copy_listing() {
    cd "$1"
    mount -t tmpfs -o mode=755 tmpfs "$1"
    for entry in * .[!.]*; do
        if [ -L "$entry" ]; then
            cp -P "$entry" "$1/$entry"
            continue
        elif [ -d "$entry" ]; then
            mkdir "$1/$entry"
        elif [ -f "$entry" ]; then
            : >"$1/$entry"
        else
            continue
        fi
        mount --no-canonicalize --rbind "./$entry" "$1/$entry"
    done
    cd /
}

empty() {
    if [ ! -d "$1" ]; then
        parent=$(dirname "$1")
        if [ -d "$parent" ]; then copy_listing "$parent"; else empty "$parent"; fi
        mkdir "$1"
    fi
    mount -t tmpfs -o mode=755 tmpfs "$1"
}

ip link set lo up
empty /run
empty /var/lib/cni
while [ "${1-}" = --empty ]; do
    empty "$2"
    shift 2
done
exec "$@"

#!/bin/sh
# Makes an empty node of the namespaces it is started in, and runs a command there:
#   unshare -mn --propagation private scripts/throwaway-node.sh COMMAND...     (-rmn where not root)
# The loopback is up; /run and /var/lib/cni are empty and private. Everything vanishes with the last process.
set -eu

ip link set lo up
mount -t tmpfs -o mode=755 tmpfs /run

# A directory that is not there must not be created on the machine itself, so /var/lib becomes a private copy of
# its own listing. The binds start from the working directory, which still is the covered /var/lib.
if [ ! -d /var/lib/cni ]; then
    cd /var/lib
    mount -t tmpfs -o mode=755 tmpfs /var/lib
    for entry in *; do
        [ -d "$entry" ] && [ ! -L "$entry" ] || continue
        mkdir "/var/lib/$entry"
        mount --no-canonicalize --rbind "./$entry" "/var/lib/$entry"
    done
    mkdir /var/lib/cni
fi
mount -t tmpfs -o mode=755 tmpfs /var/lib/cni
cd /

exec "$@"

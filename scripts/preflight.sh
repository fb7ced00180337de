#!/bin/sh
# Says what the build needs and does not find, and how to get it. Starts nothing but the tools' own version output.
set -u
missing=0

lacks() { # what, how to get it
    echo "missing: $1" >&2
    echo "    $2" >&2
    missing=1
}

has() { command -v "$1" >/dev/null 2>&1; }

# $1 >= $2, both MAJOR.MINOR
at_least() {
    [ "${1%%.*}" -gt "${2%%.*}" ] || { [ "${1%%.*}" -eq "${2%%.*}" ] && [ "${1#*.}" -ge "${2#*.}" ]; }
}

node=$(node --version 2>/dev/null | sed -E 's/^v([0-9]+\.[0-9]+).*/\1/')
at_least "${node:-0.0}" 20.0 || lacks "node 20 or newer (found: ${node:-none})" \
    "https://nodejs.org/en/download, or: apt-get install nodejs  (Debian 13, Ubuntu 25.04 or newer)"
has npm || lacks "npm" "apt-get install npm  (it comes with node from nodejs.org)"

rustc=$(rustc --version 2>/dev/null | sed -E 's/^rustc ([0-9]+\.[0-9]+).*/\1/')
at_least "${rustc:-0.0}" 1.88 || lacks "rustc 1.88 or newer (found: ${rustc:-none})" \
    "curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh"
has cargo || lacks "cargo" "curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh"

arch=$(uname -m)
sysroot=$(rustc --print sysroot 2>/dev/null)
if [ -d "$sysroot/lib/rustlib/$arch-unknown-linux-musl" ] && has musl-gcc; then
    has gcc || lacks "gcc" "apt-get install gcc"
elif has gcc; then
    echo "note: without musl the executable is a third larger and starts 0.2 ms later. To have it:" >&2
    echo "    rustup target add $arch-unknown-linux-musl && apt-get install musl-tools" >&2
    # gcc answers with the bare name where it has no such file.
    case $(gcc -print-file-name=libc.a) in
    */*) ;;
    *) lacks "libc.a, to link a static executable" "apt-get install libc6-dev  (Fedora: dnf install glibc-static)" ;;
    esac
else
    lacks "gcc" "apt-get install gcc musl-tools"
fi

exit $missing

#!/bin/sh
# The native tests with AddressSanitizer, which only nightly Rust has, or else under valgrind's memcheck. Both watch our
# Rust and what it hands to the engine; the tests use the C library's allocator, which both know, and not that of heap.rs.
set -eu
cd "$(dirname "$0")/../native"
target=$(rustc -vV | sed -n 's/^host: //p')
# The flags of the executable at a fixed address fit no other.
export RUSTFLAGS=
for name in $(env | sed -n 's/^\(CFLAGS[A-Za-z0-9_]*\)=.*/\1/p'); do unset "$name"; done
if cargo +nightly --version >/dev/null 2>&1 && [ "${SANITIZER:-address}" = address ]; then
    echo "AddressSanitizer, $(rustc +nightly --version)"
    # Nothing is ever freed by design: that is no leak here.
    RUSTFLAGS=-Zsanitizer=address ASAN_OPTIONS=detect_leaks=0 CARGO_TARGET_DIR=target/sanitize \
        cargo +nightly test --locked --target "$target" --bins
else
    command -v valgrind >/dev/null || {
        echo "$0: needs nightly Rust or valgrind" >&2
        exit 1
    }
    valgrind --version
    runner=$(echo "CARGO_TARGET_${target}_RUNNER" | tr 'a-z-' 'A-Z_')
    env "$runner=valgrind --quiet --error-exitcode=99 --exit-on-first-error=yes --child-silent-after-fork=yes" \
        CARGO_TARGET_DIR=target/sanitize cargo test --locked --target "$target" --bins -- --test-threads=1 \
        --skip a_program_that_cannot_run_is_an_errno # under valgrind vfork is fork: posix_spawn cannot tell
fi

# Bare `make` prints the targets. CI calls these and nothing else.

BINDIR ?= /opt/cni/bin
PREFIX ?= /usr/local
DESTDIR ?=
HOST_TARGET := $(shell rustc -vV 2>/dev/null | sed -n 's/^host: //p')
HOST_ARCH := $(firstword $(subst -, ,$(HOST_TARGET)))

# musl's C library where it is there (scripts/preflight.sh says how to get it), else this machine's own: docs/native.md.
MUSL_TARGET := $(HOST_ARCH)-unknown-linux-musl
HAS_MUSL := $(shell test -d "$$(rustc --print sysroot 2>/dev/null)/lib/rustlib/$(MUSL_TARGET)" && command -v musl-gcc)
TARGET ?= $(if $(HAS_MUSL),$(MUSL_TARGET),$(HOST_TARGET))

NODE_MODULES := node_modules/.package-lock.json
TS_SOURCES := $(shell find src rehearsal -name '*.ts')
RUST_SOURCES := $(shell find native/src -name '*.rs') native/Cargo.toml native/Cargo.lock native/build.rs

# A static executable at a fixed address (native/src/snapshot.rs needs one), and no path of this machine in it. Where
# __SANITIZE_ADDRESS__ is defined the engine has no heap of its own for small blocks, which native/src/placement.rs has to place.
CARGO_HOME ?= $(HOME)/.cargo
export RUSTFLAGS := -C target-feature=+crt-static -C relocation-model=static -C force-unwind-tables=no \
	--cfg sha2_backend="soft" --remap-path-prefix=$(CARGO_HOME)=cargo --remap-path-prefix=$(CURDIR)=.
export CFLAGS_$(subst -,_,$(TARGET)) := -fno-pic -fno-pie -fno-asynchronous-unwind-tables \
	-D__SANITIZE_ADDRESS__ -ffile-prefix-map=$(CURDIR)=.

# NB: no --target for this machine's own C library. With it, build.rs would get the C flags and not the Rust ones that fit them.
CARGO_TARGET := $(if $(filter-out $(HOST_TARGET),$(TARGET)),--target $(TARGET))
# What this machine can run, and thus make a snapshot of.
RUNS_HERE := $(filter $(HOST_ARCH)-%,$(TARGET))
RELEASE := native/target/$(if $(CARGO_TARGET),$(TARGET)/)release

# What build.rs made last.
bytecode = "$$(ls -t $(RELEASE)/build/cni-bridge-*/out/$(1).bytecode | head -n 1)"

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help preflight docs schemas install-docs build bundle check test test-unit test-kernel test-runtimes test-vm test-native \
	test-faults test-fuzz load test-sanitize reproduce sbom audit demo install clean \
	size bench budget soak

help:
	@sed -n 's/^## //p' $(firstword $(MAKEFILE_LIST))

preflight:
	@scripts/preflight.sh

## build          the executable, dist/bridge, and its other names host-local and cni-bridge
build: dist/bridge

## bundle         src/ as ES modules, build/{shared,plugin,tool}.js
bundle: build/plugin.js

## check          types, format and lint of TypeScript, Rust and shell
check: build/plugin.js
	npx tsc -p .
	npx tsc -p test
	npx biome ci --colors=off .
	cargo fmt --manifest-path native/Cargo.toml --check
	cd native && cargo clippy --locked $(CARGO_TARGET) --all-targets -- -D warnings
	node scripts/sbom.mjs --check
	@if command -v shellcheck >/dev/null; then shellcheck scripts/*.sh scripts/vm/*.sh examples/*/*.sh; else echo "shellcheck is not installed: skipped"; fi

## test           unit and native tests: no privilege, no tools but those that build
test: test-unit test-native

## test-unit      TypeScript without privilege, in Node
test-unit: $(NODE_MODULES)
	npx vitest run --project unit

## test-native    the Rust host
test-native: build/plugin.js
	cd native && cargo test --locked $(CARGO_TARGET)

## test-kernel    the executable against this kernel, in namespaces of its own (root)
test-kernel: build
	npx vitest run --project kernel

## test-runtimes  the executable under cnitool, containerd and podman (root)
test-runtimes: build
	npx vitest run --project runtimes

## test-vm        the executable on Debian's kernel in a virtual machine, for VLANs
test-vm: build build/vm/kernel
	npx vitest run --project vm

## soak           thousands of containers in that virtual machine: memory and slab stay flat (SOAK_CYCLES, half a second each)
SOAK_CYCLES ?= 5000
soak: build build/vm/kernel
	SOAK_CYCLES=$(SOAK_CYCLES) npx vitest run --project vm test/vm/soak.test.ts --testTimeout=86400000

build/vm/kernel:
	scripts/vm/fetch-kernel.sh $@

## test-faults    errnos and signals at every system call (root; strace)
test-faults: build
	npx vitest run --project faults

## test-fuzz      hostile input to the executable (root; FUZZ_RUNS, FUZZ_SEED)
test-fuzz: build build/fuzz/decoder
	npx vitest run --project fuzz

# The netlink decoder under attack in place of the plugin, in the engine as it ships. Cargo keeps what is common apart from
# dist/, which must not be built with another module.
build/fuzz/decoder: $(TS_SOURCES) $(RUST_SOURCES) test/support/decoder-main.ts test/support/decoder-attack.ts \
		test/support/mutation.ts $(NODE_MODULES)
	npx esbuild test/support/decoder-main.ts --bundle --platform=neutral --format=esm --target=es2023 \
		--log-level=warning --outfile=build/fuzz/module/plugin.js
	cd native && CNI_BRIDGE_BUNDLE=$(CURDIR)/build/fuzz/module/plugin.js \
		cargo build --locked --release $(CARGO_TARGET) --target-dir $(CURDIR)/build/fuzz/target
	cp build/fuzz/target/$(if $(CARGO_TARGET),$(TARGET)/)release/cni-bridge $@

## load           hundreds of containers up and down, with kills, for LOAD_SECONDS (root; 600 unless told)
load: build
	LOAD_SECONDS=$(or $(LOAD_SECONDS),600) npx vitest run --project load

## test-sanitize  the native tests under valgrind, or AddressSanitizer where nightly Rust is installed
test-sanitize: build/plugin.js
	scripts/sanitize.sh

## reproduce      two builds in different directories give the same bytes
reproduce: $(NODE_MODULES)
	scripts/reproduce.sh

## sbom           sbom.cdx.json from both lock files; `make check` says when it is not current
sbom:
	node scripts/sbom.mjs

## audit          the lock files against the advisory databases, for maintainers (network; cargo install cargo-audit)
audit: $(NODE_MODULES)
	@failed=; \
	npm audit || failed="$$failed npm"; \
	if command -v cargo-audit >/dev/null; then (cd native && cargo audit --deny warnings) || failed="$$failed cargo"; \
	else echo "cargo-audit is not installed: cargo install --locked cargo-audit" >&2; failed="$$failed cargo"; fi; \
	if [ -n "$$failed" ]; then echo "audit: not passed, or not asked, for reasons above:$$failed" >&2; exit 1; fi; \
	echo "audit: nothing known against either lock file"

## demo           what it does, step by step (root)
demo: build
	scripts/demo.sh

## install        into $(DESTDIR)$(BINDIR), /opt/cni/bin unless told
install: build
	scripts/install.sh "$(DESTDIR)$(BINDIR)"

## size           bytes of the executable and the bytecode; instructions of VERSION where valgrind is installed
size: build
	@stat -c '%s bytes executable' dist/bridge
	@stat -c '%s bytes bytecode' $(call bytecode,plugin)
	@if command -v valgrind >/dev/null; then \
		CNI_COMMAND=VERSION valgrind --tool=callgrind --callgrind-out-file=/dev/null dist/bridge 2>&1 >/dev/null </dev/null | \
			sed -n 's/.*Collected : \([0-9]*\)$$/\1 instructions for VERSION/p'; \
	fi

## bench          beside the reference and a floor in C: docs/performance.md (root; QUICK=1 takes a minute)
bench: build build/bench/run build/bench/floor.out
	npx esbuild bench/main.ts $(BENCH_BUNDLE)
	QUICK=$(QUICK) node build/bench/main.mjs

## budget         instructions of each verb, page faults, and bytes, within bench/budget.json (root; valgrind)
budget: build build/bench/run
	npx esbuild bench/budget.ts $(BENCH_BUNDLE)
	TARGET=$(TARGET) node build/bench/budget.mjs

BENCH_BUNDLE := --bundle --platform=node --format=esm --out-extension:.js=.mjs --outdir=build/bench --log-level=warning

build/bench/run: bench/run.c
	@mkdir -p $(@D)
	gcc -O2 -static -Wall -Wextra -Werror -o $@ $<

build/bench/floor.out: bench/floor.c
	@mkdir -p $(@D)
	gcc -O2 -static -Wall -Wextra -Werror -o $@ $<

## docs           what is made of src/: schemas/, key tables in docs/, man/, completions/
docs schemas: $(NODE_MODULES)
	node scripts/generate.mjs

## install-docs   manual page, completions and schemas into $(DESTDIR)$(PREFIX), /usr/local unless told
install-docs:
	install -D -m 0644 -t "$(DESTDIR)$(PREFIX)/share/man/man1" man/cni-bridge.1
	install -D -m 0644 completions/cni-bridge.bash "$(DESTDIR)$(PREFIX)/share/bash-completion/completions/cni-bridge"
	install -D -m 0644 -t "$(DESTDIR)$(PREFIX)/share/zsh/site-functions" completions/_cni-bridge
	install -D -m 0644 -t "$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d" completions/cni-bridge.fish
	install -D -m 0644 -t "$(DESTDIR)$(PREFIX)/share/cni-bridge" schemas/*.json

## clean          everything made here, node_modules excepted
clean:
	rm -rf build dist native/target

$(NODE_MODULES): package.json package-lock.json
	npm ci --no-audit --no-fund
	@touch $@

# bundle.mjs leaves an unchanged bundle alone, so that an edit of types or comments costs no native build.
BUNDLE := build/shared.js build/plugin.js build/tool.js build/rehearsal.js
$(BUNDLE): build/.bundled ;
build/.bundled: $(TS_SOURCES) scripts/bundle.mjs $(NODE_MODULES) | preflight
	node scripts/bundle.mjs
	@touch $@

# What cargo makes can only write a copy of itself in which the engine is started and the plugin loaded, after a rehearsal. An
# executable for another machine cannot run here: it holds the plugin as bytecode, and starts its engine each time.
dist/bridge: $(BUNDLE) $(RUST_SOURCES) Makefile
	cd native && cargo build --locked --release $(CARGO_TARGET) $(if $(RUNS_HERE),--no-default-features)
	@mkdir -p dist
	$(if $(RUNS_HERE),$(RELEASE)/cni-bridge --snapshot dist/bridge.new $(call bytecode,plugin) $(call bytecode,rehearsal),cp $(RELEASE)/cni-bridge dist/bridge.new)
	mv -f dist/bridge.new dist/bridge
	ln -f dist/bridge dist/host-local
	ln -f dist/bridge dist/cni-bridge

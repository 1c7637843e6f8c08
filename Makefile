# RPC-V: every step that a person or CI takes, each one word. `make help` lists them.
# Two build directories, because their flags differ and each switch would rebuild everything:
# .build holds the release build with testability that the tests run on, .build-release the
# statically linked one that is installed, measured and shown.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PREFIX ?= /usr/local
DESTDIR ?=
# The compiler takes about 1.5 GiB a job at its peak, so more jobs than cores win nothing.
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
FILTER ?=
SHOW ?= all

RELEASE_DIR := .build-release
BENCH_DIR := .build-bench
RELEASE_FLAGS := -c release --static-swift-stdlib --scratch-path $(RELEASE_DIR) --jobs $(JOBS)
BENCH_FLAGS := -c release --static-swift-stdlib --scratch-path $(BENCH_DIR) --jobs $(JOBS)
TEST_FLAGS := -c release -Xswiftc -enable-testing --disable-xctest --jobs $(JOBS)
# What only computes, in virtual time and from seeds, runs on all cores; then the rest, one test at
# a time: some measure time, and some start a grid of processes.
COMPUTING := ^SimulationTests|CoordinatorRandomTests|LedgerPropertyTests
COMPUTING := $(COMPUTING)|CrashImageTests|BitFlipTests|FailingCallTests
# What more than one thread works in, except what spawns: the sanitizer follows no bare clone(2).
CONCURRENT := ConcurrencyTests|CommitWaiters|LogWriterTests|LogFollower|InterruptedCallTests
CONCURRENT := $(CONCURRENT)|Transport(Exchange|Frame|Hostility)|HostilePortTests
CONCURRENT := $(CONCURRENT)|ArchiveStoreTests
PROGRAMS := rpcv rpcv-logdump

.PHONY: help setup build test tsan lint format install uninstall bench demo shows proto clean

help: ## list the targets
	@echo 'make TARGET [PREFIX=/usr/local] [JOBS=$(JOBS)] [FILTER=name of a test suite]'
	@sed -n 's/^\([a-z][a-z]*\):.*## \(.*\)/  \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 14

setup: ## install the Debian packages that are missing (says which)
	@scripts/setup.sh build test

build: ## release build of rpcv and rpcv-logdump
	@scripts/setup.sh build
	@for program in $(PROGRAMS); do swift build $(RELEASE_FLAGS) --product $$program; done

test: setup ## all tests, in release with testability; FILTER=LogStoreTests for one suite
ifeq ($(FILTER),)
	@swift test $(TEST_FLAGS) --filter '$(COMPUTING)'
	@swift test $(TEST_FLAGS) --no-parallel --skip '$(COMPUTING)'
else
	@swift test $(TEST_FLAGS) --no-parallel --filter '$(FILTER)'
endif

# A build of its own: the sanitizer's code is in all of it.
tsan: setup ## the concurrent tests under ThreadSanitizer: a data race fails them
	@TSAN_OPTIONS='suppressions=Tests/tsan.supp exitcode=66' swift test $(TEST_FLAGS) --sanitize=thread \
	  --scratch-path .build-tsan --no-parallel --filter '$(CONCURRENT)'

lint: setup ## format (swift format lint --strict) and the rules in Tests/StyleTests
	@swift format lint --strict --parallel --recursive Package.swift Sources Tests Benchmarks
	@swift test $(TEST_FLAGS) --no-parallel --filter StyleTests

format: ## rewrite the sources as `make lint` wants them
	@swift format format --in-place --parallel --recursive Package.swift Sources Tests Benchmarks

install: build ## put the programs into PREFIX/bin
	@install -d '$(DESTDIR)$(PREFIX)/bin'
	@for program in $(PROGRAMS); do \
	  install -m 755 $(RELEASE_DIR)/release/$$program '$(DESTDIR)$(PREFIX)/bin/'; \
	  echo "installed $(DESTDIR)$(PREFIX)/bin/$$program"; \
	done

uninstall: ## take them out again
	@rm -fv $(addprefix '$(DESTDIR)$(PREFIX)/bin/',$(addsuffix ',$(PROGRAMS)))

# BENCH=store is the storage engine's part, with its own peers and flags; it needs no rpcv.
BENCH_OF_STORE := $(filter store,$(firstword $(BENCH)))

bench: $(if $(BENCH_OF_STORE),,build) ## the measurements, beside peers (docs/BENCHMARKS.md)
	@scripts/setup.sh $(if $(BENCH_OF_STORE),bench-store,bench)
	@swift build --package-path Benchmarks $(BENCH_FLAGS) --product \
	  $(if $(BENCH_OF_STORE),bench-store,bench) >&2
	@$(BENCH_DIR)/release/$(if $(BENCH_OF_STORE),bench-store,bench) \
	  $(if $(BENCH_OF_STORE),$(wordlist 2,$(words $(BENCH)),$(BENCH)),$(BENCH))

demo: build ## a grid of processes renders a picture while parts of it are killed
	@scripts/setup.sh demo
	@scripts/demo.sh

shows: build ## kill, wipe, compare and measure grids at full size; SHOW=2 for one (scripts/shows.sh)
	@scripts/shows.sh $(SHOW)

proto: ## generate the Swift of the .proto files that the tests compare our codecs with
	@scripts/setup.sh proto
	@scripts/proto.sh

clean: ## remove what was built
	@rm -rf .build .build-*

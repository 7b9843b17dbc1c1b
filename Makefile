# SPDX-License-Identifier: MIT
#
#   make            build fvm, fvbench and the microbenchmark guests
#   make run        install what is needed, build, run the microbenchmarks, print the table
#   make bench-peer  swbt against native and QEMU's TCG (REPS=n BENCH='cr*'), results/peer.md
#   make bench-linux  the same for workloads in a Linux guest, results/linux.md
#   make story      what fails silently, what becomes of it, what traps cost: backends/swbt/STORY.md
#   make results    everything in results/ anew, figures and page included (half an hour)
#   make figures    the last part of that: figures, tables and a page of what results/ has
#   make check      install what is needed, build, run every test
#   make unit       the unit tests alone
#   make oracle     swbt against this processor, instruction by instruction (SEED=n CASES=n)
#   make kvm-oracle, engine-oracle, unicorn  swbt against KVM; its engines against each other; Unicorn
#   make fuzz       fuzz loaders, virtio devices and the reader of results with libFuzzer (SECONDS=60 each)
#   make guests     download Debian's kernels, make initramfs images: build/guests
#   make os-matrix  every guest on swbt and on kvm: results/os-matrix.md (half an hour)
#   make install    programs, guests and manual pages to PREFIX (/usr/local); make uninstall
#   make format     apply .clang-format
#   make deps       install what is needed, nothing else
#   make clean      remove what was built, keep what was downloaded
#   make help       this list
#
# V=1 shows commands. CC=clang builds with clang. SAN=address,undefined builds with sanitizers
# (in a build folder of its own). WERROR=0 lets warnings pass.

CC ?= gcc
ifeq ($(origin CC),default)
CC := gcc
endif
V ?= 0
WERROR ?= 1
SAN ?=
B := build/$(if $(SAN),san,$(notdir $(CC)))

Q := $(if $(filter 1,$(V)),,@)
say = $(if $(filter 1,$(V)),,@printf '  %-7s %s\n' $(1) $(2))

CFLAGS := -std=gnu11 -O2 -g -fno-strict-aliasing -Wall -Wextra -Wshadow -Wstrict-prototypes \
	  -Wmissing-prototypes -Wvla $(if $(filter 1,$(WERROR)),-Werror) \
	  $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer) $(EXTRA_CFLAGS)
CPPFLAGS := -I. -I$(B) -D_GNU_SOURCE -MMD -MP
# The build ID is how run.json tells one build from another; not every compiler makes one unasked.
LDFLAGS := -Wl,--build-id $(if $(SAN),-fsanitize=$(SAN)) $(EXTRA_LDFLAGS)
VERSION := $(shell git describe --always --dirty 2>/dev/null || echo unknown)
LIBS := -lZydis -lseccomp -lm -lpthread

# common/ with its folders, and every backend: what fvm and fvbench are both made of.
LIB_SRC := $(filter-out common/fvm.c,$(wildcard common/*.c common/boot/*.c common/dev/*.c \
	     backends/*.c backends/kvm/*.c backends/swbt/*.c \
	     backends/swbt/bt/*.c backends/swbt/direct/*.c)) \
	   $(wildcard backends/swbt/direct/*.S)
BENCH_SRC := $(filter-out bench/fvbench.c,$(wildcard bench/*.c)) bench/page.S
UNIT_SRC := $(wildcard tests/unit/*.c)

objs = $(patsubst %.c,$(B)/%.o,$(patsubst %.S,$(B)/%.o,$(1)))

.PHONY: all
all: fvm fvbench nano workloads

# The two programs live at the top, wherever their objects were built. -f: one may be running.
fvm fvbench: %: $(B)/%
	$(Q)cp -f $< $@

$(B)/fvm: $(call objs,common/fvm.c $(LIB_SRC))
$(B)/fvbench: $(call objs,bench/fvbench.c $(BENCH_SRC) $(LIB_SRC))
$(B)/unit: $(call objs,$(UNIT_SRC) $(BENCH_SRC) $(LIB_SRC))
$(B)/unit: LIBS += -lcunit
$(B)/fvbench $(B)/unit: LIBS += -lpfm -ljansson
$(B)/fvm $(B)/fvbench $(B)/unit:
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)

# Code that runs while the guest's vector registers are live in the host's (backends/swbt/vcpu.h).
# Devices and what they need are asked on that path, too (common/vectors.h).
$(B)/backends/swbt/%.o $(B)/common/dev/%.o: CFLAGS += -mgeneral-regs-only
# Without vector registers gcc clears and copies small structures with REP STOS and REP MOVS, which
# take four times as long as words do.
INLINE_STRINGS := unrolled_loop:512:noalign,rep_8byte:-1:noalign
ifeq ($(findstring clang,$(CC)),)
$(B)/backends/swbt/bt/%.o: CFLAGS += -mmemset-strategy=$(INLINE_STRINGS) \
				     -mmemcpy-strategy=$(INLINE_STRINGS)
endif
$(patsubst %,$(B)/common/%.o,bus clock cpuid pc traplog vectors): CFLAGS += -mgeneral-regs-only

$(B)/%.o: %.c
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

$(B)/%.o: %.S
	$(call say,AS,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -c -o $@ $<

# One line SUITE(name) for each tests/unit/test_<name>.c; rewritten only when the list changes.
SUITES := $(patsubst tests/unit/test_%.c,%,$(filter tests/unit/test_%,$(UNIT_SRC)))
$(B)/suites.def: FORCE
	@mkdir -p $(@D)
	@printf 'SUITE(%s)\n' $(SUITES) >$@.new; cmp -s $@.new $@ && rm $@.new || mv $@.new $@
$(B)/tests/unit/main.o: $(B)/suites.def
.PHONY: FORCE
FORCE:

# What the programs say of their own build; rewritten only when that changes.
$(B)/version.h: FORCE
	@mkdir -p $(@D)
	@printf '#define FVB_VERSION "%s"\n#define FVB_COMPILER "%s"\n#define FVB_CFLAGS "%s"\n' \
		'$(VERSION)' '$(shell $(CC) --version | head -n 1)' '$(CFLAGS)' >$@.new; \
		cmp -s $@.new $@ && rm $@.new || mv $@.new $@
$(call objs,common/fvm.c bench/fvbench.c bench/context.c bench/goals_table.c bench/costs.c bench/html_page.c): $(B)/version.h

# The style and the program of the page that fvbench html writes.
$(B)/bench/page.o: bench/page.css bench/page.js

# Names of system calls, for the one message that may not ask a library for them.
$(B)/syscalls.def:
	@mkdir -p $(@D)
	@printf '#include <asm/unistd_64.h>\n' | $(CC) -E -dM -x c - | \
		sed -n 's/^#define __NR_\([a-z0-9_]*\) \([0-9]*\)$$/[\2] = "\1",/p' >$@
$(call objs,common/sandbox.c): $(B)/syscalls.def

-include $(shell find $(B) -name '*.d' 2>/dev/null)

# Microbenchmark guests: target `nano`, variable NANO (the files).
-include bench/nano/guests.mk
# Workloads that run in Linux: target `workloads`, variable LINUX.
-include bench/linux/programs.mk
# Tests beyond the unit tests: each folder adds to CHECKS.
-include tests/fuzz/fuzz.mk
-include tests/kvm/kvm.mk
-include tests/oracle/oracle.mk
-include tests/hostile/hostile.mk
-include tests/direct/direct.mk
-include tests/kvmoracle/kvmoracle.mk
-include tests/unicorn/unicorn.mk
-include tests/linux/linux.mk
# Targets man, install, uninstall.
-include doc/install.mk

# ---- what people type ----------------------------------------------------------------------

# The packages that building, testing and the rig need; nothing is asked of the network when all
# are there.
PACKAGES := gcc make clang clang-format libc6-dev linux-libc-dev libcunit1-dev libzydis-dev \
	    libseccomp-dev libpfm4-dev libclang-rt-14-dev qemu-system-x86 busybox-static cpio e2fsprogs libunicorn-dev \
	    gnuplot-nox fonts-liberation mandoc python3 python3-yaml libjansson-dev chromium
SUDO := $(if $(filter-out 0,$(shell id -u)),sudo)

.PHONY: deps
deps:
	@mkdir -p build; missing=`for p in $(PACKAGES); do \
		dpkg-query -W -f '$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || echo $$p; done`; \
	if [ -n "$$missing" ]; then \
		echo "installing" $$missing; \
		$(SUDO) apt-get update -qq && \
		DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -y -qq \
			--no-install-recommends $$missing >build/deps.log 2>&1 || \
			{ tail -n 5 build/deps.log >&2; exit 1; }; \
	fi
	@tests/rig/fetch || echo 'the rig cannot be had: kvm will not be tested or measured' >&2

.PHONY: run
run: | deps
	$(Q)$(MAKE) --no-print-directory all
	$(Q)bench/quick

.PHONY: bench-peer
bench-peer: | deps
	$(Q)$(MAKE) --no-print-directory all
	$(Q)REPS='$(REPS)' BENCH='$(BENCH)' WITH='$(WITH)' bench/peers

.PHONY: bench-linux
bench-linux: | deps
	$(Q)$(MAKE) --no-print-directory all
	$(Q)LINUX=1 REPS='$(REPS)' BENCH='$(BENCH)' WITH='$(WITH)' bench/peers

.PHONY: story
story: | deps
	$(Q)$(MAKE) --no-print-directory all
	$(Q)REPS='$(REPS)' WITH='$(WITH)' bench/tell

.PHONY: figures
figures: | deps
	$(Q)$(MAKE) --no-print-directory all
	$(Q)bench/figures

.PHONY: results
results: | deps
	$(Q)$(MAKE) --no-print-directory all
	$(Q)REPS='$(REPS)' PART='$(PART)' TO='$(TO)' WITH='$(WITH)' bench/remake

.PHONY: check
check: | deps
	$(Q)$(MAKE) --no-print-directory all
	$(Q)tests/check

.PHONY: guests
guests: | deps
	$(Q)tests/linux/fetch

.PHONY: os-matrix
os-matrix: | deps
	$(Q)$(MAKE) --no-print-directory all
	$(Q)tests/linux/matrix

.PHONY: unit
unit: $(B)/unit
	$(B)/unit

.PHONY: format
format:
	$(Q)git ls-files '*.c' '*.h' | xargs clang-format -i

.PHONY: clean
clean:
	$(call say,CLEAN,build fvm fvbench)
	$(Q)rm -rf build/gcc build/clang build/san build/nano build/man fvm fvbench

.PHONY: help
help:
	@sed -n 's/^#   \(make.*\)/\1/p' Makefile

# SPDX-License-Identifier: MIT
#
#   make            build fvm, fvbench and the microbenchmark guests
#   make run        install what is needed, build, run the microbenchmarks, print the table
#   make check      install what is needed, build, run every test
#   make unit       the unit tests alone
#   make help       all targets
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
LDFLAGS := $(if $(SAN),-fsanitize=$(SAN)) $(EXTRA_LDFLAGS)
LIBS := -lpfm -lm -lpthread

# common/ with its folders, and every backend: what fvm and fvbench are both made of.
LIB_SRC := $(filter-out common/fvm.c,$(wildcard common/*.c common/boot/*.c common/dev/*.c \
	     backends/*.c backends/kvm/*.c backends/swbt/*.c))
BENCH_SRC := $(filter-out bench/fvbench.c,$(wildcard bench/*.c))
UNIT_SRC := $(wildcard tests/unit/*.c)

objs = $(patsubst %.c,$(B)/%.o,$(1))

.PHONY: all
all: fvm fvbench nano

# The two programs live at the top, wherever their objects were built.
fvm fvbench: %: $(B)/%
	$(Q)cp $< $@

$(B)/fvm: $(call objs,common/fvm.c $(LIB_SRC))
$(B)/fvbench: $(call objs,bench/fvbench.c $(BENCH_SRC) $(LIB_SRC))
$(B)/unit: $(call objs,$(UNIT_SRC) $(BENCH_SRC) $(LIB_SRC))
$(B)/unit: LIBS += -lcunit
$(B)/fvm $(B)/fvbench $(B)/unit:
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)

$(B)/%.o: %.c
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

# One line SUITE(name) for each tests/unit/test_<name>.c; rewritten only when the list changes.
SUITES := $(patsubst tests/unit/test_%.c,%,$(filter tests/unit/test_%,$(UNIT_SRC)))
$(B)/suites.def: FORCE
	@mkdir -p $(@D)
	@printf 'SUITE(%s)\n' $(SUITES) >$@.new; cmp -s $@.new $@ && rm $@.new || mv $@.new $@
$(B)/tests/unit/main.o: $(B)/suites.def
.PHONY: FORCE
FORCE:

-include $(shell find $(B) -name '*.d' 2>/dev/null)

# Microbenchmark guests: target `nano`, variable NANO (the files).
-include bench/nano/guests.mk
# Tests beyond the unit tests: each folder adds to CHECKS.
-include tests/fuzz/fuzz.mk

.PHONY: unit
unit: $(B)/unit
	$(B)/unit

.PHONY: clean
clean:
	$(call say,CLEAN,build fvm fvbench)
	$(Q)rm -rf build/gcc build/clang build/san build/nano fvm fvbench

# SPDX-License-Identifier: MIT
#
#   make fuzz         fuzz the loaders with libFuzzer (clang) for SECONDS=60; findings go to
#                     build/fuzz/
#   make fuzz-seeds   replay the seeds and mutations of them; any compiler, part of make check

SECONDS ?= 60
FUZZ_CODE := common/cpu_state.c common/error.c common/ram.c $(wildcard common/boot/*.c)
FUZZ_SEEDS := tests/fuzz/seeds/boot

# With sanitizers, whatever else is being built: a read beyond the end of a file seldom crashes.
.PHONY: fuzz-seeds
fuzz-seeds:
	$(Q)$(MAKE) --no-print-directory SAN=address,undefined B=build/san build/san/fuzz-seeds
	build/san/fuzz-seeds $(FUZZ_SEEDS)

$(B)/fuzz-seeds: $(call objs,tests/fuzz/replay.c tests/fuzz/fuzz_boot.c $(FUZZ_CODE))
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^

# New inputs that reach new code are kept in build/fuzz/corpus; the seeds are only read.
.PHONY: fuzz
fuzz: build/fuzz/fuzz_boot
	@mkdir -p build/fuzz/corpus
	cd build/fuzz && ./fuzz_boot -max_total_time=$(SECONDS) -max_len=12288 -timeout=10 \
		-print_final_stats=1 corpus ../../$(FUZZ_SEEDS)

build/fuzz/fuzz_boot: tests/fuzz/fuzz_boot.c $(FUZZ_CODE) $(wildcard common/*.h common/boot/*.h)
	$(call say,CLANG,$@)
	@mkdir -p $(@D)
	$(Q)clang -std=gnu11 -O1 -g -D_GNU_SOURCE -I. -fno-strict-aliasing \
		-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -o $@ $(filter %.c,$^)

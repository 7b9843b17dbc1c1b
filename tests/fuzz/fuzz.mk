# SPDX-License-Identifier: MIT
#
#   make fuzz         fuzz the loaders, the virtio devices and the reader of results with libFuzzer (clang),
#                     SECONDS=60 each;
#                     findings go to build/fuzz/
#   make fuzz-seeds   replay the seeds and mutations of them; any compiler, part of make check

SECONDS ?= 60
FUZZERS := boot virtio csv
FUZZ_CODE_boot := common/cpu_state.c common/error.c common/ram.c $(wildcard common/boot/*.c)
FUZZ_CODE_virtio := $(patsubst %,common/%.c,bus disk error ram thread vectors worker) common/dev/pci.c \
		    $(wildcard common/dev/virt*.c)
FUZZ_CODE_csv := bench/read.c common/error.c

# With sanitizers, whatever else is being built: a read beyond the end of a file seldom crashes.
.PHONY: fuzz-seeds
fuzz-seeds:
	$(Q)$(MAKE) --no-print-directory SAN=address,undefined B=build/san \
		$(FUZZERS:%=build/san/fuzz-seeds-%)
	tests/fuzz/replay-all $(FUZZERS)

.PHONY: fuzz
fuzz: $(FUZZERS:%=build/fuzz/fuzz_%)

define fuzzer
$(B)/fuzz-seeds-$(1): $(call objs,tests/fuzz/replay.c tests/fuzz/fuzz_$(1).c $(FUZZ_CODE_$(1)))
	$(call say,LD,$$@)
	$(Q)$(CC) $(LDFLAGS) -o $$@ $$^ -lpthread

build/fuzz/fuzz_$(1): tests/fuzz/fuzz_$(1).c $(FUZZ_CODE_$(1)) \
		$(wildcard common/*.h common/boot/*.h common/dev/*.h)
	$(call say,CLANG,$$@)
	@mkdir -p $$(@D)
	$(Q)clang -std=gnu11 -O1 -g -D_GNU_SOURCE -I. -fno-strict-aliasing \
		-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -o $$@ $$(filter %.c,$$^)

# New inputs that reach new code are kept in build/fuzz/corpus-*; the seeds are only read.
.PHONY: fuzz-$(1)
fuzz-$(1): build/fuzz/fuzz_$(1)
	@mkdir -p build/fuzz/corpus-$(1)
	cd build/fuzz && ./fuzz_$(1) -max_total_time=$(SECONDS) -max_len=12288 -timeout=10 \
		-print_final_stats=1 corpus-$(1) ../../tests/fuzz/seeds/$(1)
fuzz: fuzz-$(1)
endef
$(foreach f,$(FUZZERS),$(eval $(call fuzzer,$(f))))

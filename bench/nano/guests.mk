# SPDX-License-Identifier: MIT
#
# The microbenchmark guests: each bench/nano/NAME.c becomes build/nano/NAME.elf, and the ones in
# NANO32 also NAME-32.elf. Freestanding: needs nothing but the compiler, ld, ar and objcopy.

NANO_B := build/nano
NANO64 := $(patsubst bench/nano/%.c,%,$(wildcard bench/nano/*.c))
NANO32 := null-loop call-ret int-iret in out cpuid cr3-write cli-sti pushf-popf invlpg \
	  page-fault divide-error
# Guests that show something and measure nothing, each in both modes: bench/nano/shows/NAME.c becomes
# shows/NAME.elf and shows/NAME-32.elf.
SHOWS := $(patsubst bench/nano/%.c,%,$(wildcard bench/nano/shows/*.c))
# Guests that compute: bench/nano/compute/NAME.c becomes NAME.elf, and native/NAME, a program that runs
# the same object file in a process.
COMPUTE := $(patsubst bench/nano/compute/%.c,%,$(wildcard bench/nano/compute/*.c))
NANO := $(NANO64:%=$(NANO_B)/%.elf) $(SHOWS:%=$(NANO_B)/%.elf) $(SHOWS:%=$(NANO_B)/%-32.elf) \
	$(NANO32:%=$(NANO_B)/%-32.elf) $(COMPUTE:%=$(NANO_B)/%.elf) \
	$(COMPUTE:%=$(NANO_B)/native/%)

# General registers only: handlers save no vector registers, and vector code is what we write. So
# handlers may call what they like, which clang warns of nonetheless.
NANO_CFLAGS := -std=gnu11 -O2 -ffreestanding -fno-pic -fno-pie -fno-stack-protector \
	       -fcf-protection=none -fno-asynchronous-unwind-tables -mno-red-zone \
	       -mgeneral-regs-only -falign-loops=32 -falign-functions=32 \
	       -ffunction-sections -fdata-sections \
	       -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla \
	       -Wno-interrupt-service-routine \
	       $(if $(filter 1,$(WERROR)),-Werror) -Ibench/nano/lib -MMD -MP

# What compilers vectorize and contract differs; a benchmark should not.
COMPUTE_CFLAGS := $(filter-out -mgeneral-regs-only,$(NANO_CFLAGS)) -fno-tree-vectorize \
		  -fno-tree-slp-vectorize -ffp-contract=off

NANO_LIB := main machine console text cpu paging string
NANO_LIB64 := $(patsubst %,$(NANO_B)/64/lib/%.o,$(NANO_LIB) apic boot64 ring3_64)
NANO_LIB32 := $(patsubst %,$(NANO_B)/32/lib/%.o,$(NANO_LIB) boot32 ring3_32)
NANO_LDFLAGS := -T bench/nano/lib/link.ld -z noexecstack -z max-page-size=4096 --build-id=none \
		--gc-sections
NATIVE_LIB := $(patsubst %,$(NANO_B)/64/lib/%.o,main host start text string)
OBJCOPY ?= objcopy

.PHONY: nano
nano: $(NANO)

# Another compiler or other options: build again.
$(NANO_B)/how: FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(COMPUTE_CFLAGS) $(NANO_CFLAGS) $(NANO_LDFLAGS)' >$@.new; \
		cmp -s $@.new $@ && rm $@.new || mv $@.new $@

# $(1) 64 or 32, $(2) what the guest's name ends in, $(3) ld's emulation.
define NANO_RULES
$(NANO_B)/$(1)/%.o: bench/nano/%.c $(NANO_B)/how
	$$(call say,CC,"$$< -m$(1)")
	@mkdir -p $$(@D)
	$$(Q)$$(CC) -m$(1) $$(NANO_CFLAGS) -DNANO_NAME='"$$(notdir $$*)$(2)"' -c -o $$@ $$<

$(NANO_B)/$(1)/%.o: bench/nano/%.S $(NANO_B)/how
	$$(call say,AS,"$$< -m$(1)")
	@mkdir -p $$(@D)
	$$(Q)$$(CC) -m$(1) -c -o $$@ $$<

$(NANO_B)/$(1)/guest/%.elf: $(NANO_B)/$(1)/%.o $$(NANO_LIB$(1)) bench/nano/lib/link.ld
	@mkdir -p $$(@D)
	$$(Q)$$(LD) -m $(3) $$(NANO_LDFLAGS) -o $$@ $$(filter %.o,$$^)
endef
$(eval $(call NANO_RULES,64,,elf_x86_64))
$(eval $(call NANO_RULES,32,-32,elf_i386))

$(NANO_B)/64/guest/shows/probe.elf: $(NANO_B)/64/lib/probe64.o
$(NANO_B)/32/guest/shows/probe.elf: $(NANO_B)/32/lib/probe32.o

$(NANO_B)/64/compute/%.o: bench/nano/compute/%.c $(NANO_B)/how
	$(call say,CC,"$< -m64")
	@mkdir -p $(@D)
	$(Q)$(CC) -m64 $(COMPUTE_CFLAGS) -DNANO_NAME='"$*"' -c -o $@ $<
$(NANO_B)/64/compute/%-avx2.o: COMPUTE_CFLAGS += -mavx2

$(NANO_B)/64/guest/%.elf: $(NANO_B)/64/compute/%.o $(NANO_LIB64) bench/nano/lib/link.ld
	@mkdir -p $(@D)
	$(Q)$(LD) -m elf_x86_64 $(NANO_LDFLAGS) -o $@ $(filter %.o,$^)

$(NANO_B)/native/%: $(NANO_B)/64/compute/%.o $(NATIVE_LIB)
	@mkdir -p $(@D)
	$(Q)$(LD) -m elf_x86_64 -static -z noexecstack --build-id=none --gc-sections -o $@ $^

# Multiboot loaders take 32-bit files only, long mode or not.
$(NANO_B)/%-32.elf: $(NANO_B)/32/guest/%.elf
	@mkdir -p $(@D)
	$(Q)cp $< $@
$(NANO_B)/%.elf: $(NANO_B)/64/guest/%.elf
	@mkdir -p $(@D)
	$(Q)$(OBJCOPY) -O elf32-i386 $< $@

.SECONDARY: $(NANO_LIB64) $(NANO_LIB32) \
	$(NATIVE_LIB) $(COMPUTE:%=$(NANO_B)/64/compute/%.o) $(COMPUTE:%=$(NANO_B)/64/guest/%.elf) \
	$(SHOWS:%=$(NANO_B)/64/%.o) $(SHOWS:%=$(NANO_B)/64/guest/%.elf) \
	$(SHOWS:%=$(NANO_B)/32/%.o) $(SHOWS:%=$(NANO_B)/32/guest/%.elf) \
	$(NANO64:%=$(NANO_B)/64/%.o) $(NANO64:%=$(NANO_B)/64/guest/%.elf) \
	$(NANO32:%=$(NANO_B)/32/%.o) $(NANO32:%=$(NANO_B)/32/guest/%.elf)

-include $(wildcard $(NANO_B)/*/*.d $(NANO_B)/*/lib/*.d $(NANO_B)/*/shows/*.d $(NANO_B)/64/compute/*.d)

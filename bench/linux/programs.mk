# SPDX-License-Identifier: MIT
#
# The workloads for Linux: each bench/linux/NAME.c becomes build/nano/linux/NAME, a static program, and so does
# the native program of each compute guest; NAME.cpio is an initramfs that runs it.

LINUX_B := $(NANO_B)/linux
LINUX_WORK := $(patsubst bench/linux/%.c,%,$(wildcard bench/linux/*.c))
LINUX_BUSYBOX := shell gzip
LINUX := $(LINUX_WORK:%=$(LINUX_B)/%) $(COMPUTE:%=$(LINUX_B)/%) \
	 $(patsubst %,$(LINUX_B)/%.cpio,boot $(LINUX_WORK) $(COMPUTE))

# As compute guests: what compilers vectorize and contract differs.
LINUX_CFLAGS := -std=gnu11 -O2 -D_GNU_SOURCE -fno-pic -fno-pie -fno-stack-protector -fcf-protection=none \
		-falign-loops=32 -falign-functions=32 -fno-tree-vectorize -fno-tree-slp-vectorize \
		-ffp-contract=off -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla \
		$(if $(filter 1,$(WERROR)),-Werror) \
		-iquote bench/linux/lib -iquote bench/nano/lib -iquote bench/nano/compute -MMD -MP
LINUX_LIB := $(LINUX_B)/obj/lib/process.o $(patsubst %,$(NANO_B)/64/lib/%.o,main host text)
LINUX_INIT := $(LINUX_B)/obj/init
BUSYBOX := $(firstword $(wildcard /bin/busybox /usr/bin/busybox))

.PHONY: workloads
workloads: $(LINUX)

$(LINUX_B)/obj/%.o: bench/linux/%.c $(NANO_B)/how bench/linux/programs.mk
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) -m64 $(LINUX_CFLAGS) -DNANO_NAME='"$*"' -c -o $@ $<

$(LINUX_WORK:%=$(LINUX_B)/%): $(LINUX_B)/%: $(LINUX_B)/obj/%.o $(LINUX_LIB)
	$(Q)$(CC) -m64 -static -s -o $@ $^

$(COMPUTE:%=$(LINUX_B)/%): $(LINUX_B)/%: $(NANO_B)/native/%
	@mkdir -p $(@D)
	$(Q)cp $< $@

# Without C library, as it starts in time that is measured.
$(LINUX_INIT): $(LINUX_B)/obj/lib/init.o
	$(Q)$(LD) -m elf_x86_64 -static -z noexecstack --build-id=none -o $@ $<
$(LINUX_B)/obj/lib/init.o: LINUX_CFLAGS += -ffreestanding -mgeneral-regs-only -fno-asynchronous-unwind-tables

$(LINUX_B)/boot.cpio: $(LINUX_INIT) bench/linux/archive
	$(Q)bench/linux/archive $@ $<
$(LINUX_B)/%.cpio: $(LINUX_B)/% $(LINUX_INIT) bench/linux/archive
	$(Q)bench/linux/archive $@ $(LINUX_INIT) $< $(if $(filter $*,$(LINUX_BUSYBOX)),$(BUSYBOX))

.SECONDARY: $(LINUX_WORK:%=$(LINUX_B)/obj/%.o) $(LINUX_LIB) $(LINUX_B)/obj/lib/init.o

-include $(wildcard $(LINUX_B)/obj/*.d $(LINUX_B)/obj/lib/*.d)

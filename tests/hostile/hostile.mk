# SPDX-License-Identifier: MIT
#
#   make hostile     build the guests that try to get at their host, and the program around them

HOSTILE_B := $(NANO_B)/hostile
HOSTILE := $(patsubst tests/hostile/%.c,%,$(filter-out %/guest.c %/hostile.c,$(wildcard tests/hostile/*.c)))

.PHONY: hostile
hostile: $(B)/hostile $(HOSTILE:%=$(HOSTILE_B)/%.elf)

$(B)/hostile: $(call objs,tests/hostile/hostile.c $(LIB_SRC))
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)

$(HOSTILE_B)/%.o: tests/hostile/%.c $(NANO_B)/how
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) -m64 $(NANO_CFLAGS) -Itests/hostile -DNANO_NAME='"$*"' -c -o $@ $<

# Multiboot loaders take 32-bit files only.
$(HOSTILE_B)/%.elf: $(HOSTILE_B)/%.o $(HOSTILE_B)/guest.o $(NANO_LIB64) bench/nano/lib/link.ld
	@mkdir -p $(@D)
	$(Q)$(LD) -m elf_x86_64 $(NANO_LDFLAGS) -o $@.64 $(filter %.o,$^)
	$(Q)$(OBJCOPY) -O elf32-i386 $@.64 $@

.SECONDARY: $(HOSTILE:%=$(HOSTILE_B)/%.o) $(HOSTILE_B)/guest.o
-include $(wildcard $(HOSTILE_B)/*.d)

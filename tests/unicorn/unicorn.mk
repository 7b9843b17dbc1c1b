# SPDX-License-Identifier: MIT
#
#   make unicorn [SEED=n] [CASES=n]   16- and 32-bit instructions, Unicorn and swbt

.PHONY: unicorn
unicorn: $(B)/unicorn
	$(B)/unicorn $(SEED) $(CASES)

$(B)/unicorn: $(call objs,tests/unicorn/unicorn.c $(filter-out %/kvmoracle.c,$(wildcard tests/kvmoracle/*.c)) \
		tests/oracle/gen.c $(LIB_SRC))
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS) -lunicorn

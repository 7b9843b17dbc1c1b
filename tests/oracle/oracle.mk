# SPDX-License-Identifier: MIT
#
#   make oracle [SEED=n] [CASES=n]   random instructions, on the host CPU and through swbt

SEED ?= 1
CASES ?= 20000

.PHONY: oracle
oracle: $(B)/oracle
	$(B)/oracle $(SEED) $(CASES)

$(B)/oracle: $(call objs,$(wildcard tests/oracle/*.c) $(LIB_SRC))
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)

# The generator of instructions, for the tests of rewriting.
$(B)/unit: $(call objs,tests/oracle/gen.c)

# SPDX-License-Identifier: MIT
#
#   make kvm-oracle [SEED=n] [CASES=n]   random instructions and privileged sequences, KVM and swbt

.PHONY: kvm-oracle
kvm-oracle: $(B)/kvmoracle fvbench
	$(Q)tests/with-kvm $(B)/kvmoracle $(SEED) $(CASES)

$(B)/kvmoracle: $(call objs,$(wildcard tests/kvmoracle/*.c) tests/oracle/gen.c $(LIB_SRC))
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)

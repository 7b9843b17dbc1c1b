# SPDX-License-Identifier: MIT
#
#   make kvm-oracle [SEED=n] [CASES=n]      random instructions and privileged sequences, KVM and swbt
#   make engine-oracle [SEED=n] [CASES=n]   the same, engine bt and engine step of swbt; single
#                                           instructions of engine trap+patch

SHARE_SEEDS := 1 2 3 4 5 7 8 9
AVX_SEEDS := 1 2 3 4

.PHONY: kvm-oracle kvm-oracle-share engine-oracle
kvm-oracle: $(B)/kvmoracle fvbench
	$(Q)tests/with-kvm $(B)/kvmoracle $(SEED) $(CASES)

# What the suites run: cases in which the emulated processor makes no difference that is not known.
kvm-oracle-share: $(B)/kvmoracle fvbench
	$(Q)tests/with-kvm sh -c 'r=0; for seed in $(SHARE_SEEDS); do $(B)/kvmoracle $$seed 1000 1 || r=1; done; \
		for seed in 1 2; do $(B)/kvmoracle $$seed 1500 2 || r=1; done; exit $$r'
	$(Q)RIG_OPTIONS=--xsave tests/with-kvm sh -c 'r=0; for seed in $(AVX_SEEDS); do \
		$(B)/kvmoracle $$seed 1000 1 || r=1; done; exit $$r'

engine-oracle: $(B)/kvmoracle
	$(Q)AGAINST=step $(B)/kvmoracle $(SEED) $(CASES)
	$(Q)AGAINST=trap+patch $(B)/kvmoracle $(or $(SEED),1) 1000 1

$(B)/kvmoracle: $(call objs,$(wildcard tests/kvmoracle/*.c) tests/oracle/gen.c $(LIB_SRC))
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)

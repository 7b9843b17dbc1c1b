# SPDX-License-Identifier: MIT
# Tests of the kvm backend: test_kvm wants a real /dev/kvm (tests/with-kvm), exitcost wants none.
KVM_TEST_SRC := $(filter-out tests/kvm/exitcost.c,$(wildcard tests/kvm/*.c))

$(B)/test_kvm: $(call objs,$(KVM_TEST_SRC) $(LIB_SRC))
$(B)/exitcost: $(call objs,tests/kvm/exitcost.c $(LIB_SRC))
$(B)/test_kvm $(B)/exitcost:
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)

.PHONY: test-kvm exitcost
test-kvm: $(B)/test_kvm fvbench
	$(Q)tests/with-kvm $(B)/test_kvm
exitcost: $(B)/exitcost
	$(Q)$(B)/exitcost

# SPDX-License-Identifier: MIT
#
#   make roundtrip   build/gcc/roundtrip: what a stop costs under each transport

.PHONY: roundtrip
roundtrip: $(B)/roundtrip

$(B)/roundtrip: $(call objs,tests/direct/roundtrip.c $(LIB_SRC))
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)

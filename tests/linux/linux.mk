# SPDX-License-Identifier: MIT
# A person at a terminal, for tests/linux/shell and tests/fvm/display.
$(B)/dialogue: tests/linux/dialogue.c
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $< -lutil

# SPDX-License-Identifier: MIT
#
# Manual pages (target `man`), make install and make uninstall. The installed fvbench finds its guests
# from where it is itself: ../lib/fvbench/nano.

PREFIX ?= /usr/local
DESTDIR ?=
MAN := build/man/fvm.1 build/man/fvbench.1
DOCS := README.md LICENSE ARTIFACT.md CITATION.cff results/README.md

.PHONY: man
man: $(MAN)

# From what the programs say of themselves.
$(MAN): build/man/%.1: doc/%.1.in doc/mkman %
	$(call say,MAN,$@)
	@mkdir -p $(@D)
	$(Q)doc/mkman $< ./$* >$@.new && mv $@.new $@

# Installed files: where they come from, and their names below PREFIX.
INSTALLED := $(patsubst %,bin/%,fvm fvbench) $(patsubst build/man/%,share/man/man1/%,$(MAN)) \
	     $(patsubst %,share/doc/fvbench/%,$(DOCS)) \
	     $(patsubst build/nano/%,lib/fvbench/nano/%,$(NANO) $(LINUX))
source = $(patsubst bin/%,%,$(patsubst share/man/man1/%,build/man/%,$(patsubst share/doc/fvbench/%,%,$(patsubst \
	 lib/fvbench/nano/%,build/nano/%,$(1)))))

.PHONY: install
install: all man
	$(call say,INSTALL,$(DESTDIR)$(PREFIX))
	$(Q)set -e; $(foreach f,$(INSTALLED),\
		install -D -m $$(test -x $(call source,$(f)) && echo 755 || echo 644) \
			$(call source,$(f)) '$(DESTDIR)$(PREFIX)/$(f)';)

# Folders that are ours alone go when they are empty.
.PHONY: uninstall
uninstall:
	$(call say,REMOVE,$(DESTDIR)$(PREFIX))
	$(Q)cd '$(DESTDIR)$(PREFIX)' && rm -f $(INSTALLED)
	$(Q)for d in lib share/doc; do \
		test ! -d '$(DESTDIR)$(PREFIX)/'$$d/fvbench || \
			find '$(DESTDIR)$(PREFIX)/'$$d/fvbench -depth -type d -exec rmdir {} \; ; done

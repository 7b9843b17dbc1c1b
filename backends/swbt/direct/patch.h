/* SPDX-License-Identifier: MIT */
/*
 * Binary editing (engine trap+patch): executable copies of guest pages in which what would fail
 * silently traps (README.md). Pages are keyed by guest-physical address and decoding mode.
 */
#ifndef FVB_SWBT_DIRECT_PATCH_H
#define FVB_SWBT_DIRECT_PATCH_H

#include "backends/swbt/direct/direct.h"

/* Open the memory file of copies (before the worlds start: they inherit it) and set v->code_pages
 * up. 0 or negative errno. */
int patch_init(struct direct *d);
void patch_fini(struct direct *d);
int patch_fd(const struct direct *d);

/* The instruction at v->s.rip, on the page GPA (of RAM), is about to run directly. Scan from there
 * if it is not yet known to be code. *OFFSET: of the page's copy in patch_fd. 0: map it and run; 1:
 * it is edited, or was HLT from the beginning: emulate it; -ENOMEM. Unmaps writable mappings of the
 * page by itself. */
int patch_enter(struct direct *d, u64 gpa, u64 *offset);

/* engine->code_written. */
void patch_written(struct vcpu *v, u64 gpa, u32 len);

/* --patch-report FILE: address, symbol if there is one, instruction, why. */
int patch_report_open(struct vcpu *v, struct error *err);
int patch_report_close(struct vcpu *v, struct error *err);

#endif

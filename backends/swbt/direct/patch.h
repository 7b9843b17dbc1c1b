/* SPDX-License-Identifier: MIT */
/*
 * Binary editing (engine trap+patch): executable copies of guest pages in which what would fail
 * silently traps (scan.h, README.md). A copy is of a guest-physical page as it is seen at one
 * linear address, in one mode, with one set of FPU instructions that must trap.
 */
#ifndef FVB_SWBT_DIRECT_PATCH_H
#define FVB_SWBT_DIRECT_PATCH_H

#include "backends/swbt/direct/direct.h"
#include "backends/swbt/direct/scan.h"

struct csv_key;

/* Open the memory file of copies (before the worlds start: they inherit it) and set v->code_pages
 * up. 0 or negative errno. FINI also after a failed INIT. */
int patch_init(struct direct *d);
void patch_fini(struct direct *d);
int patch_fd(const struct direct *d);

/* The rights to map copies with, as mmap has them. */
int patch_prot(const struct direct *d);

/* Are the next instructions to be emulated, wherever they are? Where what is closed comes often,
 * this costs less than to stop each time. Counts them. */
bool patch_emulates(struct direct *d);

/* The instruction at RIP, on the page GPA of RAM, is about to run. Learns what is there if it is
 * not known. *OFFSET: of the copy in patch_fd. 0: map it and run; 1: emulate the instruction;
 * -ENOMEM. Unmaps by itself what may not stay mapped. Before every entry: what is mapped may have
 * been for another state of the FPU. */
int patch_enter(struct direct *d, u64 gpa, u64 *offset);

/* The guest stopped at RIP with #GP. True: what is there was not known, patch_enter will see to
 * it; false: the instruction there is to be emulated. */
bool patch_stopped(struct direct *d);

/* Data on a page of code was accessed, and that emulated. */
void patch_accessed(struct direct *d);

/* engine->code_written. */
void patch_written(struct vcpu *v, u64 gpa, u32 len);

/* As in struct engine. */
void patch_counters(const struct direct *d, void (*fn)(void *arg, const char *name, u64 value),
		    void *arg);
int patch_open_records(struct direct *d, struct error *err);
int patch_close_records(struct direct *d, const struct csv_key *key, struct error *err);

#endif

/* SPDX-License-Identifier: MIT */
/* The backend's own options (common/backendopt.h). */
#ifndef FVB_SWBT_OPTIONS_H
#define FVB_SWBT_OPTIONS_H

#include "backends/swbt/vcpu.h"
#include "common/backendopt.h"

extern const struct backend_option swbt_options[];

/* What those of VM ask of the translator. */
struct bt_config swbt_bt_config(const struct vm *vm);

/* What they ask of direct execution. */
struct direct_config {
	u32 transport; /* 0: the first that the host can do; else one more than in transports[] */
	u64 spin;      /* TSC ticks */
};
struct direct_config swbt_direct_config(const struct vm *vm);

/* Are accesses to devices to be timed? */
bool swbt_trap_times(const struct vm *vm);

/* Where the translator is to write what it does; NULL: nowhere. */
struct bt_paths {
	const char *stats, *dump, *jitdump;
};
struct bt_paths swbt_bt_paths(const struct vm *vm);

/* Engine trap+patch: enum scan_inside; where its report goes, or NULL. */
unsigned int swbt_patch_inside(const struct vm *vm);
const char *swbt_patch_report(const struct vm *vm);

#endif

/* SPDX-License-Identifier: MIT */
#include "backends/swbt/segment.h"

int task_switch(struct vcpu *v, u16 selector, enum task_reason reason, bool has_error, u32 error,
		u64 next_rip)
{
	(void)reason;
	(void)has_error;
	(void)error;
	(void)next_rip;
	return raise_err(v, TS, selector_error(selector));
}

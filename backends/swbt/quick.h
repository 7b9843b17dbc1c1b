/* SPDX-License-Identifier: MIT */
/*
 * The common cases of event delivery and IRET: flat 32-bit and 64-bit code, descriptors that are
 * present and accessed, and all that is looked at in the TLB. True; or false, with nothing changed,
 * where it is not so simple: deliver.c and emulate_return.c then do all of it.
 */
#ifndef FVB_SWBT_QUICK_H
#define FVB_SWBT_QUICK_H

#include "backends/swbt/vcpu.h"

/* On its way through the IDT. */
struct event {
	u8 vector;
	bool exception; /* of the processor: counts for double faults */
	bool soft;	/* INT n, INT3, INTO: gate DPL counts */
	bool external;	/* EXT bit of error codes that delivery itself raises */
	bool has_error;
	u32 error;
	u64 rip, rflags; /* to be pushed */
};

bool deliver_quick(struct vcpu *v, const struct event *e);

/* IRET with an operand size of SIZE bytes. */
bool iret_quick(struct vcpu *v, u8 size);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Instructions that are done in C, or by the host's own, and that a guest may have only if its
 * CPUID shows them: to the others #UD, whatever the host could do. No control register's bit guards
 * these.
 */
#ifndef FVB_SWBT_FEATURE_H
#define FVB_SWBT_FEATURE_H

#include "backends/swbt/vcpu.h"

enum feature {
	FEATURE_RDTSCP,
	FEATURE_RDPID,
	FEATURE_INVPCID,
	FEATURE_XSAVEOPT,
	FEATURE_XSAVEC,
	FEATURE_CLZERO,
	FEATURE_MOVDIR64B,
	NR_FEATURES
};

/* Is it shown to V's guest? The same for the machine's whole life. */
bool feature_shown(struct vcpu *v, enum feature feature);

#endif

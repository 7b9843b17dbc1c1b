/* SPDX-License-Identifier: MIT */
/*
 * System instructions that are done in C, or there by the host's own, and that a guest may have
 * only if its CPUID shows them: to the others #UD, whatever the host could do. No control
 * register's bit guards these. (What computes runs as the host has it, as on a processor whose
 * CPUID was cut down.)
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
	NR_FEATURES
};

/* Is it shown to V's guest? The same for the machine's whole life. */
bool feature_shown(struct vcpu *v, enum feature feature);

#endif

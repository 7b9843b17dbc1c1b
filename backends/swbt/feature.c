/* SPDX-License-Identifier: MIT */
#include "backends/swbt/feature.h"
#include "common/vm.h"

enum { EAX, EBX, ECX, EDX };

static const struct {
	u32 function, index;
	u8 reg, bit;
} features[NR_FEATURES] = {
	[FEATURE_RDTSCP] = { 0x80000001, 0, EDX, 27 }, [FEATURE_RDPID] = { 7, 0, ECX, 22 },
	[FEATURE_INVPCID] = { 7, 0, EBX, 10 },	       [FEATURE_XSAVEOPT] = { 0xd, 1, EAX, 0 },
	[FEATURE_XSAVEC] = { 0xd, 1, EAX, 1 },
};

bool feature_shown(struct vcpu *v, enum feature feature)
{
	const struct cpuid_leaf *l =
		cpuid_find(&v->vm->cpuid, features[feature].function, features[feature].index);

	return l && (const u32[]){ l->eax, l->ebx, l->ecx, l->edx }[features[feature].reg] &
			    BIT(features[feature].bit);
}

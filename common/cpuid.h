/* SPDX-License-Identifier: MIT */
/*
 * The CPUID model: what processor the guest sees, the same on every backend.
 *
 * A model starts from the host's own leaves ("host") or from the feature set of an x86-64
 * microarchitecture level ("v1", "v2", "v3"; System V psABI for AMD64, section 3.1.1) on top of the
 * host's vendor, and then loses whatever any backend of this program cannot run, so that a guest
 * takes the same path whichever one it meets. SDM vol. 2A CPUID; APM vol. 3 appendix E.
 */
#ifndef FVB_CPUID_H
#define FVB_CPUID_H

#include "common/error.h"
#include "common/types.h"

#define CPUID_MAX 80

struct cpuid_leaf {
	u32 function, index;
	bool indexed; /* ECX selects; otherwise index is 0 and ECX is ignored */
	u32 eax, ebx, ecx, edx;
};

struct cpuid_table {
	unsigned int nr;
	struct cpuid_leaf leaf[CPUID_MAX];
};

/* Fill TABLE for MODEL ("host", "v1", "v2", "v3"). -EINVAL for another name, or if the host's
 * processor is below the level; ERR says which. */
int cpuid_build(struct cpuid_table *table, const char *model, struct error *err);

/* The leaf for FUNCTION and INDEX, or NULL. */
struct cpuid_leaf *cpuid_find(struct cpuid_table *table, u32 function, u32 index);

/*
 * What CPUID returns to a guest whose state is CR4 and XCR0, out-of-range leaves included
 * (Intel's rule: they read as the highest basic leaf; AMD's: zero). Used by backends that emulate
 * CPUID themselves. OUT is eax, ebx, ecx, edx.
 */
void cpuid_query(const struct cpuid_table *table, u32 function, u32 index, u64 cr4, u64 xcr0,
		 bool apic_enabled, u32 out[4]);

/* Is TABLE, after backends have hidden what they cannot run, still what MODEL promises? 0, or
 * -EINVAL with ERR naming what is missing. "host" promises nothing. */
int cpuid_check(const struct cpuid_table *table, const char *model, struct error *err);

/* Every feature bit that is set in A's feature leaves and clear in B is cleared in A. */
void cpuid_intersect(struct cpuid_table *a, const struct cpuid_table *b);

#endif

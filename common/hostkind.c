/* SPDX-License-Identifier: MIT */
#include "common/hostkind.h"
#include "common/types.h"

#include <cpuid.h>
#include <stdlib.h>
#include <string.h>

const char *host_kind(void)
{
	static const char *const kinds[] = { "native", "nested", "emulated" };
	const char *env = getenv("FVBENCH_HOST_KIND");
	u32 a, b, c, d, sig[3];

	for (size_t i = 0; env && i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(env, kinds[i]))
			return kinds[i];
	__cpuid(1, a, b, c, d);
	if (!(c & BIT(31)))
		return kinds[0];
	__cpuid(0x40000000, a, sig[0], sig[1], sig[2]);
	return memcmp(sig, "TCGTCGTCGTCG", sizeof(sig)) ? kinds[1] : kinds[2];
}

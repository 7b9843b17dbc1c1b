/* SPDX-License-Identifier: MIT */
#include "common/cpu_state.h"
#include "common/cpuid.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <string.h>

#define EDX_LM	    BIT(29)
#define ECX_XSAVE   BIT(26)
#define ECX_AVX	    BIT(28)
#define ECX_VMX	    BIT(5)
#define EBX_AVX2    BIT(5)
#define EBX_AVX512F BIT(16)

static void test_models(void)
{
	struct cpuid_table host, v1, bad;
	struct error err = { "" };

	CU_ASSERT_EQUAL(cpuid_build(&host, "host", &err), 0);
	CU_ASSERT_EQUAL(cpuid_build(&v1, "v1", &err), 0);
	CU_ASSERT_EQUAL(cpuid_build(&bad, "v9", &err), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "v9"));
	CU_ASSERT_TRUE(cpuid_find(&v1, 0x80000001, 0)->edx & EDX_LM);
	/* A v1 guest sees neither SSE4 nor anything of AVX, on the best of hosts. */
	CU_ASSERT_FALSE(cpuid_find(&v1, 1, 0)->ecx & (BIT(19) | BIT(20) | ECX_AVX | ECX_XSAVE));
	CU_ASSERT_FALSE(cpuid_find(&v1, 7, 0)->ebx & (EBX_AVX2 | EBX_AVX512F));
	CU_ASSERT_EQUAL(cpuid_find(&v1, 0xd, 0)->eax, 0);
	/* Nested virtualization is never offered. */
	CU_ASSERT_FALSE(cpuid_find(&host, 1, 0)->ecx & ECX_VMX);
	CU_ASSERT_FALSE(cpuid_find(&host, 0x80000001, 0)->ecx & BIT(2));
	/* One CPU. */
	CU_ASSERT_EQUAL(cpuid_find(&host, 1, 0)->ebx >> 16, 1);
	CU_ASSERT_EQUAL(cpuid_find(&host, 0xb, 1)->ebx, 1);
}

/* A level of the topology that is not there repeats its number and names the CPU. */
static void test_no_such_level(void)
{
	struct cpuid_table t;
	u32 out[4];

	CU_ASSERT_EQUAL(cpuid_build(&t, "v1", NULL), 0);
	cpuid_query(&t, 0xb, 0xfffffff8, 0, 1, true, out);
	CU_ASSERT_EQUAL(out[0], 0);
	CU_ASSERT_EQUAL(out[1], 0);
	CU_ASSERT_EQUAL(out[2], 0xf8);
	CU_ASSERT_EQUAL(out[3], cpuid_find(&t, 0xb, 1)->edx);
	cpuid_query(&t, 4, 0xfffffff8, 0, 1, true, out);
	CU_ASSERT_EQUAL(out[2], 0);
}

static void test_check(void)
{
	struct cpuid_table t, none = { .nr = 0 };
	struct error err = { "" };

	CU_ASSERT_EQUAL(cpuid_build(&t, "v1", NULL), 0);
	CU_ASSERT_EQUAL(cpuid_check(&t, "v1", &err), 0);
	cpuid_intersect(&t, &none);
	CU_ASSERT_EQUAL(cpuid_check(&t, "host", &err), 0);
	CU_ASSERT_EQUAL(cpuid_check(&t, "v1", &err), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "x86-64-v1"));
}

static void test_intersect(void)
{
	struct cpuid_table a, b;
	struct cpuid_leaf *l;

	CU_ASSERT_EQUAL(cpuid_build(&a, "host", NULL), 0);
	b = a;
	/* A backend without XSAVE takes everything that lives in its area along. */
	cpuid_find(&b, 1, 0)->ecx &= ~ECX_XSAVE;
	l = cpuid_find(&b, 0x80000008, 0);
	l->eax = (l->eax & ~0xffu) | 36;
	cpuid_intersect(&a, &b);
	CU_ASSERT_FALSE(cpuid_find(&a, 1, 0)->ecx & (ECX_XSAVE | ECX_AVX));
	CU_ASSERT_FALSE(cpuid_find(&a, 7, 0)->ebx & (EBX_AVX2 | EBX_AVX512F));
	CU_ASSERT_EQUAL(cpuid_find(&a, 0xd, 0)->eax, 0);
	CU_ASSERT_EQUAL(cpuid_find(&a, 0xd, 0)->ecx, 0);
	CU_ASSERT_EQUAL(cpuid_find(&a, 0x80000008, 0)->eax & 0xff, 36);
	/* The board's own features stay whatever the other says. */
	CU_ASSERT_TRUE(cpuid_find(&a, 1, 0)->ecx & BIT(21));
}

static void test_query(void)
{
	struct cpuid_table t = {
		.nr = 7,
		.leaf = { { .function = 0, .eax = 0xd, .ecx = 0x6c65746e }, /* "ntel" */
			  { .function = 1, .ecx = ECX_XSAVE, .edx = BIT(9) },
			  { .function = 0xd, .index = 0, .indexed = true, .eax = 7, .ecx = 832 },
			  { .function = 0xd, .index = 2, .indexed = true, .eax = 256, .ebx = 576 },
			  { .function = 0xd, .index = 1, .indexed = true, .eax = 7 },
			  { .function = 0xd, .index = 5, .indexed = true, .eax = 8, .ecx = 2 },
			  { .function = 0x80000000, .eax = 0x80000008 } }
	};
	u32 out[4];

	cpuid_query(&t, 1, 0, 0, 1, true, out);
	CU_ASSERT_FALSE(out[2] & BIT(27));
	CU_ASSERT_TRUE(out[3] & BIT(9));
	cpuid_query(&t, 1, 0, CR4_OSXSAVE, 1, false, out);
	CU_ASSERT_TRUE(out[2] & BIT(27));
	CU_ASSERT_FALSE(out[3] & BIT(9));
	cpuid_query(&t, 0xd, 0, 0, 1, true, out);
	CU_ASSERT_EQUAL(out[1], 576);
	cpuid_query(&t, 0xd, 0, 0, 7, true, out);
	CU_ASSERT_EQUAL(out[1], 832);
	/* Compacted, where there is XSAVEC: without the gaps that the standard format has. */
	cpuid_query(&t, 0xd, 1, 0, 3, true, out);
	CU_ASSERT_EQUAL(out[1], 576);
	cpuid_query(&t, 0xd, 1, 0, 0x27, true, out);
	CU_ASSERT_EQUAL(out[1], 832 + 8);
	cpuid_query(&t, 0xd, 1, 0, 0x23, true, out);
	CU_ASSERT_EQUAL(out[1], 576 + 8);
	cpuid_find(&t, 0xd, 1)->eax = 5;
	cpuid_query(&t, 0xd, 1, 0, 7, true, out);
	CU_ASSERT_EQUAL(out[1], 0);
	/* Beyond the last leaf: Intel repeats the highest basic one, AMD gives zeros. */
	cpuid_query(&t, 0x7000, 2, 0, 1, true, out);
	CU_ASSERT_EQUAL(out[0], 256);
	t.leaf[0].ecx = 0x444d4163;
	cpuid_query(&t, 0x7000, 2, 0, 1, true, out);
	CU_ASSERT_EQUAL(out[0] | out[1] | out[2] | out[3], 0);
}

CU_TestInfo tests_cpuid[] = {
	{ "models hold what their level says", test_models },
	{ "what one backend lacks is hidden with all that needs it", test_intersect },
	{ "a level that a backend cannot give is refused", test_check },
	{ "dynamic bits and out-of-range leaves", test_query },
	{ "levels of the topology that are not there", test_no_such_level },
	CU_TEST_INFO_NULL,
};

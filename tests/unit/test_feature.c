/* SPDX-License-Identifier: MIT */
/*
 * Instructions that CPUID does not show are #UD to the guest, whether or not the host has them:
 * XSAVEC in C code ended the whole program by SIGILL on a host without it.
 */
#include "backends/swbt/feature.h"
#include "tests/unit/pair_rig.h"

#include <CUnit/CUnit.h>
#include <string.h>

#define CR4_OSFXSR  BIT64(9)
#define CR4_OSXSAVE BIT64(18)

static const struct {
	const char *name;
	enum feature feature;
	bool runs; /* where it is shown */
	u8 length, code[6];
} insns[] = {
	{ "rdtscp", FEATURE_RDTSCP, true, 3, { 0x0f, 0x01, 0xf9 } },
	{ "rdpid rcx", FEATURE_RDPID, true, 4, { 0xf3, 0x0f, 0xc7, 0xf9 } },
	/* Another type than 0 to 3: #GP, not #UD. */
	{ "invpcid rcx, [rbx]", FEATURE_INVPCID, false, 5, { 0x66, 0x0f, 0x38, 0x82, 0x0b } },
	{ "xsaveopt [rbx]", FEATURE_XSAVEOPT, true, 3, { 0x0f, 0xae, 0x33 } },
	{ "xsavec [rbx]", FEATURE_XSAVEC, true, 3, { 0x0f, 0xc7, 0x23 } },
	{ "xsavec64 [rbx]", FEATURE_XSAVEC, true, 4, { 0x48, 0x0f, 0xc7, 0x23 } },
};

/* Every feature of the table that insns[] has; the leaves themselves stay. */
static void hide(struct vm *vm)
{
	cpuid_find(&vm->cpuid, 0x80000001, 0)->edx &= ~BIT(27);
	cpuid_find(&vm->cpuid, 7, 0)->ecx &= ~BIT(22);
	cpuid_find(&vm->cpuid, 7, 0)->ebx &= ~BIT(10);
	if (cpuid_find(&vm->cpuid, 0xd, 1))
		cpuid_find(&vm->cpuid, 0xd, 1)->eax &= ~3u;
}

/* Was N shown? It ran then as it should; or with HIDDEN as #UD. */
static void check(size_t n, bool hidden)
{
	struct pair p;
	bool shown;
	u8 code[8];

	pair_up(&p, true);
	if (hidden) {
		hide(p.step);
		hide(p.bt);
	}
	shown = feature_shown(vm_vcpu(p.step), insns[n].feature);
	memcpy(code, insns[n].code, insns[n].length);
	code[insns[n].length] = 0xf4;
	pair_state(&p);
	p.s.cr4 |= CR4_OSFXSR | CR4_OSXSAVE;
	p.s.xcr0 = 3;
	p.s.gpr[RAX] = p.s.gpr[RBX] = p.s.gpr[RDI] = PAIR_DATA + 2 * PAGE_SIZE;
	p.s.gpr[RCX] = 77;
	p.s.gpr[RDX] = 0;
	if (insns[n].feature != FEATURE_RDTSCP || !shown) /* time is not the same twice */
		pair_run(&p, code, insns[n].length + 1u);
	else
		p.end = EMU_HALT;
	CU_ASSERT_FALSE(hidden && shown);
	if (!shown)
		CU_ASSERT_TRUE(p.end == EMU_FAULT && p.exc.vector == UD);
	if (shown && insns[n].runs)
		CU_ASSERT_EQUAL(p.end, EMU_HALT);
	if (shown && !insns[n].runs)
		CU_ASSERT_TRUE(p.end == EMU_FAULT && p.exc.vector == GP);
	pair_down(&p);
}

static void test_hidden(void)
{
	for (size_t n = 0; n < ARRAY_SIZE(insns); n++)
		check(n, true);
}

static void test_shown(void)
{
	for (size_t n = 0; n < ARRAY_SIZE(insns); n++)
		check(n, false);
}

CU_TestInfo tests_feature[] = { { "what CPUID hides is #UD", test_hidden },
				{ "what it shows runs", test_shown },
				CU_TEST_INFO_NULL };

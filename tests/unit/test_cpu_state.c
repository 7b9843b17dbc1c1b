/* SPDX-License-Identifier: MIT */
#include "common/cpu_state.h"

#include <CUnit/CUnit.h>
#include <stdlib.h>
#include <string.h>

static struct cpu_state a, b;

static void setup(void)
{
	cpu_state_reset(&a);
	cpu_state_reset(&b);
}

static void test_reset(void)
{
	u16 control;
	u32 mxcsr;

	memset(&a, 0xaa, sizeof(a));
	cpu_state_reset(&a);
	CU_ASSERT_EQUAL(a.rip, 0xfff0);
	CU_ASSERT_EQUAL(a.rflags, 2);
	CU_ASSERT_EQUAL(a.seg[SEG_CS].selector, 0xf000);
	CU_ASSERT_EQUAL(a.seg[SEG_CS].base, 0xffff0000);
	CU_ASSERT_EQUAL(a.seg[SEG_CS].attr, 0x9b);
	CU_ASSERT_EQUAL(a.seg[SEG_SS].attr, 0x93);
	CU_ASSERT_EQUAL(a.seg[SEG_GS].limit, 0xffff);
	CU_ASSERT_EQUAL(a.seg[SEG_LDT].attr, 0x82);
	CU_ASSERT_EQUAL(a.seg[SEG_TR].attr, 0x8b);
	CU_ASSERT_EQUAL(a.idt.base, 0);
	CU_ASSERT_EQUAL(a.idt.limit, 0xffff);
	CU_ASSERT_EQUAL(a.cr0, 0x60000010);
	CU_ASSERT_EQUAL(a.cr4 | a.cr3 | a.cr2 | a.cr8 | a.efer, 0);
	CU_ASSERT_EQUAL(a.dr6, 0xffff0ff0);
	CU_ASSERT_EQUAL(a.dr7, 0x400);
	CU_ASSERT_EQUAL(a.xcr0, 1);
	CU_ASSERT_EQUAL(a.apic_base, 0xfee00900);
	CU_ASSERT_EQUAL(a.msr.pat, 0x0007040600070406);
	CU_ASSERT_EQUAL(a.msr.lstar, 0);
	CU_ASSERT_FALSE(a.ev.halted || a.ev.exception_pending || a.ev.interrupt_injected);
	CU_ASSERT_TRUE(a.xsave_size >= 576);
	memcpy(&control, a.xsave, 2);
	memcpy(&mxcsr, a.xsave + 24, 4);
	CU_ASSERT_EQUAL(control, 0x40);
	CU_ASSERT_EQUAL(mxcsr, 0x1f80);
}

static void test_segments(void)
{
	struct segment s = segment_flat(0x10, 0xc093);

	CU_ASSERT_EQUAL(s.base, 0);
	CU_ASSERT_EQUAL(s.limit, 0xffffffff);
	CU_ASSERT_EQUAL(s.attr, 0xc093);
	CU_ASSERT_EQUAL(s.selector, 0x10);
	s = segment_real(0xffff, true);
	CU_ASSERT_EQUAL(s.base, 0xffff0);
	CU_ASSERT_EQUAL(s.limit, 0xffff);
	CU_ASSERT_EQUAL(s.attr, 0x9b);
	s = segment_real(0x1234, false);
	CU_ASSERT_EQUAL(s.base, 0x12340);
	CU_ASSERT_EQUAL(s.attr, 0x93);
	CU_ASSERT_EQUAL(s.selector, 0x1234);
}

/* Each of these alone is a difference, and has this name. */
#define CHANGES                                                \
	CHANGE(gpr[RAX], "rax")                                \
	CHANGE(gpr[RSP], "rsp")                                \
	CHANGE(gpr[R15], "r15")                                \
	CHANGE(rip, "rip")                                     \
	CHANGE(rflags, "rflags")                               \
	CHANGE(seg[SEG_ES].selector, "es")                     \
	CHANGE(seg[SEG_CS].base, "cs")                         \
	CHANGE(seg[SEG_SS].limit, "ss")                        \
	CHANGE(seg[SEG_TR].attr, "tr")                         \
	CHANGE(gdt.base, "gdt.base")                           \
	CHANGE(idt.limit, "idt.limit")                         \
	CHANGE(cr0, "cr0")                                     \
	CHANGE(cr2, "cr2")                                     \
	CHANGE(cr3, "cr3")                                     \
	CHANGE(cr4, "cr4")                                     \
	CHANGE(cr8, "cr8")                                     \
	CHANGE(efer, "efer")                                   \
	CHANGE(xcr0, "xcr0")                                   \
	CHANGE(apic_base, "apic_base")                         \
	CHANGE(dr[3], "dr[3]")                                 \
	CHANGE(dr6, "dr6")                                     \
	CHANGE(dr7, "dr7")                                     \
	CHANGE(msr.sysenter_cs, "msr.sysenter_cs")             \
	CHANGE(msr.tsc_aux, "msr.tsc_aux")                     \
	CHANGE(ev.exception_pending, "ev.exception_pending")   \
	CHANGE(ev.interrupt_injected, "ev.interrupt_injected") \
	CHANGE(ev.nmi_pending, "ev.nmi_pending")               \
	CHANGE(ev.nmi_injected, "ev.nmi_injected")             \
	CHANGE(ev.nmi_masked, "ev.nmi_masked")                 \
	CHANGE(ev.sti_shadow, "ev.sti_shadow")                 \
	CHANGE(ev.movss_shadow, "ev.movss_shadow")             \
	CHANGE(ev.halted, "ev.halted")                         \
	CHANGE(xsave[0], "x87 control")                        \
	CHANGE(xsave[4], "x87 control")                        \
	CHANGE(xsave[8], "x87 pointers")                       \
	CHANGE(xsave[32], "x87 registers")                     \
	CHANGE(xsave[32 + 7 * 16 + 9], "x87 registers")        \
	CHANGE(xsave[24], "mxcsr")

static void test_differs(void)
{
	setup();
	CU_ASSERT_PTR_NULL(cpu_state_differs(&a, &b));
#define CHANGE(field, name)                            \
	{                                              \
		const char *d;                         \
                                                       \
		b.field ^= 1;                          \
		d = cpu_state_differs(&a, &b);         \
		CU_ASSERT_TRUE(d && !strcmp(d, name)); \
		d = cpu_state_differs(&b, &a);         \
		CU_ASSERT_TRUE(d && !strcmp(d, name)); \
		b.field ^= 1;                          \
	}
	CHANGES
#undef CHANGE
	CU_ASSERT_PTR_NULL(cpu_state_differs(&a, &b));
}

/* What hardware leaves free is no difference. */
static void test_free(void)
{
	setup();
	b.dr6 ^= 0xffff1ff0;
	CU_ASSERT_PTR_NULL(cpu_state_differs(&a, &b));
	b.dr6 ^= BIT64(14);
	CU_ASSERT_STRING_EQUAL(cpu_state_differs(&a, &b), "dr6");

	setup();
	b.ev.exception = 14;
	b.ev.exception_error = 2;
	b.ev.interrupt = 0x20;
	CU_ASSERT_PTR_NULL(cpu_state_differs(&a, &b));
	a.ev.exception_pending = b.ev.exception_pending = true;
	CU_ASSERT_STRING_EQUAL(cpu_state_differs(&a, &b), "ev.exception");
	a.ev.exception = 14;
	CU_ASSERT_PTR_NULL(cpu_state_differs(&a, &b));
	a.ev.exception_has_error = b.ev.exception_has_error = true;
	CU_ASSERT_STRING_EQUAL(cpu_state_differs(&a, &b), "ev.exception_error");
	a.ev.exception_error = 2;
	a.ev.interrupt_injected = b.ev.interrupt_injected = true;
	CU_ASSERT_STRING_EQUAL(cpu_state_differs(&a, &b), "ev.interrupt");

	setup();
	a.seg[SEG_DS].attr = b.seg[SEG_DS].attr = ATTR_UNUSABLE;
	a.seg[SEG_FS].attr = b.seg[SEG_FS].attr = ATTR_UNUSABLE;
	b.seg[SEG_DS].base = b.seg[SEG_FS].base = 0x1000;
	b.seg[SEG_DS].limit = 7;
	b.seg[SEG_DS].attr |= 3;
	CU_ASSERT_PTR_NULL(cpu_state_differs(&a, &b));
	a.efer = b.efer = EFER_LME | EFER_LMA;
	CU_ASSERT_STRING_EQUAL(cpu_state_differs(&a, &b), "fs");
	b.seg[SEG_FS].base = 0;
	b.seg[SEG_DS].selector = 3;
	CU_ASSERT_STRING_EQUAL(cpu_state_differs(&a, &b), "ds");
	b.seg[SEG_DS].selector = 0;
	b.seg[SEG_DS].attr = 0x93;
	CU_ASSERT_STRING_EQUAL(cpu_state_differs(&a, &b), "ds");
}

static void set_bv(struct cpu_state *s, u64 bv)
{
	memcpy(s->xsave + 512, &bv, sizeof(bv));
}

/* A component that XSTATE_BV calls initial is its initial value, whatever the area holds. */
static void test_xsave(void)
{
	setup();
	a.xsave[4] = b.xsave[4] = 0;
	b.xsave[8] = 1;
	CU_ASSERT_PTR_NULL(cpu_state_differs(&a, &b));
	b.xsave[38] = 1; /* inside the register */
	CU_ASSERT_STRING_EQUAL(cpu_state_differs(&a, &b), "x87 registers");
	b.xsave[38] = 0;
	b.xsave[42] = 1; /* reserved bytes behind it */
	CU_ASSERT_PTR_NULL(cpu_state_differs(&a, &b));

	setup();
	b.xsave[0] = 0x7f;
	b.xsave[1] = 0x03;
	b.xsave[4] = 0;
	set_bv(&a, 0);
	CU_ASSERT_PTR_NULL(cpu_state_differs(&a, &b));
	set_bv(&a, 1);
	CU_ASSERT_STRING_EQUAL(cpu_state_differs(&a, &b), "x87 control");

	setup();
	b.xsave[160 + 255] = 1;
	CU_ASSERT_PTR_NULL(cpu_state_differs(&a, &b));
	set_bv(&b, 3);
	CU_ASSERT_STRING_EQUAL(cpu_state_differs(&a, &b), "xmm");
	b.xsave[160 + 255] = 0;
	CU_ASSERT_PTR_NULL(cpu_state_differs(&a, &b));
}

static void test_ymm(void)
{
	setup();
	if (!__builtin_cpu_supports("avx"))
		return;
	b.xsave[576] = 1;
	b.xsave_size = 576 + 256;
	CU_ASSERT_PTR_NULL(cpu_state_differs(&a, &b));
	set_bv(&b, 5);
	CU_ASSERT_STRING_EQUAL(cpu_state_differs(&a, &b), "ymm");
	b.xsave[576] = 0;
	CU_ASSERT_PTR_NULL(cpu_state_differs(&a, &b));
	/* A component that no processor here has cannot be compared: not equal. */
	set_bv(&b, 1 | BIT64(62));
	CU_ASSERT_STRING_EQUAL(cpu_state_differs(&a, &b), "xsave components");
}

/* The text that cpu_state_print makes of A. */
static char *printed(void)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	cpu_state_print(&a, f);
	fclose(f);
	return text;
}

static void expect(const char *needle)
{
	char *text = printed();

	if (!strstr(text, needle)) {
		CU_FAIL("not printed");
		printf("'%s' is missing in:\n%s", needle, text);
	}
	free(text);
}

static void test_print(void)
{
	char *text;

	setup();
	expect("real mode, privilege level 0, paging off\n");
	expect("rip 000000000000fff0  rflags 00000002 []\n");
	expect("cs  f000  base 00000000ffff0000  limit 0000ffff  attributes 009b\n");
	expect("cr0 60000010 [ET NW CD]");
	a.gpr[R11] = 0x123456789abcdef0;
	a.rflags = 0x246;
	expect("r11 123456789abcdef0");
	expect("[PF ZF IF]");
	a.cr0 = 0x80000011;
	a.efer = EFER_LME | EFER_LMA;
	a.seg[SEG_CS] = segment_flat(0x33, 0xa0fb);
	a.seg[SEG_SS] = segment_flat(0x2b, 0xc0f3);
	expect("64-bit mode, privilege level 3, paging on\n");
	expect("efer 0500 [LME LMA]");
	a.seg[SEG_CS].attr = 0xc0fb;
	expect("32-bit protected mode");
	a.seg[SEG_CS].attr = 0x00fb;
	expect("16-bit protected mode");
	a.rflags |= BIT64(17);
	expect("virtual-8086 mode");
	a.seg[SEG_DS].attr = ATTR_UNUSABLE;
	expect("(null)");
	a.dr7 = 0x404;
	a.dr[1] = 0x42;
	expect("dr1 0000000000000042");
	a.ev = (struct cpu_events){ .exception_pending = true,
				    .exception_has_error = true,
				    .exception = 14,
				    .exception_error = 2,
				    .exception_payload = 0x1000,
				    .interrupt_injected = true,
				    .interrupt = 0x20,
				    .nmi_masked = true,
				    .sti_shadow = true,
				    .halted = true };
	expect("exception 14 pending, error code 0x2, payload 0x1000\n");
	expect("interrupt 0x20 being delivered\n");
	expect("NMI masked\n");
	expect("held off by STI\n");
	expect("halted");
	cpu_state_reset(&a);
	text = printed();
	CU_ASSERT_PTR_NULL(strstr(text, "dr1"));
	CU_ASSERT_PTR_NULL(strstr(text, "NMI"));
	CU_ASSERT_PTR_NULL(strstr(text, "exception"));
	free(text);
}

CU_TestInfo tests_cpu_state[] = {
	{ "reset", test_reset },
	{ "flat and real-mode segments", test_segments },
	{ "every difference is found and named", test_differs },
	{ "what hardware leaves free is not compared", test_free },
	{ "XSAVE components in their initial state", test_xsave },
	{ "XSAVE components beyond SSE", test_ymm },
	{ "print", test_print },
	CU_TEST_INFO_NULL,
};

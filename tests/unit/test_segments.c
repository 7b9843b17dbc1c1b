/* SPDX-License-Identifier: MIT */
/* 16- and 32-bit code in worlds, with segments of its own; where the host can do that. */
#include "backends/swbt/direct/compat.h"
#include "backends/swbt/direct/segments.h"
#include "tests/unit/world_rig.h"

#include <CUnit/CUnit.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ATTR_CODE  (ATTR_P | ATTR_S | 0xb) /* readable, accessed */
#define ATTR_WRITE (ATTR_P | ATTR_S | 3)
#define ATTR_DOWN  (ATTR_P | ATTR_S | 7) /* writable, expands down */

static struct vcpu *v;
static struct segments *segments;

static void segment(enum seg n, u16 selector, u64 base, u32 limit, u32 attr)
{
	v->s.seg[n] = (struct segment){
		.base = base, .limit = limit, .attr = attr, .selector = selector
	};
}

static void usual_segments(u32 db)
{
	segment(SEG_CS, 0x08, WR_CODE, 0xfff, ATTR_CODE | db);
	segment(SEG_SS, 0x10, 0, 0xffffffff, ATTR_WRITE | db);
	segment(SEG_DS, 0x18, WR_DATA, 15, ATTR_WRITE | db);
	segment(SEG_FS, 0x2c, WR_DATA + 32, 15, ATTR_WRITE | db); /* of the LDT */
	segment(SEG_GS, 0x33, WR_DATA, 0x1f, ATTR_DOWN | db); /* what the host has there is code */
	segment(SEG_ES, 0, 0, 0, ATTR_UNUSABLE);
	vcpu_derive(v);
}

static void run(struct world_rig *rig)
{
	struct world_regs before;

	rig->r.rflags = 2;
	CU_ASSERT_EQUAL(segments_out(segments, &rig->w, v, &rig->r), 0);
	before = rig->r;
	CU_ASSERT_EQUAL(world_rig_run(rig), 0);
	CU_ASSERT_EQUAL(rig->stop.kind, WORLD_FAULT);
	segments_in(segments, v, &before, &rig->r);
}

static void new_vcpu(void)
{
	int fd;

	v = vcpu_new(&fd);
	close(fd);
	v->s.cr0 = CR0_PE;
}

static void (*current)(struct world_rig *rig);

static void with_vcpu(struct world_rig *rig)
{
	/* Where limits are not checked (QEMU's emulation), code ends all the same. */
	memset(rig->code, 0xf4, 4096);
	new_vcpu();
	segments = calloc(1, sizeof(*segments));
	segments->compat = compat_probe();
	current(rig);
	free(segments);
	vcpu_free(v);
}

static void each(u32 needs, void (*fn)(struct world_rig *rig))
{
	current = fn;
	if ((compat_probe() & needs) == needs)
		world_rig_each(with_vcpu);
}

WR_ASM(bases, 32,
       "mov 4, %eax\n mov %fs:8, %ecx\n mov %ds, %edx\n mov %edx, %es\n mov %es:12, %esi\n"
       "mov %cs:0, %edi\n mov 13, %ebx");

/* Bases and limits are the guest's; a selector that was read can be loaded. */
static void with_bases(struct world_rig *rig)
{
	WR_LOAD(rig, bases);
	usual_segments(ATTR_DB);
	CU_ASSERT_TRUE(segments_fit(v, segments->compat));
	memcpy(rig->data, "0123abcd....ABCD", 16);
	memcpy(rig->data + 40, "fsfs", 4);
	rig->r = (struct world_regs){ 0 };
	run(rig);
	CU_ASSERT_EQUAL(rig->stop.vector, GP);
	CU_ASSERT_EQUAL(rig->r.rip, (u64)(bases_end - bases) - 6);
	CU_ASSERT_EQUAL(memcmp(&rig->r.gpr[RAX], "abcd", 4), 0);
	CU_ASSERT_EQUAL(memcmp(&rig->r.gpr[RCX], "fsfs", 4), 0);
	CU_ASSERT_EQUAL(memcmp(&rig->r.gpr[RSI], "ABCD", 4), 0);
	CU_ASSERT_EQUAL(memcmp(&rig->r.gpr[RDI], bases, 4), 0);
	CU_ASSERT_EQUAL((u16)rig->r.gpr[RDX] >> 3, 0x18 >> 3);
	CU_ASSERT_EQUAL(v->s.seg[SEG_ES].selector, 0x18);
	CU_ASSERT_EQUAL(v->s.seg[SEG_ES].base, WR_DATA);
	CU_ASSERT_EQUAL(v->s.seg[SEG_CS].selector, 0x08);
}

static void test_bases(void)
{
	each(COMPAT_32, with_bases);
}

WR_ASM(down, 32, "mov %gs:0x20, %eax\n mov %gs:0x1e, %ebx");

static void with_changes(struct world_rig *rig)
{
	WR_LOAD(rig, down);
	usual_segments(ATTR_DB);
	memcpy(rig->data + 32, "1234", 4);
	rig->r = (struct world_regs){ 0 };
	run(rig);
	CU_ASSERT_EQUAL(rig->stop.vector, GP);
	CU_ASSERT_EQUAL(rig->r.rip, (u64)(down_end - down) - 7);
	CU_ASSERT_EQUAL(memcmp(&rig->r.gpr[RAX], "1234", 4), 0);
	/* The same selector, another descriptor. */
	segment(SEG_GS, 0x33, WR_DATA + 16, 0xfffff, ATTR_WRITE | ATTR_DB);
	memcpy(rig->data + 0x10 + 0x1e, "abcd", 4);
	run(rig);
	CU_ASSERT_EQUAL(memcmp(&rig->r.gpr[RBX], "abcd", 4), 0);
	CU_ASSERT_EQUAL(v->s.seg[SEG_GS].selector, 0x33);
}

static void test_changes(void)
{
	each(COMPAT_32, with_changes);
}

WR_ASM(null, 32, "xor %eax, %eax\n mov %eax, %fs\n mov %fs:0, %eax");

static void with_null(struct world_rig *rig)
{
	WR_LOAD(rig, null);
	usual_segments(ATTR_DB);
	rig->r = (struct world_regs){ 0 };
	run(rig);
	CU_ASSERT_EQUAL(rig->stop.vector, GP);
	CU_ASSERT_TRUE(v->s.seg[SEG_FS].attr & ATTR_UNUSABLE);
}

static void test_null(void)
{
	each(COMPAT_32, with_null);
}

WR_ASM(code16, 16, "mov $0x1234, %ax\n push %ax\n mov 4, %cx\n hlt");

static void with_code16(struct world_rig *rig)
{
	WR_LOAD(rig, code16);
	usual_segments(0);
	segment(SEG_SS, 0x10, WR_DATA, 0xffff, ATTR_WRITE);
	memcpy(rig->data + 4, "ab", 2);
	rig->r = (struct world_regs){ .gpr[RSP] = 0xffff0200 };
	CU_ASSERT_TRUE(segments_fit(v, segments->compat));
	run(rig);
	CU_ASSERT_EQUAL(rig->r.rip, (u64)(code16_end - code16) - 1);
	CU_ASSERT_EQUAL(memcmp(rig->data + 0x1fe, "\x34\x12", 2), 0);
	CU_ASSERT_EQUAL(memcmp(&rig->r.gpr[RCX], "ab", 2), 0);
}

static void test_code16(void)
{
	each(COMPAT_16, with_code16);
}

/* What cannot be had is stepped. */
static void test_unfit(void)
{
	new_vcpu();
	usual_segments(ATTR_DB);
	CU_ASSERT_TRUE(segments_fit(v, COMPAT_32));
	CU_ASSERT_FALSE(segments_fit(v, COMPAT_FLAT));
	v->s.seg[SEG_SS].attr &= ~(u32)ATTR_DB;
	CU_ASSERT_FALSE(segments_fit(v, COMPAT_32));
	CU_ASSERT_TRUE(segments_fit(v, COMPAT_32 | COMPAT_16));
	usual_segments(ATTR_DB);
	segment(SEG_GS, 0x1b, 0, 15, ATTR_WRITE | ATTR_DB); /* DS's index, another content */
	CU_ASSERT_FALSE(segments_fit(v, COMPAT_32));
	segment(SEG_GS, 8 * SEGMENTS_LDT, 0, 15, ATTR_WRITE | ATTR_DB);
	CU_ASSERT_FALSE(segments_fit(v, COMPAT_32));
	vcpu_free(v);
}

/* In a world's LDT everything is for CPL 3, so its code can load into SS what the guest's processor
 * would refuse; and what a signal frame says of CS may be forged. None of that is privilege. */
static void test_privilege(void)
{
	static const u32 dpl0[] = { ATTR_WRITE | ATTR_DB, ATTR_CODE | 4 | ATTR_DB };
	const struct world_regs before = { .cs = 0x0f, .ss = 0x17, .ds = 0x1f };
	struct world_regs r = before;

	new_vcpu();
	segments = calloc(1, sizeof(*segments));
	for (size_t n = 0; n < ARRAY_SIZE(dpl0); n++) {
		usual_segments(ATTR_DB);
		v->s.seg[SEG_CS].attr |= ATTR_DPL;
		v->s.seg[SEG_SS].attr |= ATTR_DPL;
		vcpu_derive(v);
		CU_ASSERT_EQUAL_FATAL(v->cpl, 3);
		/* As SYSEXIT, or a conforming segment, leaves it. */
		segment(SEG_DS, 0x18, 0, 0xffffffff, dpl0[n]);
		segments->entry[3] = v->s.seg[SEG_DS];
		r = before;
		r.ss = 0x1f;
		segments_in(segments, v, &before, &r);
		CU_ASSERT_EQUAL(v->cpl, 3);
		CU_ASSERT_EQUAL(v->s.seg[SEG_SS].selector, 0x10);
		r = before;
		r.ss = r.cs = 3; /* null */
		segments_in(segments, v, &before, &r);
		CU_ASSERT_EQUAL(v->s.seg[SEG_SS].selector, 0x10);
		CU_ASSERT_EQUAL(v->s.seg[SEG_CS].selector, 0x08);
	}
	r = before;
	segments->entry[3].attr = ATTR_WRITE | ATTR_DPL | ATTR_DB;
	r.cs = 0x1f; /* data */
	segments_in(segments, v, &before, &r);
	CU_ASSERT_EQUAL(v->s.seg[SEG_CS].selector, 0x08);
	r = before;
	r.ss = 0x1f;
	segments_in(segments, v, &before, &r);
	/* DS's RPL was 0. The kernel that finds this selector on its stack shall see where from. */
	CU_ASSERT_EQUAL(v->s.seg[SEG_SS].selector, 0x1b);
	segments->entry[3].attr = ATTR_CODE | 4 | ATTR_DB; /* conforming */
	r = before;
	r.cs = 0x1f;
	segments_in(segments, v, &before, &r);
	CU_ASSERT_EQUAL(v->s.seg[SEG_CS].selector, 0x1b);
	CU_ASSERT_EQUAL(v->cpl, 3);
	free(segments);
	vcpu_free(v);
}

CU_TestInfo tests_segments[] = {
	{ "no privilege by a selector", test_privilege },
	{ "bases and limits are the guest's", test_bases },
	{ "a descriptor that changes", test_changes },
	{ "null selectors", test_null },
	{ "16-bit code and stack", test_code16 },
	{ "what cannot be had is stepped", test_unfit },
	CU_TEST_INFO_NULL,
};

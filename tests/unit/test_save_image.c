/* SPDX-License-Identifier: MIT */
/* FXSAVE and XSAVE: what they write and what they leave alone, by the host's own instruction and
 * without. */
#include "backends/swbt/fpu.h"
#include "backends/swbt/step.h"
#include "backends/swbt/thunk.h"
#include "tests/unit/gates_rig.h"

#include <CUnit/CUnit.h>
#include <string.h>

#define AREA  0x20000u
#define SPLIT 0x20f80u /* over the end of a page */
#define SIZE  1024
#define XMM   160
#define END   416 /* of XMM15 */
#define YMM   576

enum { FXSAVE, FXSAVE64, XSAVE, XSAVE64, XSAVEC64 };

/* Each with [rbx]. */
static const struct {
	unsigned int length;
	u8 bytes[4];
} code[] = {
	[FXSAVE] = { 3, { 0x0f, 0xae, 0x03 } },
	[FXSAVE64] = { 4, { 0x48, 0x0f, 0xae, 0x03 } },
	[XSAVE] = { 3, { 0x0f, 0xae, 0x23 } },
	[XSAVE64] = { 4, { 0x48, 0x0f, 0xae, 0x23 } },
	[XSAVEC64] = { 4, { 0x48, 0x0f, 0xc7, 0x23 } },
};

/* The guest has AVX if the host does. */
static u64 components(struct rig *r)
{
	const struct cpuid_leaf avx = {
		.function = 0xd, .index = 2, .indexed = true, .eax = 256, .ebx = YMM
	};
	const struct cpuid_leaf compaction = {
		.function = 0xd, .index = 1, .indexed = true, .eax = BIT(1) /* XSAVEC */
	};

	r->vm.cpuid.leaf[r->vm.cpuid.nr++] = avx;
	r->vm.cpuid.leaf[r->vm.cpuid.nr++] = compaction;
	return r->v.fpu_mask & 7;
}

/* Execute INSN at AREA with a register of each kind in use, over bytes of a5h. */
static void save(enum rig_paging paging, int insn, u64 cr4, u32 at, u8 image[SIZE])
{
	struct rig *r = gates_up(paging, 0);

	CU_ASSERT_EQUAL_FATAL(thunks_init(&r->v), 0);
	CU_ASSERT_EQUAL_FATAL(step_init(&r->v), 0);
	for (unsigned int n = 0; n < 4; n++)
		rig_put(r, ENTRY + n, code[insn].bytes[n], 1);
	for (unsigned int n = 0; n < SIZE; n++)
		rig_put(r, at + n, 0xa5, 1);
	memset(r->v.s.xsave, 0, XMM);
	for (unsigned int n = XMM; n < END; n++)
		r->v.s.xsave[n] = (u8)n;
	memcpy(r->v.s.xsave, "\x7f\x03\0\0\x81\0\0\0", 8);
	memcpy(r->v.s.xsave + 24, "\x80\x1f\0\0", 4);
	memcpy(r->v.s.xsave + 32, "\1\2\3\4\5\6\7\x88\xff\x3f", 10);
	memset(r->v.s.xsave + YMM, 0x77, 256);
	r->v.s.xcr0 = components(r);
	r->v.s.xsave[512] = (u8)r->v.s.xcr0;
	r->v.s.gpr[RAX] = 7;
	r->v.s.gpr[RBX] = at;
	r->v.s.cr4 |= cr4;
	CU_ASSERT_EQUAL(step(&r->v), EMU_JUMPED);
	CU_ASSERT_EQUAL(r->v.s.rip, ENTRY + code[insn].length);
	for (unsigned int n = 0; n < SIZE; n++)
		image[n] = (u8)rig_get(r, at + n, 1);
	fpu_put(&r->v);
	step_fini(&r->v);
	thunks_fini(&r->v);
	rig_down(r);
}

static bool untouched(const u8 *image, unsigned int from)
{
	for (; from < SIZE; from++)
		if (image[from] != 0xa5)
			return false;
	return true;
}

static void test_image(void)
{
	u8 image[SIZE];

	for (int insn = FXSAVE; insn <= FXSAVE64; insn++) {
		save(RIG_LONG, insn, CR4_OSFXSR, AREA, image);
		CU_ASSERT_FALSE(memcmp(image, "\x7f\x03\0\0\x81", 5));
		CU_ASSERT_FALSE(memcmp(image + 24, "\x80\x1f\0\0", 4));
		CU_ASSERT_FALSE(memcmp(image + 32, "\1\2\3\4\5\6\7\x88\xff\x3f", 10));
		for (unsigned int n = XMM; n < END; n++)
			CU_ASSERT_EQUAL(image[n], (u8)n);
		CU_ASSERT_TRUE(untouched(image, 464));
	}
}

/* An operand on two pages is written like one that is not. */
static void test_split(void)
{
	u8 image[SIZE], split[SIZE];

	save(RIG_LONG, FXSAVE64, CR4_OSFXSR, AREA, image);
	save(RIG_LONG, FXSAVE64, CR4_OSFXSR, SPLIT, split);
	CU_ASSERT_FALSE(memcmp(image, split, END));
	CU_ASSERT_TRUE(untouched(split, 464));
}

/* The same of XSAVE: with all of the header, and all that is left alone. */
static void test_xsave(void)
{
	u8 image[SIZE], split[SIZE];

	if (!(fpu_host_components() & 4))
		return; /* nor XSAVE, perhaps */
	for (int insn = XSAVE; insn <= XSAVEC64; insn++) {
		save(RIG_LONG, insn, CR4_OSFXSR | CR4_OSXSAVE, AREA, image);
		save(RIG_LONG, insn, CR4_OSFXSR | CR4_OSXSAVE, SPLIT, split);
		CU_ASSERT_EQUAL(image[XMM + 5], XMM + 5);
		CU_ASSERT_EQUAL(image[512] & 3, 3);
		CU_ASSERT_EQUAL(image[YMM + 200], image[512] & 4 ? 0x77 : 0xa5);
		CU_ASSERT_FALSE(memcmp(image, split, END));
		CU_ASSERT_FALSE(memcmp(image + 464, split + 464, SIZE - 464));
		CU_ASSERT_TRUE(untouched(image, YMM + 256));
	}
}

/* Eight XMM registers outside 64-bit mode; none without CR4.OSFXSR. */
static void test_less(void)
{
	u8 image[SIZE];

	save(RIG_COMPAT, FXSAVE, CR4_OSFXSR, AREA, image);
	CU_ASSERT_EQUAL(image[XMM + 127], (u8)(XMM + 127));
	CU_ASSERT_TRUE(untouched(image, XMM + 128));
	save(RIG_LONG, FXSAVE64, 0, AREA, image);
	CU_ASSERT_EQUAL(image[32], 1);
	CU_ASSERT_TRUE(untouched(image, XMM));
}

CU_TestInfo tests_save_image[] = {
	{ "the whole image", test_image },
	{ "an image on two pages", test_split },
	{ "XSAVE", test_xsave },
	{ "fewer registers", test_less },
	CU_TEST_INFO_NULL,
};

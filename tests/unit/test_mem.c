/* SPDX-License-Identifier: MIT */
/* Guest memory as C code moves it: bytes, operands, devices, instruction fetches. */
#include "backends/swbt/emulate.h"
#include "backends/swbt/fpu.h"
#include "tests/unit/paging_rig.h"

#include <stdlib.h>
#include <string.h>

/* Pages 0..1023 of the linear addresses, by one table of 32-bit paging. */
static void map(struct rig *r, unsigned int page, u64 gpa, u64 flags)
{
	rig_put(r, TOP, T1 | PWU, 4);
	rig_put(r, T1 + page * 4, gpa | flags, 4);
}

/* ---- bytes ---------------------------------------------------------------------------------- */

static void test_sizes(void)
{
	static const u32 sizes[] = { 1, 2, 3, 4, 6, 7, 8, 10, 16, 32, 64, 104, 512, 4096 };
	static const u32 offsets[] = { 0, 1, 7, 0xff0, 0xffc, 0xffe, 0xfff };
	static u8 in[MEM_OP_MAX], out[MEM_OP_MAX], got[3 * 4096];
	struct rig *r = rig_up();

	CU_ASSERT_PTR_NOT_NULL_FATAL(r);
	for (unsigned int i = 0; i < sizeof(in); i++)
		in[i] = (u8)rig_random(r);
	/* Neighbours that are far apart, and in the wrong order. */
	map(r, 0, DATA + 0x1000, PWU);
	map(r, 1, DATA, PWU);
	rig_enter(r, RIG_32, TOP);
	for (unsigned int n = 0; n < ARRAY_SIZE(sizes) * ARRAY_SIZE(offsets); n++) {
		u32 size = sizes[n % ARRAY_SIZE(sizes)], at = offsets[n / ARRAY_SIZE(sizes)];
		unsigned int wrong = 0;

		memset(r->vm.ram.host + DATA, 0xee, sizeof(got));
		CU_ASSERT_EQUAL(mem_write(&r->v, SEG_DS, at, in, size), 0);
		for (u32 i = 0; i < 8192; i++) {
			u32 gpa = i < 4096 ? 0x1000 + i : i - 4096;
			u8 want = i >= at && i < at + size ? in[i - at] : 0xee;

			wrong += rig_get(r, DATA + gpa, 1) != want;
		}
		CU_ASSERT_EQUAL(wrong, 0);
		memset(out, 0, sizeof(out));
		CU_ASSERT_EQUAL(mem_read(&r->v, SEG_DS, at, out, size), 0);
		CU_ASSERT_EQUAL(memcmp(in, out, size), 0);
		CU_ASSERT_TRUE(size == sizeof(out) || out[size] == 0);
	}
	rig_down(r);
}

/* Both pages are checked before a byte moves, and CR2 is the first byte that cannot. */
static void test_crossing(void)
{
	struct rig *r = rig_up();
	u64 value = ~0ull;

	CU_ASSERT_PTR_NOT_NULL_FATAL(r);
	map(r, 0, DATA, PWU);
	map(r, 1, DATA + 0x1000, P | U);
	map(r, 2, RIG_DEVICE, PWU);
	rig_enter(r, RIG_32, TOP);
	r->v.s.cr0 |= CR0_WP;
	vcpu_derive(&r->v);
	CU_ASSERT_EQUAL(mem_write(&r->v, SEG_DS, 0xffe, &value, 8), EXC);
	CU_ASSERT_TRUE(rig_raised(r, PF, true, 3));
	CU_ASSERT_EQUAL(r->v.exc.cr2, 0x1000);
	CU_ASSERT_EQUAL(rig_get(r, DATA + 0xffe, 2), 0);
	CU_ASSERT_EQUAL(lin_write(&r->v, 0xffe, &value, 8, ACC_SYSTEM), EXC);
	CU_ASSERT_EQUAL(rig_get(r, DATA + 0xffe, 2), 0);
	/* Both bad: the first one is reported, at its byte. */
	CU_ASSERT_EQUAL(mem_write(&r->v, SEG_DS, 0x3ffe, &value, 8), EXC);
	CU_ASSERT_TRUE(rig_raised(r, PF, true, 2));
	CU_ASSERT_EQUAL(r->v.exc.cr2, 0x3ffe);
	/* A device hears nothing of an access that faults behind it. */
	CU_ASSERT_EQUAL(mem_write(&r->v, SEG_DS, 0x2ffe, &value, 8), EXC);
	CU_ASSERT_EQUAL(mem_read(&r->v, SEG_DS, 0x2ffe, &value, 8), EXC);
	CU_ASSERT_EQUAL(r->v.exc.cr2, 0x3000);
	CU_ASSERT_EQUAL(r->nr, 0);
	CU_ASSERT_EQUAL(value, ~0ull);
	rig_down(r);
}

static void test_alignment(void)
{
	static const struct {
		u64 ea;
		u32 size;
		bool fault;
	} t[] = {
		{ 1, 1, false },  { 1, 2, true },   { 2, 2, false }, { 2, 4, true },
		{ 4, 4, false },  { 4, 8, true },   { 8, 8, false }, { 4, 10, true },
		{ 8, 10, false }, { 1, 16, false }, { 1, 6, false },
	};
	static const struct insn to_cr0 = { .op = { { .type = OPERAND_CR },
						    { .type = OPERAND_GPR, .reg = RAX } } };
	static struct mem_op op;
	struct rig *r = rig_up();
	u8 buf[16] = { 0 };

	CU_ASSERT_PTR_NOT_NULL_FATAL(r);
	map(r, 0, DATA, PWU);
	rig_enter(r, RIG_32, TOP);
	for (unsigned int i = 0; i < ARRAY_SIZE(t) * 8; i++) {
		unsigned int k = i / 8;
		bool on = (i & 7) == 7;
		int want = on && t[k].fault ? EXC : 0;

		r->v.s.cr0 = CR0_PE | CR0_PG | (i & 1 ? CR0_AM : 0);
		r->v.s.rflags = RFLAGS_FIXED | (i & 2 ? RFLAGS_AC : 0);
		rig_cpl(r, i & 4 ? 3 : 0);
		r->v.exc.vector = 0;
		CU_ASSERT_EQUAL(mem_read(&r->v, SEG_DS, t[k].ea, buf, t[k].size), want);
		CU_ASSERT_EQUAL(mem_write(&r->v, SEG_DS, t[k].ea, buf, t[k].size), want);
		CU_ASSERT_EQUAL(mem_prepare(&r->v, SEG_DS, t[k].ea, t[k].size, ACC_READ, &op),
				want);
		CU_ASSERT_TRUE(!want || rig_raised(r, AC, true, 0));
		CU_ASSERT_EQUAL(lin_read(&r->v, t[k].ea, buf, t[k].size, 0), 0);
	}
	/* What the TLB granted before CR0.AM was set it does not grant any more. */
	r->v.s.cr0 &= ~CR0_AM;
	mmu_rights_changed(&r->v);
	CU_ASSERT_EQUAL(mem_read(&r->v, SEG_DS, 1, buf, 2), 0);
	r->v.s.gpr[RAX] = r->v.s.cr0 | CR0_AM;
	r->v.cpl = 0;
	CU_ASSERT_EQUAL(emu_mov_cr(&r->v, &to_cr0), EMU_NEXT);
	r->v.cpl = 3;
	CU_ASSERT_EQUAL(mem_read(&r->v, SEG_DS, 1, buf, 2), EXC);
	/* A page fault comes first. */
	CU_ASSERT_EQUAL(mem_read(&r->v, SEG_DS, 0x1001, buf, 4), EXC);
	CU_ASSERT_EQUAL(r->v.exc.vector, PF);
	rig_down(r);
}
/* The last bytes of the 4 GiB and the first: one access, with paging to put RAM at both ends. */
static void test_wrap(void)
{
	struct rig *r = rig_up();
	u64 value;

	CU_ASSERT_PTR_NOT_NULL_FATAL(r);
	map(r, 0, DATA, PWU);
	rig_put(r, TOP + 1023 * 4, (T1 + 4096) | PWU, 4);
	rig_put(r, T1 + 4096 + 1023 * 4, (DATA + 0x5000) | PWU, 4);
	rig_enter(r, RIG_32, TOP);
	value = 0x8877665544332211;
	CU_ASSERT_EQUAL(mem_write(&r->v, SEG_DS, 0xfffffffd, &value, 8), 0);
	CU_ASSERT_EQUAL(rig_get(r, DATA + 0x5ffd, 3), 0x332211);
	CU_ASSERT_EQUAL(rig_get(r, DATA, 5), 0x8877665544);
	value = 0;
	CU_ASSERT_EQUAL(lin_read(&r->v, 0xfffffffd, &value, 8, 0), 0);
	CU_ASSERT_EQUAL(value, 0x8877665544332211);
	/* A base wraps as well. */
	r->v.s.seg[SEG_FS].base = 0xfffff000;
	value = 0;
	CU_ASSERT_EQUAL(mem_read(&r->v, SEG_FS, 0x1001, &value, 4), 0);
	CU_ASSERT_EQUAL(value, 0x88776655);
	rig_down(r);
}

/* ---- devices -------------------------------------------------------------------------------- */

static bool logged(const struct rig *r, unsigned int i, u64 offset, u64 value, unsigned int size,
		   bool write)
{
	const struct rig_access *a = &r->log[i];

	return i < r->nr && a->offset == offset && a->value == value && a->size == size &&
	       a->write == write;
}

static void test_mmio(void)
{
	struct rig *r = rig_up();
	const struct trap_event *e;
	u64 value = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(r);
	rig_enter(r, RIG_OFF, 0);
	r->v.s.rip = 0x1234;
	r->vm.traps.timed = BIT(TRAP_MMIO);
	r->v.fpu_live = false;
	fpu_get(&r->v);
	CU_ASSERT_TRUE(r->v.fpu_live);
	CU_ASSERT_EQUAL(mem_read(&r->v, SEG_DS, RIG_DEVICE + 0x10, &value, 4), 0);
	/* The device is C like any other: the guest's vector registers are safe by then. */
	CU_ASSERT_FALSE(r->v.fpu_live);
	CU_ASSERT_EQUAL(value, 0x14131211);
	CU_ASSERT_TRUE(logged(r, 0, 0x10, 0x14131211, 4, false));
	e = &r->vm.traps.last[0];
	CU_ASSERT_EQUAL(r->vm.traps.nr_events, 1);
	CU_ASSERT_TRUE(e->cause == TRAP_MMIO && e->addr == RIG_DEVICE + 0x10 &&
		       e->value == 0x14131211 && e->rip == 0x1234 && e->size == 4 && !e->write);
	CU_ASSERT_EQUAL(r->vm.traps.c[TRAP_MMIO].count, 1);
	CU_ASSERT_EQUAL(r->vm.traps.c[TRAP_MMIO].cycles, e->cycles);
	CU_ASSERT_NOT_EQUAL(e->cycles, 0);
	/* Only where it is asked for. */
	r->vm.traps.timed = 0;
	value = 0x1122334455667788;
	CU_ASSERT_EQUAL(mem_write(&r->v, SEG_DS, RIG_DEVICE + 0x21, &value, 2), 0);
	CU_ASSERT_TRUE(logged(r, 1, 0x21, 0x7788, 2, true));
	CU_ASSERT_EQUAL(mem_write(&r->v, SEG_DS, RIG_DEVICE + 0x28, &value, 8), 0);
	CU_ASSERT_TRUE(logged(r, 2, 0x28, value, 8, true));
	e = &r->vm.traps.last[2];
	CU_ASSERT_TRUE(e->value == value && e->size == 8 && e->write);
	CU_ASSERT_EQUAL(r->vm.traps.c[TRAP_MMIO].count, 3);
	/* Nobody answers here. */
	CU_ASSERT_EQUAL(mem_read(&r->v, SEG_DS, 0xc0000000, &value, 4), 0);
	CU_ASSERT_EQUAL((u32)value, 0xffffffff);
	CU_ASSERT_EQUAL(r->nr, 3);
	rig_down(r);
}

static void test_mmio_cut(void)
{
	u8 buf[32], want[32];
	struct rig *r = rig_up();

	CU_ASSERT_PTR_NOT_NULL_FATAL(r);
	rig_enter(r, RIG_OFF, 0);
	for (unsigned int i = 0; i < sizeof(want); i++)
		want[i] = (u8)(i + 2);
	/* Wide: eight bytes at a time, a trap each. */
	mmio_read(&r->v, RIG_DEVICE + 1, buf, 20);
	CU_ASSERT_EQUAL(memcmp(buf, want, 20), 0);
	CU_ASSERT_EQUAL(r->nr, 3);
	CU_ASSERT_TRUE(logged(r, 2, 17, 0x15141312, 4, false));
	CU_ASSERT_EQUAL(r->vm.traps.c[TRAP_MMIO].count, 3);
	/* Odd: at natural boundaries, one trap. */
	r->nr = 0;
	mmio_read(&r->v, RIG_DEVICE + 1, buf, 7);
	CU_ASSERT_EQUAL(memcmp(buf, want, 7), 0);
	CU_ASSERT_EQUAL(r->nr, 3);
	CU_ASSERT_TRUE(logged(r, 0, 1, 2, 1, false) && logged(r, 1, 2, 0x0403, 2, false) &&
		       logged(r, 2, 4, 0x08070605, 4, false));
	CU_ASSERT_EQUAL(r->vm.traps.c[TRAP_MMIO].count, 4);
	r->nr = 0;
	mmio_write(&r->v, RIG_DEVICE + 4, want, 6);
	CU_ASSERT_TRUE(logged(r, 0, 4, 0x05040302, 4, true) && logged(r, 1, 8, 0x0706, 2, true));
	CU_ASSERT_EQUAL(r->nr, 2);
	rig_down(r);
}

/* Half in RAM, half in the device. */
static void test_mmio_crossing(void)
{
	struct rig *r = rig_up();
	u64 value = 0x8877665544332211;

	CU_ASSERT_PTR_NOT_NULL_FATAL(r);
	map(r, 0, DATA, PWU);
	map(r, 1, RIG_DEVICE, PWU);
	rig_enter(r, RIG_32, TOP);
	CU_ASSERT_EQUAL(mem_write(&r->v, SEG_DS, 0xffc, &value, 8), 0);
	CU_ASSERT_EQUAL(rig_get(r, DATA + 0xffc, 4), 0x44332211);
	CU_ASSERT_TRUE(logged(r, 0, 0, 0x88776655, 4, true));
	CU_ASSERT_EQUAL(mem_read(&r->v, SEG_DS, 0xffc, &value, 8), 0);
	CU_ASSERT_EQUAL(value, 0x0403020144332211);
	CU_ASSERT_EQUAL(r->nr, 2);
	rig_down(r);
}

/* ---- operands ------------------------------------------------------------------------------- */

static void test_direct(void)
{
	static struct mem_op op;
	struct rig *r = rig_up();

	CU_ASSERT_PTR_NOT_NULL_FATAL(r);
	map(r, 0, DATA, PWU);
	map(r, 1, DATA + 0x1000, PWU);
	map(r, 2, DATA, PWU);
	rig_enter(r, RIG_32, TOP);
	CU_ASSERT_EQUAL(mem_prepare(&r->v, SEG_DS, 0x123, 4, ACC_READ | ACC_WRITE, &op), 0);
	CU_ASSERT_FALSE(op.bounced);
	CU_ASSERT_PTR_EQUAL(op.data, r->vm.ram.host + DATA + 0x123);
	CU_ASSERT_TRUE(op.linear == 0x123 && op.size == 4);
	memcpy(op.data, "abcd", 4);
	mem_commit(&r->v, &op);
	CU_ASSERT_EQUAL(rig_get(r, DATA + 0x123, 4), 0x64636261);
	/* Two pages that are neighbours in the host: as good as one. */
	CU_ASSERT_EQUAL(mem_prepare(&r->v, SEG_DS, 0xff0, 512, ACC_READ, &op), 0);
	CU_ASSERT_FALSE(op.bounced);
	CU_ASSERT_PTR_EQUAL(op.data, r->vm.ram.host + DATA + 0xff0);
	CU_ASSERT_EQUAL(mem_prepare(&r->v, SEG_DS, 0x1, MEM_OP_MAX, ACC_READ, &op), 0);
	CU_ASSERT_FALSE(op.bounced);
	/* Not neighbours in this order. */
	CU_ASSERT_EQUAL(mem_prepare(&r->v, SEG_DS, 0x1ff0, 32, ACC_READ, &op), 0);
	CU_ASSERT_TRUE(op.bounced);
	CU_ASSERT_EQUAL(mem_prepare(&r->v, SEG_DS, 0x3000, 4, ACC_WRITE, &op), EXC);
	CU_ASSERT_TRUE(rig_raised(r, PF, true, 2));
	/* RAM's last byte is no neighbour of what follows in the host. */
	map(r, 3, RIG_RAM - 4096, PWU);
	map(r, 4, RIG_RAM, PWU);
	CU_ASSERT_EQUAL(mem_prepare_linear(&r->v, 0x3ffc, 8, ACC_READ, &op), 0);
	CU_ASSERT_TRUE(op.bounced);
	CU_ASSERT_EQUAL(memcmp(op.data, "\0\0\0\0\xff\xff\xff\xff", 8), 0);
	rig_down(r);
}

static void test_bounced(void)
{
	static struct mem_op op;
	struct rig *r = rig_up();

	CU_ASSERT_PTR_NOT_NULL_FATAL(r);
	map(r, 0, DATA + 0x1000, PWU);
	map(r, 1, DATA, PWU);
	map(r, 2, RIG_DEVICE, PWU);
	rig_enter(r, RIG_32, TOP);
	rig_put(r, DATA + 0x1ff9, 0x44332211, 4);
	rig_put(r, DATA, 0x99, 1);
	CU_ASSERT_EQUAL(mem_prepare(&r->v, SEG_DS, 0xff9, 16, ACC_READ | ACC_WRITE, &op), 0);
	CU_ASSERT_TRUE(op.bounced);
	CU_ASSERT_EQUAL(memcmp(op.data, "\x11\x22\x33\x44\0\0\0\x99", 8), 0);
	/* What a native instruction says of its alignment, it says of the guest's. */
	CU_ASSERT_EQUAL((uintptr_t)op.data % 64, 0xff9 % 64);
	memset(op.data, 0xab, 16);
	CU_ASSERT_EQUAL(rig_get(r, DATA, 1), 0x99);
	mem_commit(&r->v, &op);
	CU_ASSERT_EQUAL(rig_get(r, DATA + 0x1ff9, 7), 0xabababababababull);
	CU_ASSERT_EQUAL(rig_get(r, DATA, 8), 0xababababababababull);
	CU_ASSERT_EQUAL(rig_get(r, DATA + 8, 2), 0x00ab);
	/* Reading only: commit changes nothing. */
	CU_ASSERT_EQUAL(mem_prepare(&r->v, SEG_DS, 0xff9, 16, ACC_READ, &op), 0);
	memset(op.data, 0xcd, 16);
	mem_commit(&r->v, &op);
	CU_ASSERT_EQUAL(rig_get(r, DATA, 8), 0xababababababababull);
	/* The largest, from the buffer's worst place. */
	CU_ASSERT_EQUAL(mem_prepare(&r->v, SEG_DS, 0x3f, MEM_OP_MAX, ACC_READ, &op), 0);
	CU_ASSERT_TRUE(op.data + op.size <= op.buf + sizeof(op.buf));
	CU_ASSERT_EQUAL(op.data[0xff9 - 0x3f], 0xab);
	/* Devices: one read at most, one write at most. */
	CU_ASSERT_EQUAL(mem_prepare(&r->v, SEG_DS, 0x2040, 4, ACC_READ | ACC_WRITE, &op), 0);
	CU_ASSERT_EQUAL(r->nr, 1);
	CU_ASSERT_EQUAL(memcmp(op.data, "\x41\x42\x43\x44", 4), 0);
	op.data[0] = 0;
	mem_commit(&r->v, &op);
	CU_ASSERT_EQUAL(r->nr, 2);
	CU_ASSERT_TRUE(logged(r, 1, 0x40, 0x44434200, 4, true));
	CU_ASSERT_EQUAL(mem_prepare(&r->v, SEG_DS, 0x2040, 4, ACC_WRITE, &op), 0);
	CU_ASSERT_EQUAL(r->nr, 2);
	rig_down(r);
}

/* ---- instructions --------------------------------------------------------------------------- */

static void test_fetch_limits(void)
{
	static const struct {
		u64 base;
		u32 limit;
		u64 rip;
		u32 got;
	} t[] = {
		{ 0x1000, 0xffff, 0, 15 },
		{ 0x1000, 0xffff, 0xfffa, 6 },
		{ 0x1000, 0xffff, 0xffff, 1 },
		{ 0x1000, 0xffff, 0x10000, 0 },
		{ 0x1000, 0xfffffffe, 0xfffffff9, 6 },
		{ 0x1000, 0xffffffff, 0xfffffff9, 15 },
		{ 0x1000, 0xffffffff, 0x100000000, 0 },
		{ 0x1000, 14, 0, 15 },
		{ 0x1000, 13, 0, 14 },
	};
	struct rig *r = rig_up();
	u8 buf[15];

	CU_ASSERT_PTR_NOT_NULL_FATAL(r);
	for (unsigned int i = 0; i < 0x20000; i++)
		rig_put(r, i, (u8)(i * 7), 1);
	for (unsigned int i = 0; i < ARRAY_SIZE(t); i++) {
		unsigned int wrong = 0;

		rig_enter(r, RIG_OFF, 0);
		r->v.s.seg[SEG_CS].base = t[i].base;
		r->v.s.seg[SEG_CS].limit = t[i].limit;
		vcpu_derive(&r->v);
		r->v.s.rip = t[i].rip;
		CU_ASSERT_EQUAL(mem_fetch(&r->v, buf, sizeof(buf)), t[i].got);
		for (u32 k = 0; k < t[i].got; k++)
			wrong += buf[k] != (u8)((u32)(t[i].base + t[i].rip + k) * 7);
		CU_ASSERT_EQUAL(wrong, 0);
		CU_ASSERT_TRUE(t[i].got == 15 || rig_raised(r, GP, true, 0));
	}
	rig_down(r);
}

static void test_fetch_pages(void)
{
	struct rig *r = rig_up();
	u8 buf[15];

	CU_ASSERT_PTR_NOT_NULL_FATAL(r);
	map(r, 0, DATA + 0x1000, PWU);
	map(r, 1, DATA, PWU);
	map(r, 2, RIG_DEVICE, PWU);
	rig_put(r, DATA + 0x1ffe, 0x2211, 2);
	rig_put(r, DATA, 0x4433, 2);
	rig_enter(r, RIG_32, TOP);
	r->v.s.rip = 0xffe;
	CU_ASSERT_EQUAL(mem_fetch(&r->v, buf, sizeof(buf)), 15);
	CU_ASSERT_EQUAL(memcmp(buf, "\x11\x22\x33\x44\0", 5), 0);
	CU_ASSERT_EQUAL(mem_fetch(&r->v, buf, 2), 2);
	/* Supervisor code may not run in user pages under SMEP: not a byte. */
	r->v.s.cr4 |= CR4_SMEP;
	map(r, 0, DATA + 0x1000, P | W);
	vcpu_derive(&r->v);
	CU_ASSERT_EQUAL(mem_fetch(&r->v, buf, sizeof(buf)), 2);
	CU_ASSERT_TRUE(rig_raised(r, PF, true, 0x11));
	CU_ASSERT_EQUAL(r->v.exc.cr2, 0x1000);
	/* Code can be in a device, too. */
	r->v.s.cr4 = 0;
	vcpu_derive(&r->v);
	r->v.s.rip = 0x2005;
	CU_ASSERT_EQUAL(mem_fetch(&r->v, buf, 3), 3);
	CU_ASSERT_EQUAL(memcmp(buf, "\x06\x07\x08", 3), 0);
	rig_enter(r, RIG_LONG, TOP);
	r->v.s.rip = 0x800000000000;
	CU_ASSERT_EQUAL(mem_fetch(&r->v, buf, 15), 0);
	CU_ASSERT_TRUE(rig_raised(r, GP, true, 0));
	rig_down(r);
}
CU_TestInfo tests_mem[] = {
	{ "around the end of 4 GiB", test_wrap },
	{ "all sizes, within pages and across", test_sizes },
	{ "both pages are checked first", test_crossing },
	{ "alignment checks", test_alignment },
	{ "devices, and how they are accounted", test_mmio },
	{ "wide and odd accesses to devices", test_mmio_cut },
	{ "half RAM, half device", test_mmio_crossing },
	{ "operands in RAM itself", test_direct },
	{ "operands by way of a buffer", test_bounced },
	{ "fetching within the limit of CS", test_fetch_limits },
	{ "fetching across pages", test_fetch_pages },
	CU_TEST_INFO_NULL,
};

/* SPDX-License-Identifier: MIT */
/* Walks of page tables: addresses, rights, error codes, accessed and dirty bits. */
#include "tests/unit/paging_rig.h"

static void test_off(void)
{
	struct rig *r = rig_up();
	struct mmu_tlb_entry *e;

	CU_ASSERT_PTR_NOT_NULL_FATAL(r);
	ASSERT_GPA(r, 0x12345, ACC_READ | ACC_WRITE | ACC_EXEC, 0x12345);
	rig_enter(r, RIG_OFF, 0);
	rig_cpl(r, 3);
	ASSERT_GPA(r, RIG_RAM - 1, ACC_WRITE, RIG_RAM - 1);
	CU_ASSERT_EQUAL(mmu_translate(&r->v, RIG_RAM - 4096, ACC_READ, &e), 0);
	CU_ASSERT_PTR_EQUAL(e->host, r->vm.ram.host + RIG_RAM - 4096);
	CU_ASSERT_EQUAL(mmu_translate(&r->v, RIG_RAM, ACC_READ, &e), 0);
	CU_ASSERT_PTR_NULL(e->host);
	CU_ASSERT_EQUAL(e->gpa, RIG_RAM);
	/* Only 32 address bits leave a processor that is not in long mode. */
	ASSERT_GPA(r, 0x100012345, ACC_READ, 0x12345);
	CU_ASSERT_EQUAL(mmu_peek(&r->v, 0x12345), 0x12345);
	rig_down(r);
}

static void test_32(void)
{
	struct rig *r = rig_up();

	CU_ASSERT_PTR_NOT_NULL_FATAL(r);
	rig_enter(r, RIG_32, TOP | 0x18);
	rig_put(r, TOP + 0x301 * 4, T1 | PWU, 4);
	rig_put(r, T1 + 0x23 * 4, DATA | PWU, 4);
	ASSERT_GPA(r, 0xc0423456, ACC_WRITE, DATA + 0x456);
	ASSERT_PF(r, 0xc0424456, ACC_READ, 0);
	ASSERT_PF(r, 0xc0824456, ACC_WRITE, E_W);
	/* PS counts with CR4.PSE alone; without it the entry is one of a table. */
	rig_put(r, TOP + 4, 0xc00000 | PS | PWU, 4);
	rig_put(r, TOP + 8, T1 | PS | PWU, 4);
	ASSERT_GPA(r, 0x823456, ACC_READ, DATA + 0x456);
	r->v.s.cr4 |= CR4_PSE;
	vcpu_derive(&r->v);
	ASSERT_GPA(r, 0x52f456, ACC_READ, 0xc00000 + 0x12f456);
	/* Bits 20:13 are address bits 39:32. T1 has two of them set. */
	rig_put(r, TOP + 8, 0x00400000 | 0xa5 << 13 | PS | PWU, 4);
	ASSERT_GPA(r, 0x923456, ACC_READ, 0xa500523456);
	rig_put(r, TOP + 12, 0x00400000 | BIT(21) | PS | PWU, 4);
	ASSERT_PF(r, 0xc23456, ACC_READ, E_P | E_RSVD);
	rig_down(r);
}

static void test_pse36(void)
{
	static const struct {
		u32 bits, pse36, reserved;
	} t[] = {
		{ 36, BIT(17), 0x3e0000 }, { 40, BIT(17), 0x200000 }, { 52, BIT(17), 0x200000 },
		{ 32, BIT(17), 0x3fe000 }, { 40, 0, 0x3fe000 },
	};
	struct rig *r = rig_up();

	CU_ASSERT_PTR_NOT_NULL_FATAL(r);
	for (unsigned int i = 0; i < ARRAY_SIZE(t); i++) {
		cpuid_find(&r->vm.cpuid, 1, 0)->edx = t[i].pse36;
		cpuid_find(&r->vm.cpuid, 0x80000008, 0)->eax = t[i].bits;
		mmu_init(&r->v);
		rig_enter(r, RIG_32, TOP);
		r->v.s.cr4 |= CR4_PSE;
		vcpu_derive(&r->v);
		for (unsigned int bit = 12; bit < 22; bit++) {
			bool bad = t[i].reserved & BIT(bit);

			mmu_flush(&r->v, true);
			rig_put(r, TOP, BIT(bit) | PS | PWU, 4);
			CU_ASSERT_EQUAL(rig_translate(r, 5, ACC_READ) == NOTHING, bad);
			CU_ASSERT_TRUE(!bad || faulted(r, 5, E_P | E_RSVD));
		}
	}
	rig_down(r);
}

static void test_pae(void)
{
	struct rig *r = rig_up();
	u64 pdpt = TOP + 0x20;

	CU_ASSERT_PTR_NOT_NULL_FATAL(r);
	rig_put(r, pdpt + 3 * 8, T2 | P, 8);
	rig_put(r, T2 + 0x1ff * 8, T1 | PWU, 8);
	rig_put(r, T1 + 0x1fe * 8, DATA | PWU, 8);
	rig_put(r, T2 + 8, 0x600000 | PS | PWU, 8);
	rig_enter(r, RIG_PAE, pdpt);
	ASSERT_GPA(r, 0xffffe123, ACC_WRITE, DATA + 0x123);
	ASSERT_GPA(r, 0xc0212345, ACC_WRITE, 0x612345);
	ASSERT_PF(r, 0x12345, ACC_READ, 0);
	/* The registers hold what was loaded, whatever memory says later. */
	rig_put(r, pdpt, T2 | P, 8);
	rig_put(r, pdpt + 3 * 8, 0, 8);
	mmu_flush(&r->v, true);
	ASSERT_GPA(r, 0xffffe123, ACC_WRITE, DATA + 0x123);
	ASSERT_PF(r, 0x12345, ACC_WRITE, E_W);
	CU_ASSERT_EQUAL(mmu_load_pdptes(&r->v, pdpt), 0);
	mmu_flush(&r->v, true);
	ASSERT_GPA(r, 0x212345, ACC_READ, 0x612345);
	/* NX is reserved until EFER.NXE; bits 62:52 always are. */
	rig_put(r, T2 + 8, 0x600000 | PS | PWU | NX, 8);
	mmu_flush(&r->v, true);
	ASSERT_PF(r, 0x212345, ACC_READ, E_P | E_RSVD);
	r->v.s.efer = EFER_NXE;
	vcpu_derive(&r->v);
	ASSERT_GPA(r, 0x212345, ACC_READ, 0x612345);
	ASSERT_PF(r, 0x212345, ACC_EXEC, E_P | E_I);
	rig_put(r, T2 + 16, 0x600000 | PS | PWU | BIT64(52), 8);
	ASSERT_PF(r, 0x412345, ACC_READ, E_P | E_RSVD);
	rig_put(r, T2 + 16, 0x600000 | PS | PWU | BIT64(13), 8);
	ASSERT_PF(r, 0x412345, ACC_READ, E_P | E_RSVD);
	rig_down(r);
}

static void test_pdptes(void)
{
	struct rig *r = rig_up();

	CU_ASSERT_PTR_NOT_NULL_FATAL(r);
	rig_put(r, TOP, T2 | P, 8);
	rig_put(r, T2, 0x600000 | PS | PWU, 8);
	rig_enter(r, RIG_PAE, TOP);
	for (unsigned int bit = 1; bit < 64; bit++) {
		bool reserved = bit == 1 || bit == 2 || (bit >= 5 && bit <= 8) || bit >= 40;

		rig_put(r, TOP + 0x40, T3 | P, 8);
		rig_put(r, TOP + 0x58, BIT64(bit) | P, 8);
		CU_ASSERT_EQUAL(mmu_load_pdptes(&r->v, TOP + 0x40), reserved ? EXC : 0);
		if (!reserved) {
			CU_ASSERT_EQUAL(mmu_load_pdptes(&r->v, TOP), 0);
			continue;
		}
		CU_ASSERT_EQUAL(r->v.exc.vector, GP);
		CU_ASSERT_TRUE(r->v.exc.has_error && r->v.exc.error == 0);
		/* Nothing was loaded. */
		mmu_flush(&r->v, true);
		ASSERT_GPA(r, 5, ACC_READ, 0x600005);
		/* Without P no bit matters. */
		rig_put(r, TOP + 0x58, BIT64(bit), 8);
		CU_ASSERT_EQUAL(mmu_load_pdptes(&r->v, TOP + 0x40), 0);
		CU_ASSERT_EQUAL(mmu_load_pdptes(&r->v, TOP), 0);
	}
	/* Nobody's memory: all ones. */
	CU_ASSERT_EQUAL(mmu_load_pdptes(&r->v, RIG_RAM), EXC);
	rig_down(r);
}

static void test_long(void)
{
	struct rig *r = rig_up();
	u64 high = 0xffff800000000000;

	CU_ASSERT_PTR_NOT_NULL_FATAL(r);
	map_long(r, 0x7fffdeadb000, PWU);
	rig_enter(r, RIG_LONG, TOP);
	ASSERT_GPA(r, 0x7fffdeadb123, ACC_WRITE, DATA + 0x123);
	ASSERT_PF(r, 0x7fffdeadc123, ACC_EXEC, 0);
	/* 2 MiB and 1 GiB pages, one table for both. */
	rig_put(r, TOP + 256 * 8, T3 | PWU, 8);
	rig_put(r, T3, T2 | PWU, 8);
	rig_put(r, T2, 0x400000 | PS | BIT64(12) | PWU, 8);
	rig_put(r, T3 + 8, 0x40000000 | PS | BIT64(12) | PWU, 8);
	ASSERT_GPA(r, high + 0x1fffff, ACC_READ, 0x5fffff);
	ASSERT_GPA(r, high + 0x7fffffff, ACC_READ, 0x7fffffff);
	/* Non-canonical addresses have no page to fault on. */
	CU_ASSERT_EQUAL(rig_translate(r, 0x800000000000, ACC_READ), NOTHING);
	CU_ASSERT_EQUAL(r->v.exc.vector, GP);
	CU_ASSERT_EQUAL(rig_translate(r, high - 1, ACC_READ), NOTHING);
	CU_ASSERT_EQUAL(r->v.exc.vector, GP);
	CU_ASSERT_EQUAL(mmu_peek(&r->v, 0x800000000000), NOTHING);
	/* Compatibility mode has the same tables, and the system's addresses are 64 bits wide. */
	rig_enter(r, RIG_COMPAT, TOP);
	ASSERT_GPA(r, 0x7fffdeadb123, ACC_READ | ACC_SYSTEM, DATA + 0x123);
	/* No 1 GiB pages: PS is reserved. */
	cpuid_find(&r->vm.cpuid, 0x80000001, 0)->edx = 0;
	mmu_init(&r->v);
	ASSERT_PF(r, high + 0x7fffffff, ACC_READ, E_P | E_RSVD);
	rig_down(r);
}

/* Every bit of every level's entry: reserved or not. */
static void test_reserved(void)
{
	static const u64 slot[] = { T1, T2, T3, TOP };
	struct rig *r = rig_up();

	CU_ASSERT_PTR_NOT_NULL_FATAL(r);
	for (unsigned int bits = 36; bits <= 52; bits += 8) {
		cpuid_find(&r->vm.cpuid, 0x80000008, 0)->eax = bits;
		mmu_init(&r->v);
		for (unsigned int n = 0; n < 4 * 64 * 2; n++) {
			unsigned int level = n / 128 + 1, bit = n / 2 % 64;
			bool large = n % 2 && (level == 2 || level == 3);
			u64 entry, extra = large ? PS : 0;
			bool bad = bit >= bits && bit < 52;

			/* P and PS, which make another entry of it, are met elsewhere. */
			if (bit == 0 || (level == 1 && n % 2) ||
			    (bit == 7 && (level == 2 || level == 3)))
				continue;
			bad |= bit == 63 || (level == 4 && bit == 7);
			bad |= large && bit >= 13 && bit < 12 + 9 * (level - 1);
			map_long(r, 0, PWU);
			rig_enter(r, RIG_LONG, TOP);
			entry = rig_get(r, slot[level - 1], 8);
			if (large)
				entry = PWU;
			rig_put(r, slot[level - 1], entry | extra | BIT64(bit), 8);
			rig_translate(r, 0, ACC_READ);
			/* A good address bit leads to some other table, whose faults are not ours.
			 */
			CU_ASSERT_EQUAL(faulted(r, 0, E_P | E_RSVD) &&
						!(bit >= 12 && bit < bits && !large && level > 1),
					bad);
			r->v.exc.vector = 0;
		}
	}
	rig_down(r);
}

/* G means nothing where an entry maps no page; AMD's processors want it clear there. */
static void test_reserved_global(void)
{
	static const u64 slot[] = { T1, T2, T3, TOP };
	struct rig *r = rig_up();
	struct cpuid_table *t;

	CU_ASSERT_PTR_NOT_NULL_FATAL(r);
	t = &r->vm.cpuid;
	for (unsigned int amd = 0; amd < 2; amd++) {
		if (amd)
			t->leaf[t->nr++] = (struct cpuid_leaf){ .ebx = 0x68747541 };
		mmu_init(&r->v);
		for (unsigned int level = 1; level <= 4; level++) {
			map_long(r, 0, PWU);
			rig_enter(r, RIG_LONG, TOP);
			rig_put(r, slot[level - 1], rig_get(r, slot[level - 1], 8) | G, 8);
			if (amd && level > 2)
				ASSERT_PF(r, 0, ACC_READ, E_P | E_RSVD);
			else
				ASSERT_GPA(r, 0, ACC_READ, DATA);
		}
	}
	rig_down(r);
}

/* ---- rights, against the rules written down again ------------------------------------------- */

struct rule {
	bool user, write, nx; /* of the page */
	bool cpl3, system, ac, wp, smep, smap, nxe;
};

static bool allowed(const struct rule *x, u32 access)
{
	bool user_mode = x->cpl3 && !x->system;

	if (user_mode) {
		if (!x->user)
			return false;
		if (access & ACC_WRITE && !x->write)
			return false;
	} else {
		if (access & ACC_WRITE && !x->write && x->wp)
			return false;
		if (access & ACC_EXEC && x->smep && x->user)
			return false;
		if (access & (ACC_READ | ACC_WRITE) && x->smap && x->user && (x->system || !x->ac))
			return false;
	}
	return !(access & ACC_EXEC && x->nx);
}

static void random_page(struct rig *r, struct rule *x, u64 linear)
{
	static const u64 next[] = { T3, T2, T1, DATA };
	u64 table = TOP;

	x->user = x->write = true;
	x->nx = false;
	for (unsigned int level = 4; level; level--) {
		u64 dice = rig_random(r) >> 20;
		/* All levels alike in most cases, so that one bit in one level shows. */
		bool user = dice & 7, write = dice & 0x38, nx = !(dice & 0x3c0) && x->nxe;

		rig_put(r, table + (linear >> (12 + 9 * (level - 1)) & 511) * 8,
			next[4 - level] | P | (user ? U : 0) | (write ? W : 0) | (nx ? NX : 0), 8);
		x->user &= user;
		x->write &= write;
		x->nx |= nx;
		table = next[4 - level];
	}
}

static u32 expected_error(const struct rule *x, u32 access)
{
	return E_P | (access & ACC_WRITE ? E_W : 0) | (x->cpl3 && !x->system ? E_U : 0) |
	       (access & ACC_EXEC && (x->nxe || x->smep) ? E_I : 0);
}

static void random_state(struct rig *r, struct rule *x)
{
	u64 dice = rig_random(r) >> 20;
	struct cpu_state *s = &r->v.s;

	x->wp = dice & 4;
	x->smep = dice & 8;
	x->smap = dice & 16;
	x->nxe = dice & 32;
	s->cr0 = CR0_PE | CR0_PG | (x->wp ? CR0_WP : 0);
	s->cr4 = CR4_PAE | (x->smep ? CR4_SMEP : 0) | (x->smap ? CR4_SMAP : 0);
	s->efer = EFER_LME | EFER_LMA | (x->nxe ? EFER_NXE : 0);
}

/* CPL and AC change without a word to the TLB. */
static void random_privilege(struct rig *r, struct rule *x)
{
	u64 dice = rig_random(r) >> 20;

	x->cpl3 = dice & 1;
	x->ac = dice & 2;
	x->system = !(dice & 0x1c);
	r->v.s.rflags = RFLAGS_FIXED | (x->ac ? RFLAGS_AC : 0);
	r->v.cpl = x->cpl3 ? 3 : 0;
}

static void test_rights(void)
{
	static const u32 accesses[] = { ACC_READ, ACC_WRITE, ACC_READ | ACC_WRITE, ACC_EXEC };
	struct rig *r = rig_up();
	const u64 linear = 0x123456789000;
	unsigned int wrong = 0, denied = 0, total = 0;
	struct rule x;

	CU_ASSERT_PTR_NOT_NULL_FATAL(r);
	rig_enter(r, RIG_LONG, TOP);
	for (unsigned int n = 0; n < 20000; n++) {
		random_state(r, &x);
		random_page(r, &x, linear);
		vcpu_derive(&r->v);
		mmu_flush(&r->v, true);
		/* Several on one page: later ones meet the TLB as earlier ones left it. */
		for (unsigned int k = 0; k < 6; k++) {
			u32 access = accesses[rig_random(r) >> 20 & 3];
			bool ok;

			random_privilege(r, &x);
			if (access & ACC_EXEC)
				x.system = false;
			ok = allowed(&x, access);
			access |= x.system ? ACC_SYSTEM : 0;
			if (rig_translate(r, linear, access) != (ok ? DATA : NOTHING))
				wrong++;
			else if (!ok && !faulted(r, linear, expected_error(&x, access)))
				wrong++;
			denied += !ok;
			total++;
		}
	}
	CU_ASSERT_EQUAL(wrong, 0);
	/* The dice are worth something: both answers come often. */
	CU_ASSERT_TRUE(denied > total / 10 && denied < total * 9 / 10);
	rig_down(r);
}

/* ---- accessed and dirty --------------------------------------------------------------------- */

static u64 bits_set(struct rig *r, u64 which)
{
	static const u64 slot[] = { TOP, T3, T2, T1 };
	u64 set = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(slot); i++)
		set |= rig_get(r, slot[i], 8) & which ? BIT64(i) : 0;
	return set;
}

static void test_accessed(void)
{
	struct rig *r = rig_up();

	CU_ASSERT_PTR_NOT_NULL_FATAL(r);
	map_long(r, 0, P);
	rig_enter(r, RIG_LONG, TOP);
	r->v.s.cr0 |= CR0_WP;
	vcpu_derive(&r->v);
	/* Walks that fault leave no trace, whether here or below. */
	ASSERT_PF(r, 0, ACC_WRITE, E_P | E_W);
	ASSERT_PF(r, 0x1000, ACC_READ, 0);
	CU_ASSERT_EQUAL(bits_set(r, A | D), 0);
	CU_ASSERT_EQUAL(mmu_peek(&r->v, 0x123), DATA + 0x123);
	CU_ASSERT_EQUAL(bits_set(r, A | D), 0);
	map_long(r, 0, P | W);
	ASSERT_GPA(r, 0, ACC_READ, DATA);
	CU_ASSERT_EQUAL(bits_set(r, A), 15);
	CU_ASSERT_EQUAL(bits_set(r, D), 0);
	/* The page is in the TLB by now; the first write is seen all the same. */
	ASSERT_GPA(r, 0, ACC_WRITE, DATA);
	CU_ASSERT_EQUAL(bits_set(r, D), 8);
	/* A later write need not look again. */
	map_long(r, 0, P | W);
	ASSERT_GPA(r, 0, ACC_WRITE, DATA);
	CU_ASSERT_EQUAL(bits_set(r, A | D), 0);
	/* Large pages: the dirty bit is one level up, nothing is written below. */
	rig_put(r, T2, 0x400000 | PS | PWU, 8);
	mmu_flush(&r->v, true);
	ASSERT_GPA(r, 0, ACC_WRITE, 0x400000);
	CU_ASSERT_EQUAL(bits_set(r, A), 7);
	CU_ASSERT_EQUAL(bits_set(r, D), 4);
	rig_down(r);
}

static void test_accessed_legacy(void)
{
	struct rig *r = rig_up();

	CU_ASSERT_PTR_NOT_NULL_FATAL(r);
	rig_put(r, TOP, T1 | PWU, 4);
	rig_put(r, T1, DATA | PWU, 4);
	rig_enter(r, RIG_32, TOP);
	ASSERT_GPA(r, 0, ACC_WRITE, DATA);
	CU_ASSERT_EQUAL(rig_get(r, TOP, 4), T1 | PWU | A);
	CU_ASSERT_EQUAL(rig_get(r, T1, 4), DATA | PWU | A | D);
	/* PDPTEs have no accessed bit. */
	rig_put(r, TOP, T2 | P, 8);
	rig_put(r, T2, T1 | PWU, 8);
	rig_put(r, T1, DATA | PWU, 8);
	rig_enter(r, RIG_PAE, TOP);
	ASSERT_GPA(r, 0, ACC_WRITE, DATA);
	CU_ASSERT_EQUAL(rig_get(r, TOP, 8), T2 | P);
	CU_ASSERT_EQUAL(rig_get(r, T2, 8), T1 | PWU | A);
	CU_ASSERT_EQUAL(rig_get(r, T1, 8), DATA | PWU | A | D);
	rig_down(r);
}

/* ---- tables outside RAM ---------------------------------------------------------------------- */

static void test_nowhere(void)
{
	struct rig *r = rig_up();

	CU_ASSERT_PTR_NOT_NULL_FATAL(r);
	/* Tables beyond RAM are all ones: present, and impossible. */
	rig_enter(r, RIG_LONG, RIG_RAM);
	ASSERT_PF(r, 0x5000, ACC_READ, E_P | E_RSVD);
	/* 32-bit tables have no reserved bits, so all ones map the last page. */
	rig_put(r, TOP, (RIG_RAM + 4096) | PWU, 4);
	rig_enter(r, RIG_32, TOP);
	ASSERT_GPA(r, 0x5123, ACC_WRITE, 0xfffff123);
	CU_ASSERT_EQUAL(rig_get(r, TOP, 4), (RIG_RAM + 4096) | PWU | A);
	CU_ASSERT_EQUAL(r->nr, 0);
	/* The device's registers are not read as tables either. */
	rig_enter(r, RIG_LONG, RIG_DEVICE);
	ASSERT_PF(r, 0x5000, ACC_READ, E_P | E_RSVD);
	CU_ASSERT_EQUAL(r->nr, 0);
	rig_down(r);
}
CU_TestInfo tests_mmu[] = {
	{ "no paging: addresses are themselves", test_off },
	{ "32-bit paging, 4 MiB pages", test_32 },
	{ "PSE-36 and its reserved bits", test_pse36 },
	{ "PAE, 2 MiB pages, NX", test_pae },
	{ "PDPTE registers and their reserved bits", test_pdptes },
	{ "four levels, 2 MiB and 1 GiB pages", test_long },
	{ "reserved bits of every level", test_reserved },
	{ "the global bit of tables", test_reserved_global },
	{ "rights and error codes, at random", test_rights },
	{ "accessed and dirty bits", test_accessed },
	{ "accessed and dirty bits of 32-bit and PAE tables", test_accessed_legacy },
	{ "tables that are not in RAM", test_nowhere },
	CU_TEST_INFO_NULL,
};

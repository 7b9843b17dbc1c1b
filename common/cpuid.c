/* SPDX-License-Identifier: MIT */
#include "common/cpuid.h"
#include "common/cpu_state.h"

#include <cpuid.h>
#include <errno.h>
#include <string.h>

enum { EAX, EBX, ECX, EDX };
enum { HOST = 9 }; /* level of features that only the "host" model has */

enum feature_id {
#define FEATURE(name, level, function, index, reg, bit) F_##name,
#include "common/cpuid.def"
#undef FEATURE
	NR_FEATURES
};

static const struct feature {
	const char *name;
	u32 function;
	u8 level, index, reg, bit;
} features[NR_FEATURES] = {
#define FEATURE(name, level, function, index, reg, bit) \
	[F_##name] = { #name, function, level, index, reg, bit },
#include "common/cpuid.def"
#undef FEATURE
};

/* The board's local APIC is software under every backend: these do not depend on the host. */
static const u8 board_features[] = { F_APIC, F_X2APIC, F_TSC_DEADLINE };

/* What a level demands of the host, psABI table 3.1; cumulative. */
static const struct {
	u8 level, feature;
} required[] = {
	{ 1, F_CMOV },	 { 1, F_CX8 },	  { 1, F_FPU },	    { 1, F_FXSR },   { 1, F_MMX },
	{ 1, F_SSE },	 { 1, F_SSE2 },	  { 1, F_SYSCALL }, { 1, F_LM },     { 2, F_CX16 },
	{ 2, F_LAHF64 }, { 2, F_POPCNT }, { 2, F_SSE3 },    { 2, F_SSE4_1 }, { 2, F_SSE4_2 },
	{ 2, F_SSSE3 },	 { 3, F_AVX },	  { 3, F_AVX2 },    { 3, F_BMI1 },   { 3, F_BMI2 },
	{ 3, F_F16C },	 { 3, F_FMA },	  { 3, F_LZCNT },   { 3, F_MOVBE },  { 3, F_XSAVE },
};

/* FEATURE makes no sense without NEEDS. In an order in which one pass settles everything. */
static const struct {
	u8 feature, needs;
} depends[] = {
	{ F_XSAVEOPT, F_XSAVE },
	{ F_XSAVEC, F_XSAVE },
	{ F_XGETBV1, F_XSAVE },
	{ F_XSAVEERPTR, F_XSAVE },
	{ F_AVX, F_XSAVE },
	{ F_FMA, F_AVX },
	{ F_F16C, F_AVX },
	{ F_AVX2, F_AVX },
	{ F_VAES, F_AVX2 },
	{ F_VPCLMUL, F_AVX2 },
	{ F_AVXVNNI, F_AVX2 },
	{ F_AVX512F, F_AVX2 },
	{ F_AVX512DQ, F_AVX512F },
	{ F_AVX512IFMA, F_AVX512F },
	{ F_AVX512CD, F_AVX512F },
	{ F_AVX512BW, F_AVX512F },
	{ F_AVX512VL, F_AVX512F },
	{ F_AVX512VBMI, F_AVX512F },
	{ F_AVX512VBMI2, F_AVX512F },
	{ F_AVX512VNNI, F_AVX512F },
	{ F_AVX512BITALG, F_AVX512F },
	{ F_AVX512VPOPCNT, F_AVX512F },
	{ F_AVX512VP2I, F_AVX512F },
	{ F_AVX512BF16, F_AVX512F },
};

/* XCR0 components by the feature that owns them; SDM vol. 1 section 13.1. */
static const struct {
	u8 bit, feature;
} xcr0_owner[] = {
	{ 0, F_XSAVE },	  { 1, F_XSAVE },   { 2, F_AVX },
	{ 5, F_AVX512F }, { 6, F_AVX512F }, { 7, F_AVX512F },
};

/* Bits of 8000_0001h EDX that AMD repeats from 1 EDX. */
#define AMD_REPEATED 0x0183f3ff

static u32 *leaf_reg(struct cpuid_leaf *l, unsigned int reg)
{
	u32 *r[4] = { &l->eax, &l->ebx, &l->ecx, &l->edx };

	return r[reg];
}

struct cpuid_leaf *cpuid_find(struct cpuid_table *table, u32 function, u32 index)
{
	for (unsigned int i = 0; i < table->nr; i++) {
		struct cpuid_leaf *l = &table->leaf[i];

		if (l->function == function && (!l->indexed || l->index == index))
			return l;
	}
	return NULL;
}

static struct cpuid_leaf host_leaf(u32 function, u32 index)
{
	struct cpuid_leaf l = { .function = function, .index = index };

	__cpuid_count(function, index, l.eax, l.ebx, l.ecx, l.edx);
	return l;
}

static struct cpuid_leaf *add(struct cpuid_table *t, struct cpuid_leaf leaf, bool indexed)
{
	struct cpuid_leaf *l = &t->leaf[t->nr];

	if (t->nr == CPUID_MAX)
		return l - 1; /* not reached: the builders below add a fixed number */
	t->nr++;
	*l = leaf;
	l->indexed = indexed;
	return l;
}

static bool has(struct cpuid_table *t, enum feature_id id)
{
	const struct feature *f = &features[id];
	struct cpuid_leaf *l = cpuid_find(t, f->function, f->index);

	return l && *leaf_reg(l, f->reg) & BIT(f->bit);
}

static void put(struct cpuid_table *t, enum feature_id id, bool on)
{
	const struct feature *f = &features[id];
	struct cpuid_leaf *l = cpuid_find(t, f->function, f->index);

	if (!l)
		return;
	if (on)
		*leaf_reg(l, f->reg) |= BIT(f->bit);
	else
		*leaf_reg(l, f->reg) &= ~BIT(f->bit);
}

/* Leaves that the host was asked for: where it is a guest itself CPUID takes 6 microseconds, and
 * there are a hundred features. */
struct asked {
	struct cpuid_leaf leaf[CPUID_MAX];
	unsigned int nr;
};

static struct cpuid_leaf *ask(struct asked *a, u32 function, u32 index)
{
	struct cpuid_leaf *l = a->leaf;

	for (; l < a->leaf + a->nr; l++)
		if (l->function == function && l->index == index)
			return l;
	if (a->nr == CPUID_MAX)
		l = a->leaf; /* not reached: features are in a dozen leaves */
	else
		a->nr++;
	*l = host_leaf(function, index);
	return l;
}

static bool host_has(struct asked *a, enum feature_id id)
{
	const struct feature *f = &features[id];

	if (f->function > ask(a, f->function & 0x80000000, 0)->eax)
		return false;
	if (f->index && f->function == 7 && ask(a, 7, 0)->eax < f->index)
		return false;
	return *leaf_reg(ask(a, f->function, f->index), f->reg) & BIT(f->bit);
}

static bool is_amd(struct cpuid_table *t)
{
	struct cpuid_leaf *l = cpuid_find(t, 0, 0);

	return l && (l->ecx == 0x444d4163 || l->ecx == 0x656e6961); /* "cAMD", "aine" (Hygon) */
}

/* Bytes of the standard-format XSAVE area for the components in MASK. */
static u32 xsave_size(struct cpuid_table *t, u64 mask)
{
	u32 size = 576;

	for (unsigned int i = 2; i < 63; i++) {
		struct cpuid_leaf *l = mask & BIT64(i) ? cpuid_find(t, 0xd, i) : NULL;

		if (l && l->ebx + l->eax > size)
			size = l->ebx + l->eax;
	}
	return size;
}

/* The same in the compacted format of XSAVEC; SDM vol. 1 section 13.4.3. */
static u32 compacted_size(struct cpuid_table *t, u64 mask)
{
	u32 size = 576;

	for (unsigned int i = 2; i < 63; i++) {
		struct cpuid_leaf *l = mask & BIT64(i) ? cpuid_find(t, 0xd, i) : NULL;

		if (l && l->eax)
			size = (u32)(l->ecx & BIT(1) ? ALIGN_UP(size, 64) : size) + l->eax;
	}
	return size;
}

/* Make what follows from the feature bits agree with them. */
static void normalize(struct cpuid_table *t)
{
	struct cpuid_leaf *d = cpuid_find(t, 0xd, 0), *x1 = cpuid_find(t, 0x80000001, 0);
	u32 mask = 0;

	for (size_t i = 0; i < ARRAY_SIZE(depends); i++)
		if (!has(t, depends[i].needs))
			put(t, depends[i].feature, false);
	if (x1 && is_amd(t))
		x1->edx = (x1->edx & ~AMD_REPEATED) | (cpuid_find(t, 1, 0)->edx & AMD_REPEATED);
	if (!d)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(xcr0_owner); i++)
		if (has(t, xcr0_owner[i].feature))
			mask |= BIT(xcr0_owner[i].bit);
	d->eax = mask;
	d->edx = 0;
	d->ebx = mask ? xsave_size(t, 1) : 0;
	d->ecx = mask ? xsave_size(t, mask) : 0;
	for (unsigned int i = 2; i < 32; i++) {
		struct cpuid_leaf *l = cpuid_find(t, 0xd, i);

		if (l && !(mask & BIT(i)))
			l->eax = l->ebx = l->ecx = l->edx = 0;
	}
}

static void add_basic(struct cpuid_table *t)
{
	struct cpuid_leaf top = host_leaf(0, 0), *l;
	u32 max = top.eax < 0xd ? 0xd : top.eax > 0x16 ? 0x16 : top.eax;

	l = add(t, top, false);
	l->eax = max;
	l = add(t, host_leaf(1, 0), false);
	l->ebx = 1u << 16 | (l->ebx & 0xff00); /* one logical CPU, APIC ID 0, CLFLUSH size */
	l->ecx = BIT(31);		       /* a hypervisor is present */
	l->edx = 0;
	if (top.eax >= 2 && !is_amd(t))
		add(t, host_leaf(2, 0), false);
	for (u32 i = 0; top.eax >= 4 && !is_amd(t) && i < 8; i++) {
		l = add(t, host_leaf(4, i), true);
		l->eax &= 0x3fff; /* caches shared by nobody, one core */
		if (!(l->eax & 0x1f))
			break;
	}
	add(t, (struct cpuid_leaf){ .function = 6, .eax = BIT(2) }, false); /* ARAT */
	add(t, (struct cpuid_leaf){ .function = 7, .index = 0, .eax = 1 }, true);
	add(t, (struct cpuid_leaf){ .function = 7, .index = 1 }, true);
	/* Topology: one thread of one core. */
	add(t, (struct cpuid_leaf){ .function = 0xb, .index = 0, .ebx = 1, .ecx = 0x100 }, true);
	add(t, (struct cpuid_leaf){ .function = 0xb, .index = 1, .ebx = 1, .ecx = 0x201 }, true);
	add(t, (struct cpuid_leaf){ .function = 0xd, .index = 0 }, true);
	add(t, (struct cpuid_leaf){ .function = 0xd, .index = 1 }, true);
	for (size_t i = 0; i < ARRAY_SIZE(xcr0_owner); i++)
		if (xcr0_owner[i].bit >= 2 && top.eax >= 0xd)
			add(t, host_leaf(0xd, xcr0_owner[i].bit), true)->ecx &= BIT(1);
	for (u32 f = 0x15; f <= 0x16 && f <= max; f++)
		add(t, host_leaf(f, 0), false);
	/* No paravirtual interface: the guest is to run unmodified, and alike on every backend. */
	add(t,
	    (struct cpuid_leaf){ .function = 0x40000000,
				 .eax = 0x40000000,
				 .ebx = 0x65627666,
				 .ecx = 0x2068636e,
				 .edx = 0x20202020 }, /* "fvbench     " */
	    false);
}

static void add_extended(struct cpuid_table *t)
{
	struct cpuid_leaf top = host_leaf(0x80000000, 0), *l;

	l = add(t, top, false);
	l->eax = is_amd(t) && top.eax >= 0x8000001d ? 0x8000001e : 0x80000008;
	l = add(t, host_leaf(0x80000001, 0), false);
	l->ecx = l->edx = 0;
	for (u32 f = 0x80000002; f <= 0x80000006 && f <= top.eax; f++)
		add(t, host_leaf(f, 0), false);
	add(t, (struct cpuid_leaf){ .function = 0x80000007 }, false);
	l = add(t, (struct cpuid_leaf){ .function = 0x80000008 }, false);
	/* 48-bit virtual addresses; physical ones as the host has them. */
	l->eax = 48u << 8 | (top.eax >= 0x80000008 ? host_leaf(0x80000008, 0).eax & 0xff : 36);
	if (!is_amd(t) || top.eax < 0x8000001d)
		return;
	for (u32 i = 0; i < 5; i++) {
		l = add(t, host_leaf(0x8000001d, i), true);
		l->eax &= 0x3fff;
		if (!(l->eax & 0x1f))
			break;
	}
	add(t, (struct cpuid_leaf){ .function = 0x8000001e }, false);
}

static int model_level(const char *model)
{
	if (!strcmp(model, "host"))
		return HOST;
	if (model[0] == 'v' && model[1] >= '1' && model[1] <= '3' && !model[2])
		return model[1] - '0';
	return -EINVAL;
}

int cpuid_build(struct cpuid_table *table, const char *model, struct error *err)
{
	struct asked asked = { .nr = 0 };
	int level = model_level(model);

	memset(table, 0, sizeof(*table));
	if (level < 0)
		return fail(err, -EINVAL, "no CPU model '%s'; use --cpu host, v1, v2 or v3", model);
	for (size_t i = 0; i < ARRAY_SIZE(required); i++)
		if (level != HOST && required[i].level <= level &&
		    !host_has(&asked, required[i].feature))
			return fail(err, -EINVAL,
				    "this host's processor has no %s, which x86-64-%s needs; "
				    "use a lower --cpu",
				    features[required[i].feature].name, model);
	add_basic(table);
	add_extended(table);
	for (unsigned int i = 0; i < NR_FEATURES; i++)
		put(table, i, features[i].level <= level && host_has(&asked, i));
	for (size_t i = 0; i < ARRAY_SIZE(board_features); i++)
		put(table, board_features[i], true);
	normalize(table);
	return 0;
}

int cpuid_check(const struct cpuid_table *table, const char *model, struct error *err)
{
	struct cpuid_table *t = (struct cpuid_table *)table; /* only looked at */
	int level = model_level(model);

	for (size_t i = 0; i < ARRAY_SIZE(required); i++)
		if (level != HOST && required[i].level <= level && !has(t, required[i].feature))
			return fail(err, -EINVAL,
				    "%s, which x86-64-%s needs, cannot be given to guests on this "
				    "host; use a lower --cpu",
				    features[required[i].feature].name, model);
	return 0;
}

void cpuid_intersect(struct cpuid_table *a, const struct cpuid_table *b)
{
	struct cpuid_table *other = (struct cpuid_table *)b; /* only looked at */
	struct cpuid_leaf *pa, *pb;

	for (unsigned int i = 0; i < NR_FEATURES; i++)
		if (!has(other, i))
			put(a, i, false);
	for (size_t i = 0; i < ARRAY_SIZE(board_features); i++)
		put(a, board_features[i], true);
	pa = cpuid_find(a, 0x80000008, 0);
	pb = cpuid_find(other, 0x80000008, 0);
	if (pa && pb && (pb->eax & 0xff) && (pb->eax & 0xff) < (pa->eax & 0xff))
		pa->eax = (pa->eax & ~0xffu) | (pb->eax & 0xff);
	normalize(a);
}

/* Below the last level of a topology leaf, ECX[7:0] and EDX still count (SDM vol. 2A, CPUID). */
static void no_such_level(struct cpuid_table *t, u32 function, u32 index, u32 out[4])
{
	struct cpuid_leaf *l = NULL;

	if (function == 0xb || function == 0x1f)
		l = cpuid_find(t, function, 1);
	if (!l)
		return;
	out[ECX] = index & 0xff;
	out[EDX] = l->edx;
}

void cpuid_query(const struct cpuid_table *table, u32 function, u32 index, u64 cr4, u64 xcr0,
		 bool apic_enabled, u32 out[4])
{
	struct cpuid_table *t = (struct cpuid_table *)table; /* only looked at */
	u32 range = function & 0xc0000000;
	struct cpuid_leaf *l, *top = cpuid_find(t, range, 0);

	/* No memset: the guest's vector registers may be live, and sanitizers make it a call. */
	out[0] = out[1] = out[2] = out[3] = 0;
	if (!top || function > top->eax) {
		if (is_amd(t))
			return;
		function = cpuid_find(t, 0, 0)->eax;
	}
	l = cpuid_find(t, function, index);
	if (!l) {
		no_such_level(t, function, index, out);
		return;
	}
	out[EAX] = l->eax;
	out[EBX] = l->ebx;
	out[ECX] = l->ecx;
	out[EDX] = l->edx;
	if (function == 1) {
		out[ECX] |= cr4 & CR4_OSXSAVE ? BIT(27) : 0;
		out[EDX] &= apic_enabled ? ~0u : ~BIT(9);
	}
	if (function == 0xd && index == 0 && l->eax)
		out[EBX] = xsave_size(t, xcr0);
	if (function == 0xd && index == 1 && l->eax & BIT(1))
		out[EBX] = compacted_size(t, xcr0);
}

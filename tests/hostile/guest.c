/* SPDX-License-Identifier: MIT */
#include "guest.h"

#define MODULES 8 /* in Multiboot's flags */
#define TOP	0x1ff

struct caught caught;
struct attempt_regs attempt_regs;
u64 recover_ip, recover_sp;
u8 loaded[64] __attribute__((aligned(64))), stored[64] __attribute__((aligned(64)));
u32 vector_bytes = 16;
bool wide;
const u64 *targets;
u32 nr_targets;
u64 ram_end;
u32 physical_bits;

extern u32 multiboot_info;
extern u64 page_root[512], page_pointers[512];

/* ---- exceptions ----------------------------------------------------------------------------- */

/* An attempt may come from CPL 3 or end on a stack that is none: go on as it began. */
static void on_exception(u8 vector, struct frame *f, uword error)
{
	/* An expectation that failed at CPL 3 wants to print: it goes on at CPL 0. */
	if (!recover_ip && vector == GP && f->cs & 3) {
		f->cs = SEL_KCODE;
		f->ss = SEL_KDATA;
		return;
	}
	if (!recover_ip) {
		expect("exception outside an attempt", vector, NO_FAULT);
		return;
	}
	caught = (struct caught){ vector, error, read_cr2(), f->ip };
	f->ip = recover_ip;
	f->sp = recover_sp;
}

#define X(vector)                                     \
	__interrupt void on_##vector(struct frame *f) \
	{                                             \
		on_exception(vector, f, 0);           \
	}
#define E(vector)                                                  \
	__interrupt void on_##vector(struct frame *f, uword error) \
	{                                                          \
		on_exception(vector, f, error);                    \
	}
/* clang-format off */
X(0) X(1) X(3) X(4) X(5) X(6) X(7) E(10) E(11) E(12) E(13) E(14) X(16) E(17) X(19)
	/* clang-format on */

	static void take_exceptions(void)
{
	static const struct {
		u8 vector;
		const void *handler;
	} gates[] = { { 0, on_0 },   { 1, on_1 },   { 3, on_3 },   { 4, on_4 },	  { 5, on_5 },
		      { 6, on_6 },   { 7, on_7 },   { 10, on_10 }, { 11, on_11 }, { 12, on_12 },
		      { 13, on_13 }, { 14, on_14 }, { 16, on_16 }, { 17, on_17 }, { 19, on_19 } };

	for (unsigned int i = 0; i < ARRAY_SIZE(gates); i++)
		gate_set(gates[i].vector, gates[i].handler);
}

/* ---- what the loader said ------------------------------------------------------------------- */

static bool has_word(const char *line, const char *word, size_t len)
{
	for (char before = ' '; *line; before = *line++)
		if (before == ' ' && !memcmp(line, word, len) && (!line[len] || line[len] == ' '))
			return true;
	return false;
}

static void read_multiboot(void)
{
	const u32 *info = (const u32 *)(uintptr_t)multiboot_info;
	const u32 *module;

	ram_end = 0x100000 + info[2] * 1024ull;
	wide = info[0] & 4 && has_word((const char *)(uintptr_t)info[4], "wide", 4);
	if (!(info[0] & MODULES) || !info[5])
		fail("the list of targets is missing");
	module = (const u32 *)(uintptr_t)info[6];
	targets = (const u64 *)(uintptr_t)module[0];
	nr_targets = (module[1] - module[0]) / 8;
}

static void enable_vectors(void)
{
	u32 want = XSAVE_X87 | XSAVE_SSE;

	if (!(cpuid(1, 0).c & CPUID_1C_XSAVE))
		return;
	if (cpuid(1, 0).c & CPUID_1C_AVX) {
		want |= XSAVE_AVX;
		vector_bytes = 32;
	}
	if (cpuid(7, 0).b & 1u << 16 && (cpuid(0xd, 0).a & 0xe0) == 0xe0) {
		want |= 0xe0;
		vector_bytes = 64;
	}
	xsave_enable(want);
}

void guest_init(void)
{
	read_multiboot();
	take_exceptions();
	enable_vectors();
	physical_bits = cpuid(0x80000008, 0).a & 0xff;
	for (unsigned int i = 0; i < sizeof(stored); i++)
		stored[i] = (u8)(0x80 + i);
}

u64 noise(void)
{
	static u64 state = 88172645463325252ull; /* Marsaglia's xorshift64 */

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

/* ---- accesses ------------------------------------------------------------------------------- */

#define LOAD(name, text)                                          \
	static void name(u64 address)                             \
	{                                                         \
		for (unsigned int i = 0; i < sizeof(loaded); i++) \
			loaded[i] = 0xee;                         \
		ATTEMPT(text, address, loaded, 0);                \
	}
#define STORE(name, text)                          \
	static void name(u64 address)              \
	{                                          \
		ATTEMPT(text, address, stored, 0); \
	}
LOAD(load1, "movb (%%rdi), %%al; movb %%al, (%%rsi)")
LOAD(load2, "movw (%%rdi), %%ax; movw %%ax, (%%rsi)")
LOAD(load4, "movl (%%rdi), %%eax; movl %%eax, (%%rsi)")
LOAD(load8, "movq (%%rdi), %%rax; movq %%rax, (%%rsi)")
/* A fault leaves what was loaded on the x87 stack. */
LOAD(load10, "fninit; fldt (%%rdi); fstpt (%%rsi)")
LOAD(load16, "movups (%%rdi), %%xmm0; movups %%xmm0, (%%rsi)")
LOAD(load32, "vmovups (%%rdi), %%ymm0; vmovups %%ymm0, (%%rsi)")
LOAD(load64, "vmovups (%%rdi), %%zmm0; vmovups %%zmm0, (%%rsi)")
LOAD(movsq, "xchgq %%rdi, %%rsi; movsq")
LOAD(adc8, "clc; movl $0, %%eax; adcq (%%rdi), %%rax; movq %%rax, (%%rsi)")
LOAD(lodsq, "xchgq %%rdi, %%rsi; lodsq; movq %%rax, (%%rdi)")
STORE(store1, "movb (%%rsi), %%al; movb %%al, (%%rdi)")
STORE(store2, "movw (%%rsi), %%ax; movw %%ax, (%%rdi)")
STORE(store4, "movl (%%rsi), %%eax; movl %%eax, (%%rdi)")
STORE(store8, "movq (%%rsi), %%rax; movq %%rax, (%%rdi)")
STORE(store10, "fninit; fldt (%%rsi); fstpt (%%rdi)")
STORE(store16, "movups (%%rsi), %%xmm0; movups %%xmm0, (%%rdi)")
STORE(store32, "vmovups (%%rsi), %%ymm0; vmovups %%ymm0, (%%rdi)")
STORE(store64, "vmovups (%%rsi), %%zmm0; vmovups %%zmm0, (%%rdi)")
STORE(stosq, "movq (%%rsi), %%rax; stosq")
STORE(movsq_to, "movsq")
STORE(xchg8, "movq (%%rsi), %%rax; xchgq %%rax, (%%rdi)")

const struct access accesses[] = {
	{ "1-byte load", 1, false, false, load1 },    { "2-byte load", 2, false, false, load2 },
	{ "4-byte load", 4, false, false, load4 },    { "8-byte load", 8, false, false, load8 },
	{ "10-byte load", 10, false, true, load10 },  { "16-byte load", 16, false, true, load16 },
	{ "32-byte load", 32, false, true, load32 },  { "64-byte load", 64, false, true, load64 },
	{ "MOVS from", 8, false, false, movsq },      { "ADC from", 8, false, false, adc8 },
	{ "LODS", 8, false, false, lodsq },	      { "1-byte store", 1, true, false, store1 },
	{ "2-byte store", 2, true, false, store2 },   { "4-byte store", 4, true, false, store4 },
	{ "8-byte store", 8, true, false, store8 },   { "10-byte store", 10, true, true, store10 },
	{ "16-byte store", 16, true, true, store16 }, { "32-byte store", 32, true, true, store32 },
	{ "64-byte store", 64, true, true, store64 }, { "STOS", 8, true, false, stosq },
	{ "MOVS to", 8, true, false, movsq_to },      { "XCHG", 8, true, false, xchg8 },
};
const unsigned int nr_accesses = ARRAY_SIZE(accesses);

bool access_possible(const struct access *a, bool device)
{
	if (a->size > 16 && a->size > vector_bytes)
		return false;
	return !a->vector || !device || wide;
}

void expect_at(const struct access *a, u64 address, const char *what, u64 got, u64 want)
{
	struct text t = { .len = 0 };

	if (got == want)
		return;
	text_str(&t, a->name);
	text_str(&t, " at ");
	text_hex(&t, address);
	text_str(&t, " (exception ");
	text_dec(&t, caught.vector);
	text_str(&t, " error ");
	text_hex(&t, caught.error);
	text_str(&t, " cr2 ");
	text_hex(&t, caught.cr2);
	text_str(&t, "): ");
	text_str(&t, what);
	expect(t.buf, got, want);
}

/* ---- mapping -------------------------------------------------------------------------------- */

static u64 pointers[512] __page_aligned, directory[512] __page_aligned, table[512] __page_aligned;
static u64 *used[3]; /* entries in place: root or pointers, directory, table */

void unmap_linear(void)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(used); i++)
		if (used[i])
			*used[i] = 0;
	write_cr3(read_cr3());
}

static void put_entry(unsigned int level, u64 *entry, u64 value)
{
	used[level] = entry;
	*entry = value;
}

void map_linear(u64 address, u64 entry)
{
	u64 root = address >> 39 & TOP, pointer = address >> 30 & TOP;

	unmap_linear();
	for (unsigned int i = 0; i < 512; i++)
		pointers[i] = 0;
	if (root) {
		put_entry(0, &page_root[root], pte(pointers));
		pointers[pointer] = pte(directory);
	} else {
		put_entry(0, &page_pointers[pointer], pte(directory));
	}
	put_entry(1, &directory[address >> 21 & TOP], pte(table));
	put_entry(2, &table[address >> 12 & TOP], entry);
	write_cr3(read_cr3());
}

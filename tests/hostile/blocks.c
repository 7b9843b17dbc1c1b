/* SPDX-License-Identifier: MIT */
/*
 * Blocks as large as they get: pages full of those instructions that need most of the host's code,
 * and all kinds of ways out. And code that lies in a page table: entries are written, and their
 * accessed and dirty bits set, in the page and in the very line that is being executed.
 */
#include "guest.h"

#define ENTRY_P 0x1ull
#define ENTRY_W 0x2ull
#define ENTRY_A 0x20ull
#define ENTRY_D 0x40ull
#define SLOT	300 /* of the top level: nothing else is there */
#define BEHIND	(0xffff000000000000ull | (u64)SLOT << 39)
#define MIXES	24

static u8 code[2 * PAGE] __page_aligned, data[2 * PAGE] __page_aligned;
static u64 top[512] __page_aligned, third[512] __page_aligned, second[512] __page_aligned;
static u8 table[PAGE] __page_aligned;

/* With data in RSI, and 0 in RCX where it begins. */
static const struct {
	u8 length, bytes[12];
	bool avx;
} insns[] = {
	{ 11, { 0x64, 0xf0, 0x48, 0x0f, 0xc1, 0x84, 0xce, 0x18, 0, 0, 0 }, false }, /* lock xadd */
	{ 9, { 0x64, 0x48, 0x11, 0x84, 0xce, 0x20, 0, 0, 0 }, false },		    /* adc, by FS */
	{ 6, { 0xc5, 0xfe, 0x6f, 0x44, 0xce, 0x21 }, true },			    /* vmovdqu */
	{ 6, { 0xc5, 0xfe, 0x7f, 0x44, 0xce, 0x21 }, true },  /* the other way */
	{ 8, { 0xff, 0xb4, 0xce, 8, 0, 0, 0, 0x58 }, false }, /* push mem; pop */
	{ 2, { 0x9c, 0x9d }, false },			      /* pushf; popf */
	{ 3, { 0x0f, 0x01, 0xf9 }, false },		      /* rdtscp */
	{ 5, { 0x48, 0x87, 0x44, 0xce, 8 }, false },	      /* xchg */
	{ 5, { 0xf0, 0x48, 0x0f, 0xc7, 0x0e }, false },	      /* cmpxchg16b */
	{ 5, { 0x0f, 0x01, 0x44, 0xce, 0x32 }, false },	      /* sgdt */
	{ 3, { 0x0f, 0x22, 0xd0 }, false },		      /* mov cr2, rax */
	{ 2, { 0x70, 0 }, false },			      /* jo */
	{ 2, { 0xe3, 0 }, false },			      /* jrcxz */
	{ 6, { 0x0f, 0x8a, 0, 0, 0, 0 }, false },	      /* jp, long */
	{ 6, { 0x48, 0x0f, 0x44, 0x44, 0xce, 8 }, false },    /* cmovz */
};

#define NR_INSNS ARRAY_SIZE(insns)

static void setup(void)
{
	guest_init();
	memcpy(top, (void *)(read_cr3() & ~0xfffull), PAGE);
	top[SLOT] = (u64)third | ENTRY_P | ENTRY_W;
	third[0] = (u64)second | ENTRY_P | ENTRY_W;
	second[0] = (u64)table | ENTRY_P | ENTRY_W;
	write_cr3((u64)top);
}

/* LENGTH bytes of instruction WHICH, or of random ones, and RET. */
static void fill(u8 *at, u64 length, unsigned int which)
{
	u8 *end = at + length - 1;

	for (;;) {
		unsigned int i = which < NR_INSNS ? which : noise() % NR_INSNS;

		if (insns[i].avx && vector_bytes < 32)
			i = 0;
		if (at + insns[i].length > end)
			break;
		memcpy(at, insns[i].bytes, insns[i].length);
		at += insns[i].length;
	}
	*at = 0xc3;
}

static void check_largest(u8 *at, u64 length)
{
	for (unsigned int i = 0; i < NR_INSNS + MIXES; i++) {
		fill(at, length, i);
		for (unsigned int n = 0; n < 3; n++) {
			ATTEMPT("pushq %%rdi; xorl %%eax, %%eax; call *%%rdi; popq %%rdi", at, data,
				0);
			expect("exception of a large block", caught.vector, NO_FAULT);
			events = events + 1;
		}
	}
}

/* mov [rdi], rsi; invlpg [rcx]; mov rax, [rcx]; mov [rcx], rax; ret. */
static const u8 edit[] = { 0x48, 0x89, 0x37, 0x0f, 0x01, 0x39, 0x48,
			   0x8b, 0x01, 0x48, 0x89, 0x01, 0xc3 };

static void *volatile editor __attribute__((used));

/* The code at offset AT of the table writes entry N of it, by which it accesses memory then. */
static void edit_entry(unsigned int at, unsigned int n, u64 entry)
{
	memcpy(table + at, edit, sizeof(edit));
	editor = table + at;
	ATTEMPT("call *editor(%%rip)", table + 8 * n, entry, BEHIND + (u64)n * PAGE);
	events = events + 1;
}

static void check_entry(unsigned int at, unsigned int n)
{
	u64 entry = (u64)data | ENTRY_P | ENTRY_W;

	edit_entry(at, n, entry);
	expect("exception of an entry beside code", caught.vector, NO_FAULT);
	expect("an entry beside code", *(volatile u64 *)(table + 8 * n), entry | ENTRY_A | ENTRY_D);
	edit_entry(at, n, (u64)data | ENTRY_P);
	expect("exception of one that may be read", caught.vector, PF);
	expect("error code of one that may be read", caught.error, PF_P | PF_W);
	for (u32 k = 0; k < nr_targets; k += 7) {
		edit_entry(at, n, (targets[k] & ~0xfffull) | ENTRY_P | ENTRY_W);
		if (caught.vector != NO_FAULT)
			expect("exception of an entry from the host", caught.vector, PF);
		edit_entry(at, n, targets[k] & ~0xfffull);
		expect("exception of one that is not present", caught.vector, PF);
	}
	edit_entry(at, n, entry);
	expect("exception of an entry written again", caught.vector, NO_FAULT);
}

static void run(uword n __attribute__((unused)))
{
	check_largest(code, PAGE);
	check_largest(code + PAGE - 5, PAGE);
	for (unsigned int at = 0x800; at < 0x840 - sizeof(edit); at += 5) {
		check_entry(at, 0x400 / 8);
		check_entry(at, (at + sizeof(edit) + 7) / 8); /* as near as can be */
		check_entry(at, at / 8 - 1);
	}
}

static void check(uword n)
{
	(void)n;
	metric("attempts", events);
}

const struct nano nano = {
	.name = NANO_NAME, .setup = setup, .run = run, .check = check, .max = 1
};

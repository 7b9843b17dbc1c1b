/* SPDX-License-Identifier: MIT */
/*
 * The scanner alone, on random bytes and on code of its own: whatever was scanned, voided and
 * closed, the copy is looked at as the processor would, at every byte.
 */
#include "backends/swbt/direct/scan.h"
#include "backends/swbt/emulate.h"
#include "backends/swbt/sensitive.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ORG 0x400000u

static struct scan scan;
static u8 code[PAGE_SIZE], copy[PAGE_SIZE];

static u32 random32(void)
{
	static u64 x = 88172645463325252ull;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return (u32)(x >> 16);
}

static void up(enum cpu_mode mode, const struct scan_client *client)
{
	scan = (struct scan){ .linear = ORG,
			      .mode = (u8)mode,
			      .flat = 0xff,
			      .inside = INSIDE_NOTHING,
			      .code = code,
			      .copy = copy,
			      .client = client };
	scan_init(&scan);
}

/* Does the processor get at the monitor, or do what the guest's would? Not by the scanner's rules,
 * but by the table's columns alone. */
static bool harmless(const struct insn *i)
{
	const struct sensitive_row *row = sensitive_row(i);
	u8 how;

	if (i->fpu && scan.fpu >> i->fpu & 1)
		return false;
	if (!row)
		return i->class != INSN_UNDEFINED;
	how = i->mode == MODE_LONG64 ? row->wide : row->legacy;
	if (how == SENSITIVE_BIT)
		return !strncmp(row->mnemonic, "RDTSC", 5);
	if (how == SENSITIVE_SILENT)
		return !strncmp(row->mnemonic, "INT", 3) || !strcmp(row->mnemonic, "SYSCALL");
	return how != SENSITIVE_NONE;
}

static unsigned int open_bytes(void)
{
	unsigned int nr = 0;

	for (u32 at = 0; at < PAGE_SIZE; at++)
		nr += copy[at] != SCAN_HLT;
	return nr;
}

/* Every byte of the copy; and that the copy shows what is open, and nothing else. */
static void check_copy(const char *what)
{
	bool shown[PAGE_SIZE] = { false };
	struct insn i;

	for (u32 at = 0; at < PAGE_SIZE; at++)
		for (u32 n = 0; scan_is_open(&scan, at) && n < scan_length(&scan, at); n++)
			shown[at + n] = true;
	for (u32 at = 0; at < PAGE_SIZE; at++) {
		u32 n = PAGE_SIZE - at < INSN_MAX ? PAGE_SIZE - at : INSN_MAX;
		int r;

		if (copy[at] != (shown[at] ? code[at] : SCAN_HLT)) {
			fprintf(stderr, "\n  %s: byte %#x of the copy is %02x", what, at, copy[at]);
			CU_FAIL_FATAL("the copy shows what it should not, or the other way round");
		}
		if (copy[at] == SCAN_HLT)
			continue;
		r = decode(&i, copy + at, n, (enum cpu_mode)scan.mode);
		if (r == -ENODATA || (!r && !harmless(&i))) {
			fprintf(stderr, "\n  %s: at %#x begins what fails silently", what, at);
			CU_FAIL_FATAL("something in the copy would fail silently");
		}
	}
}

/* Bytes that are sensitive, or almost, more often than chance has it. */
static void fill(void)
{
	static const u8 dear[] = { 0x0f, 0x9c, 0x9d, 0x8e, 0x8c, 0xcf, 0xca, 0xcb, 0x01, 0xa2,
				   0xae, 0x00, 0x66, 0xf2, 0xf3, 0x48, 0xeb, 0x74, 0xe8, 0xc3,
				   0xc4, 0xc5, 0x62, 0xb8, 0x05, 0x89, 0x90, 0xcd, 0x31, 0xee };
	bool mixed = random32() & 1;

	for (u32 n = 0; n < PAGE_SIZE; n++)
		code[n] = mixed && random32() % 4 ? dear[random32() % ARRAY_SIZE(dear)]
						  : (u8)random32();
}

static void test_random(void)
{
	static const u32 refused[] = { 0, 0xfe, BIT(FPU_AVX) | BIT(FPU_AVX512) };
	unsigned int open = 0;

	for (unsigned int round = 0; round < 60; round++) {
		up(round % 3 ? MODE_LONG64 : MODE_PROT32, NULL);
		scan.fpu = refused[round % ARRAY_SIZE(refused)];
		fill();
		for (unsigned int n = 0; n < 400; n++) {
			u32 at = random32() % PAGE_SIZE, len = 1 + random32() % 16;

			if (len > PAGE_SIZE - at)
				len = PAGE_SIZE - at;
			if (n % 4) {
				scan_from(&scan, at);
				CU_ASSERT(scan.known[at]);
			} else if (n % 8) {
				scan_void(&scan, at, len);
				for (u32 k = 0; k < len; k++)
					code[at + k] = (u8)random32();
			} else if (scan_is_open(&scan, at)) {
				scan_close(&scan, at, SCAN_READS);
			}
		}
		check_copy("random bytes");
		open += open_bytes();
	}
	CU_ASSERT(open > 60 * 100);
}

/* What was voided bit by bit leaves nothing behind. */
static void test_void_all(void)
{
	up(MODE_LONG64, NULL);
	fill();
	for (u32 at = 0; at < PAGE_SIZE; at += 3)
		scan_from(&scan, at);
	for (u32 at = 0; at < PAGE_SIZE; at++) {
		scan_void(&scan, at, 1);
		if (at % 256 == 0)
			check_copy("voided");
	}
	CU_ASSERT_EQUAL(open_bytes(), 0);
	for (u32 at = 0; at < PAGE_SIZE; at++)
		CU_ASSERT_EQUAL(scan.known[at], 0);
}

/* ---- code ------------------------------------------------------------------------------------ */

#define CODE(name, bits, text)                                                       \
	extern const u8 name[], name##_end[];                                        \
	__asm__(".pushsection .rodata\n.code" #bits "\n" #name ":\n" text "\n" #name \
		"_end:\n.code64\n.popsection")

static void load(u32 at, const u8 *from, const u8 *end)
{
	memset(code, 0xcc, sizeof(code));
	memcpy(code + at, from, (size_t)(end - from));
}
#define LOAD(at, name) load(at, name, name##_end)

/* Offsets in the comments. */
CODE(scan_flow, 64,
     "testl %eax, %eax\n" /* 0: open */
     "jz 1f\n"		  /* 2: both ways */
     "call 2f\n"	  /* 4: target, and behind */
     "pushfq\n"		  /* 9: sensitive */
     "jmp 3f\n"		  /* 10 */
     ".byte 0x0f, 0xa2\n" /* 12: never reached */
     "1: cli\n"		  /* 14: traps by itself */
     "jmp *%rax\n"	  /* 15 */
     ".byte 0x9d\n"	  /* 17: never reached */
     "2: ret\n"		  /* 18 */
     ".byte 0x9d\n"	  /* 19: never reached */
     "3: cpuid\n"	  /* 20: sensitive */
     "rdtsc\n"		  /* 22: made to trap */
     "rdpkru\n"		  /* 24: undefined */
     "nop");		  /* 27: behind it */

static void test_flow(void)
{
	static const struct {
		u8 at, length, why;
	} expected[] = {
		{ 0, 2, SCAN_OPEN },	  { 2, 2, SCAN_OPEN },	     { 4, 5, SCAN_OPEN },
		{ 9, 1, SCAN_SENSITIVE }, { 10, 2, SCAN_OPEN },	     { 14, 1, SCAN_OPEN },
		{ 15, 2, SCAN_OPEN },	  { 18, 1, SCAN_OPEN },	     { 20, 2, SCAN_SENSITIVE },
		{ 22, 2, SCAN_OPEN },	  { 24, 3, SCAN_UNDEFINED },
	};
	unsigned int nr = 0;

	up(MODE_LONG64, NULL);
	LOAD(0, scan_flow);
	scan_from(&scan, 0);
	for (size_t n = 0; n < ARRAY_SIZE(expected); n++) {
		CU_ASSERT_EQUAL(scan_length(&scan, expected[n].at), expected[n].length);
		CU_ASSERT_EQUAL(scan_why(&scan, expected[n].at), expected[n].why);
	}
	for (u32 at = 0; at < PAGE_SIZE; at++)
		nr += scan.known[at] != 0;
	CU_ASSERT_EQUAL(nr, ARRAY_SIZE(expected));
	check_copy("flow");
}

/* MOV whose last bytes are POPF and NOP; a jump there; the way round. */
CODE(scan_inside, 64, "movl $0x909d9090, %eax\n ret");
CODE(scan_overlap, 64, "jz .+4\n movl $0xc3909090, %eax\n ret");
CODE(scan_two, 64, ".byte 0xb8, 0, 0, 0, 0x0f\n .byte 0xa2\n");

static void test_inside(void)
{
	up(MODE_LONG64, NULL);
	LOAD(0, scan_inside);
	scan_from(&scan, 0);
	CU_ASSERT_EQUAL(scan_why(&scan, 0), SCAN_INSIDE);
	CU_ASSERT(scan_is_open(&scan, 5));
	CU_ASSERT_EQUAL(open_bytes(), 1);
	/* The harmless interior is code in its own right when a jump leads there. */
	up(MODE_LONG64, NULL);
	LOAD(0, scan_overlap);
	scan_from(&scan, 0);
	CU_ASSERT(scan_is_open(&scan, 2) && scan_is_open(&scan, 4) && scan_is_open(&scan, 6));
	check_copy("overlap");
	scan_void(&scan, 2, 1);
	CU_ASSERT(copy[2] == SCAN_HLT && copy[3] == SCAN_HLT && copy[4] == 0x90);
	/* CPUID out of the end of one instruction and the beginning of another. */
	up(MODE_LONG64, NULL);
	LOAD(0, scan_two);
	code[5] = 0xa2; /* MOV to an absolute address: harmless, were it not for its neighbour */
	memset(code + 6, 0x90, 20);
	scan_from(&scan, 0);
	CU_ASSERT_EQUAL(scan_why(&scan, 0), SCAN_INSIDE);
	CU_ASSERT(scan_is_open(&scan, 5));
	check_copy("two");
}

/* A jump into the middle is known: what is there has to trap if it is closed, also where nobody
 * else is supposed to jump into instructions. */
CODE(scan_jump_in, 64, "jz 1f+2\n 1: movl $0x90909d90, %eax\n ret");

static void test_jump_in(void)
{
	up(MODE_LONG64, NULL);
	scan.inside = INSIDE_ANYTHING;
	LOAD(0, scan_inside);
	scan_from(&scan, 0);
	CU_ASSERT(scan_is_open(&scan, 0));
	up(MODE_LONG64, NULL);
	scan.inside = INSIDE_ANYTHING;
	LOAD(0, scan_jump_in);
	scan_from(&scan, 0);
	CU_ASSERT_EQUAL(scan_why(&scan, 2), SCAN_INSIDE);
	CU_ASSERT_EQUAL(copy[4], SCAN_HLT);
}

static void test_page_end(void)
{
	static const u8 mov[] = { 0xb8, 1, 2, 3, 4 };

	for (u32 n = 1; n < sizeof(mov); n++) {
		up(MODE_LONG64, NULL);
		memset(code, 0x90, sizeof(code));
		memcpy(code + PAGE_SIZE - n, mov, n);
		scan_from(&scan, PAGE_SIZE - 40);
		CU_ASSERT_EQUAL(scan_why(&scan, PAGE_SIZE - n), SCAN_PAGE_END);
		CU_ASSERT_EQUAL(scan_length(&scan, PAGE_SIZE - n), n);
		CU_ASSERT(scan_is_open(&scan, PAGE_SIZE - n - 1));
		check_copy("page end");
		CU_ASSERT_EQUAL(scan_void(&scan, PAGE_SIZE - 1, 1), 1);
	}
	/* All of it on the page, but a jump to its last byte would need another. */
	up(MODE_LONG64, NULL);
	memset(code, 0x90, sizeof(code));
	code[PAGE_SIZE - 5] = 0xb8;
	code[PAGE_SIZE - 1] = 0x0f;
	scan_from(&scan, PAGE_SIZE - 40);
	CU_ASSERT_EQUAL(scan_why(&scan, PAGE_SIZE - 5), SCAN_INSIDE);
	check_copy("page end, inside");
}

/* CR0.TS, CR4.OSFXSR and their like. */
CODE(scan_fpu, 64, "fld1\n addps %xmm0, %xmm1\n vaddps %ymm0, %ymm1, %ymm2\n fwait\n ret");

static void test_fpu(void)
{
	up(MODE_LONG64, NULL);
	LOAD(0, scan_fpu);
	scan_from(&scan, 0);
	CU_ASSERT(scan_is_open(&scan, 0) && scan_is_open(&scan, 2) && scan_is_open(&scan, 5));
	up(MODE_LONG64, NULL);
	scan.fpu = BIT(FPU_X87) | BIT(FPU_SSE);
	scan_from(&scan, 0);
	CU_ASSERT_EQUAL(scan_why(&scan, 0), SCAN_FPU);
	CU_ASSERT_EQUAL(scan_why(&scan, 2), SCAN_FPU);
	CU_ASSERT(scan_is_open(&scan, 5) && scan_is_open(&scan, 9));
	check_copy("fpu");
}

/* ---- reads of constant addresses ------------------------------------------------------------- */

CODE(scan_reads, 64,
     "movq 0x100(%rip), %rax\n"	      /* 0 */
     "movl 0x402000, %eax\n"	      /* 7: with SIB, no base */
     "movl 0x402010(,%rcx,4), %eax\n" /* 14 */
     "movzbl 0x402020(%rbx), %eax\n"  /* 21 */
     "movl 8(%rsp), %eax\n"	      /* 28: no such address */
     "leaq 0x100(%rip), %rax\n"	      /* 32: reads nothing */
     "movl %eax, 0x402000\n"	      /* 39: a store traps anyway */
     "movl %fs:0x402000, %eax\n"      /* 46: somewhere else */
     "ret");

static u64 read_at[PAGE_SIZE];

static bool note_read(void *arg, const struct scan *s, u32 at, const struct insn *i, u64 linear)
{
	(void)s;
	(void)i;
	read_at[at] = linear;
	return linear >> 12 != *(u64 *)arg;
}

static void test_reads(void)
{
	u64 page = 0x402;
	const struct scan_client client = { .reads = note_read, .arg = &page };

	memset(read_at, 0, sizeof(read_at));
	up(MODE_LONG64, &client);
	scan.flat = BIT(SEG_DS) | BIT(SEG_SS) | BIT(SEG_CS) | BIT(SEG_ES);
	LOAD(0, scan_reads);
	scan_from(&scan, 0);
	CU_ASSERT_EQUAL(read_at[0], ORG + 7 + 0x100);
	CU_ASSERT_EQUAL(read_at[7], 0x402000);
	CU_ASSERT_EQUAL(read_at[14], 0x402010);
	CU_ASSERT_EQUAL(read_at[21], 0x402020);
	for (u32 at = 28; at < 60; at++)
		CU_ASSERT_EQUAL(read_at[at], 0);
	CU_ASSERT(scan_is_open(&scan, 0) && scan_is_open(&scan, 28));
	CU_ASSERT_EQUAL(scan_why(&scan, 7), SCAN_READS);
	CU_ASSERT_EQUAL(scan_why(&scan, 14), SCAN_READS);
	CU_ASSERT_EQUAL(scan_why(&scan, 21), SCAN_READS);
	scan_close(&scan, 0, SCAN_READS);
	CU_ASSERT_EQUAL(copy[0], SCAN_HLT);
	check_copy("reads");
}

/* ---- code that others wrote ------------------------------------------------------------------ */

/* This program's own, as it is in memory: pages from their beginning, as if all functions were
 * called. */
extern const u8 etext[];

static void test_real(void)
{
	unsigned long insns = 0, closed[NR_SCAN_WHY] = { 0 };
	const u8 *from = (const u8 *)ALIGN_UP((uintptr_t)decode, PAGE_SIZE);

	for (unsigned int page = 0; page < 40 && from + PAGE_SIZE < etext; page++) {
		up(MODE_LONG64, NULL);
		memcpy(code, from, PAGE_SIZE);
		for (u32 at = 0; at < PAGE_SIZE; at += 16)
			scan_from(&scan, at);
		check_copy("this program");
		for (u32 at = 0; at < PAGE_SIZE; at++)
			if (scan.known[at])
				insns++, closed[scan_why(&scan, at)]++;
		from += PAGE_SIZE;
	}
	CU_ASSERT(insns > 10000);
	/* Most instructions have to run, or this would be an interpreter. */
	CU_ASSERT(closed[SCAN_OPEN] * 100 > insns * 70);
}

/* Kernels that others built, if make guests has fetched them: pages of the file, code or not, as if
 * jumps led to every fourth byte. */
static void scan_file(const char *path, enum cpu_mode mode, unsigned int step)
{
	FILE *f = fopen(path, "re");

	if (!f)
		return;
	while (fread(code, 1, PAGE_SIZE, f) == PAGE_SIZE) {
		up(mode, NULL);
		for (u32 at = 0; at < PAGE_SIZE; at += 4)
			scan_from(&scan, at);
		check_copy(path);
		for (u32 n = 0; n < 20; n++)
			scan_void(&scan, random32() % (PAGE_SIZE - 16), 1 + random32() % 16);
		check_copy(path);
		fseek(f, (long)(step - 1) * (long)PAGE_SIZE, SEEK_CUR);
	}
	fclose(f);
}

static void test_kernels(void)
{
	scan_file("build/guests/memtest86+x64.bin", MODE_LONG64, 1);
	scan_file("build/guests/memtest86+ia32.bin", MODE_PROT32, 1);
	scan_file("build/guests/vmlinuz-cloud-amd64", MODE_LONG64, 64);
	scan_file("build/guests/vmlinuz-686", MODE_PROT32, 64);
}

CU_TestInfo tests_scan[] = {
	{ "random bytes: nothing fails silently", test_random },
	{ "all voided, byte by byte", test_void_all },
	{ "along the control flow", test_flow },
	{ "sensitive inside of others", test_inside },
	{ "known jumps into instructions", test_jump_in },
	{ "page ends", test_page_end },
	{ "FPU instructions that must trap", test_fpu },
	{ "constant addresses", test_reads },
	{ "this program's own code", test_real },
	{ "kernels", test_kernels },
	CU_TEST_INFO_NULL,
};

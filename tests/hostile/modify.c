/* SPDX-License-Identifier: MIT */
/*
 * Code that changes itself: the store that makes the next instruction a system call, an illegal one
 * or a jump to the host; code across two pages of which either changes; code at the end of RAM.
 * What was there when it was translated, if it was, must not run.
 */
#include "guest.h"

#define LAST 64

static u8 code[2 * PAGE] __page_aligned;

extern const char modify_entry[];
asm("modify_entry:\n"
    "	incq syscalls_seen(%rip)\n"
    "	jmp *%rcx\n"
    ".bss\n"
    "syscalls_seen: .skip 8\n"
    ".text\n");
extern volatile u64 syscalls_seen;

/* Instructions of two bytes, and what becomes of them. */
static const struct {
	u8 byte[2];
	u8 vector;
	bool is_syscall;
} insns[] = {
	{ { 0x90, 0x90 }, NO_FAULT, false },				    /* nop; nop */
	{ { 0x0f, 0x05 }, NO_FAULT, true },				    /* syscall */
	{ { 0xcd, 0x80 }, NO_FAULT, false },				    /* int 0x80 */
	{ { 0x0f, 0x0b }, UD, false },					    /* ud2 */
	{ { 0xf3, 0x90 }, NO_FAULT, false },				    /* pause */
	{ { 0xff, 0xff }, UD, false },	     { { 0xff, 0xe0 }, PF, false }, /* jmp *%rax */
};

__interrupt void on_int80(struct frame *f)
{
	(void)f;
}

static void setup(void)
{
	guest_init();
	gate_set(0x80, on_int80);
	wrmsr(MSR_STAR, (u64)(SEL_KDATA | 3) << 48 | (u64)SEL_KCODE << 32);
	wrmsr(MSR_LSTAR, (u64)modify_entry);
	wrmsr(MSR_SFMASK, 0);
}

static void put(u8 **p, const void *bytes, unsigned int n)
{
	memcpy(*p, bytes, n);
	*p += n;
}

/* mov word ptr [rdi], si; <insn>; ret. */
static void write_code(u8 *at, const u8 insn[2])
{
	put(&at, "\x66\x89\x37", 3);
	put(&at, insn, 2);
	put(&at, "\xc3", 1);
}

/* Run the code at AT, which first turns its own next instruction into INSNS[I]. */
static void check_one(u8 *at, unsigned int i, u64 host)
{
	u64 before = syscalls_seen;
	u16 bytes = (u16)(insns[i].byte[0] | insns[i].byte[1] << 8);
	u8 vector = insns[i].vector;

	ATTEMPT("movq %%rcx, %%rax; movq %%rdi, %%rdx; addq $3, %%rdi; call *%%rdx", at, bytes,
		host);
	expect("exception of an instruction that was just written", caught.vector, vector);
	if (vector == PF)
		expect("CR2 of a jump to the host", caught.cr2, host);
	expect("SYSCALLs that reached us", syscalls_seen - before, insns[i].is_syscall);
	events = events + 1;
}

static void check_place(u8 *at)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(insns); i++)
		for (unsigned int j = 0; j < ARRAY_SIZE(insns); j++) {
			u64 host = targets[(i * 8 + j) % nr_targets] & ~15ull;

			write_code(at, insns[i].byte);
			if (host >> 47 || host < IDENTITY_END)
				host = 0x7ffffffff000;
			check_one(at, i, host);
			check_one(at, j, 0x555555554000);
			check_one(at, i, 0x7ffff7fff000);
		}
}

/* An instruction over two pages whose second half comes from another frame each time. */
static void check_remapped(void)
{
	static u8 other[PAGE] __page_aligned;
	u8 *insn = window_page(1) - 1;
	u64 before = syscalls_seen;

	window_map(0, code);
	window_map(1, code + PAGE);
	code[PAGE - 1] = 0x0f;
	memcpy(code + PAGE, "\x05\xc3", 2); /* syscall; ret */
	memcpy(other, "\x0b\xc3", 2);	    /* ud2 */
	for (unsigned int i = 0; i < 64; i++) {
		window_map(1, i & 1 ? other : code + PAGE);
		ATTEMPT("call *%%rdi", insn, 0, 0);
		expect("exception of an instruction of two pages", caught.vector,
		       i & 1 ? UD : NO_FAULT);
	}
	expect("SYSCALLs of two pages", syscalls_seen - before, 32);
	window_clear();
	ATTEMPT("call *%%rdi", insn, 0, 0);
	expect("exception of code that is gone", caught.vector, PF);
}

/* The last instruction of RAM, and running on from there into nothing, which reads as ff. */
static void check_end(void)
{
	u8 *end = (u8 *)ram_end;

	for (unsigned int i = 6; i < LAST; i++)
		check_place(end - i);
	if (!wide)
		return;
	memset(end - LAST, 0x90, LAST);
	ATTEMPT("call *%%rdi", end - LAST, 0, 0);
	expect("exception beyond the end of RAM", caught.vector, UD);
	expect("its address", caught.ip, ram_end);
	for (unsigned int i = 1; i < 15; i++) {
		/* Prefixes, and an instruction that lies half outside. */
		memset(end - LAST, 0x90, LAST);
		memset(end - i, 0x66, i);
		ATTEMPT("call *%%rdi", end - LAST, 0, 0);
		if (caught.vector != GP)
			expect("exception across the end of RAM", caught.vector, UD);
	}
}

static void run(uword n __attribute__((unused)))
{
	for (unsigned int at = 0; at < 16; at++)
		check_place(code + at);
	for (unsigned int at = PAGE - 8; at < PAGE + 1; at++)
		check_place(code + at);
	check_remapped();
	check_end();
}

static void check(uword n)
{
	(void)n;
	metric("instructions", events);
}

const struct nano nano = {
	.name = NANO_NAME, .setup = setup, .run = run, .check = check, .max = 1
};

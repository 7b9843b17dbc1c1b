/* SPDX-License-Identifier: MIT */
/* Worlds alone, over each transport: code of ours runs in one, and we look at what comes out. */
#include "common/error.h"
#include "tests/unit/world_rig.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>

/* ---- what goes in and comes out ---------------------------------------------------------------
 */

WR_ASM(registers, 64,
       "inc %rax; inc %rcx; inc %rdx; inc %rbx; inc %rsp; inc %rbp; inc %rsi; inc %rdi\n"
       "inc %r8; inc %r9; inc %r10; inc %r11; inc %r12; inc %r13; inc %r14; inc %r15\n"
       "mov %fs:0, %rax\n mov %gs:8, %rcx\n stc; std\n hlt");

static void with_registers(struct world_rig *rig)
{
	WR_LOAD(rig, registers);
	memcpy(rig->data, "01234567abcdefgh", 16);
	for (unsigned int n = 0; n < NR_GPR; n++)
		rig->r.gpr[n] = 0x1234567800000000 + n;
	rig->r.fs_base = rig->r.gs_base = WR_DATA;
	CU_ASSERT_EQUAL(world_rig_run(rig), 0);
	CU_ASSERT_EQUAL(rig->stop.kind, WORLD_FAULT);
	CU_ASSERT_EQUAL(rig->stop.vector, GP);
	CU_ASSERT_EQUAL(rig->r.rip, (u64)(WR_CODE + (registers_end - registers) - 1));
	for (unsigned int n = 2; n < NR_GPR; n++)
		CU_ASSERT_EQUAL(rig->r.gpr[n], 0x1234567800000001 + n);
	CU_ASSERT_EQUAL(memcmp(&rig->r.gpr[RAX], "01234567", 8), 0);
	CU_ASSERT_EQUAL(memcmp(&rig->r.gpr[RCX], "abcdefgh", 8), 0);
	CU_ASSERT_EQUAL(rig->r.rflags & (RFLAGS_CF | RFLAGS_DF), RFLAGS_CF | RFLAGS_DF);
	CU_ASSERT_EQUAL(rig->r.fs_base, WR_DATA);
	CU_ASSERT_EQUAL(rig->r.cs, HOST_CS64);
	CU_ASSERT_EQUAL(rig->r.ss, HOST_SS);
}

static void test_registers(void)
{
	world_rig_each(with_registers);
}

/* RBX: where to read; RCX: by what to divide. */
WR_ASM(faults, 64,
       "ud2\n mov (%rbx), %eax\n mov %eax, (%rbx)\n int3\n div %ecx\n hlt\n syscall\n int $0x80\n"
       "int $0x20\n mov (%rdx), %eax\n ret");

static void with_faults(struct world_rig *rig)
{
	static const struct {
		enum world_stop_kind kind;
		u8 vector;
		u32 address;
		unsigned int at, next; /* RIP at the stop; where to go on */
	} want[] = {
		{ WORLD_FAULT, UD, 0, 0, 2 },	     { WORLD_FAULT, PF, 0x300000, 2, 4 },
		{ WORLD_FAULT, PF, 0x300000, 4, 6 }, { WORLD_FAULT, BP, 0, 7, 7 },
		{ WORLD_FAULT, DE, 0, 7, 9 },	     { WORLD_FAULT, GP, 0, 9, 10 },
		{ WORLD_SYSCALL, 0, 0, 12, 12 },     { WORLD_SYSCALL, 0, 0, 14, 14 },
		{ WORLD_FAULT, GP, 0, 14, 16 },	     { WORLD_FAULT, GP, 0, 16, 16 },
	};

	WR_LOAD(rig, faults);
	rig->r.gpr[RBX] = 0x300000;
	rig->r.gpr[RDX] = 0x8000000000000000;
	rig->r.gpr[RSP] = WR_DATA;
	for (size_t n = 0; n < ARRAY_SIZE(want); n++) {
		CU_ASSERT_EQUAL(world_rig_run(rig), 0);
		CU_ASSERT_EQUAL(rig->stop.kind, want[n].kind);
		CU_ASSERT_EQUAL(rig->r.rip, WR_CODE + want[n].at);
		if (rig->stop.kind == WORLD_FAULT) {
			CU_ASSERT_EQUAL(rig->stop.vector, want[n].vector);
			CU_ASSERT_EQUAL(rig->stop.address, want[n].address);
		}
		rig->r.rip = WR_CODE + want[n].next;
	}
}

static void test_faults(void)
{
	world_rig_each(with_faults);
}

WR_ASM(vectors, 64, "movdqa %xmm0, (%rdi)\n fstpl 16(%rdi)\n movdqa 32(%rdi), %xmm9\n hlt");

static void with_vectors(struct world_rig *rig)
{
	static u8 image[4096] __attribute__((aligned(64)));

	WR_LOAD(rig, vectors);
	rig->r.gpr[RDI] = WR_DATA;
	CU_ASSERT_EQUAL(rig->w.transport->get_fpu(&rig->w, image, sizeof(image)), 0);
	memcpy(image + 160, "sixteen of bytes", 16);	      /* XMM0 */
	memcpy(image + 32, "\0\0\0\0\0\0\0\x80\xff\x3f", 10); /* ST0: 1.0 */
	image[4] = 1;					      /* is there */
	image[512] |= 3;
	memcpy(rig->data + 32, "that comes out!!", 16);
	CU_ASSERT_EQUAL(rig->w.transport->set_fpu(&rig->w, image, sizeof(image), 7), 0);
	CU_ASSERT_EQUAL(world_rig_run(rig), 0);
	CU_ASSERT_EQUAL(memcmp(rig->data, "sixteen of bytes", 16), 0);
	CU_ASSERT_EQUAL(memcmp(rig->data + 16, &(double){ 1.0 }, 8), 0);
	CU_ASSERT_EQUAL(rig->w.transport->get_fpu(&rig->w, image, sizeof(image)), 0);
	CU_ASSERT_EQUAL(memcmp(image + 160 + 9 * 16, "that comes out!!", 16), 0);
}

static void test_vectors(void)
{
	world_rig_each(with_vectors);
}

/* ---- kicks ------------------------------------------------------------------------------------
 */

WR_ASM(endless, 64, "1: inc %rax; jmp 1b");

static void with_kicks(struct world_rig *rig)
{
	WR_LOAD(rig, endless);
	for (unsigned int n = 1; n < 20; n++) {
		rig->r.gpr[RAX] = 0;
		if (n % 4 == 0)
			rig->w.transport->kick(&rig->w); /* the next run */
		CU_ASSERT_EQUAL(world_rig_run_for(rig, n % 4), 0);
		CU_ASSERT_EQUAL(rig->stop.kind, WORLD_KICKED);
		CU_ASSERT_TRUE(rig->r.rip >= WR_CODE && rig->r.rip < WR_CODE + 8);
	}
}

static void test_kicks(void)
{
	world_rig_each(with_kicks);
}

/* One that dies is told of, whatever is asked of it. */
static void with_death(struct world_rig *rig)
{
	struct world_call c = { SYS_munmap, { WR_DATA, 4096 } };
	struct error err;

	WR_LOAD(rig, endless);
	kill(rig->w.pid, SIGKILL);
	CU_ASSERT_EQUAL(world_rig_run(rig), 0);
	CU_ASSERT_EQUAL(rig->stop.kind, WORLD_DEAD);
	CU_ASSERT_TRUE(rig->w.dead);
	CU_ASSERT_EQUAL(rig->w.transport->calls(&rig->w, &c, 1), -ESRCH);
	CU_ASSERT_EQUAL(world_is_dead(&rig->w, &err), -EIO);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "signal 9"));
}

static void test_death(void)
{
	world_rig_each(with_death);
}

/* Who started us may not have wanted to know of its children; we do. */
static void test_inherited(void)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN }, before;

	CU_ASSERT_EQUAL(sigaction(SIGCHLD, &ignore, &before), 0);
	world_rig_each(with_death);
	CU_ASSERT_EQUAL(sigaction(SIGCHLD, &before, NULL), 0);
}

/* ---- turns ------------------------------------------------------------------------------------
 */

WR_ASM(counting, 64, "1: inc %rax; hlt; jmp 1b");

/* One order, one stop, however both sides come to wait for each other: a stop that is told twice
 * would be taken for that of the next order. */
static void with_turns(struct world_rig *rig)
{
	struct world_call c = { SYS_munmap, { 0x300000, 4096 } };
	unsigned int wrong = 0;

	WR_LOAD(rig, counting);
	rig->r.gpr[RAX] = 0;
	for (u64 n = 1; n <= 4000 && !rig->w.dead; n++) {
		wrong += world_rig_run(rig) || rig->stop.kind != WORLD_FAULT ||
			 rig->r.gpr[RAX] != n || rig->r.rip != WR_CODE + 3;
		rig->r.rip = WR_CODE + 4;
		if (n % 3 == 0)
			wrong += rig->w.transport->calls(&rig->w, &c, 1) != 0;
		else if (n % 3 == 1)
			wrong += rig->w.transport->settle && rig->w.transport->settle(&rig->w);
	}
	CU_ASSERT_EQUAL(wrong, 0);
	CU_ASSERT_FALSE(rig->w.dead);
}

static void test_turns(void)
{
	static const u64 spins[] = { 0, 3000, 80000 };
	static struct world_rig rig;

	for (size_t n = 0; n < ARRAY_SIZE(spins) && !signal_transport.missing(); n++) {
		if (!world_rig_begin_spinning(&rig, &signal_transport, spins[n]))
			with_turns(&rig);
		world_rig_end(&rig);
	}
}

CU_TestInfo tests_worlds[] = {
	{ "one order, one stop", test_turns },
	{ "SIGCHLD ignored by inheritance", test_inherited },
	{ "registers go in and come out", test_registers },
	{ "faults say what they are", test_faults },
	{ "vector registers go in and come out", test_vectors },
	{ "kicks end a run, or the next one", test_kicks },
	{ "one that dies is told of", test_death },
	CU_TEST_INFO_NULL,
};

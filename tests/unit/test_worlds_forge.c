/* SPDX-License-Identifier: MIT */
/* Code in a world that forges what the VMM reads from there, and that makes itself deaf. */
#include "backends/swbt/direct/direct.h"
#include "backends/swbt/direct/frame.h"
#include "backends/swbt/direct/stub_signal.h"
#include "backends/swbt/fpu.h"
#include "common/error.h"
#include "tests/unit/world_rig.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

static bool fate_is(struct world_rig *rig, const char *word)
{
	struct error err = { "" };

	return world_is_dead(&rig->w, &err) == -EIO && strstr(err.text, word);
}

/* FN with a new world over the transport that is told by the world itself. */
static void signal_world(void (*fn)(struct world_rig *rig))
{
	static struct world_rig rig;

	if (signal_transport.missing())
		return;
	if (!world_rig_begin(&rig, &signal_transport))
		fn(&rig);
	world_rig_end(&rig);
}

/* ---- pages of ours ----------------------------------------------------------------------------
 */

WR_ASM(store, 64, "mov %rax, (%rbx); hlt");

static void with_writes(struct world_rig *rig)
{
	static const u64 at[] = { WORLD_STUB, WORLD_STUB + 4088, WORLD_DATA, WORLD_DATA + 8 };

	WR_LOAD(rig, store);
	for (size_t n = 0; n < ARRAY_SIZE(at); n++) {
		rig->r.rip = WR_CODE;
		rig->r.gpr[RBX] = at[n];
		CU_ASSERT_EQUAL(world_rig_run(rig), 0);
		CU_ASSERT_EQUAL(rig->stop.kind, WORLD_FAULT);
		CU_ASSERT_EQUAL(rig->stop.vector, PF);
		CU_ASSERT_EQUAL(rig->stop.address, at[n]);
		CU_ASSERT_EQUAL(rig->r.rip, WR_CODE);
	}
}

static void test_writes(void)
{
	world_rig_each(with_writes);
}

/* RSI: what to fill the shared pages with, RBX bytes at a time; then a fault, or a forged stop. */
WR_ASM(fill, 64,
       "1: mov %rbx, %rcx; push %rsi; rep movsb; pop %rsi; dec %edx; jnz 1b\n"
       "test %eax, %eax; jz 2f; mov (%r8), %ecx; mov %ecx, (%rax); jmp .\n 2: hlt");
#define SHARED_SIZE (STUB_STACK + STUB_STACK_SIZE - STUB_SHARED)

static void scribble(struct world_rig *rig, unsigned int seed)
{
	struct world_regs *r = &rig->r;

	srand(seed);
	for (unsigned int n = 0; n < 2048; n++)
		rig->data[n] = (u8)(rand() >> 8);
	*r = (struct world_regs){ .rip = WR_CODE, .rflags = 2, .cs = HOST_CS64, .ss = HOST_SS };
	r->gpr[RSI] = WR_DATA;
	r->gpr[RSP] = WR_DATA + 4096;
	r->gpr[RDI] = STUB_SHARED + (seed & 1 ? 64 : 0);
	r->gpr[RBX] = 1024 + seed % 512;
	r->gpr[RDX] = (SHARED_SIZE - 64) / r->gpr[RBX];
	r->gpr[R8] = STUB_CONTROL + CONTROL_ORDER;
	r->gpr[RAX] = seed & 2 ? STUB_SHARED + SHARED_STOPPED : 0;
}

/* Whatever comes out of that, we live, and can load what it calls its vector registers. */
static void with_scribbles(struct world_rig *rig)
{
	struct vcpu *v;
	int fd;

	v = vcpu_new(&fd);
	close(fd);
	fpu_init(v);
	WR_LOAD(rig, fill);
	for (unsigned int seed = 0; seed < 200; seed++) {
		scribble(rig, seed);
		CU_ASSERT_EQUAL(world_rig_run_for(rig, 20), 0);
		if (rig->w.dead) {
			world_rig_end(rig);
			CU_ASSERT_EQUAL_FATAL(world_rig_begin(rig, &signal_transport), 0);
			WR_LOAD(rig, fill);
			continue;
		}
		rig->w.transport->get_fpu(&rig->w, v->s.xsave, sizeof(v->s.xsave));
		fpu_sanitize(v);
		fpu_get(v);
		fpu_put(v);
	}
	vcpu_free(v);
}

static void test_scribbles(void)
{
	signal_world(with_scribbles);
}

/* ---- stops that are none ----------------------------------------------------------------------
 */

WR_ASM(forge_stop, 64, "mov (%r8), %ecx; mov %ecx, (%rbx); 1: inc %rax; jmp 1b");

static void with_forged_stop(struct world_rig *rig)
{
	struct world_call c = { SYS_munmap, { WR_DATA, 4096 } };

	WR_LOAD(rig, forge_stop);
	rig->r.gpr[RBX] = STUB_SHARED + SHARED_STOPPED;
	rig->r.gpr[R8] = STUB_CONTROL + CONTROL_ORDER;
	CU_ASSERT_EQUAL(world_rig_run(rig), 0);
	CU_ASSERT_NOT_EQUAL(rig->stop.kind, WORLD_DEAD);
	CU_ASSERT_EQUAL(rig->w.transport->calls(&rig->w, &c, 1), -ESRCH);
	CU_ASSERT_TRUE(fate_is(rig, "forged"));
}

static void test_forged_stop(void)
{
	signal_world(with_forged_stop);
}

/* One that is about an earlier order, as a world tells it twice that parks behind a system call, is
 * none. */
WR_ASM(late_stop, 64, "mov (%r8), %ecx; sub $4, %ecx; mov %ecx, (%rbx); 1: inc %rax; jmp 1b");

static void with_late_stop(struct world_rig *rig)
{
	WR_LOAD(rig, late_stop);
	rig->r.gpr[RBX] = STUB_SHARED + SHARED_STOPPED;
	rig->r.gpr[R8] = STUB_CONTROL + CONTROL_ORDER;
	CU_ASSERT_EQUAL(world_rig_run_for(rig, 20), 0);
	CU_ASSERT_EQUAL(rig->stop.kind, WORLD_KICKED);
	CU_ASSERT_TRUE(rig->r.gpr[RAX] > 0);
}

static void test_late_stop(void)
{
	signal_world(with_late_stop);
}

/* A forged stop was believed, and it is resumed without having been stopped: a kick still gets it.
 */
static void with_run_on(struct world_rig *rig)
{
	WR_LOAD(rig, forge_stop);
	rig->r.gpr[RBX] = STUB_SHARED + SHARED_STOPPED;
	rig->r.gpr[R8] = STUB_CONTROL + CONTROL_ORDER;
	CU_ASSERT_EQUAL(world_rig_run(rig), 0);
	rig->r = (struct world_regs){ .rip = WR_CODE, .rflags = 2, .cs = HOST_CS64, .ss = HOST_SS };
	CU_ASSERT_EQUAL(world_rig_run_for(rig, 5), 0);
	CU_ASSERT_EQUAL(rig->stop.kind, WORLD_KICKED);
}

static void test_run_on(void)
{
	signal_world(with_run_on);
}

/* ---- forged signal frames ---------------------------------------------------------------------
 */

/* RSP: behind a frame's first word. */
WR_ASM(return_by, 64, "mov $15, %eax; jmp *%rbx");
WR_ASM(spin_on, 64, "1: inc %rax; jmp 1b");

static struct signal_frame *forge(struct world_rig *rig)
{
	struct signal_frame *f = (void *)(rig->data + 1024);

	WR_LOAD(rig, return_by);
	memcpy(rig->code + 64, spin_on, (size_t)(spin_on_end - spin_on));
	memset(f, 0, sizeof(*f));
	f->flags = 6; /* UC_SIGCONTEXT_SS, UC_STRICT_RESTORE_SS */
	f->greg[REG_RIP] = WR_CODE + 64;
	f->greg[REG_RSP] = WR_DATA + 4096;
	f->greg[REG_CSGSFS] = HOST_CS64 | (u64)HOST_SS << 48;
	f->stack.sp = STUB_STACK;
	f->stack.size = STUB_STACK_SIZE;
	f->stack.flags = 1u << 31;
	rig->r.rip = WR_CODE;
	rig->r.gpr[RSP] = WR_DATA + 1024 + 8;
	rig->r.gpr[RBX] = world_more_at(rig->w.transport, stub_after_sigreturn) - 2;
	return f;
}

static void with_deafness(struct world_rig *rig)
{
	forge(rig)->mask = ~0ull;
	CU_ASSERT_EQUAL(world_rig_run_for(rig, 5), 0);
	CU_ASSERT_EQUAL(rig->stop.kind, WORLD_DEAD);
	CU_ASSERT_TRUE(fate_is(rig, "deaf"));
}

/* Deaf, and never quiet: what it says it has stopped under is no order of ours. */
WR_ASM(chatter, 64, "1: dec %eax; mov %eax, (%rbx); jmp 1b");

static void with_chatter(struct world_rig *rig)
{
	struct signal_frame *f = forge(rig);

	memcpy(rig->code + 64, chatter, (size_t)(chatter_end - chatter));
	f->mask = ~0ull;
	f->greg[REG_RBX] = STUB_SHARED + SHARED_STOPPED;
	CU_ASSERT_EQUAL(world_rig_run_for(rig, 5), 0);
	CU_ASSERT_EQUAL(rig->stop.kind, WORLD_DEAD);
	CU_ASSERT_TRUE(fate_is(rig, "deaf"));
}

static void test_chatter(void)
{
	signal_world(with_chatter);
}

static void test_deafness(void)
{
	signal_world(with_deafness);
}

/* Deaf, and asleep in a call of the stub's. */
WR_ASM(wait_in_stub, 64,
       "mov (%rdi), %edx; xor %r10d, %r10d; xor %esi, %esi; mov $202, %eax; jmp *%rbx");

static void with_sleep(struct world_rig *rig)
{
	struct signal_frame *f = forge(rig);

	f->mask = ~0ull;
	memcpy(rig->code + 64, wait_in_stub, (size_t)(wait_in_stub_end - wait_in_stub));
	f->greg[REG_RDI] = STUB_CONTROL + CONTROL_ORDER;
	f->greg[REG_RBX] = world_more_at(rig->w.transport, stub_after_wait) - 2;
	CU_ASSERT_EQUAL(world_rig_run_for(rig, 5), 0);
	CU_ASSERT_EQUAL(rig->stop.kind, WORLD_DEAD);
	CU_ASSERT_TRUE(fate_is(rig, "sleep"));
}

static void test_sleep(void)
{
	signal_world(with_sleep);
}

/* The next signal goes to a stack of its own: what we read then is stale, and all is well after. */
static void with_other_stack(struct world_rig *rig)
{
	struct signal_frame *f = forge(rig);

	f->stack.flags = 2; /* SS_DISABLE */
	rig->code[64] = 0xf4;
	CU_ASSERT_EQUAL(world_rig_run_for(rig, 20), 0);
	for (unsigned int n = 0; n < 2 && !rig->w.dead; n++) {
		rig->r = (struct world_regs){
			.rip = WR_CODE + 64, .rflags = 2, .cs = HOST_CS64, .ss = HOST_SS
		};
		rig->r.gpr[RAX] = 0x1234 + n;
		rig->r.gpr[RSP] = WR_DATA + 4096;
		CU_ASSERT_EQUAL(world_rig_run(rig), 0);
		CU_ASSERT_EQUAL(rig->stop.vector, GP);
		CU_ASSERT_EQUAL(rig->r.gpr[RAX], 0x1234 + n);
		CU_ASSERT_EQUAL(rig->r.rip, WR_CODE + 64);
	}
	CU_ASSERT_FALSE(rig->w.dead);
}

static void test_other_stack(void)
{
	signal_world(with_other_stack);
}

/* ---- selectors --------------------------------------------------------------------------------
 */

WR_ASM(load, 64, "mov %eax, %ds\n mov %eax, %es\n mov %eax, %fs\n mov %eax, %gs\n hlt");
WR_ASM(far, 64, "ljmp *(%rbx)");

static void with_selectors(struct world_rig *rig)
{
	const struct world_regs usual = rig->r;

	memcpy(rig->code + 64, far, (size_t)(far_end - far));
	WR_LOAD(rig, load);
	rig->code[128] = 0xf4;
	for (u32 selector = 0; selector < 0x10000 && !rig->w.dead; selector += 4) {
		u32 to[2] = { WR_CODE + 128, selector | 3 };

		rig->r = usual;
		rig->r.gpr[RAX] = selector | 3;
		CU_ASSERT_EQUAL(world_rig_run(rig), 0);
		memcpy(rig->data, to, 8);
		rig->r = usual;
		rig->r.rip = WR_CODE + 64;
		rig->r.gpr[RBX] = WR_DATA;
		CU_ASSERT_EQUAL(world_rig_run(rig), 0);
		CU_ASSERT(rig->r.rip == WR_CODE + 64 || rig->r.rip == WR_CODE + 128);
	}
	CU_ASSERT_FALSE(rig->w.dead);
}

static void test_selectors(void)
{
	world_rig_each(with_selectors);
}

/* ---- signals ----------------------------------------------------------------------------------
 */

WR_ASM(add_up, 64, "1: add %rax, %rcx\n dec %rax\n jnz 1b\n hlt");

static pid_t storm(pid_t victim)
{
	static const int signals[] = { SIGSEGV, SIGUSR1, SIGTRAP, SIGILL,  SIGSYS, SIGFPE,
				       SIGALRM, SIGTERM, SIGINT,  SIGCHLD, SIGHUP, 40 };
	pid_t pid = fork();

	if (pid)
		return pid;
	for (unsigned int n = 0;; n++)
		kill(victim, signals[n % ARRAY_SIZE(signals)]);
}

static void with_storm(struct world_rig *rig)
{
	const struct world_regs usual = rig->r;
	pid_t pid = storm(rig->w.pid);

	WR_LOAD(rig, add_up);
	for (u64 n = 0; n < 20; n++) {
		rig->r = usual;
		rig->r.gpr[RAX] = 1000000;
		do {
			CU_ASSERT_EQUAL_FATAL(world_rig_run(rig), 0);
		} while (rig->stop.kind == WORLD_KICKED);
		CU_ASSERT_EQUAL(rig->stop.kind, WORLD_FAULT);
		CU_ASSERT_EQUAL(rig->stop.vector, GP);
		CU_ASSERT_EQUAL(rig->r.gpr[RCX], 1000000ull * 1000001 / 2);
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void test_storm(void)
{
	world_rig_each(with_storm);
}

/* Bases come out of memory that the guest can write, and go to its kernel, which could not load
 * them again. */
static void test_bases(void)
{
	struct world_regs r = { .fs_base = 0x800000000000, .gs_base = 0x7ffffffff000 };
	struct vcpu *v;
	int fd;

	v = vcpu_new(&fd);
	close(fd);
	v->mode = MODE_LONG64;
	v->s.seg[SEG_FS].base = 0x1000;
	direct_regs_in(v, &r, 0);
	CU_ASSERT_EQUAL(v->s.seg[SEG_FS].base, 0x1000);
	CU_ASSERT_EQUAL(v->s.seg[SEG_GS].base, 0x7ffffffff000);
	vcpu_free(v);
}

CU_TestInfo tests_worlds_forge[] = {
	{ "bases that no processor has", test_bases },
	{ "our pages cannot be written", test_writes },
	{ "whatever stands in the shared pages", test_scribbles },
	{ "a forged stop", test_forged_stop },
	{ "stops under an earlier order are none", test_late_stop },
	{ "one that runs on", test_run_on },
	{ "deaf worlds that chatter are found out", test_chatter },
	{ "a forged frame: deaf", test_deafness },
	{ "a forged frame: asleep in the stub", test_sleep },
	{ "a forged frame: another stack", test_other_stack },
	{ "all selectors, far jumps", test_selectors },
	{ "a storm of signals", test_storm },
	CU_TEST_INFO_NULL,
};

/* SPDX-License-Identifier: MIT */
#include "tests/oracle/native.h"

#include <asm/prctl.h>
#include <err.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define RESERVED_AT  464 /* the kernel's part of a signal frame's XSAVE image */
#define RESERVED_END 512

static const int order[NR_GPR] = { REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
				   REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
				   REG_R12, REG_R13, REG_R14, REG_R15 };

/* The signal path's state. */
static struct {
	const struct world *world;
	const struct test_case *c; /* to be started by the next signal, or NULL */
	struct outcome *out;
	gregset_t host;
	u8 host_fpu[XSAVE_AREA];
	u8 *code; /* the writable view */
	u32 length;
} native;

static void copy_state(u8 *dst, const u8 *src, const struct world *w)
{
	u64 mask = w->xcr0, bv;

	memcpy(dst, src, RESERVED_AT);
	for (unsigned int n = 2; n < ARRAY_SIZE(w->component); n++)
		if (w->component[n].size)
			memcpy(dst + w->component[n].offset, src + w->component[n].offset,
			       w->component[n].size);
	memcpy(&bv, dst + RESERVED_END, 8);
	bv &= ~mask;
	memcpy(&mask, src + RESERVED_END, 8);
	bv |= mask & w->xcr0;
	memcpy(dst + RESERVED_END, &bv, 8);
}

static void start(const struct test_case *c, ucontext_t *uc)
{
	greg_t *regs = uc->uc_mcontext.gregs;
	u8 *fpu = (u8 *)uc->uc_mcontext.fpregs;

	memcpy(native.host, regs, sizeof(native.host));
	copy_state(native.host_fpu, fpu, native.world);
	for (unsigned int n = 0; n < NR_GPR; n++)
		regs[order[n]] = (greg_t)c->before.gpr[n];
	regs[REG_RIP] = (greg_t)c->before.rip;
	regs[REG_EFL] = (greg_t)c->before.rflags;
	copy_state(fpu, c->before.xsave, native.world);
}

static void finish(struct outcome *o, ucontext_t *uc)
{
	greg_t *regs = uc->uc_mcontext.gregs;
	u8 *fpu = (u8 *)uc->uc_mcontext.fpregs;

	for (unsigned int n = 0; n < NR_GPR; n++)
		o->r.gpr[n] = (u64)regs[order[n]];
	o->r.rip = (u64)regs[REG_RIP];
	o->r.rflags = (u64)regs[REG_EFL];
	copy_state(o->r.xsave, fpu, native.world);
	o->vector = (u8)regs[REG_TRAPNO];
	o->error = (u32)regs[REG_ERR];
	o->cr2 = (u64)regs[REG_CR2];
	if (o->r.rip - (CODE + INSN_AT) >= native.length)
		o->vector = NO_EXCEPTION; /* HLT, or a jump to where there is no code */
	memcpy(regs, native.host, sizeof(native.host));
	copy_state(fpu, native.host_fpu, native.world);
}

static void on_signal(int signo, siginfo_t *info, void *context)
{
	const struct test_case *c = native.c;

	(void)signo;
	(void)info;
	native.c = NULL;
	if (c)
		start(c, context);
	else
		finish(native.out, context);
}

void native_init(const struct world *w)
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP };
	struct sigaction sa = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK };
	static u8 stack[256 * KiB];
	stack_t ss = { .ss_sp = stack, .ss_size = sizeof(stack) };
	const int shared = MAP_SHARED | MAP_FIXED_NOREPLACE;
	int fd = memfd_create("oracle-code", MFD_CLOEXEC);
	void *code, *data;

	native.world = w;
	if (fd < 0 || ftruncate(fd, 4096))
		err(2, "oracle: memfd");
	native.code = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	code = mmap((void *)CODE, 4096, PROT_READ | PROT_EXEC, shared, fd, 0);
	data = mmap((void *)DATA, DATA_SIZE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	if (native.code == MAP_FAILED || code != (void *)CODE || data != (void *)DATA)
		err(2, "oracle: cannot map the pages at %#llx", CODE);
	memset(native.code, 0xf4, 4096);
	if (sigaltstack(&ss, NULL) || syscall(SYS_arch_prctl, ARCH_SET_GS, GS_BASE))
		err(2, "oracle: stack or GS base");
	for (size_t n = 0; n < ARRAY_SIZE(signals); n++)
		if (sigaction(signals[n], &sa, NULL))
			err(2, "oracle: sigaction");
}

static void protect(int access)
{
	if (mprotect((void *)(DATA + READ_ONLY * 4096ull), 4096, access))
		err(2, "oracle: mprotect");
}

void native_run(const struct test_case *c, struct outcome *out)
{
	protect(PROT_READ | PROT_WRITE);
	case_data(c, (u8 *)DATA);
	protect(PROT_READ);
	memcpy(native.code + INSN_AT, c->bytes, sizeof(c->bytes));
	native.out = out;
	native.length = c->length;
	native.c = c;
	__asm__ volatile("int3" : : : "memory");
	memcpy(out->data, (u8 *)DATA, DATA_SIZE);
}

/* SPDX-License-Identifier: MIT */
#include "backends/swbt/direct/frame.h"

#include "backends/swbt/vcpu.h"

#include <errno.h>
#include <string.h>
#include <ucontext.h>

#define XSAVE_LEGACY   416 /* x87 and SSE */
#define LEGACY	       3   /* their components */
#define XSAVE_HEADER   512
#define XSAVE_MIN      576
#define XSTATE_MAGIC   0x46505853u /* FP_XSTATE_MAGIC1 */
#define SW_XSTATE_SIZE 16	   /* in struct _fpx_sw_bytes */

/* RFLAGS that rt_sigreturn takes from the frame. */
#define LOADED (RFLAGS_ARITH | RFLAGS_TF | RFLAGS_RF | RFLAGS_AC)

#define VSYSCALL     0xffffffffff600000ull /* a page that all processes have */
#define SYS_SECCOMP_ 1			   /* si_code; not in <signal.h> */

/* REG_* by enum gpr. */
static const u8 greg_of[16] = { REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
				REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
				REG_R12, REG_R13, REG_R14, REG_R15 };

static u32 load32(const u8 *p)
{
	u32 value;

	__builtin_memcpy(&value, p, sizeof(value));
	return value;
}

/* Where components beyond the legacy region are in an image. CPUID is dear in a virtual machine. */
static void learn_components(struct frame *f)
{
	for (u32 n = 2; n < FRAME_COMPONENTS; n++) {
		u32 size, at, ecx, edx;

		__asm__("cpuid" : "=a"(size), "=b"(at), "=c"(ecx), "=d"(edx) : "a"(0xd), "c"(n));
		f->component[n].at = at;
		f->component[n].size = (u64)at + size <= f->xsave_size ? size : 0;
	}
}

int frame_learn(struct frame *f, u8 *stack, u64 base, u64 size, u64 sp)
{
	u64 at = sp - base;

	_Static_assert(offsetof(struct signal_frame, info) == 312, "as the kernel has it");
	if (at > size - sizeof(*f->at) || at % 8)
		return -EPROTO;
	f->at = (void *)(stack + at);
	f->fpstate = f->at->fpstate;
	at = f->fpstate - base;
	if (at > size - XSAVE_HEADER || at % 16)
		return -EPROTO;
	f->xsave = stack + at;
	memcpy(f->sw, f->xsave + FRAME_SW, sizeof(f->sw));
	f->xsave_size = load32(f->sw + SW_XSTATE_SIZE);
	/* FXSAVE's image alone, where there is no XSAVE. */
	if (load32(f->sw) != XSTATE_MAGIC)
		f->xsave_size = XSAVE_HEADER;
	if (f->xsave_size != XSAVE_HEADER &&
	    (f->xsave_size < XSAVE_MIN || f->xsave_size > size - at - 4))
		return -EPROTO;
	f->flags = f->at->flags;
	f->stack_sp = f->at->stack.sp;
	f->stack_size = f->at->stack.size;
	f->stack_flags = f->at->stack.flags;
	f->segments = f->at->greg[REG_CSGSFS];
	learn_components(f);
	return 0;
}

void frame_get(const struct frame *f, struct world_regs *r)
{
	const struct signal_frame *at = f->at;
	u64 segments = at->greg[REG_CSGSFS];

	for (unsigned int n = 0; n < 16; n++)
		r->gpr[n] = at->greg[greg_of[n]];
	r->rip = at->greg[REG_RIP];
	r->rflags = at->greg[REG_EFL];
	r->cs = (u16)segments;
	r->ss = (u16)(segments >> 48);
}

u64 frame_put(struct frame *f, const struct world_regs *r, u64 mask)
{
	struct signal_frame *at = f->at;
	u64 flags = (at->greg[REG_EFL] & ~LOADED) | (r->rflags & LOADED);

	for (unsigned int n = 0; n < 16; n++)
		at->greg[greg_of[n]] = r->gpr[n];
	at->greg[REG_RIP] = r->rip;
	at->greg[REG_EFL] = flags;
	at->greg[REG_CSGSFS] = (f->segments & 0x0000ffffffff0000) | r->cs | (u64)r->ss << 48;
	at->flags = f->flags;
	at->link = 0;
	at->stack.sp = f->stack_sp;
	at->stack.size = f->stack_size;
	at->stack.flags = f->stack_flags;
	at->fpstate = f->fpstate;
	at->mask = mask;
	__builtin_memcpy(f->xsave + FRAME_SW, f->sw, sizeof(f->sw));
	return flags;
}

/* A call into the page with the ancient entry points, which the host's kernel would have carried
 * out if it had not been for the filter: it is as if there had been a RET to the caller. What the
 * guest did was a jump to where it has no page, or one of its own. RAX is lost: it is the call's
 * number. */
static void undo_vsyscall(struct world_regs *r, struct world_stop *stop, u64 address)
{
	r->rip = address;
	r->gpr[RSP] -= 8;
	*stop = (struct world_stop){ .kind = WORLD_FAULT, .vector = PF, .address = address };
}

void frame_stop(const struct frame *f, u64 signo, struct world_regs *r, struct world_stop *stop)
{
	const struct signal_frame *at = f->at;
	u64 called = (u64)at->info.si_call_addr, vector = at->greg[REG_TRAPNO];
	int code = at->info.si_code;

	*stop = (struct world_stop){ .kind = WORLD_SYSCALL };
	if (code <= 0 || (signo != SIGSYS && vector > XM)) {
		/* Not by an instruction: kill(2). */
		stop->kind = WORLD_KICKED;
	} else if (signo == SIGSYS) {
		if (code == SYS_SECCOMP_ && called >> 12 == VSYSCALL >> 12)
			undo_vsyscall(r, stop, called);
	} else {
		stop->kind = WORLD_FAULT;
		stop->vector = (u8)vector;
		stop->has_error = true;
		stop->error = at->greg[REG_ERR];
		stop->address = vector == PF ? at->greg[REG_CR2] : 0;
	}
}

void frame_get_fpu(const struct frame *f, void *xsave, size_t size)
{
	if (size > f->xsave_size)
		size = f->xsave_size;
	memcpy(xsave, f->xsave, size);
	memset((u8 *)xsave + FRAME_SW, 0, FRAME_SW_SIZE);
	if (f->xsave_size == XSAVE_HEADER)
		memcpy((u8 *)xsave + XSAVE_HEADER, &(u64){ LEGACY }, 8);
}

void frame_set_fpu(struct frame *f, const void *xsave, size_t size, u64 mask)
{
	const u8 *from = xsave;
	u64 *present = (u64 *)(void *)(f->xsave + XSAVE_HEADER), theirs;

	if (size > f->xsave_size)
		size = f->xsave_size;
	memcpy(f->xsave, from, XSAVE_LEGACY);
	if (f->xsave_size == XSAVE_HEADER)
		return;
	__builtin_memcpy(&theirs, from + XSAVE_HEADER, sizeof(theirs));
	mask |= LEGACY;
	*present = (*present & ~mask) | (theirs & mask);
	for (unsigned int n = 2; n < FRAME_COMPONENTS; n++) {
		u32 at = f->component[n].at;

		if (mask & BIT64(n) && (u64)at + f->component[n].size <= size)
			memcpy(f->xsave + at, from + at, f->component[n].size);
	}
}

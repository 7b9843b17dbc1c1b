/* SPDX-License-Identifier: MIT */
#include "bench/native.h"
#include "bench/facts.h"
#include "bench/nano/lib/probe.h"

#include <asm/ldt.h>
#include <asm/prctl.h>
#include <cpuid.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/ucontext.h>
#include <sys/wait.h>
#include <unistd.h>

/* Linux's selectors of user code and data, and the first of the LDT. */
#define CS_64  0x33
#define CS_32  0x23
#define DS_ALL 0x2b
#define CS_LDT 0x07
#define GS_CPU 0x7b /* data of DPL 3, from base 0: what getcpu() asks LSL about */

#define STRING_(x) #x
#define STRING(x)  STRING_(x)

/*
 * native_enter(io, selector, address, stack): far to SELECTOR:ADDRESS with EBP = IO. 64-bit code
 * comes back to native_back, code of other widths by way of the pad, to native_back_low.
 */
void native_enter(void *io, u64 selector, u64 address, u64 stack);
extern const u8 native_back[], native_back_low[];
asm(".pushsection .text\n"
    "native_enter:\n"
    "	push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
    "	mov %rsp, " STRING(
	    IO_GLUE) "(%rdi)\n"
		     "	mov %rdi, %rbp\n"
		     "	mov %rcx, " STRING(
			     IO_SP) "(%rbp)\n"
				    "	lea -16(%rcx), %rsp\n"
				    "	mov %rdx, (%rsp)\n"
				    "	mov %rsi, 8(%rsp)\n"
				    "	mov $" STRING(
					    DS_ALL) ", %eax\n"
						    "	mov %eax, %ds; mov %eax, %es\n"
						    "	xor %eax, %eax; xor %ecx, %ecx; xor %edx, "
						    "%edx\n"
						    "	lretq\n"
						    "native_back_low:\n"
						    "	mov %ebp, %ebp\n"
						    "native_back:\n"
						    "	mov " STRING(
							    IO_GLUE) "(%rbp), %rsp\n"
								     "	xor %eax, %eax\n"
								     "	mov %eax, %ds; mov %eax, "
								     "%es\n"
								     "	cld\n"
								     "	pop %r15; pop %r14; pop "
								     "%r13; pop %r12; pop %rbp; "
								     "pop %rbx\n"
								     "	ret\n"
								     ".popsection\n");

/* Below 4 GiB, for code of all widths. */
struct low {
	u8 io[IO_SIZE] __attribute__((aligned(4096)));
	u8 stack[4 * 4096];
	u8 code[4096];
};

static struct {
	const struct snippet_code *code;
	struct native *result;
	struct low *low;
	u64 fs_base;
	u16 cs;
	unsigned int signals;
} here; /* of the child, whose handler has no other way to know */

static u64 get64(u32 offset)
{
	u64 v;

	memcpy(&v, here.low->io + offset, sizeof(v));
	return v;
}

static void put32(u32 offset, u32 v)
{
	memcpy(here.low->io + offset, &v, sizeof(v));
}

/* The snippet may have loaded FS, which the C library lives on; so by hand, and first of all. */
static inline void restore_fs(void)
{
	long ret = SYS_arch_prctl;

	asm volatile("syscall"
		     : "+a"(ret)
		     : "D"((long)ARCH_SET_FS), "S"(here.fs_base)
		     : "rcx", "r11", "memory");
}

static void classify(u64 at, unsigned int vector)
{
	const struct snippet_code *c = here.code;
	bool trap = vector == 1 || vector == 3 || vector == 4; /* reported behind the instruction */

	if (at >= c->len || at < c->insn)
		here.result->how = NATIVE_LOST;
	else if (at == c->insn || trap)
		here.result->how = NATIVE_TRAPPED;
	else
		here.result->how = NATIVE_LATER;
}

/* Note what happened and go on with the snippet's last part. */
static void on_signal(int signo, siginfo_t *info, void *context)
{
	greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
	u64 base = here.cs == CS_LDT ? 0 : (u64)(uintptr_t)here.low->code;

	(void)info;
	restore_fs();
	if (here.signals++)
		_exit(1);
	here.result->vector = (unsigned int)r[REG_TRAPNO];
	here.result->error = (u32)r[REG_ERR];
	/* INT1 and INT3 have numbers of their own, but none that Linux tells. */
	if (signo == SIGTRAP && r[REG_TRAPNO] != 1)
		here.result->vector = 3;
	classify((u64)r[REG_RIP] - base, here.result->vector);
	r[REG_RIP] = (greg_t)(base + here.code->resume);
	r[REG_RSP] = (greg_t)get64(IO_SP);
	r[REG_RBP] = (greg_t)(uintptr_t)here.low->io;
	r[REG_RAX] = r[REG_RCX] = r[REG_RDX] = 0;
	r[REG_CSGSFS] = (r[REG_CSGSFS] & ~0xffffll) | here.cs;
}

static void catch_signals(void)
{
	static const int all[] = { SIGSEGV, SIGILL, SIGBUS, SIGFPE, SIGTRAP, SIGSYS };
	static u8 stack[64 * KiB];
	const stack_t alt = { .ss_sp = stack, .ss_size = sizeof(stack) };
	struct sigaction sa = { .sa_sigaction = on_signal,
				.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER };

	sigaltstack(&alt, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		sigaction(all[i], &sa, NULL);
}

/* A 16-bit segment on the code, in the LDT. */
static bool make_segment(void)
{
	struct user_desc d = { .entry_number = 0,
			       .base_addr = (u32)(uintptr_t)here.low->code,
			       .limit = sizeof(here.low->code) - 1,
			       .contents = MODIFY_LDT_CONTENTS_CODE,
			       .useable = 1 };

	return !syscall(SYS_modify_ldt, 0x11, &d, sizeof(d));
}

/* The way back from narrower code: to here near (EA imm32 imm16), or to its end far; and on. */
static u64 make_pad(u8 *pad)
{
	const u64 low = (u64)(uintptr_t)pad, back = (u64)(uintptr_t)native_back_low;
	const u32 onward = (u32)low + 16;
	const u16 cs = CS_64;

	pad[0] = 0xea;
	memcpy(pad + 1, &onward, 4);
	memcpy(pad + 5, &cs, 2);
	memcpy(pad + 16, "\x48\xb8", 2); /* movabs $back, %rax; jmp *%rax */
	memcpy(pad + 18, &back, 8);
	memcpy(pad + 26, "\xff\xe0", 2);
	return low;
}

static u64 make_stack(enum snippet_mode mode, u64 pad)
{
	u8 *top = here.low->stack + sizeof(here.low->stack) - 256;
	const u64 back = (u64)(uintptr_t)native_back;
	const u32 far[2] = { (u32)pad + 16, CS_64 };

	if (mode == SNIPPET_64)
		memcpy(top, &back, 8);
	else if (mode == SNIPPET_32)
		memcpy(top, &pad, 4);
	else
		memcpy(top, far, 8);
	return (u64)(uintptr_t)top;
}

static void fill_io(void)
{
	put32(IO_CS, here.cs);
	put32(IO_SS, DS_ALL);
	put32(IO_BASED, GS_CPU);
	/* What a guest's kernel would have. */
	put32(IO_KCODE, 0x08);
	put32(IO_KDATA, 0x10);
	put32(IO_LDT, 0x50);
	put32(IO_TSS, 0x40);
	put32(IO_MAGIC, PROBE_MAGIC);
}

/* Upper halves of vector registers in use, as they may be any time in a process. */
static void use_avx(void)
{
	u32 a, b, c, d;

	if (__get_cpuid(1, &a, &b, &c, &d) && c & bit_OSXSAVE && c & bit_AVX)
		asm volatile("vcmptrueps %%ymm1, %%ymm1, %%ymm1" : : : "xmm1");
}

static int sidt_is_dummy(void)
{
	struct {
		u16 limit;
		u64 base;
	} __attribute__((packed)) idt = { 1, 0 };

	asm volatile("sidt %0" : "=m"(idt));
	return idt.limit == 0 && idt.base == 0xffffffffffff0000ull;
}

static void child(const struct snippet *s, enum snippet_mode mode, struct native *result)
{
	static const u16 selector[SNIPPET_MODES] = { CS_64, CS_32, CS_LDT };
	u64 pad, stack, address;

	here.code = &s->code[mode];
	here.result = result;
	here.cs = selector[mode];
	here.low = mmap(NULL, sizeof(*here.low), PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	if (here.low == MAP_FAILED || syscall(SYS_arch_prctl, ARCH_GET_FS, &here.fs_base))
		return;
	fill_io();
	memcpy(here.low->code, here.code->code, here.code->len);
	pad = make_pad(here.low->code + 2048);
	stack = make_stack(mode, pad);
	if (mprotect(here.low->code, sizeof(here.low->code), PROT_READ | PROT_EXEC) ||
	    (mode == SNIPPET_16 && !make_segment()))
		return;
	catch_signals();
	alarm(5);
	address = mode == SNIPPET_16 ? 0 : (u64)(uintptr_t)here.low->code;
	use_avx();
	native_enter(here.low->io, here.cs, address, stack);
	restore_fs();
	if (!here.signals)
		result->how = NATIVE_RAN;
	for (unsigned int i = 0; i < 3; i++)
		result->out[i] = get64(IO_A + 8 * i);
	result->emulated =
		result->how == NATIVE_RAN && s->umip && fact_in_child(sidt_is_dummy) == 1;
}

static void run(const struct snippet *s, enum snippet_mode mode, struct native *result)
{
	struct native *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid;
	int status;

	*result = (struct native){ .how = NATIVE_LOST };
	if (shared == MAP_FAILED)
		return;
	shared->how = NATIVE_LOST;
	pid = fork();
	if (!pid) {
		child(s, mode, shared);
		_exit(0);
	}
	if (pid > 0)
		waitpid(pid, &status, 0);
	*result = *shared;
	munmap(shared, sizeof(*shared));
}

/* Nothing but the way there and back. */
bool native_mode(enum snippet_mode mode)
{
	static const u8 near[] = { 0xc3 }, far[] = { 0x66, 0xcb };
	struct snippet s = { .id = "" };
	struct native result;

	if (mode == SNIPPET_64)
		return true;
	s.code[mode] = mode == SNIPPET_16 ? (struct snippet_code){ far, sizeof(far), 0, 0 }
					  : (struct snippet_code){ near, sizeof(near), 0, 0 };
	run(&s, mode, &result);
	return result.how == NATIVE_RAN;
}

void native_run(const struct snippet *s, enum snippet_mode mode, struct native *result)
{
	if (native_mode(mode))
		run(s, mode, result);
	else
		*result = (struct native){ .how = NATIVE_ABSENT };
}

/* SPDX-License-Identifier: MIT */
/*
 * System calls with the numbers and arguments of Linux, in every way that Linux takes them, from
 * CPL 0 and 3: they must reach this guest's handlers or be exceptions. One that reached the host
 * would end the process (exit, kill), or write the canaries' addresses to its standard error.
 */
#include "guest.h"

#define NUMBERS	      600
#define X32	      0x40000000u
#define VECTOR_LINUX  0x80
#define MSR_SYSENTER  0x174 /* CS, ESP, EIP */
#define VSYSCALL_PAGE 0xffffffffff600000ull
#define EFER_SCE      1ull

extern const char syscall_entry[], sysenter_entry[];
extern volatile u64 syscalls, sysenters, interrupts, last_number;

asm(".bss\n"
    ".globl syscalls, sysenters, interrupts, last_number\n"
    "syscalls: .skip 8\n"
    "sysenters: .skip 8\n"
    "interrupts: .skip 8\n"
    "last_number: .skip 8\n"
    ".text\n"
    "syscall_entry:\n"
    "	incq syscalls(%rip)\n"
    "	movq %rax, last_number(%rip)\n"
    "	movq $-38, %rax\n"
    "	cmpq $0, from_user(%rip)\n"
    "	je 1f\n"
    "	sysretq\n"
    "1:	pushq %r11\n"
    "	popfq\n"
    "	jmp *%rcx\n"
    "sysenter_entry:\n"
    "	incq sysenters(%rip)\n"
    "	movq %rax, last_number(%rip)\n"
    "	movq recover_sp(%rip), %rsp\n"
    "	jmp *recover_ip(%rip)\n");

volatile u64 from_user;

__interrupt void on_linux(struct frame *f)
{
	(void)f;
	interrupts = interrupts + 1;
}

#define CALL(text, nr)                                                                      \
	ATTEMPT("movq %%rcx, %%rax; movl $2, %%edi; movl $64, %%edx; xorl %%r10d, %%r10d; " \
		"xorl %%r8d, %%r8d; xorl %%r9d, %%r9d; " text,                              \
		2, nr_targets ? targets[(nr) % nr_targets] : 0, nr)

static void setup(void)
{
	guest_init();
	gate_set_user(VECTOR_LINUX, on_linux);
	wrmsr(MSR_STAR, (u64)(SEL_KDATA | 3) << 48 | (u64)SEL_KCODE << 32);
	wrmsr(MSR_LSTAR, (u64)syscall_entry);
	wrmsr(MSR_SFMASK, 0);
}

static void call_syscall(uword user)
{
	u64 before = syscalls;

	from_user = user;
	for (u64 nr = 0; nr < 2 * NUMBERS; nr++) {
		u64 number = nr < NUMBERS ? nr : X32 + nr - NUMBERS;

		CALL("syscall", number);
		expect("exception at SYSCALL", caught.vector, NO_FAULT);
		expect("number that our handler saw", last_number, number);
	}
	expect("SYSCALLs that reached us", syscalls - before, 2 * NUMBERS);
}

static void call_int80(uword user)
{
	u64 before = interrupts;

	(void)user;
	for (u64 nr = 0; nr < NUMBERS; nr++) {
		CALL("int $0x80", nr);
		expect("exception at INT 0x80", caught.vector, NO_FAULT);
	}
	expect("INT 0x80 that reached us", interrupts - before, NUMBERS);
}

static void call_vsyscall(uword user)
{
	(void)user;
	for (u64 at = 0; at < 0xc00; at += 0x200) {
		ATTEMPT("call *%%rsi", 0, VSYSCALL_PAGE + at, 0);
		expect("exception at a call of the vsyscall page", caught.vector, PF);
		expect("CR2", caught.cr2, VSYSCALL_PAGE + at);
	}
	for (u32 i = 0; i < nr_targets; i++) {
		if (targets[i] >> 47 || targets[i] < IDENTITY_END)
			continue;
		ATTEMPT("call *%%rsi", 0, targets[i] & ~15ull, 0);
		expect("exception at a call of host code", caught.vector, PF);
		expect("CR2", caught.cr2, targets[i] & ~15ull);
		events = events + 1;
	}
}

/* Without a code segment SYSENTER is #GP; AMD's processors do not know it in long mode. */
static void check_sysenter(void)
{
	u64 before = sysenters;
	u64 taken = 0;

	wrmsr(MSR_SYSENTER, 0);
	for (u64 nr = 0; nr < NUMBERS; nr++) {
		CALL("sysenter", nr);
		if (caught.vector != GP)
			expect("exception at SYSENTER without a segment", caught.vector, UD);
	}
	wrmsr(MSR_SYSENTER, SEL_KCODE);
	wrmsr(MSR_SYSENTER + 2, (u64)sysenter_entry);
	for (u64 nr = 0; nr < NUMBERS; nr++) {
		CALL("sysenter", nr);
		taken += caught.vector == NO_FAULT;
		if (caught.vector != NO_FAULT)
			expect("exception at SYSENTER", caught.vector, UD);
		else
			expect("number that our handler saw", last_number, nr);
	}
	expect("SYSENTERs that reached us", sysenters - before, taken);
	wrmsr(MSR_SYSENTER, 0);
	/* It loaded CS and SS with what they were. */
}

static void check_off(void)
{
	u64 efer = rdmsr(MSR_EFER);

	wrmsr(MSR_EFER, efer & ~EFER_SCE);
	for (u64 nr = 0; nr < NUMBERS; nr++) {
		CALL("syscall", nr);
		expect("exception at SYSCALL that is off", caught.vector, UD);
	}
	wrmsr(MSR_EFER, efer);
	gate_set(VECTOR_LINUX, on_linux);
}

static void int80_forbidden(uword user)
{
	(void)user;
	for (u64 nr = 0; nr < NUMBERS; nr++) {
		CALL("int $0x80", nr);
		expect("exception at INT 0x80 without permission", caught.vector, GP);
		expect("error code", caught.error, VECTOR_LINUX * 8 + 2);
	}
}

static void run(uword n __attribute__((unused)))
{
	gate_set_user(VECTOR_LINUX, on_linux);
	call_syscall(0);
	user_call(call_syscall, 1);
	call_int80(0);
	user_call(call_int80, 1);
	call_vsyscall(0);
	user_call(call_vsyscall, 1);
	check_sysenter();
	check_off();
	user_call(int80_forbidden, 1);
}

static void check(uword n)
{
	(void)n;
	if (!events)
		fail("no host code was called");
	metric("syscalls", syscalls);
	metric("int80", interrupts);
}

const struct nano nano = {
	.name = NANO_NAME, .setup = setup, .run = run, .check = check, .max = 1
};

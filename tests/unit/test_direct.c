/* SPDX-License-Identifier: MIT */
/* Engine trap against the step engine: code that runs natively, and each way in which it stops. */
#include "tests/unit/direct_rig.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <string.h>

/* clang-format off: a line for each thing that is tried */

/* ---- what runs natively ---------------------------------------------------------------------- */

DR_ASM(computes, "movl $0x110000, %edi\n movl $1000, %ecx\n xorl %eax, %eax\n"
		 "1: movl %ecx, (%rdi,%rcx,4)\n addl (%rdi,%rcx,4), %eax\n adcq %rax, %rbx\n"
		 "pushq %rax\n popq %rdx\n rolq $3, %rdx\n xorq %rdx, %rsi\n"
		 "leaq 0x200000(%rcx,%rcx), %r8\n movw %cx, (%r8)\n decl %ecx\n jnz 1b\n"
		 "fldpi\n fld1\n fadd %st(1)\n movq %rax, %xmm3\n paddd %xmm3, %xmm3\n"
		 "movl $64, %ecx\n movl $0x110000, %esi\n movl $0x210000, %edi\n rep movsq\n"
		 "stc\n setc %r9b\n" DR_END);

DR_TEST(test_computes)
{
	struct vm *vm = DR_PAIR("trap", computes);

	CU_ASSERT_EQUAL(direct_seen(vm), 0);
	/* Not by the step engine. */
	CU_ASSERT(vm_vcpu(vm)->instructions < 60);
	CU_ASSERT(vcpu_direct(vm_vcpu(vm))->entries < 40);
	vm_destroy(vm);
}

/* ---- exceptions ------------------------------------------------------------------------------ */

#define TRY(text) "leaq 9f(%rip), %r15\n" text "\n 9:\n"

DR_ASM(faults,
       TRY("movq 0x132008, %rax")		/* nothing there */
       TRY("movb %al, 0x130010")		/* read only */
       TRY("movl $0x131000, %eax\n jmp *%rax")	/* not executable */
       TRY("movl $0x132ff0, %eax\n jmp *%rax")	/* code that is not there */
       TRY("movabsq $0x8000000000001234, %rax\n movl (%rax), %eax")
       TRY("movabsq $0xffff800000001000, %rax\n movl (%rax), %eax")
       TRY("movabsq $0x7ffffffff000, %rax\n addl %eax, (%rax)")
       TRY("movl 0x10, %eax\n xorl %edx, %edx\n xorl %ecx, %ecx\n divl %ecx")
       TRY("movl $-1, %eax\n cdq\n movl $0x80000000, %eax\n movl $-1, %ecx\n idivl %ecx")
       TRY("ud2")
       TRY("int3")
       TRY(".byte 0xcd, 3")
       TRY(".byte 0xcd, 4")
       TRY(".byte 0xf1")
       TRY("int $0x30")
       TRY("movaps 0x110008, %xmm0")
       TRY("fninit\n fldcw 0x110100\n fld1\n fldz\n fdivrp\n fldz\n fwait")
       TRY("fninit\n ldmxcsr 0x110104\n xorps %xmm0, %xmm0\n divps %xmm0, %xmm0")
       TRY("movl $0x277, %ecx\n movl $-1, %eax\n movl $-1, %edx\n wrmsr")
       TRY("movl $0x18, %eax\n movl %eax, %ds")
       TRY("lldt 0x110200")
       TRY("movl $1, %eax\n movq %rax, %cr8\n movq %cr8, %rbx")
       TRY("pushq $0x10\n popq %fs")
       DR_END);

DR_TEST(test_faults)
{
	static const u8 vectors[] = { PF, PF, PF, PF, GP, PF, PF, DE, DE, UD,
				      BP, BP, OF, DB, 48, GP, MF, XM, GP, GP };
	struct vm *vm = DR_PAIR("trap", faults);

	CU_ASSERT(direct_seen(vm) >= ARRAY_SIZE(vectors));
	for (unsigned int n = 0; n < ARRAY_SIZE(vectors); n++)
		CU_ASSERT_EQUAL(direct_nth(vm, n).vector, vectors[n]);
	vm_destroy(vm);
}

/* ---- CPL 3 ----------------------------------------------------------------------------------- */

/* To DR_USER with AC set, R14 being its RFLAGS; back by INT 80, whose handler resumes at R15 with
 * CPL 3; so the user ends the run by itself: IOPL is 3. */
#define TO_USER(flags)                                                                        \
	"movl $0x28, %eax\n pushq $0x4b\n pushq $0x130000\n pushq $" flags "\n pushq $0x43\n" \
	"pushq $0x102000\n iretq\n"

DR_ASM(to_user, TO_USER("0x3002"));
DR_ASM(to_user_ac, TO_USER("0x43002"));
DR_ASM(user,
       "movl $7, 0x120008\n movl 0x120008, %ebx\n pushq %rbx\n"
       TRY("movl 0x110000, %eax") /* the supervisor's */
       TRY("movl %eax, 0x110000")
       TRY("movl $0x100000, %eax\n jmp *%rax")
       TRY("hlt")
       TRY("movq %cr3, %rax")
       TRY("int $0x31")
       TRY("int $80")
       TRY("movl $0x120000, %eax\n movq $0, 1(%rax)\n incl %ebx") /* unaligned */
       DR_END);

DR_TEST(test_user)
{
	static const u8 vectors[] = { PF, PF, PF, GP, GP, GP, 80 }, errors[] = { 5, 7, 0x15 };
	struct vm *vm = DR_PAIR_USER("trap", to_user, user);

	CU_ASSERT_EQUAL(direct_seen(vm), ARRAY_SIZE(vectors));
	for (unsigned int n = 0; n < ARRAY_SIZE(vectors); n++) {
		CU_ASSERT_EQUAL(direct_nth(vm, n).vector, vectors[n]);
		CU_ASSERT_EQUAL(direct_nth(vm, n).cs, DR_UCS);
		if (n < ARRAY_SIZE(errors))
			CU_ASSERT_EQUAL(direct_nth(vm, n).error, errors[n]);
	}
	vm_destroy(vm);
}

/* #AC at CPL 3 alone, where the guest has asked for it. */
DR_TEST(test_alignment)
{
	struct vm *vm = DR_PAIR_USER("trap", to_user_ac, user);

	CU_ASSERT_EQUAL(direct_nth(vm, 7).vector, AC);
	vm_destroy(vm);
}

/* STAC, CLAC and what they are for; then SMEP, then CR0.WP. */
DR_ASM(protections,
       "movq %cr4, %rax\n orl $0x200000, %eax\n movq %rax, %cr4\n"
       TRY("movl 0x120000, %eax")
       "stac\n movl %eax, 0x120004\n movl 0x120004, %eax\n movw %ax, 0x120001\n clac\n"
       TRY("movl %eax, 0x120004")
       "movq %cr4, %rax\n orl $0x100000, %eax\n movq %rax, %cr4\n"
       TRY("movl $0x102000, %eax\n jmp *%rax")
       "movq %cr4, %rax\n andl $~0x300000, %eax\n movq %rax, %cr4\n"
       "movl 0x120004, %eax\n"
       TRY("movl %eax, 0x130000")
       "movq %cr0, %rax\n andl $~0x10000, %eax\n movq %rax, %cr0\n"
       "movl %ebx, 0x130000\n movl 0x130000, %ecx\n"
       "movq %cr0, %rax\n orl $0x10000, %eax\n movq %rax, %cr0\n"
       TRY("movl %eax, 0x130000")
       DR_END);
DR_ASM(returns, "incl %edi\n jmp *%r15\n");

DR_TEST(test_protections)
{
	struct vm *vm = DR_PAIR_USER("trap", protections, returns);

	CU_ASSERT_EQUAL(direct_seen(vm), 5);
	vm_destroy(vm);
}

/* ---- system calls that are not the host's ---------------------------------------------------- */

/* LSTAR is the code behind 7:, which comes back to where RCX says. What the host's kernel would do
 * of it: exit_group, write to memory. */
DR_ASM(calls,
       "movl $0xc0000080, %ecx\n rdmsr\n orl $1, %eax\n wrmsr\n"
       "movl $0xc0000082, %ecx\n leaq 7f(%rip), %rax\n xorl %edx, %edx\n wrmsr\n"
       "movl $0xc0000081, %ecx\n movl $0x00380008, %edx\n xorl %eax, %eax\n wrmsr\n"
       "movl $0x200, %eax\n movl $0xc0000084, %ecx\n xorl %edx, %edx\n wrmsr\n"
       TO_USER("0x3002")
       "7: incl %ebp\n movl %eax, 0x110000(,%rbp,4)\n sysretq\n");
DR_ASM(user_calls,
       "movl $231, %eax\n xorl %edi, %edi\n syscall\n"
       "movl $60, %eax\n syscall\n"
       "movl $228, %eax\n xorl %edi, %edi\n movl $0x120000, %esi\n syscall\n" /* clock_gettime */
       TRY("movl $1, %eax\n int $0x80")
       TRY("movl $1, %eax\n sysenter")
       /* The host leaves the number of its own call in RAX. */
       TRY("movl $96, %eax\n movq $0xffffffffff600000, %rcx\n movl $0x120010, %edi\n"
	   "xorl %esi, %esi\n call *%rcx")
       TRY("movl $201, %eax\n movq $0xffffffffff600400, %rcx\n call *%rcx")
       "movl $11, %eax\n syscall\n xorl %ecx, %ecx\n xorl %r11d, %r11d\n"
       DR_END);

DR_TEST(test_calls)
{
	struct vm *vm = DR_PAIR_USER("trap", calls, user_calls);

	CU_ASSERT_EQUAL((u32)vm_vcpu(vm)->s.gpr[RBP], 4);
	vm_destroy(vm);
}

/* ---- what is mapped -------------------------------------------------------------------------- */

/* Entries change, and what the architecture demands of INVLPG and CR3 happens; pages of 4 KiB and 2
 * MiB; accessed and dirty bits are compared with all else. */
DR_ASM(remaps, "movl $1, 0x110000\n movl $2, 0x111000\n movl 0x110000, %eax\n"
	       "movq 0x13880, %rbx\n movq 0x13888, %rcx\n" /* entries of 0x110000 and 0x111000 */
	       "movq %rcx, 0x13880\n invlpg 0x110000\n movl 0x110000, %esi\n movl $5, 0x110000\n"
	       "movq %rbx, 0x13880\n movq %cr3, %rax\n movq %rax, %cr3\n movl 0x110000, %edi\n"
	       "movq $0, 0x13880\n invlpg 0x110008\n" TRY(
		       "movl 0x110000, %edx") "movq %rbx, 0x13880\n movl 0x110000, %edx\n"
					      /* The large page: elsewhere, and not there. */
					      "movl $9, 0x200000\n movl $8, 0x3ff000\n movl "
					      "0x12008, %ebp\n"
					      "movq $0x83, 0x12008\n invlpg 0x2ff000\n movl "
					      "0x310000, %r8d\n movl $3, 0x310004\n"
					      "movq $0, 0x12008\n invlpg 0x200000\n" TRY(
						      "incl 0x3ff000") "movq %rbp, 0x12008\n incl "
								       "0x3ff000\n"
								       /* Read only for a while. */
								       "andq $~2, 0x13880\n movq "
								       "%cr3, %rax\n movq %rax, "
								       "%cr3\n movl 0x110000, "
								       "%eax\n" TRY(
									       "movl %eax, "
									       "0x110000") "orq "
											   "$2, "
											   "0x13880"
											   "\n "
											   "invlpg "
											   "0x11000"
											   "0\n "
											   "movl "
											   "$77, "
											   "0x11000"
											   "0\n"
											   /* Global
											      pages
											      outlive
											      CR3,
											      not
											      CR4.PGE.
											    */
											   "orq "
											   "$0x100,"
											   " 0x1388"
											   "8\n "
											   "movq "
											   "%cr4, "
											   "%rax\n "
											   "orl "
											   "$0x80, "
											   "%eax\n "
											   "movq "
											   "%rax, "
											   "%cr4\n"
											   "movl "
											   "0x11100"
											   "0, "
											   "%eax\n "
											   "movq "
											   "%cr3, "
											   "%rax\n "
											   "movq "
											   "%rax, "
											   "%cr3\n "
											   "movl "
											   "0x11100"
											   "0, "
											   "%eax\n"
											   "movq "
											   "$0, "
											   "0x13888"
											   "\n "
											   "movq "
											   "%cr4, "
											   "%rax\n "
											   "xorl "
											   "$0x80, "
											   "%eax\n "
											   "movq "
											   "%rax, "
											   "%cr4"
											   "\n" TRY(
												   "movl 0x111000, %eax")
												   DR_END);

DR_TEST(test_remaps)
{
	struct vm *vm = DR_PAIR("trap", remaps);

	CU_ASSERT_EQUAL(direct_seen(vm), 4);
	CU_ASSERT_EQUAL((u32)vm_vcpu(vm)->s.gpr[RSI], 2);
	vm_destroy(vm);
}

/* What was flushed may stay where the tables say so, but never at the price of a bit that the next
 * access would have set; other tables, and what changes its rights or its scope, are seen. */
DR_ASM(rechecks,
       "movl $1, 0x110000\n movl 0x111000, %eax\n movl $2, 0x112000\n movl $3, 0x113000\n"
       "andq $~0x60, 0x13880\n invlpg 0x110000\n movl 0x110000, %ebx\n" /* A again, not D */
       "andq $~0x20, 0x13888\n movq %cr3, %rax\n movq %rax, %cr3\n"	/* neither */
       "andq $~0x40, 0x13890\n movq %cr3, %rax\n movq %rax, %cr3\n"
       "movl 0x112000, %ecx\n movl $4, 0x112000\n" /* D again */
       "andq $~0x40, 0x13898\n invlpg 0x113000\n movl 0x113000, %edx\n" /* not D */
       /* Other tables, which have 0x114000 and 0x115000 the other way round, and back. */
       "movl $0x14, 0x114000\n movl $0x15, 0x115000\n"
       "movl $512, %ecx\n movl $0x10000, %esi\n movl $0x30000, %edi\n rep movsq\n"
       "movl $512, %ecx\n movl $0x11000, %esi\n movl $0x31000, %edi\n rep movsq\n"
       "movl $512, %ecx\n movl $0x12000, %esi\n movl $0x32000, %edi\n rep movsq\n"
       "movl $512, %ecx\n movl $0x13000, %esi\n movl $0x33000, %edi\n rep movsq\n"
       "addl $0x20000, 0x30000\n addl $0x20000, 0x31000\n addl $0x20000, 0x32000\n"
       "movq 0x338a0, %rax\n xchgq %rax, 0x338a8\n movq %rax, 0x338a0\n"
       "movl $0x30000, %eax\n movq %rax, %cr3\n movl 0x114000, %r8d\n incl 0x115000\n"
       "movl $0x10000, %eax\n movq %rax, %cr3\n movl 0x114000, %r9d\n incl 0x115000\n"
       /* At once not the user's any more: nothing for CPL 0; not executable. */
       "movl $0xc3, 0x116000\n movl $0x116000, %eax\n call *%rax\n"
       "btsq $63, 0x138b0\n movq %cr3, %rax\n movq %rax, %cr3\n"
       TRY("movl $0x116000, %eax\n jmp *%rax")
       "movl 0x116000, %eax\n"
       DR_END);

DR_TEST(test_rechecks)
{
	struct vm *vm = DR_PAIR("trap", rechecks);

	CU_ASSERT_EQUAL(direct_seen(vm), 1);
	CU_ASSERT_EQUAL((u32)vm_vcpu(vm)->s.gpr[R8], 0x15);
	CU_ASSERT_EQUAL((u32)vm_vcpu(vm)->s.gpr[R9], 0x15);
	vm_destroy(vm);
}

/* CR3 is written again and again, and nothing is mapped anew. */
DR_ASM(reloads,
       "movl $100, %ecx\n 1: movq %cr3, %rax\n movq %rax, %cr3\n incl 0x110000\n movl 0x111000, %eax\n"
       "addl 0x200000, %eax\n decl %ecx\n jnz 1b\n" DR_END);

DR_TEST(test_reloads)
{
	struct vm *vm = DR_PAIR("trap", reloads);
	struct direct *d = vcpu_direct(vm_vcpu(vm));

	CU_ASSERT(d->hidden_faults < 10);
	CU_ASSERT(d->entries < 220);
	CU_ASSERT(space_mapped(d->space[DIRECT_SUPER]) < 10);
	vm_destroy(vm);
}

/* ---- counts ---------------------------------------------------------------------------------- */

DR_ASM(counted,
       "movl 0x110000, %eax\n"
       TRY("ud2") TRY("movl 0x132000, %eax") "movq %cr0, %rax\n movq %rax, %cr0\n"
       "inb $0x61, %al\n movl $0xfee00000, %edx\n movl 0x30(%rdx), %eax\n" DR_END);

DR_TEST(test_counts)
{
	static const struct {
		enum trap_cause cause;
		u64 count;
	} want[] = { { TRAP_EXCEPTION, 2 }, { TRAP_CR, 3 }, { TRAP_PORT_IN, 1 }, { TRAP_MMIO, 1 } };
	struct vm *vm = DR_PAIR("trap", counted);

	for (size_t n = 0; n < ARRAY_SIZE(want); n++) {
		const struct trap_counter *c = &vm->traps.c[want[n].cause];
		u64 timed = 0;

		for (unsigned int b = 0; b < TRAP_BUCKETS; b++)
			timed += c->hist[b];
		/* CR2 is read by handlers. */
		CU_ASSERT_EQUAL(c->count, want[n].count + (n == 1 ? 1 : 0));
		CU_ASSERT_EQUAL(timed, c->count);
		CU_ASSERT(c->cycles > 100 * c->count);
	}
	CU_ASSERT(vm->traps.c[TRAP_HIDDEN_FAULT].count > 0);
	CU_ASSERT_EQUAL(vm->traps.c[TRAP_HIDDEN_FAULT].count,
			vcpu_direct(vm_vcpu(vm))->hidden_faults);
	vm_destroy(vm);
}

/* A device, and a page that code and data share and that is written from another address. */
DR_ASM(shares,
       "movl $0xfee00000, %edx\n movl 0x30(%rdx), %eax\n movl $0x1f0, 0xf0(%rdx)\n"
       "movl 0xf0(%rdx), %ebx\n"
       "movq 0x13880, %rcx\n movl $0xc3c0ff, 0x111000\n" /* inc eax; ret */
       "movl $0x111000, %esi\n call *%rsi\n"
       "movq 0x13888, %rcx\n movq %rcx, 0x13880\n invlpg 0x110000\n"
       "movl $0xc3c8ff, 0x110000\n call *%rsi\n movl $0xc3c0ff, 0x110000\n call *%rsi\n"
       DR_END);

DR_TEST(test_shares)
{
	vm_destroy(DR_PAIR("trap", shares));
}

/* ---- single steps and shadows ---------------------------------------------------------------- */

DR_ASM(steps, "leaq 9f(%rip), %r15\n pushq $0x102\n popfq\n incl %eax\n incl %eax\n"
	      "9: pushq $2\n popfq\n incl %ebx\n"
	      "leaq 8f(%rip), %rax\n movq %rax, %dr0\n movl $0x401, %eax\n movq %rax, %dr7\n"
	      "leaq 9f(%rip), %r15\n incl %ebx\n 8: incl %ebx\n 9: movl $0x400, %eax\n"
	      "movq %rax, %dr7\n" DR_END);

DR_TEST(test_steps)
{
	struct vm *vm = DR_PAIR("trap", steps);

	CU_ASSERT(direct_seen(vm) >= 2);
	vm_destroy(vm);
}

/* ---- kicks ----------------------------------------------------------------------------------- */

DR_TEST(test_kicks)
{
	direct_kicks = true;
	for (unsigned int n = 0; n < 5; n++) {
		vm_destroy(DR_PAIR("trap", computes));
		vm_destroy(DR_PAIR("trap", faults));
		vm_destroy(DR_PAIR_USER("trap", to_user, user));
		vm_destroy(DR_PAIR_USER("trap", calls, user_calls));
		vm_destroy(DR_PAIR("trap", remaps));
		vm_destroy(DR_PAIR("trap", rechecks));
	}
	direct_kicks = false;
}

CU_TestInfo tests_direct[] = { { "what needs no help", test_computes },
			       { "each exception", test_faults },
			       { "CPL 3", test_user },
			       { "alignment checks", test_alignment },
			       { "SMAP, SMEP and WP", test_protections },
			       { "system calls", test_calls },
			       { "page tables that change", test_remaps },
			       { "what was flushed", test_rechecks },
			       { "CR3 written often", test_reloads },
			       { "counts and times", test_counts },
			       { "devices and aliases", test_shares },
			       { "single steps and breakpoints", test_steps },
			       { "kicks at any time", test_kicks },
			       CU_TEST_INFO_NULL };

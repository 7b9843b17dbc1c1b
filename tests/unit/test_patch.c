/* SPDX-License-Identifier: MIT */
/* Engine trap+patch against the step engine: what would fail silently, code that is written, code
 * that is read, and code that is jumped into. */
#include "backends/swbt/direct/codes.h"
#include "backends/swbt/direct/patch.h"
#include "tests/unit/direct_rig.h"

#include <CUnit/CUnit.h>

#define ENGINE	  "trap+patch"
#define TRY(text) "leaq 9f(%rip), %r15\n" text "\n 9:\n"

static struct patch *patch_in(struct vm *vm)
{
	return vcpu_direct(vm_vcpu(vm))->patch;
}

/* clang-format off */

/* ---- what fails silently --------------------------------------------------------------------- */

DR_ASM(patch_silent,
       "movl $0x110000, %edi\n"
       "sgdt (%rdi)\n sidt 16(%rdi)\n sldt 32(%rdi)\n str 40(%rdi)\n smsw %rax\n pushq %rax\n"
       "movl %ds, %eax\n pushq %rax\n movw %cs, 48(%rdi)\n movl %ss, %ebx\n pushq %fs\n"
       "movl $8, %eax\n larl %eax, %ebx\n lsll %eax, %ecx\n verr %ax\n setz %dl\n verw %ax\n setz %dh\n"
       "pushq %rbx\n pushq %rcx\n pushq %rdx\n"
       "movl $0x10, %eax\n movl %eax, %es\n movl %eax, %ds\n pushq $0x10\n popq %gs\n"
       "movl %gs, %eax\n pushq %rax\n"
       "pushfq\n sti\n nop\n pushfq\n cli\n pushfq\n pushq $0x202\n popfq\n pushfq\n cli\n"
       "xorl %eax, %eax\n cpuid\n pushq %rax\n pushq %rbx\n"
       "movl $8, %eax\n pushq %rax\n leaq 1f(%rip), %rax\n pushq %rax\n lretq\n 1:\n"
       "movq %rsp, %rax\n pushq $0x10\n pushq %rax\n pushfq\n pushq $8\n leaq 2f(%rip), %rax\n"
       "pushq %rax\n iretq\n 2:\n"
       TRY("int3") TRY("int $0x30") TRY("syscall")
       TRY("rdfsbase %rax") "movq %cr4, %rax\n orl $0x10000, %eax\n movq %rax, %cr4\n"
       "movl $0x1234, %eax\n wrgsbase %rax\n rdgsbase %rbx\n pushq %rbx\n"
       DR_END);

DR_TEST(test_silent)
{
	struct vm *vm = DR_PAIR(ENGINE, patch_silent);

	CU_ASSERT_EQUAL(direct_seen(vm), 4);
	CU_ASSERT(patch_in(vm)->stats.hits[SCAN_SENSITIVE] >= 30);
	vm_destroy(vm);
}

/* Not shown to guests, whatever this host has. */
DR_ASM(patch_undefined,
       "xorl %eax, %eax\n xorl %ecx, %ecx\n xorl %edx, %edx\n"
       TRY(".byte 0x0f, 0x01, 0xee")	   /* RDPKRU */
       TRY(".byte 0x0f, 0x01, 0xef")	   /* WRPKRU */
       TRY(".byte 0x0f, 0x01, 0xfa")	   /* MONITORX */
       TRY(".byte 0x0f, 0x01, 0xfd")	   /* RDPRU */
       TRY(".byte 0x0f, 0x01, 0xe8")	   /* SERIALIZE */
       TRY(".byte 0xc7, 0xf8, 0, 0, 0, 0") /* XBEGIN */
       TRY(".byte 0x06")		   /* nothing */
       TRY("ud2")
       ".byte 0xf3, 0x48, 0x0f, 0x1e, 0xc8\n" /* RDSSPQ: a NOP */
       DR_END);

DR_TEST(test_undefined)
{
	struct vm *vm = DR_PAIR(ENGINE, patch_undefined);

	CU_ASSERT_EQUAL(direct_seen(vm), 8);
	for (unsigned int n = 0; n < 8; n++)
		CU_ASSERT_EQUAL(direct_nth(vm, n).vector, UD);
	vm_destroy(vm);
}

/* Every #NM and #UD of CR0 and CR4, with the same code before and after. */
DR_ASM(patch_fpu,
       "movl $3, %r12d\n"
       "1: fninit\n fld1\n addps %xmm0, %xmm1\n"
       "movq %cr0, %rax\n orl $8, %eax\n movq %rax, %cr0\n" /* TS */
       TRY("call 2f") TRY("call 3f") TRY("call 4f")
       "clts\n call 2f\n call 3f\n call 4f\n"
       "movq %cr0, %rax\n orl $4, %eax\n movq %rax, %cr0\n" /* EM */
       TRY("call 2f") TRY("call 3f") "call 4f\n"
       "movq %cr0, %rax\n andl $~4, %eax\n movq %rax, %cr0\n"
       "movq %cr4, %rax\n andl $~0x200, %eax\n movq %rax, %cr4\n" /* OSFXSR */
       TRY("call 3f") "call 2f\n"
       "movq %cr4, %rax\n orl $0x200, %eax\n movq %rax, %cr4\n"
       "movl $0x40000, %esp\n decl %r12d\n jnz 1b\n" DR_END
       ".org patch_fpu + 0x1000, 0x90\n" /* mapped, whatever happens to the other page */
       "2: fldpi\n fstp %st(0)\n ret\n"
       "3: movaps %xmm2, %xmm3\n ret\n"
       "4: fwait\n ret\n");

DR_TEST(test_fpu)
{
#ifdef __SANITIZE_ADDRESS__
	return; /* its calls use the step engine's vector registers, as nothing else does */
#endif
	struct vm *vm = DR_PAIR(ENGINE, patch_fpu);

	CU_ASSERT_EQUAL(direct_seen(vm), 3 * 6);
	CU_ASSERT_EQUAL(direct_nth(vm, 0).vector, NM);
	CU_ASSERT(patch_in(vm)->stats.closed[SCAN_FPU] > 0);
	vm_destroy(vm);
}

/* ---- code that is written -------------------------------------------------------------------- */

/* The next instruction; the one after it; one that was run; data beside it; all of it often. */
DR_ASM(patch_smc,
       "movl $200, %r12d\n leaq 4f(%rip), %rdi\n"
       "1: movb %r12b, 2f+1(%rip)\n"
       "2: movl $0x100, %eax\n addl %eax, %ebx\n"
       "movw %r12w, 3f+2(%rip)\n nop\n"
       "3: addl $0x1000000, %esi\n"
       "xorb $8, 5f+1(%rip)\n"
       "5: incl %ecx\n" /* or DECL */
       "movl %ebx, (%rdi)\n addq %r12, 8(%rdi)\n"
       "decl %r12d\n jnz 1b\n" "jmp 6f\n"
       "4: .quad 0, 0\n"
       "6:" DR_END);
/* Across the end of the page, from both sides. */
DR_ASM(patch_across,
       "movl $100, %r12d\n jmp 1f\n"
       ".org patch_across + 0xffd, 0x90\n"
       "2: movl $0x100, %eax\n addl %eax, %ebx\n movb %bl, 2b+2(%rip)\n ret\n"
       "1: movb %r12b, 2b+4(%rip)\n call 2b\n decl %r12d\n jnz 1b\n" DR_END);
/* A page of data alone, that becomes code, and so on; then data for good. */
DR_ASM(patch_turns,
       "movl $100, %r12d\n movl $0x111000, %edi\n"
       "1: movl $20, %ecx\n 3: movl %ecx, 0x200(%rdi)\n loop 3b\n" /* it is released */
       "movl $0xc3c0ff, (%rdi)\n call *%rdi\n" /* inc eax; ret */
       "movl $0xc3c3ff, (%rdi)\n call *%rdi\n"	  /* inc ebx; ret */
       "movl $0x9b, %ecx\n incl %ecx\n movl %ecx, 0x10(%rdi)\n movl $0xc358, 0x11(%rdi)\n leaq 0x10(%rdi), %rsi\n call *%rsi\n"
       "movq %rax, 0x100(%rdi)\n addq $3, 0x100(%rdi)\n decl %r12d\n jnz 1b\n"
       "movl $100000, %r12d\n"
       "2: addl %r12d, 0x200(%rdi)\n decl %r12d\n jnz 2b\n" DR_END);

DR_TEST(test_written)
{
	struct vm *vm = DR_PAIR(ENGINE, patch_smc);

	CU_ASSERT(patch_in(vm)->stats.voided > 0);
	vm_destroy(vm);
	vm = DR_PAIR(ENGINE, patch_across);
	CU_ASSERT(patch_in(vm)->stats.hits[SCAN_PAGE_END] >= 1);
	vm_destroy(vm);
	vm = DR_PAIR(ENGINE, patch_turns);
	CU_ASSERT(patch_in(vm)->stats.released >= 100);
	/* The last loop is native. */
	CU_ASSERT(patch_in(vm)->stats.writes < 5000);
	CU_ASSERT(vm_vcpu(vm)->instructions < 50000);
	vm_destroy(vm);
}

/* A device writes to code that was run. */
DR_ASM(patch_dma, "movl $0x111000, %edi\n call *%rdi\n" DR_END);

DR_TEST(test_device)
{
	static const u8 first[] = { 0xb8, 1, 0, 0, 0, 0xc3 }, second[] = { 0xb8, 2, 0, 0, 0, 0xc3 };
	struct vm *vm = direct_rig(ENGINE, patch_dma, (size_t)(patch_dma_end - patch_dma), NULL, 0);
	struct cpu_state s;

	CU_ASSERT_EQUAL_FATAL(vm->backend->get_state(vm, &s, NULL), 0);
	CU_ASSERT_EQUAL_FATAL(ram_write(&vm->ram, 0x111000, first, sizeof(first)), 0);
	s.gpr[RAX] = 0;
	for (unsigned int n = 0; n < 2; n++) {
		CU_ASSERT_EQUAL_FATAL(vm->backend->set_state(vm, &s, NULL), 0);
		/* Behind the call is what ends a run; RBX does as well. */
		direct_go(vm);
		CU_ASSERT_EQUAL(patch_in(vm)->stats.voided > 0, n);
		CU_ASSERT_EQUAL_FATAL(
			ram_write(&vm->ram, 0x111000, second, sizeof(second)), 0);
	}
	vm_destroy(vm);
}

/* An instruction that reads, known anew each time: what is kept of it is bounded. */
DR_ASM(patch_readers,
       "movl $2000, %r12d\n xorl %ebx, %ebx\n xorl %ecx, %ecx\n"
       "1: movb %r12b, 2f+1(%rip)\n"
       "2: movl $0x100, %eax\n 3: movl 0x110000(,%rcx,4), %edx\n addl %eax, %ebx\n"
       "xorb $8, 4f+2(%rip)\n"
       "4: movl 0x110000(,%rcx,8), %edx\n"
       "decl %r12d\n jnz 1b\n" DR_END);

DR_TEST(test_readers)
{
	struct vm *vm = direct_rig(ENGINE, patch_readers,
				   (size_t)(patch_readers_end - patch_readers), NULL, 0);

	patch_in(vm)->max_readers = 4;
	direct_go(vm);
	CU_ASSERT(patch_in(vm)->nr_readers < 12);
	CU_ASSERT_EQUAL((u32)vm_vcpu(vm)->s.gpr[RBX], 0xba168);
	vm_destroy(vm);
}

/* ---- code that is read ----------------------------------------------------------------------- */

/* Constants beside code: found before their page is known to be code, and after. */
DR_ASM(patch_reads,
       "movl $2, %r12d\n"
       "1: movq 0x101800, %rax\n addq %rax, %rbx\n" /* no base */
       "addq patch_reads+0x1800(%rip), %rbx\n"
       "movl $3, %ecx\n addq 0x101800(,%rcx,8), %rbx\n"
       "addq 0x101800(%rcx), %rbx\n"
       "movabsq 0x101808, %rax\n addq %rax, %rbx\n"
       "cmpb $0x11, 0x101800\n setz %dl\n pushq %rdx\n"
       "jmp *0x101900(,%rcx,8)\n"
       "5: call patch_reads+0x1700\n" /* now it is */
       "decl %r12d\n jnz 1b\n"
       "addq 2f(%rip), %rbx\n jmp 3f\n 2: .quad 0xba168\n 3:\n"
       DR_END
       ".org patch_reads + 0x1700, 0x90\n incl %esi\n ret\n"
       ".org patch_reads + 0x1800, 0x11\n"
       ".quad 0x1122334455667788, 2, 3, 4, 5, 6, 7, 8\n"
       ".org patch_reads + 0x1918, 0x22\n"
       ".quad 0x100000 + 5b - patch_reads\n");

/* One's own page, which is code already. */
DR_ASM(patch_reads_own,
       "movl 1f(%rip), %eax\n movl $300, %ecx\n 2: loop 2b\n" DR_END "1: .long 0xba1688\n");

DR_TEST(test_read)
{
	struct vm *vm = DR_PAIR(ENGINE, patch_reads);

	if (!patch_in(vm)->exec_only)
		CU_ASSERT(patch_in(vm)->stats.closed[SCAN_READS] >= 7);
	vm_destroy(vm);
	vm = DR_PAIR(ENGINE, patch_reads_own);
	CU_ASSERT_EQUAL(patch_in(vm)->stats.closed[SCAN_READS], !patch_in(vm)->exec_only);
	vm_destroy(vm);
}

/* ---- jumps into instructions ----------------------------------------------------------------- */

/* Each has something sensitive in its middle; first it runs as a whole, then a register leads
 * there. R13: the way back. */
#define INTO(bytes, offset) \
	"leaq 9f(%rip), %r15\n xorl %r14d, %r14d\n" \
	"7: " bytes "\n testl %r14d, %r14d\n jnz 9f\n incl %r14d\n" \
	"leaq 7b+" #offset "(%rip), %r13\n jmp *%r13\n 9:\n"

DR_ASM(patch_into,
       INTO("movl $0x9090909c, %ecx", 1)	       /* PUSHF */
       INTO("movl $0x90e0010f, %ecx", 1)	       /* SMSW EAX */
       INTO("movl $0x90d88c90, %ecx", 2)	       /* MOV EAX, DS */
       INTO("movl $0x0f909090, %ecx\n .byte 0xa2, 0, 0, 0x11, 0, 0, 0, 0, 0", 4) /* CPUID */
       INTO("movl $0xfa909090, %ecx", 4)	       /* CLI, which traps by itself */
       DR_END);

DR_TEST(test_jumped_into)
{
	struct vm *vm = DR_PAIR(ENGINE, patch_into);

	CU_ASSERT(patch_in(vm)->stats.closed[SCAN_INSIDE] >= 4);
	vm_destroy(vm);
}

/* RETF inside of MOV: the guest's selector traps, until it has one of the host's. */
DR_ASM(patch_far,
       "pushq $8\n leaq 9f(%rip), %rax\n pushq %rax\n leaq 7f+1(%rip), %r13\n"
       "xorl %r14d, %r14d\n"
       "7: movl $0x9090cb48, %ecx\n" /* RETFQ */
       "testl %r14d, %r14d\n jnz 9f\n incl %r14d\n jmp *%r13\n 9:\n" DR_END);

DR_TEST(test_far)
{
	struct vm *vm = DR_PAIR(ENGINE, patch_far);

	CU_ASSERT_EQUAL(patch_in(vm)->inside, INSIDE_FAR_TRANSFERS);
	/* It may be closed now, as it was come to; not before. */
	CU_ASSERT(patch_in(vm)->stats.closed[SCAN_INSIDE] <= 1);
	CU_ASSERT_EQUAL(vm_vcpu(vm)->s.gpr[RSP], DR_STACK);
	vm_destroy(vm);
}

/* Loops of what is closed for no fault of theirs are emulated in one go. */
DR_ASM(patch_dense,
       "movl $20000, %r12d\n"
       "1: movl $0x9c, %ecx\n addl %ecx, %ebx\n xorl %ebx, %edx\n rorl $3, %edx\n"
       "decl %r12d\n jnz 1b\n" DR_END);

DR_TEST(test_dense)
{
	struct vm *vm = DR_PAIR(ENGINE, patch_dense);

	CU_ASSERT(vcpu_direct(vm_vcpu(vm))->entries < 4000);
	CU_ASSERT(patch_in(vm)->stats.hits[SCAN_INSIDE] >= 20000);
	vm_destroy(vm);
}

/* clang-format on */

CU_TestInfo tests_patch[] = {
	{ "instructions that read, again and again", test_readers },
	{ "sensitive instructions", test_silent },	 { "undefined ones", test_undefined },
	{ "CR0.TS, CR0.EM, CR4.OSFXSR", test_fpu },	 { "stores to code", test_written },
	{ "a device writes to code", test_device },	 { "reads of code", test_read },
	{ "jumps into instructions", test_jumped_into }, { "far transfers inside", test_far },
	{ "closed ones in loops", test_dense },		 CU_TEST_INFO_NULL,
};

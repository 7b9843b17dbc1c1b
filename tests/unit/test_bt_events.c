/* SPDX-License-Identifier: MIT */
/*
 * Events in the middle of translated code: NMIs, interrupts and the shadows of STI and MOV SS,
 * traps of TF and of debug registers, #MF and #XM. A guest whose handlers write down what they are
 * called for leaves the same list whichever engine runs it, and however blocks are made.
 */
#include "backends/backends.h"
#include "backends/swbt/bt/bt.h"
#include "backends/swbt/bt/tunables.h"
#include "tests/unit/swbt_rig.h"

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <string.h>

/* Linear and physical: there is no paging. The handlers know some of these by number. */
#define MEM    (2 * MiB)
#define GDT    0x3000u
#define IDT    0x4000u
#define STUBS  0x5000u /* 16 bytes a vector */
#define COMMON 0x6000u
#define VARS   0x7000u /* the end of the list; MXCSR for #XM; NMIs to send from the NMI's handler */
#define CODE   0x10000u
#define LIST   0x20000u
#define STACK  0x1f000u
#define MOST   2000u

#define IPI 0x40u

struct entry {
	u32 vector, eip, eflags, dr6;
};

#define ASM(name, text)                                                       \
	extern const u8 name[], name##_end[];                                 \
	__asm__(".pushsection .rodata\n.code32\n" #name ":\n" text "\n" #name \
		"_end:\n.code64\n.popsection")

/* The cause goes, so that what raised it may go on: RF for breakpoint 0, x87 flags for #MF, masks
 * for #XM.
 */
ASM(common, "pushal\n movl 0x7000, %edi\n"
	    "movl 32(%esp), %eax\n movl %eax, (%edi)\n"
	    "movl 36(%esp), %eax\n movl %eax, 4(%edi)\n"
	    "movl 44(%esp), %eax\n movl %eax, 8(%edi)\n"
	    "movl %dr6, %eax\n movl %eax, 12(%edi)\n addl $16, 0x7000\n"
	    "testb $1, %al\n jz 1f\n orl $0x10000, 44(%esp)\n1:"
	    "movl $0xffff0ff0, %eax\n movl %eax, %dr6\n"
	    "cmpb $16, 32(%esp)\n jne 1f\n fnclex\n"
	    "1: cmpb $19, 32(%esp)\n jne 1f\n ldmxcsr 0x7004\n"
	    "1: cmpb $0x40, 32(%esp)\n jne 1f\n movl $0, 0xfee000b0\n"
	    /* Another NMI waits for the IRET. */
	    "1: cmpb $2, 32(%esp)\n jne 1f\n cmpl $0, 0x7008\n je 1f\n"
	    "decl 0x7008\n movl $0x4400, 0xfee00300\n nop\n nop\n"
	    "1: popal\n addl $4, %esp\n iretl");
#define APIC_ON "movl $0x1ff, 0xfee000f0\n movl $0, 0xfee00310\n"
ASM(nmi, APIC_ON "movl $20, %ecx\n"
		 "1: movl $0x4400, 0xfee00300\n incl %eax\n decl %ecx\n jnz 1b\n hlt");
#define SEND "movl $0x40040, 0xfee00300\n"
ASM(shadows, APIC_ON "cli\n movl $10, %ecx\n"
		     "1: " SEND "sti\n incl %eax\n incl %ebx\n cli\n" /* behind the first INC */
    SEND "sti\n cli\n incl %edx\n"				      /* never */
		     "pushfl\n orl $0x200, (%esp)\n popfl\n incl %esi\n" SEND "incl %esi\n"
		     "cli\n decl %ecx\n jnz 1b\n hlt");
ASM(single_step, "movl $6, %edx\n"
		 "1: nop\n testl $1, %edx\n jz 2f\n"
		 "pushfl\n orl $0x100, (%esp)\n popfl\n"
		 "2: movl $16, %ebx\n movl %ebx, %ss\n incl %eax\n call 4f\n jmp 3f\n"
		 "4: movl $3, %ecx\n movl $0x8000, %edi\n rep stosb\n ret\n"
		 "3: pushfl\n andl $~0x100, (%esp)\n popfl\n"
		 "incl %eax\n decl %edx\n jnz 1b\n hlt");
#define TRY(dr7) "movl $" dr7 ", %edx\n movl %edx, %dr7\n call 9f\n"
/* Execution at 8, writes to 8000h, port 80h, any access to 8004h. */
ASM(breakpoints,
    "movl %cr4, %eax\n orl $8, %eax\n movl %eax, %cr4\n"
    "movl $0x10000 + (8f - breakpoints), %eax\n movl %eax, %dr0\n"
    "movl $0x8000, %eax\n movl %eax, %dr1\n"
    "movl $0x80, %eax\n movl %eax, %dr2\n"
    "movl $0x8004, %eax\n movl %eax, %dr3\n" TRY("0x400") TRY("0x400") TRY("0x401") TRY(
	    "0x400") TRY("0xd00404") TRY("0x400") TRY("0x2000410") TRY("0x400") TRY("0xf0000440")
	    TRY("0xf2d00455") TRY(
		    "0x400") "hlt\n"
			     "9: movl $4, %ecx\n movl $0x7ffe, %edi\n rep stosb\n movl $6, %ecx\n"
			     "7: incl %eax\n movl %eax, 0x8000\n addl 0x8004, %ebx\n "
			     "outb %al, $0x80\n"
			     "8: movb %al, 0x8003\n pushl 0x8006\n popl %esi\n"
			     "decl %ecx\n jnz 7b\n ret");
/* 1 / 0 with ZM clear: at the next waiting instruction, and at once. */
ASM(numeric, "movl $0x037b, 0x8000\n movl $0x1d80, 0x8004\n movl $0x3f800000, 0x8008\n"
	     "movl $10, %ecx\n"
	     "1: fninit\n fldcw 0x8000\n fld1\n fldz\n fdivrp %st, %st(1)\n incl %eax\n fld1\n"
	     "movss 0x8008, %xmm1\n xorps %xmm0, %xmm0\n ldmxcsr 0x8004\n"
	     "addps %xmm0, %xmm1\n divss %xmm0, %xmm1\n"
	     "decl %ecx\n jnz 1b\n hlt");

/* ---- the machine ----------------------------------------------------------------------------- */

static void put32(struct vm *vm, u32 at, u32 value)
{
	memcpy(ram_at(&vm->ram, at, 4), &value, 4);
}

/* Interrupt gates to stubs: PUSH the vector, JMP COMMON. */
static void make_handlers(struct vm *vm)
{
	for (u32 vector = 0; vector <= IPI; vector++) {
		u32 at = STUBS + vector * 16;

		put32(vm, IDT + vector * 8, 8u << 16 | (at & 0xffff));
		put32(vm, IDT + vector * 8 + 4, (at & 0xffff0000) | 0x8e00);
		put32(vm, at, 0x6a | vector << 8 | 0xe9u << 16);
		put32(vm, at + 3, COMMON - (at + 7));
	}
	memcpy(ram_at(&vm->ram, COMMON, 0x100), common, (size_t)(common_end - common));
	put32(vm, GDT + 8, 0x0000ffff);
	put32(vm, GDT + 12, 0x00cf9b00);
	put32(vm, GDT + 16, 0x0000ffff);
	put32(vm, GDT + 20, 0x00cf9300);
	put32(vm, VARS, LIST);
	put32(vm, VARS + 4, 0x1f80);
	put32(vm, VARS + 8, 3);
}

static void start(struct vm *vm, const u8 *code, size_t len)
{
	struct cpu_state s;
	struct error err;

	make_handlers(vm);
	memcpy(ram_at(&vm->ram, CODE, len), code, len);
	cpu_state_reset(&s);
	s.cr0 = CR0_PE | CR0_NE | CR0_MP | CR0_ET;
	s.cr4 = CR4_OSFXSR | CR4_OSXMMEXCPT;
	for (unsigned int n = SEG_ES; n <= SEG_GS; n++)
		s.seg[n] = segment_flat(16, ATTR_P | ATTR_S | ATTR_DB | ATTR_G | 3);
	s.seg[SEG_CS] = segment_flat(8, ATTR_P | ATTR_S | ATTR_DB | ATTR_G | 11);
	s.gdt = (struct table_reg){ .base = GDT, .limit = 23 };
	s.idt = (struct table_reg){ .base = IDT, .limit = IPI * 8 + 7 };
	s.gpr[RSP] = STACK;
	s.rip = CODE;
	CU_ASSERT_EQUAL_FATAL(swbt_backend.set_state(vm, &s, &err), 0);
}

/* How the guest ended, and what its handlers saw. */
struct outcome {
	struct cpu_state s;
	u32 nr;
	struct entry list[MOST];
};

static void run(struct vm *vm, struct outcome *o)
{
	enum run_result r = RUN_KICKED;
	struct error err;
	u32 end;

	for (unsigned int n = 0; n < 1000 && r == RUN_KICKED; n++) {
		vm->attention = 0;
		r = swbt_backend.run(vm);
	}
	CU_ASSERT_EQUAL(r, RUN_HALTED);
	swbt_backend.get_state(vm, &o->s, &err);
	memset(o->s.xsave + 6, 0, 18); /* where the host executed the last x87 instruction */
	memcpy(&end, ram_at(&vm->ram, VARS, 4), 4);
	o->nr = (end - LIST) / (u32)sizeof(struct entry);
	CU_ASSERT_FATAL(o->nr <= MOST);
	memcpy(o->list, ram_at(&vm->ram, LIST, sizeof(o->list)), sizeof(o->list));
}

static void run_on(const char *engine, const struct bt_config *how, const u8 *code, size_t len,
		   struct outcome *o)
{
	struct vm *vm = rig_vm(engine, MEM);
	struct bt_config *config = &vm_vcpu(vm)->bt_config;

	if (how) {
		config->block_insns = how->block_insns;
		config->chain = how->chain;
		config->inlined = how->inlined;
	}
	start(vm, code, len);
	run(vm, o);
	if (how)
		CU_ASSERT_TRUE(bt_of(vm_vcpu(vm))->stats.insns > 10);
	vm_destroy(vm);
}

static struct outcome expected, seen;

static void all_ways(const u8 *code, size_t len)
{
	static const struct bt_config ways[] = {
		{ .block_insns = BT_BLOCK_INSNS, .chain = true, .inlined = true },
		{ .block_insns = BT_BLOCK_INSNS, .chain = true },
		{ .block_insns = 1, .inlined = true },
	};

	run_on("step", NULL, code, len, &expected);
	for (size_t n = 0; n < ARRAY_SIZE(ways); n++) {
		const char *what;

		run_on("bt", &ways[n], code, len, &seen);
		what = cpu_state_differs(&seen.s, &expected.s);
		CU_ASSERT_PTR_NULL(what);
		if (what)
			printf("\n  way %zu: %s", n, what);
		CU_ASSERT_EQUAL(seen.nr, expected.nr);
		CU_ASSERT_EQUAL(memcmp(seen.list, expected.list, sizeof(seen.list)), 0);
	}
}
#define ALL_WAYS(name) all_ways(name, (size_t)(name##_end - name))

/* How many of VECTOR there were. */
static u32 count(u32 vector)
{
	u32 nr = 0;

	for (u32 n = 0; n < expected.nr; n++)
		nr += expected.list[n].vector == vector;
	return nr;
}

/* ---- the tests ------------------------------------------------------------------------------- */

static void test_nmi(void)
{
	ALL_WAYS(nmi);
	CU_ASSERT_EQUAL(count(NMI), 23);
	/* All of them behind the store. */
	for (u32 n = 0; n < expected.nr; n++)
		CU_ASSERT_EQUAL(expected.list[n].eip, expected.list[0].eip);
}

static void test_shadows(void)
{
	ALL_WAYS(shadows);
	CU_ASSERT_EQUAL(count(IPI), 30);
	/* Behind an INC EAX; behind POPF; behind the store. */
	for (u32 n = 0; n < expected.nr; n++) {
		const u8 *at = shadows + (expected.list[n].eip - CODE);

		if (n % 3 == 0)
			CU_ASSERT_EQUAL(at[-1], 0x40);
		if (n % 3 == 1)
			CU_ASSERT_EQUAL(at[-1], 0x9d);
	}
}

static void test_single_step(void)
{
	ALL_WAYS(single_step);
	/* Ten instructions with TF, of which MOV SS has no trap; STOSB has three. */
	CU_ASSERT_EQUAL(count(DB), 3 * 13);
}

static void test_breakpoints(void)
{
	ALL_WAYS(breakpoints);
	/* Calls with one kind each, and one with all; six turns, and two bytes of STOSB. */
	CU_ASSERT_EQUAL(expected.nr, count(DB));
	CU_ASSERT_EQUAL(count(DB), 6 * (1 + 2 + 1 + 2 + 6) + 2 * 2);
}

static void test_numeric(void)
{
	ALL_WAYS(numeric);
	CU_ASSERT_EQUAL(count(MF), 10);
	CU_ASSERT_EQUAL(count(XM), 10);
}

CU_TestInfo tests_bt_events[] = { { "NMIs", test_nmi },
				  { "interrupts and shadows", test_shadows },
				  { "single steps from block to block", test_single_step },
				  { "breakpoints", test_breakpoints },
				  { "#MF and #XM", test_numeric },
				  CU_TEST_INFO_NULL };

/* SPDX-License-Identifier: MIT */
/* Interrupts, NMI, HLT and the APIC, with both interrupt controllers. The guests are in real mode:
 * a vector is four bytes at 4 * N. */
#include "tests/kvm/machine.h"

#include <string.h>

#define HANDLER_AT 0x1800

/* Initialize the 8259 pair: vectors 20h and 28h, all masked but the lines in MASK's clear bits. */
#define PIC_INIT(mask)                                                     \
	"mov $0x11, %al; out %al, $0x20; out %al, $0xa0\n"                 \
	"mov $0x20, %al; out %al, $0x21; mov $0x28, %al; out %al, $0xa1\n" \
	"mov $4, %al; out %al, $0x21; mov $2, %al; out %al, $0xa1\n"       \
	"mov $1, %al; out %al, $0x21; out %al, $0xa1\n"                    \
	"mov $" #mask ", %al; out %al, $0x21; mov $0xff, %al; out %al, $0xa1\n"

#define RECORD(value) "mov $0x3000, %dx; mov $" #value ", %al; out %al, %dx\n"
#define STOP(value)   "mov $0x3011, %dx; mov $" #value ", %al; out %al, %dx\n"
#define EOI	      "mov $0x20, %al; out %al, $0x20\n"

static void add_handler(struct machine *m, u8 vector, const u8 *code, const u8 *end)
{
	machine_vector(m, vector, HANDLER_AT);
	CHECK(ram_write(&m->vm->ram, HANDLER_AT, code, (u64)(end - code)) == 0);
}

/* IRQ 5 rises (test device, port 2005) with IF clear; it must wait for STI and the instruction
 * after it. */
BLOB(window, 16,
     PIC_INIT(0xdf) RECORD(1) "mov $0x2005, %dx; mov $1, %al; out %al, %dx\n" RECORD(
	     2) "mov $0x77, %bl; sti; mov $0x99, %bl\n"
		"nop\n" RECORD(4) "mov $0x2005, %dx; xor %ax, %ax; out %al, %dx\n" STOP(0));
BLOB(window_handler, 16, RECORD(3) "mov %bl, 0x2000\n" EOI "iret");

static void test_window(enum irqchip irqchip)
{
	struct machine m;
	u8 bl = 0;

	if (!machine_make(&m, irqchip))
		return;
	machine_blob(&m, 16, window);
	add_handler(&m, 0x25, window_handler, window_handler_end);
	EQUAL(machine_run(&m), STOP_QUIT);
	EQUAL(m.nr, 4);
	for (unsigned int i = 0; i < 4; i++)
		CHECK(saw(&m, i, true, REC_PORT, i + 1, 1));
	ram_read(&m.vm->ram, 0x2000, &bl, 1);
	/* QEMU's software SVM loses the shadow of STI when something exits just then. */
	CHECK(bl == 0x99 || bl == 0x77);
	if (irqchip == IRQCHIP_USER)
		CHECK(machine_traps(&m, TRAP_IRQ_WINDOW) >= 1);
	machine_free(&m);
}

/* IRQ 5 as PCI has it, level-triggered by the ELCR: it comes again after the EOI for as long as the
 * line is up. The handler lets it fall the second time. */
BLOB(level, 16,
     PIC_INIT(0xdf) "mov $0x4d0, %dx; mov $0x20, %al; out %al, %dx\n"
		    "sti; mov $0x2005, %dx; mov $1, %al; out %al, %dx\n"
		    "nop; nop\n" RECORD(4) STOP(0));
BLOB(level_handler, 16,
     "incb 0x2000\n" RECORD(2) "cmpb $2, 0x2000; jne 1f\n"
			       "mov $0x2005, %dx; xor %ax, %ax; out %al, %dx\n"
			       "1:" EOI "iret");

static void test_level(enum irqchip irqchip)
{
	static const u8 want[] = { 2, 2, 4 };
	struct machine m;

	if (!machine_make(&m, irqchip))
		return;
	machine_blob(&m, 16, level);
	add_handler(&m, 0x25, level_handler, level_handler_end);
	EQUAL(machine_run(&m), STOP_QUIT);
	EQUAL(m.nr, ARRAY_SIZE(want));
	for (unsigned int i = 0; i < ARRAY_SIZE(want); i++)
		CHECK(saw(&m, i, true, REC_PORT, want[i], 1));
	machine_free(&m);
}

/* IRQ 5 rises by a port write that is single-stepped: both the #DB of the second half of the
 * instruction and the interrupt come. The first handler clears TF, and sees IF clear. */
BLOB(step, 16,
     PIC_INIT(0xdf) "mov $0x2005, %dx; mov $1, %al; pushw $0x302; popf\n"
		    "out %al, %dx; nop; nop; cli\n" STOP(0));
BLOB(step_db, 16, "incb 0x2000; mov %sp, %bp; andb $0xfe, 5(%bp); iret");
BLOB(step_irq, 16,
     "incb 0x2001; mov $0x2005, %dx; xor %ax, %ax; out %al, %dx\n" EOI
     "mov %sp, %bp; andb $0xfe, 5(%bp); iret");

static void test_step(enum irqchip irqchip)
{
	struct machine m;
	u8 got[2] = { 0 };

	if (!machine_make(&m, irqchip))
		return;
	machine_blob(&m, 16, step);
	machine_vector(&m, 1, 0x1900);
	CHECK(ram_write(&m.vm->ram, 0x1900, step_db, (u64)(step_db_end - step_db)) == 0);
	add_handler(&m, 0x25, step_irq, step_irq_end);
	EQUAL(machine_run(&m), STOP_QUIT);
	ram_read(&m.vm->ram, 0x2000, got, sizeof(got));
	EQUAL(got[0], 1);
	EQUAL(got[1], 1);
	machine_free(&m);
}

/*
 * 8,000 reads of an MSR that nobody has, with 2,000 ticks a second that come when they want: one
 * that comes before the #GP is not lost. A lost one gets no EOI, and would be the last: there are
 * some in the first half and some in the second. (Of 10,000 a second, the rig takes all its time for
 * the ticks.)
 */
BLOB(denied, 16,
     PIC_INIT(0xfe) "mov $0x34, %al; out %al, $0x43\n"
		    "mov $0x54, %al; out %al, $0x40; mov $2, %al; out %al, $0x40\n"
		    "sti; mov $0x4ad, %ecx; mov $8000, %si; xor %di, %di; mov %di, 0x2000\n"
		    "1: rdmsr; dec %si; cmp $4000, %si; jne 2f; mov 0x2000, %di\n"
		    "2: test %si, %si; jnz 1b; cli; mov %di, 0x2002\n" STOP(0));
BLOB(denied_gp, 16, "mov %sp, %bp; addw $2, (%bp); iret"); /* RDMSR is two bytes */
BLOB(denied_irq, 16, "push %ax; incw 0x2000\n" EOI "pop %ax; iret");

static void test_denied(enum irqchip irqchip)
{
	struct machine m;
	u16 ticks[2] = { 0 }; /* in all, in the first half */

	if (!machine_make(&m, irqchip))
		return;
	machine_blob(&m, 16, denied);
	machine_vector(&m, 13, 0x1900);
	CHECK(ram_write(&m.vm->ram, 0x1900, denied_gp, (u64)(denied_gp_end - denied_gp)) == 0);
	add_handler(&m, 0x20, denied_irq, denied_irq_end);
	EQUAL(machine_run(&m), STOP_QUIT);
	ram_read(&m.vm->ram, 0x2000, (u8 *)ticks, sizeof(ticks));
	printf("# %u ticks\n", ticks[0]);
	CHECK(ticks[1] > 0);
	CHECK(ticks[0] > ticks[1]);
	machine_free(&m);
}

/* An NMI comes whatever IF says; a second one inside the handler waits for its IRET. */
BLOB(nmi, 16, "cli\n" RECORD(1) "mov $0x3010, %dx; out %al, %dx\n" RECORD(4) STOP(0));
BLOB(nmi_handler, 16,
     "incb 0x2000\n" RECORD(2) "cmpb $1, 0x2000; jne 1f\n"
			       "mov $0x3010, %dx; out %al, %dx\n" RECORD(3) "1: iret");

static void test_nmi(enum irqchip irqchip)
{
	static const u8 want[] = { 1, 2, 3, 2, 4 };
	struct machine m;
	u8 count = 0;

	if (!machine_make(&m, irqchip))
		return;
	machine_blob(&m, 16, nmi);
	add_handler(&m, 2, nmi_handler, nmi_handler_end);
	EQUAL(machine_run(&m), STOP_QUIT);
	ram_read(&m.vm->ram, 0x2000, &count, 1);
	EQUAL(count, 2);
	EQUAL(m.nr, ARRAY_SIZE(want));
	for (unsigned int i = 0; i < ARRAY_SIZE(want); i++)
		CHECK(saw(&m, i, true, REC_PORT, want[i], 1));
	CHECK(!m.vm->nmi);
	machine_free(&m);
}

/* Ten ticks of the 8254 at 100 Hz, waited for with HLT. */
BLOB(tick, 16,
     PIC_INIT(0xfe) "mov $0x34, %al; out %al, $0x43\n"
		    "mov $0x9c, %al; out %al, $0x40; mov $0x2e, %al; out %al, $0x40\n"
		    "1: sti; hlt; cli; cmpb $10, 0x2000; jb 1b\n" STOP(0));
BLOB(tick_handler, 16, "incb 0x2000\n" EOI "iret");

static void test_hlt_timer(enum irqchip irqchip)
{
	struct machine m;

	if (!machine_make(&m, irqchip))
		return;
	machine_blob(&m, 16, tick);
	add_handler(&m, 0x20, tick_handler, tick_handler_end);
	EQUAL(machine_run(&m), STOP_QUIT);
	/* One halt a tick; fewer where a busy host lets a tick pass before the next HLT. */
	CHECK(machine_traps(&m, TRAP_HLT) >= 1 && machine_traps(&m, TRAP_HLT) <= 10);
	machine_free(&m);
}

/* HLT with interrupts off sleeps until the time-out and takes no processor time for it. */
BLOB(sleep_forever, 16,
     PIC_INIT(0xdf) "mov $0x2005, %dx; mov $1, %al; out %al, %dx; cli; hlt\n" STOP(9));

static void test_hlt_masked(enum irqchip irqchip)
{
	struct timespec t0, t1;
	struct machine m;
	double used;

	if (!machine_make(&m, irqchip))
		return;
	m.vm->config.timeout_ns = NSEC_PER_SEC;
	machine_blob(&m, 16, sleep_forever);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t0);
	EQUAL(machine_run(&m), STOP_TIMEOUT);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t1);
	used = (double)(t1.tv_sec - t0.tv_sec) + (double)(t1.tv_nsec - t0.tv_nsec) / 1e9;
	printf("# %.3f s of processor time in 1 s of sleep\n", used);
	CHECK(used < 0.5);
	machine_free(&m);
}

/* A guest that never exits is stopped by the time-out. */
BLOB(forever, 16, "1: jmp 1b");

static void test_spin(enum irqchip irqchip)
{
	struct machine m;
	u64 start;

	if (!machine_make(&m, irqchip))
		return;
	m.vm->config.timeout_ns = NSEC_PER_SEC / 5;
	machine_blob(&m, 16, forever);
	start = clock_now(&m.vm->clock);
	EQUAL(machine_run(&m), STOP_TIMEOUT);
	CHECK(clock_now(&m.vm->clock) - start < 3 * NSEC_PER_SEC);
	CHECK(machine_traps(&m, TRAP_INTERRUPT) >= 1);
	/* And it runs on where it was. */
	machine_resume(&m);
	EQUAL(machine_run(&m), STOP_TIMEOUT);
	machine_free(&m);
}

/*
 * x2APIC: enable it, read ID, version and SVR, write SVR, send a self-IPI and take it, arm and read
 * the TSC deadline, read APIC_BASE back. Results at 0:2000.
 */
BLOB(x2apic, 16,
     "cli; mov $0x1b, %ecx; rdmsr; or $0xc00, %eax; wrmsr; rdmsr; mov %eax, 0x2000\n"
     "mov $0x802, %ecx; rdmsr; mov %eax, 0x2004\n"
     "mov $0x803, %ecx; rdmsr; mov %al, 0x2008\n"
     "mov $0x80f, %ecx; mov $0x1ff, %eax; xor %edx, %edx; wrmsr\n"
     "xor %eax, %eax; rdmsr; mov %eax, 0x200c\n"
     "mov $0x83f, %ecx; mov $0x41, %eax; xor %edx, %edx; wrmsr\n"
     "sti; nop; nop; cli\n"
     "mov $0x832, %ecx; mov $0x40042, %eax; xor %edx, %edx; wrmsr\n" /* LVT timer: TSC deadline */
     "mov $0x6e0, %ecx; mov $-1, %eax; mov $0x7fffffff, %edx; wrmsr\n"
     "xor %eax, %eax; xor %edx, %edx; rdmsr; mov %eax, 0x2010; mov %edx, 0x2014\n"
     "xor %eax, %eax; xor %edx, %edx; wrmsr\n" STOP(0));
BLOB(x2apic_handler, 16,
     "incb 0x2018; mov $0x80b, %ecx; xor %eax, %eax; xor %edx, %edx; wrmsr; iret");

static void test_x2apic(enum irqchip irqchip)
{
	struct machine m;
	u8 got[32];
	u32 word[8];

	if (!machine_make(&m, irqchip))
		return;
	machine_blob(&m, 16, x2apic);
	add_handler(&m, 0x41, x2apic_handler, x2apic_handler_end);
	EQUAL(machine_run(&m), STOP_QUIT);
	ram_read(&m.vm->ram, 0x2000, got, sizeof(got));
	memcpy(word, got, sizeof(word));
	EQUAL(word[0], 0xfee00d00);
	EQUAL(word[1], 0);
	EQUAL(got[8], 0x14);
	EQUAL(word[3], 0x1ff);
	EQUAL(word[4], 0xffffffff);
	EQUAL(word[5], 0x7fffffff);
	EQUAL(got[24], 1);
	if (irqchip == IRQCHIP_USER)
		EQUAL(m.vm->pc.lapic.base, 0xfee00d00);
	machine_free(&m);
}

/* The TSC deadline timer wakes HLT. Deadline: now plus 2^24 cycles. */
BLOB(deadline, 16,
     "cli; mov $0x1b, %ecx; rdmsr; or $0xc00, %eax; wrmsr\n"
     "mov $0x80f, %ecx; mov $0x1ff, %eax; xor %edx, %edx; wrmsr\n"
     "mov $0x832, %ecx; mov $0x40042, %eax; xor %edx, %edx; wrmsr\n"
     "rdtsc; add $0x1000000, %eax; adc $0, %edx; mov $0x6e0, %ecx; wrmsr\n"
     "1: sti; hlt; cli; cmpb $1, 0x2018; jb 1b\n" STOP(0));

static void test_deadline(enum irqchip irqchip)
{
	struct machine m;

	if (!machine_make(&m, irqchip))
		return;
	machine_blob(&m, 16, deadline);
	add_handler(&m, 0x42, x2apic_handler, x2apic_handler_end);
	EQUAL(machine_run(&m), STOP_QUIT);
	machine_free(&m);
}

/* CR8 and the APIC's TPR are one register: each side sees what the other wrote. */
BLOB(cr8, 64,
     "mov $0xfee00080, %ebx\n"
     "mov $5, %eax; mov %rax, %cr8; mov (%rbx), %ecx; mov %ecx, 0x2000\n"
     "movl $0x90, (%rbx); mov %cr8, %rax; mov %eax, 0x2004\n"
     "mov $2, %eax; mov %rax, %cr8; mov (%rbx), %ecx; mov %ecx, 0x2008\n"
     "mov %cr8, %rax; mov %eax, 0x200c\n"
     "mov $0x3011, %dx; out %al, %dx");

static void test_cr8(enum irqchip irqchip)
{
	struct cpu_state s;
	struct machine m;
	u32 got[4] = { 0 };

	if (!machine_make(&m, irqchip))
		return;
	machine_blob(&m, 64, cr8);
	EQUAL(machine_run(&m), STOP_QUIT);
	ram_read(&m.vm->ram, 0x2000, got, sizeof(got));
	EQUAL(got[0], 0x50);
	EQUAL(got[1], 9);
	EQUAL(got[2], 0x20);
	EQUAL(got[3], 2);
	machine_state(&m, &s);
	EQUAL(s.cr8, 2);
	machine_free(&m);
}

/* The APIC's page moves with IA32_APIC_BASE, and goes away when the APIC is disabled. */
BLOB(apic_base, 64,
     "mov $0x1b, %ecx; rdmsr; mov %eax, %esi; mov $0xfed40900, %eax; wrmsr\n"
     "mov $0xfed40030, %ebx; mov (%rbx), %eax; mov %eax, 0x2000\n"
     "mov $0xfee00030, %ebx; mov (%rbx), %eax; mov %eax, 0x2004\n"
     "mov %esi, %eax; and $~0x800, %eax; wrmsr\n"
     "mov (%rbx), %eax; mov %eax, 0x2008\n"
     "mov $0x3011, %dx; out %al, %dx");

static void test_apic_base(enum irqchip irqchip)
{
	struct machine m;
	u32 got[3] = { 0 };

	if (!machine_make(&m, irqchip))
		return;
	machine_blob(&m, 64, apic_base);
	EQUAL(machine_run(&m), STOP_QUIT);
	ram_read(&m.vm->ram, 0x2000, got, sizeof(got));
	EQUAL(got[0] & 0xff, 0x14);
	EQUAL(got[1], 0xffffffff);
	EQUAL(got[2], 0xffffffff);
	machine_free(&m);
}

/* GSI 0 reaches pin 2 of the I/O APIC: the 8254 ticks there, with the 8259 pair masked. */
BLOB(pin2, 64,
     "cli; mov $0xfec00000, %ebx; mov $0xfee00000, %esi\n"
     "movl $0x1ff, 0xf0(%rsi)\n"
     "movl $0x14, (%rbx); movl $0x43, 0x10(%rbx); movl $0x15, (%rbx); movl $0, 0x10(%rbx)\n"
     "mov $0x34, %al; out %al, $0x43; mov $0xa9, %al; out %al, $0x40; mov $4, %al; out %al, $0x40\n"
     "1: mov 0x220(%rsi), %eax; pause; test $8, %eax; jz 1b\n" /* IRR bit 0x43 */
     "mov $0x3011, %dx; out %al, %dx");

static void test_pin2(enum irqchip irqchip)
{
	struct machine m;

	if (!machine_make(&m, irqchip))
		return;
	machine_blob(&m, 64, pin2);
	EQUAL(machine_run(&m), STOP_QUIT);
	machine_free(&m);
}

const struct test irq_tests[] = {
	{ "window", test_window, true },
	{ "level", test_level, true },
	{ "step", test_step, true },
	{ "denied", test_denied, false },
	{ "nmi", test_nmi, true },
	{ "hlt-timer", test_hlt_timer, true },
	{ "hlt-masked", test_hlt_masked, true },
	{ "spin", test_spin, true },
	{ "x2apic", test_x2apic, true },
	{ "deadline", test_deadline, true },
	{ "cr8", test_cr8, true },
	{ "apic-base", test_apic_base, false },
	{ "pin2", test_pin2, true },
	{ NULL, NULL, false },
};

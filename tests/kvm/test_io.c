/* SPDX-License-Identifier: MIT */
/* Ports and device memory: every size, string instructions, addresses that nobody answers. */
#include "tests/kvm/machine.h"

#include <string.h>

BLOB(ports, 16,
     "mov $0x3000, %dx; mov $0xa1b2c3d4, %eax\n"
     "out %al, %dx; out %ax, %dx; out %eax, %dx\n"
     "in %dx, %al; mov %al, 0x2000\n"
     "in %dx, %ax; mov %ax, 0x2004\n"
     "in %dx, %eax; mov %eax, 0x2008\n"
     "mov $0x3011, %dx; out %al, %dx");

static void test_port_sizes(enum irqchip irqchip)
{
	struct machine m;
	u8 got[12];

	if (!machine_make(&m, irqchip))
		return;
	machine_blob(&m, 16, ports);
	EQUAL(machine_run(&m), STOP_QUIT);
	EQUAL(m.nr, 6);
	CHECK(saw(&m, 0, true, REC_PORT, 0xd4, 1));
	CHECK(saw(&m, 1, true, REC_PORT, 0xc3d4, 2));
	CHECK(saw(&m, 2, true, REC_PORT, 0xa1b2c3d4, 4));
	CHECK(saw(&m, 3, false, REC_PORT, 0, 1));
	CHECK(saw(&m, 4, false, REC_PORT, 0, 2));
	CHECK(saw(&m, 5, false, REC_PORT, 0, 4));
	ram_read(&m.vm->ram, 0x2000, got, sizeof(got));
	EQUAL(got[0], 0x11);
	EQUAL(got[4] | got[5] << 8, 0x2211);
	CHECK(!memcmp(got + 8, "\x11\x22\x33\x44", 4));
	EQUAL(machine_traps(&m, TRAP_PORT_IN), 3);
	EQUAL(machine_traps(&m, TRAP_PORT_OUT), 4);
	machine_free(&m);
}

BLOB(strings, 16,
     "cld; mov $0x3000, %dx; mov $0x2000, %si; mov $0x2100, %di\n"
     "outsb; outsw; outsl\n"
     "mov $3, %cx; rep outsb; mov $2, %cx; rep outsw; mov $2, %cx; rep outsl\n"
     "insb; insw; insl\n"
     "mov $3, %cx; rep insb; mov $2, %cx; rep insw; mov $2, %cx; rep insl\n"
     "std; mov $0x2007, %si; mov $2, %cx; rep outsb\n"
     "mov $0x3011, %dx; out %al, %dx");

static void test_port_strings(enum irqchip irqchip)
{
	static const u8 want[] = { 0x11, 0x11, 0x22, 0x11, 0x22, 0x33, 0x44, /* one each */
				   0x11, 0x11, 0x11, 0x11, 0x22, 0x11, 0x22, /* rep */
				   0x11, 0x22, 0x33, 0x44, 0x11, 0x22, 0x33, 0x44 };
	struct machine m;
	u8 source[64], got[sizeof(want)];

	for (unsigned int i = 0; i < sizeof(source); i++)
		source[i] = (u8)(i + 1);
	if (!machine_make(&m, irqchip))
		return;
	machine_blob(&m, 16, strings);
	ram_write(&m.vm->ram, 0x2000, source, sizeof(source));
	EQUAL(machine_run(&m), STOP_QUIT);
	EQUAL(m.nr, 3 + 7 + 3 + 7 + 2);
	CHECK(saw(&m, 0, true, REC_PORT, 0x01, 1));
	CHECK(saw(&m, 1, true, REC_PORT, 0x0302, 2));
	CHECK(saw(&m, 2, true, REC_PORT, 0x07060504, 4));
	CHECK(saw(&m, 3, true, REC_PORT, 0x08, 1));
	CHECK(saw(&m, 5, true, REC_PORT, 0x0a, 1));
	CHECK(saw(&m, 6, true, REC_PORT, 0x0c0b, 2));
	CHECK(saw(&m, 7, true, REC_PORT, 0x0e0d, 2));
	CHECK(saw(&m, 8, true, REC_PORT, 0x1211100f, 4));
	CHECK(saw(&m, 9, true, REC_PORT, 0x16151413, 4));
	CHECK(saw(&m, 20, true, REC_PORT, 0x08, 1));
	CHECK(saw(&m, 21, true, REC_PORT, 0x07, 1));
	ram_read(&m.vm->ram, 0x2100, got, sizeof(got));
	CHECK(!memcmp(got, want, sizeof(want)));
	machine_free(&m);
}

BLOB(nobody, 16,
     "mov $0x3800, %dx; xor %eax, %eax; in %dx, %eax; mov %eax, 0x2000; out %eax, %dx\n"
     "mov $0xffff, %dx; xor %eax, %eax; in %dx, %al; mov %eax, 0x2004\n"
     "xor %eax, %eax; in %dx, %eax; mov %eax, 0x2008\n"
     "mov $0x3011, %dx; out %al, %dx");

static void test_port_nobody(enum irqchip irqchip)
{
	struct machine m;
	u32 got[3];

	if (!machine_make(&m, irqchip))
		return;
	machine_blob(&m, 16, nobody);
	EQUAL(machine_run(&m), STOP_QUIT);
	ram_read(&m.vm->ram, 0x2000, got, sizeof(got));
	EQUAL(got[0], 0xffffffff);
	EQUAL(got[1], 0xff);
	EQUAL(got[2], 0xffffffff);
	machine_free(&m);
}

BLOB(memory, 64,
     "mov $0xd0000000, %ebx; mov $0x2000, %edi; mov $0xa1b2c3d4e5f60718, %rax\n"
     "mov %al, (%rbx); mov %ax, 8(%rbx); mov %eax, 16(%rbx); mov %rax, 24(%rbx)\n"
     "mov (%rbx), %al; mov %al, (%rdi)\n"
     "mov 0x10(%rbx), %ax; mov %ax, 8(%rdi)\n"
     "mov 0x20(%rbx), %eax; mov %eax, 16(%rdi)\n"
     "mov 0x30(%rbx), %rax; mov %rax, 24(%rdi)\n"
     "incb 0x40(%rbx)\n"
     "mov $0x3011, %dx; out %al, %dx");

static void test_mmio_sizes(enum irqchip irqchip)
{
	struct machine m;
	u64 got[4];

	if (!machine_make(&m, irqchip))
		return;
	machine_blob(&m, 64, memory);
	EQUAL(machine_run(&m), STOP_QUIT);
	EQUAL(m.nr, 10);
	CHECK(saw(&m, 0, true, REC_MEM, 0x18, 1));
	CHECK(saw(&m, 1, true, REC_MEM + 8, 0x0718, 2));
	CHECK(saw(&m, 2, true, REC_MEM + 16, 0xe5f60718, 4));
	CHECK(saw(&m, 3, true, REC_MEM + 24, 0xa1b2c3d4e5f60718, 8));
	CHECK(saw(&m, 4, false, REC_MEM, 0, 1));
	CHECK(saw(&m, 5, false, REC_MEM + 0x10, 0, 2));
	CHECK(saw(&m, 6, false, REC_MEM + 0x20, 0, 4));
	CHECK(saw(&m, 7, false, REC_MEM + 0x30, 0, 8));
	CHECK(saw(&m, 8, false, REC_MEM + 0x40, 0, 1));
	CHECK(saw(&m, 9, true, REC_MEM + 0x40, 0x52, 1));
	ram_read(&m.vm->ram, 0x2000, got, sizeof(got));
	EQUAL(got[0] & 0xff, 0x11);
	EQUAL(got[1] & 0xffff, 0x3201);
	EQUAL(got[2] & 0xffffffff, 0x64130231);
	EQUAL(got[3], 0xb847566574031221);
	EQUAL(machine_traps(&m, TRAP_MMIO), 10);
	machine_free(&m);
}

/* Across a page border KVM makes two accesses of odd lengths; we cut them at natural ones. */
BLOB(crossing, 64,
     "mov $0xd0000ffb, %ebx; mov $0x8070605040302010, %rax\n"
     "mov %rax, (%rbx)\n"
     "mov (%rbx), %rax; mov %rax, 0x2000\n"
     "mov $0x3011, %dx; out %al, %dx");

static void test_mmio_crossing(enum irqchip irqchip)
{
	struct machine m;
	u64 got;

	if (!machine_make(&m, irqchip))
		return;
	machine_blob(&m, 64, crossing);
	EQUAL(machine_run(&m), STOP_QUIT);
	EQUAL(m.nr, 8);
	CHECK(saw(&m, 0, true, REC_MEM + 0xffb, 0x10, 1));
	CHECK(saw(&m, 1, true, REC_MEM + 0xffc, 0x50403020, 4));
	CHECK(saw(&m, 2, true, REC_MEM + 0x1000, 0x7060, 2));
	CHECK(saw(&m, 3, true, REC_MEM + 0x1002, 0x80, 1));
	CHECK(saw(&m, 4, false, REC_MEM + 0xffb, 0, 1));
	CHECK(saw(&m, 7, false, REC_MEM + 0x1002, 0, 1));
	ram_read(&m.vm->ram, 0x2000, &got, sizeof(got));
	/* Each piece starts the pattern anew: ea, ed de cf b8, 11 22, 13. */
	EQUAL(got, 0x132211b8cfdeedea);
	machine_free(&m);
}

BLOB(hole, 64,
     "mov $0xd8000000, %ebx; mov (%rbx), %rax; mov %rax, 0x2000; mov %rax, (%rbx)\n"
     "mov $0x100000000, %rbx; lea -8(%rbx), %rbx; mov (%rbx), %rax; mov %rax, 0x2008\n"
     "mov $0x3011, %dx; out %al, %dx");

static void test_mmio_nobody(enum irqchip irqchip)
{
	struct machine m;
	u64 got[2] = { 0, 0 };

	if (!machine_make(&m, irqchip))
		return;
	machine_blob(&m, 64, hole);
	EQUAL(machine_run(&m), STOP_QUIT);
	ram_read(&m.vm->ram, 0x2000, got, sizeof(got));
	EQUAL(got[0], ~0ull);
	EQUAL(got[1], ~0ull);
	machine_free(&m);
}

BLOB(triple, 16, "movw $0, 0x2000; movl $0, 0x2002; lidt 0x2000; int3");

static void test_triple_fault(enum irqchip irqchip)
{
	struct machine m;

	if (!machine_make(&m, irqchip))
		return;
	machine_blob(&m, 16, triple);
	EQUAL(machine_run(&m), STOP_TRIPLE_FAULT);
	machine_free(&m);
}

/* Code in device memory: there is nothing to fetch from. */
BLOB(wild_jump, 64, "mov $0xd0000000, %eax; jmp *%rax");

/* An instruction that KVM's emulator does not know, on device memory. */
BLOB(too_hard, 64, "mov $0xd0000000, %eax; addps (%rax), %xmm0");

static void run_unhandled(enum irqchip irqchip, const u8 *code, const u8 *end, const char *says)
{
	struct machine m;

	if (!machine_make(&m, irqchip))
		return;
	machine_load(&m, 64, code, end);
	EQUAL(machine_run(&m), STOP_UNHANDLED);
	CHECK(strstr(m.vm->error.text, "internal error 1 (instruction it cannot emulate)") != NULL);
	CHECK(strstr(m.vm->error.text, says) != NULL);
	CHECK(!strchr(m.vm->error.text, '\n'));
	printf("# %s\n", m.vm->error.text);
	machine_free(&m);
}

static void test_unhandled(enum irqchip irqchip)
{
	run_unhandled(irqchip, wild_jump, wild_jump_end, "rip 0xd0000000");
	run_unhandled(irqchip, too_hard, too_hard_end, "instruction bytes 0f 58 00");
}

const struct test io_tests[] = {
	{ "port-sizes", test_port_sizes, true },
	{ "port-strings", test_port_strings, true },
	{ "port-nobody", test_port_nobody, false },
	{ "mmio-sizes", test_mmio_sizes, true },
	{ "mmio-crossing", test_mmio_crossing, false },
	{ "mmio-nobody", test_mmio_nobody, false },
	{ "triple-fault", test_triple_fault, true },
	{ "unhandled", test_unhandled, false },
	{ NULL, NULL, false },
};

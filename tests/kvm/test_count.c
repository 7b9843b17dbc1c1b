/* SPDX-License-Identifier: MIT */
/* The accounting: as many traps as the guest made, of the right cause, and blank where unknown. */
#include "common/traplog.h"
#include "tests/kvm/machine.h"

#include <string.h>

#define N 1000
#define LOOP(body)                        \
	"mov $1000, %edi\n"               \
	"1: " body "; dec %edi; jnz 1b\n" \
	"mov $0x3011, %dx; out %al, %dx"

BLOB(loop_none, 64, LOOP("nop"));
BLOB(loop_cpuid, 64, LOOP("xor %eax, %eax; cpuid"));
BLOB(loop_in, 64, LOOP("mov $0x3000, %dx; in %dx, %al"));
BLOB(loop_out, 64, LOOP("mov $0x3000, %dx; out %al, %dx"));
BLOB(loop_mmio, 64, "mov $0xd0000000, %ebx\n" LOOP("mov (%rbx), %eax"));
BLOB(loop_mmio_write, 64, "mov $0xd0000000, %ebx\n" LOOP("mov %eax, (%rbx)"));
BLOB(loop_rdmsr, 64, "mov $0xfe, %ecx\n" LOOP("rdmsr")); /* MTRRCAP */
BLOB(loop_cr0, 64, LOOP("mov %cr0, %rax; mov %rax, %cr0"));
BLOB(loop_pic, 64, LOOP("in $0x21, %al"));
BLOB(loop_lapic, 64, "mov $0xfee00030, %ebx\n" LOOP("mov (%rbx), %eax"));

static const struct {
	const char *name;
	const u8 *code, *end;
	enum trap_cause cause;
	unsigned int factor; /* traps a round; 0: none but the stop */
	bool tracepoint;     /* only the tracepoint shows them */
} loops[] = {
	{ "none", loop_none, loop_none_end, TRAP_PORT_IN, 0, false },
	{ "cpuid", loop_cpuid, loop_cpuid_end, TRAP_CPUID, 1, true },
	{ "in", loop_in, loop_in_end, TRAP_PORT_IN, 1, false },
	{ "out", loop_out, loop_out_end, TRAP_PORT_OUT, 1, false },
	{ "mmio", loop_mmio, loop_mmio_end, TRAP_MMIO, 1, false },
	{ "mmio-write", loop_mmio_write, loop_mmio_write_end, TRAP_MMIO, 1, false },
	{ "rdmsr", loop_rdmsr, loop_rdmsr_end, TRAP_MSR, 1, true },
	{ "in, interrupt controller", loop_pic, loop_pic_end, TRAP_PORT_IN, 1, false },
	{ "mmio, local APIC", loop_lapic, loop_lapic_end, TRAP_MMIO, 1, false },
};

static void test_exact(enum irqchip irqchip)
{
	for (size_t i = 0; i < ARRAY_SIZE(loops); i++) {
		struct machine m;
		u64 want = loops[i].factor * N, got, total;
		bool seen;

		if (!machine_make(&m, irqchip))
			return;
		machine_load(&m, 64, loops[i].code, loops[i].end);
		EQUAL(machine_run(&m), STOP_QUIT);
		seen = m.vm->traps.counted & BIT(loops[i].cause);
		if (loops[i].cause == TRAP_PORT_OUT)
			want++; /* the stop */
		got = machine_traps(&m, loops[i].cause);
		total = machine_counter(&m, "kvm_exit.total");
		/* Blank exactly where the tracepoint is needed and missing. */
		if (total == ~0ull && (loops[i].tracepoint || irqchip == IRQCHIP_KERNEL)) {
			CHECK(!seen);
			skip("no tracepoints here: needs tracefs and root");
		} else {
			CHECK(seen);
			if (got != want)
				printf("# loop of %s:\n", loops[i].name);
			EQUAL(got, want);
			if (total != ~0ull)
				CHECK(total >= want && total < want + 200);
		}
		machine_free(&m);
	}
}

/* All causes together are all exits of the hardware: nothing is lost, nothing counted twice. */
static void test_sum(enum irqchip irqchip)
{
	static const struct {
		const u8 *code, *end;
	} guests[] = {
		{ loop_cr0, loop_cr0_end },	{ loop_in, loop_in_end },
		{ loop_mmio, loop_mmio_end },	{ loop_lapic, loop_lapic_end },
		{ loop_cpuid, loop_cpuid_end },
	};

	for (size_t i = 0; i < ARRAY_SIZE(guests); i++) {
		struct machine m;
		u64 sum = 0, total;

		if (!machine_make(&m, irqchip))
			return;
		machine_load(&m, 64, guests[i].code, guests[i].end);
		EQUAL(machine_run(&m), STOP_QUIT);
		total = machine_counter(&m, "kvm_exit.total");
		if (total == ~0ull) {
			skip("no tracepoints here: needs tracefs and root");
		} else {
			for (unsigned int c = 0; c < TRAP_NR; c++)
				sum += m.vm->traps.c[c].count;
			EQUAL(sum, total);
			EQUAL(total, machine_counter(&m, "kvm_stat.exits"));
		}
		machine_free(&m);
	}
}

static void test_masks(enum irqchip irqchip)
{
	static const u8 never[] = { TRAP_TLB_FILL, TRAP_TRANSLATE, TRAP_INDIRECT, TRAP_INVALIDATE };
	struct machine m;

	if (!machine_make(&m, irqchip))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(never); i++)
		CHECK(!(m.vm->traps.counted & BIT(never[i])));
	CHECK(!(m.vm->traps.timed & ~m.vm->traps.counted));
	CHECK(!(m.vm->traps.timed & BIT(TRAP_CPUID)));
	if (irqchip == IRQCHIP_USER)
		CHECK(m.vm->traps.timed & BIT(TRAP_PORT_IN));
	machine_free(&m);
}

/* Without permission for tracepoints the rest still works, and says less. */
static void test_without_tracepoints(enum irqchip irqchip)
{
	struct machine m;
	struct vm *vm;
	struct vm_config config;
	u32 kernel_only = BIT(TRAP_CPUID) | BIT(TRAP_MSR) | BIT(TRAP_OTHER);

	if (!machine_make(&m, irqchip))
		return;
	config = m.vm->config;
	machine_free(&m);
	config.count_exits = false;
	CHECK(vm_create(&vm, &config, &m.err) == 0);
	if (!vm)
		return;
	CHECK(!(vm->traps.counted & kernel_only));
	EQUAL(!!(vm->traps.counted & BIT(TRAP_PORT_IN)), irqchip == IRQCHIP_USER);
	m.vm = vm;
	EQUAL(machine_counter(&m, "kvm_exit.total"), ~0ull);
	vm_destroy(vm);
}

/* String output: KVM hands it over in as many pieces as it likes, and each of them is a trap. */
BLOB(rep_outs, 64,
     "cld; mov $0x3000, %dx; mov $0x2000, %esi; mov $100, %ecx; rep outsb\n"
     "mov $0x3011, %dx; out %al, %dx");

static void test_rep(enum irqchip irqchip)
{
	struct machine m;
	u64 pio;

	if (!machine_make(&m, irqchip))
		return;
	machine_blob(&m, 64, rep_outs);
	EQUAL(machine_run(&m), STOP_QUIT);
	EQUAL(m.nr, 100);
	pio = machine_counter(&m, "kvm_pio.out");
	if (pio != ~0ull)
		EQUAL(machine_traps(&m, TRAP_PORT_OUT), pio);
	machine_free(&m);
}

/* An MSR that does not exist: #GP, as on hardware, and counted. */
BLOB(bad_msr, 16,
     "mov $0x12345, %ecx; rdmsr\n"
     "mov $0x12345, %ecx; wrmsr\n"
     "mov $0x3011, %dx; mov $1, %al; out %al, %dx");
BLOB(gp_handler, 16, "incb 0x2000; pop %ax; add $2, %ax; push %ax; iret");

static void test_unknown_msr(enum irqchip irqchip)
{
	struct machine m;
	u8 faults = 0;

	if (!machine_make(&m, irqchip))
		return;
	machine_blob(&m, 16, bad_msr);
	machine_vector(&m, 13, 0x1800);
	ram_write(&m.vm->ram, 0x1800, gp_handler, (u64)(gp_handler_end - gp_handler));
	EQUAL(machine_run(&m), STOP_QUIT);
	ram_read(&m.vm->ram, 0x2000, &faults, 1);
	EQUAL(faults, 2);
	EQUAL(machine_counter(&m, "kvm.unknown_msr_accesses"), 2);
	if (m.vm->traps.counted & BIT(TRAP_MSR))
		EQUAL(machine_traps(&m, TRAP_MSR), 2);
	machine_free(&m);
}

/* The ring for the post-mortem and --trace. */
static void test_events_of_ports(enum irqchip irqchip)
{
	static struct traplog log;
	const struct trap_event *e;
	struct machine m;
	char line[128] = "";
	FILE *f = tmpfile();

	if (!machine_make(&m, irqchip))
		return;
	log.trace = f;
	m.vm->traps.log = &log;
	machine_load(&m, 64, loop_in, loop_in_end);
	EQUAL(machine_run(&m), STOP_QUIT);
	CHECK(m.vm->traps.nr_events >= N + 1);
	e = &m.vm->traps.last[(m.vm->traps.nr_events - 2) % TRAP_LAST];
	EQUAL(e->cause, TRAP_PORT_IN);
	EQUAL(e->addr, REC_PORT);
	EQUAL(e->value, 0x11);
	EQUAL(e->size, 1);
	EQUAL(e->write, 0);
	CHECK(e->rip >= CODE_AT && e->rip < CODE_AT + 64);
	CHECK(e->cycles > 0);
	rewind(f);
	CHECK(fgets(line, sizeof(line), f) && strstr(line, ",port-in,0x10"));
	machine_free(&m);
	fclose(f);
}

const struct test count_tests[] = {
	{ "exact", test_exact, true },
	{ "sum", test_sum, true },
	{ "masks", test_masks, true },
	{ "without-tracepoints", test_without_tracepoints, true },
	{ "rep", test_rep, true },
	{ "unknown-msr", test_unknown_msr, true },
	{ "trace", test_events_of_ports, false },
	{ NULL, NULL, false },
};

/* SPDX-License-Identifier: MIT */
/* The machine around a backend: a fake one that plays a guest's bus accesses. */
#include "tests/unit/fakevm.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static struct vm *make(int (*step)(struct vm *, unsigned int), u64 timeout_ns)
{
	struct vm_config config = { .backend = &fakevm_backend,
				    .mem_size = 4 * MiB,
				    .cpu = "host",
				    .timeout_ns = timeout_ns };
	struct vm *vm = NULL;

	fakevm = (struct fakevm){ .step = step };
	CU_ASSERT_EQUAL_FATAL(vm_create(&vm, &config, NULL), 0);
	return vm;
}

/* What a backend does with a port write: hand it to the bus, account it, look at attention. */
static int port_out(struct vm *vm, u16 port, u32 value, unsigned int size, u32 cycles)
{
	struct trap_event *e;

	bus_write(&vm->pc.pio, port, value, size);
	trap_add(&vm->traps, TRAP_PORT_OUT, cycles);
	e = trap_event_next(&vm->traps);
	*e = (struct trap_event){ .cause = TRAP_PORT_OUT, .addr = port, .cycles = cycles };
	trap_event_done(&vm->traps);
	return RUN_KICKED;
}

static int exits(struct vm *vm, unsigned int n)
{
	(void)n;
	return port_out(vm, 0xf4, 0x15, 1, 1);
}

static void test_exit_port(void)
{
	struct vm *vm = make(exits, 0);

	CU_ASSERT_EQUAL(vm_run(vm), 0);
	CU_ASSERT_EQUAL(vm->stop.kind, STOP_EXIT_PORT);
	CU_ASSERT_EQUAL(vm->stop.code, 0x2b);
	vm_destroy(vm);
	CU_ASSERT_EQUAL(fakevm.destroyed, 1);
}

static int halts(struct vm *vm, unsigned int n)
{
	(void)vm;
	(void)n;
	return RUN_HALTED;
}

static void test_timeout(void)
{
	struct vm *vm = make(halts, 20000000);
	u64 start = clock_now(&vm->clock);

	CU_ASSERT_EQUAL(vm_run(vm), 0);
	CU_ASSERT_EQUAL(vm->stop.kind, STOP_TIMEOUT);
	CU_ASSERT_TRUE(clock_now(&vm->clock) - start >= 20000000);
	/* Asleep, not spinning. */
	CU_ASSERT_TRUE(fakevm.steps < 5);
	vm_destroy(vm);
}

static int spins(struct vm *vm, unsigned int n)
{
	(void)n;
	/* A guest that never traps: only the kick signal ends it. */
	while (!atomic_load(&vm->attention))
		;
	return RUN_KICKED;
}

static void test_spin(void)
{
	struct vm *vm = make(spins, 20000000);

	CU_ASSERT_EQUAL(vm_run(vm), 0);
	CU_ASSERT_EQUAL(vm->stop.kind, STOP_TIMEOUT);
	CU_ASSERT_TRUE(fakevm.kicks >= 1);
	vm_destroy(vm);
}

static int raises(struct vm *vm, unsigned int n)
{
	if (n == 0)
		raise(SIGTERM);
	return spins(vm, n);
}

static void test_signal(void)
{
	struct vm *vm = make(raises, NSEC_PER_SEC * 5);

	CU_ASSERT_EQUAL(vm_catch_signals(vm), 0);
	CU_ASSERT_EQUAL(vm_run(vm), 0);
	CU_ASSERT_EQUAL(vm->stop.kind, STOP_SIGNAL);
	CU_ASSERT_EQUAL(vm->stop.code, SIGTERM);
	vm_destroy(vm);
	signal(SIGTERM, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
}

static int hung_up(struct vm *vm, unsigned int n)
{
	raise(SIGHUP);
	return exits(vm, n);
}

static void test_nohup(void)
{
	struct vm *vm = make(hung_up, 0);

	signal(SIGHUP, SIG_IGN);
	CU_ASSERT_EQUAL(vm_catch_signals(vm), 0);
	CU_ASSERT_EQUAL(vm_run(vm), 0);
	CU_ASSERT_EQUAL(vm->stop.kind, STOP_EXIT_PORT);
	CU_ASSERT_EQUAL(atomic_load(&vm->stop_signal), 0);
	vm_destroy(vm);
	signal(SIGTERM, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
}

static int marks(struct vm *vm, unsigned int n)
{
	static const u8 mark_or_not[] = { 0, 1, 0, 0, 0, 2, 0 };

	if (n == ARRAY_SIZE(mark_or_not))
		return exits(vm, n);
	return mark_or_not[n] ? port_out(vm, 0xfb0, mark_or_not[n], 1, 7000 + n)
			      : port_out(vm, 0x80, 0, 1, 100);
}

static void test_marks(void)
{
	struct trap_stats t;
	struct vm *vm = make(marks, 0);

	CU_ASSERT_EQUAL(vm_marked_traps(vm, &t), -ENODATA);
	CU_ASSERT_EQUAL(vm_run(vm), 0);
	CU_ASSERT_EQUAL(vm->stop.kind, STOP_EXIT_PORT);
	CU_ASSERT_EQUAL_FATAL(vm_marked_traps(vm, &t), 0);
	/* Three writes between the marks, and nothing of the marks themselves. */
	CU_ASSERT_EQUAL(t.c[TRAP_PORT_OUT].count, 3);
	CU_ASSERT_EQUAL(t.c[TRAP_PORT_OUT].cycles, 300);
	CU_ASSERT_TRUE(trap_quantile(&t.c[TRAP_PORT_OUT], 1.0) < 110);
	vm_destroy(vm);
}

static u8 seen[64];
static size_t nr_seen;

static void collect(void *arg, const void *data, size_t len)
{
	(void)arg;
	for (size_t i = 0; i < len && nr_seen < sizeof(seen); i++)
		seen[nr_seen++] = ((const u8 *)data)[i];
}

/* PIC set up, UART interrupt on: COM1 must raise INTR, and INTA give its vector. */
static int interrupts(struct vm *vm, unsigned int n)
{
	static const struct {
		u16 port;
		u8 value;
	} setup[] = { { 0x20, 0x11 }, { 0x21, 0x20 },  { 0x21, 0x04 }, { 0x21, 0x01 },
		      { 0x21, 0xef }, { 0x3fc, 0x0b }, { 0x3f8, 'x' }, { 0x3f9, 0x02 } };

	if (n < ARRAY_SIZE(setup))
		return port_out(vm, setup[n].port, setup[n].value, 1, 1);
	CU_ASSERT_TRUE(vm->pc.intr);
	CU_ASSERT_EQUAL(pc_intr_ack(vm), 0x24);
	CU_ASSERT_FALSE(vm->pc.intr);
	return exits(vm, n);
}

static void test_interrupt(void)
{
	struct vm_config config = {
		.backend = &fakevm_backend, .mem_size = 4 * MiB, .cpu = "host", .console = collect
	};
	struct vm *vm = NULL;

	fakevm = (struct fakevm){ .step = interrupts };
	nr_seen = 0;
	CU_ASSERT_EQUAL_FATAL(vm_create(&vm, &config, NULL), 0);
	CU_ASSERT_EQUAL(vm_run(vm), 0);
	CU_ASSERT_EQUAL(vm->stop.kind, STOP_EXIT_PORT);
	CU_ASSERT_EQUAL(nr_seen, 1);
	CU_ASSERT_EQUAL(seen[0], 'x');
	vm_destroy(vm);
}

/* What is printed waits for a newline, for some milliseconds (here the fourth step), or the end. */
static int prints(struct vm *vm, unsigned int n)
{
	static const char text[] = "ab\nc\0d";
	static const size_t seen_then[] = { 0, 0, 0, 3, 3, 4, 4 };

	CU_ASSERT_EQUAL(nr_seen, seen_then[n]);
	if (n == 4) {
		usleep(20000);
		clock_run(&vm->clock);
		return RUN_KICKED;
	}
	return n < sizeof(text) - 1 ? port_out(vm, 0xe9, (u8)text[n], 1, 1) : exits(vm, n);
}

static void test_prints(void)
{
	struct vm_config config = {
		.backend = &fakevm_backend, .mem_size = 4 * MiB, .cpu = "host", .console = collect
	};
	struct vm *vm = NULL;

	fakevm = (struct fakevm){ .step = prints };
	nr_seen = 0;
	CU_ASSERT_EQUAL_FATAL(vm_create(&vm, &config, NULL), 0);
	CU_ASSERT_EQUAL(vm_run(vm), 0);
	CU_ASSERT_EQUAL(nr_seen, 5);
	CU_ASSERT_EQUAL(memcmp(seen, "ab\ncd", 5), 0);
	vm_destroy(vm);
}

static int without_sse3(struct cpuid_table *table, struct error *err)
{
	(void)err;
	cpuid_find(table, 1, 0)->ecx &= ~1u;
	return 0;
}

/* Backends that a run compares see one processor; those that it does not use have no say. */
static void test_alike(void)
{
	const struct backend poor = { .probe = fakevm_backend.probe, .cpuid_filter = without_sse3 };
	const struct backend *const alone[] = { &fakevm_backend, NULL }, *const both[] = {
		&fakevm_backend, &poor, NULL
	};
	struct vm_config config = {
		.backend = &fakevm_backend, .mem_size = 4 * MiB, .cpu = "host", .alike = alone
	};
	struct vm *vm = NULL;

	CU_ASSERT_EQUAL_FATAL(vm_create(&vm, &config, NULL), 0);
	CU_ASSERT_TRUE(cpuid_find(&vm->cpuid, 1, 0)->ecx & 1);
	vm_destroy(vm);
	config.alike = both;
	CU_ASSERT_EQUAL_FATAL(vm_create(&vm, &config, NULL), 0);
	CU_ASSERT_FALSE(cpuid_find(&vm->cpuid, 1, 0)->ecx & 1);
	vm_destroy(vm);
}

CU_TestInfo tests_vm[] = {
	{ "the exit port ends the run with its status", test_exit_port },
	{ "a halted guest sleeps until the time-out", test_timeout },
	{ "a guest that never traps is kicked out", test_spin },
	{ "SIGTERM ends the run and says so", test_signal },
	{ "under nohup a hang-up is ignored", test_nohup },
	{ "marks frame the measured section exactly", test_marks },
	{ "COM1 reaches the CPU through the 8259", test_interrupt },
	{ "what is printed is told by lines, after a while, and at the end", test_prints },
	{ "the processor is what the run's backends have in common", test_alike },
	CU_TEST_INFO_NULL,
};

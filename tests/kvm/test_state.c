/* SPDX-License-Identifier: MIT */
/* Architectural state: what is put in comes out, and the guest runs on it, wherever it stopped. */
#include "tests/kvm/machine.h"

#include <stdlib.h>
#include <string.h>

BLOB(stop16, 16, "mov $0x3011, %dx; out %al, %dx");
BLOB(stop32, 32, "mov $0x3011, %dx; out %al, %dx");
BLOB(stop64, 64, "mov $0x3011, %dx; out %al, %dx");

static const struct mode {
	unsigned int bits;
	const u8 *code, *end;
} modes[] = {
	{ 16, stop16, stop16_end },
	{ 32, stop32, stop32_end },
	{ 64, stop64, stop64_end },
};

/* Everything that can differ from reset without depending on the mode. */
static void fill(struct cpu_state *s)
{
	static const u64 both = 3; /* x87 and SSE in use */
	bool wide = s->efer & EFER_LMA;

	for (unsigned int i = 0; i < NR_GPR; i++)
		if (i != RSP && (wide || i < R8))
			s->gpr[i] = wide ? 0x0123456789abcdefull * (i + 1) : 0x1234567u * (i + 1);
	s->rflags |= 0x8d5; /* OF, SF, ZF, AF, PF, CF */
	s->cr2 = wide ? 0x7fff12345000 : 0x12345000;
	for (unsigned int i = 0; i < 4; i++)
		s->dr[i] = 0x1000 * (i + 5);
	s->dr6 = 0xffff0ff1;
	s->dr7 = 0x00000402; /* G0: an execution breakpoint where nothing executes */
	s->msr.sysenter_cs = 0x8;
	s->msr.sysenter_esp = 0x5678;
	s->msr.sysenter_eip = 0x9abc;
	s->msr.star = 0x0013000800000000;
	s->msr.lstar = 0xffffffff81000000;
	s->msr.cstar = 0xffffffff81000100;
	s->msr.sfmask = 0x47700;
	s->msr.kernel_gs_base = 0xffff888000000000;
	s->msr.pat = 0x0007010600070106;
	if (wide)
		s->seg[SEG_FS].base = 0x7f0012345000;
	for (unsigned int i = 0; i < 16 * 16; i++)
		s->xsave[160 + i] = (u8)(i * 7 + 1);
	for (unsigned int i = 0; i < 8; i++)
		memcpy(s->xsave + 32 + 16 * i, "\1\2\3\4\5\6\7\x88\xff\x3f", 10);
	s->xsave[4] = 0xff;  /* x87 registers are not empty */
	s->xsave[25] = 0x5f; /* MXCSR: round down */
	memcpy(s->xsave + 512, &both, sizeof(both));
}

static void compare(const struct cpu_state *got, const struct cpu_state *want)
{
	const char *differs = cpu_state_differs(got, want);

	if (!differs)
		return;
	printf("# differs: %s; got, then wanted:\n", differs);
	check(false, "state comes out as it went in", __FILE__, __LINE__);
	cpu_state_print(got, stdout);
	cpu_state_print(want, stdout);
}

static void put(struct machine *m, const struct cpu_state *s)
{
	if (m->vm->backend->set_state(m->vm, s, &m->err))
		check(false, m->err.text, __FILE__, __LINE__);
}

static void test_round_trip(enum irqchip irqchip)
{
	struct cpu_state *s = calloc(2, sizeof(*s));

	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		struct machine m;

		if (!machine_make(&m, irqchip))
			break;
		machine_load(&m, modes[i].bits, modes[i].code, modes[i].end);
		machine_state(&m, &s[0]);
		fill(&s[0]);
		put(&m, &s[0]);
		machine_state(&m, &s[1]);
		compare(&s[1], &s[0]);
		/* It is the real state, not a copy: two instructions later it is the same but for
		 * what they did. */
		EQUAL(machine_run(&m), STOP_QUIT);
		machine_state(&m, &s[1]);
		s[0].rip = CODE_AT + (u64)(modes[i].end - modes[i].code);
		s[0].gpr[RDX] = (s[0].gpr[RDX] & ~0xffffull) | STOP_PORT;
		compare(&s[1], &s[0]);
		EQUAL(m.vm->stop.code, s[0].gpr[RAX] & 0xff);
		machine_free(&m);
	}
	free(s);
}

/* XCR0 and the components that go with it, where the host has them. */
static void test_round_trip_avx(enum irqchip irqchip)
{
	static const u64 avx = 7;
	struct cpu_state *s = calloc(2, sizeof(*s));
	const struct cpuid_leaf *leaf;
	struct machine m;

	if (!machine_make(&m, irqchip))
		goto out;
	machine_load(&m, 64, stop64, stop64_end);
	leaf = cpuid_find(&m.vm->cpuid, 0xd, 2);
	if (!leaf || !leaf->eax) {
		skip("the guest's processor has no AVX");
		machine_free(&m);
		goto out;
	}
	machine_state(&m, &s[0]);
	fill(&s[0]);
	s[0].cr4 |= CR4_OSXSAVE;
	s[0].xcr0 = avx;
	memcpy(s[0].xsave + 512, &avx, sizeof(avx));
	for (unsigned int i = 0; i < leaf->eax; i++)
		s[0].xsave[leaf->ebx + i] = (u8)(i * 5 + 3);
	put(&m, &s[0]);
	machine_state(&m, &s[1]);
	compare(&s[1], &s[0]);
	EQUAL(s[1].xcr0, avx);
	machine_free(&m);
out:
	free(s);
}

static void test_events(enum irqchip irqchip)
{
	static const struct cpu_events events[] = {
		{ .exception_pending = true,
		  .exception = 14,
		  .exception_has_error = true,
		  .exception_error = 6,
		  .exception_payload = 0xdead000 },
		{ .exception_pending = true, .exception = 6 },
		{ .interrupt_injected = true, .interrupt = 0x41 },
		{ .nmi_pending = true },
		{ .nmi_masked = true },
		{ .halted = true },
		{ .sti_shadow = true, .movss_shadow = true },
	};
	struct cpu_state *s = calloc(2, sizeof(*s));

	for (size_t i = 0; i < ARRAY_SIZE(events); i++) {
		struct machine m;

		if (!machine_make(&m, irqchip))
			break;
		machine_load(&m, 64, stop64, stop64_end);
		machine_state(&m, &s[0]);
		s[0].ev = events[i];
		put(&m, &s[0]);
		machine_state(&m, &s[1]);
		compare(&s[1], &s[0]);
		machine_free(&m);
	}
	free(s);
}

/* A pending page fault is delivered with its CR2; handler at 0:1800. */
BLOB(fault_handler, 16,
     "mov %cr2, %eax; mov %eax, 0x2000; mov $0x3011, %dx; mov $14, %al; out %al, %dx");
BLOB(spin, 16, "1: jmp 1b");

static void test_pending_exception(enum irqchip irqchip)
{
	struct cpu_state *s = calloc(1, sizeof(*s));
	struct machine m;
	u32 cr2 = 0;

	if (machine_make(&m, irqchip)) {
		machine_blob(&m, 16, spin);
		ram_write(&m.vm->ram, 0x1800, fault_handler,
			  (u64)(fault_handler_end - fault_handler));
		machine_vector(&m, 14, 0x1800);
		machine_state(&m, s);
		s->ev = (struct cpu_events){ .exception_pending = true,
					     .exception = 14,
					     .exception_payload = 0x00abc000 };
		put(&m, s);
		EQUAL(machine_run(&m), STOP_QUIT);
		EQUAL(m.vm->stop.code, 14);
		ram_read(&m.vm->ram, 0x2000, &cr2, sizeof(cr2));
		EQUAL(cr2, 0x00abc000);
		machine_free(&m);
	}
	free(s);
}

/*
 * A machine is stopped in the middle of its I/O, its state and RAM move into another one, and that
 * finishes. What the first had under way is done exactly once.
 */
BLOB(migrate, 16,
     "cld; mov $0x3000, %dx; mov $0x2000, %di; mov $4, %cx\n"
     "rep insb\n"
     "mov $0x5a, %al; mov $0x3011, %dx; out %al, %dx\n" /* the first machine ends here */
     "mov $0x3000, %dx; in %dx, %ax; mov %ax, (%di)\n"
     "mov $0x3011, %dx; mov $1, %al; out %al, %dx");

static void test_move(enum irqchip irqchip)
{
	struct cpu_state *s = calloc(1, sizeof(*s));
	struct machine from, to;
	u8 got[6];

	if (!machine_make(&from, irqchip))
		goto out;
	machine_blob(&from, 16, migrate);
	EQUAL(machine_run(&from), STOP_QUIT);
	EQUAL(from.vm->stop.code, 0x5a);
	machine_state(&from, s);
	EQUAL(s->gpr[RCX] & 0xffff, 0);
	EQUAL(s->gpr[RDI] & 0xffff, 0x2004);
	/* One machine a thread: the first one's memory is kept, the rest ends. */
	if (machine_make(&to, irqchip)) {
		memcpy(to.vm->ram.host, from.vm->ram.host, from.vm->ram.size);
		put(&to, s);
		EQUAL(machine_run(&to), STOP_QUIT);
		EQUAL(to.vm->stop.code, 1);
		EQUAL(to.nr, 1);
		ram_read(&to.vm->ram, 0x2000, got, sizeof(got));
		CHECK(!memcmp(got, "\x11\x11\x11\x11\x11\x22", 6));
		machine_free(&to);
	}
	machine_free(&from);
out:
	free(s);
}

/* A read whose value was given but whose instruction is not finished: RAX has it all the same. */
BLOB(half_done, 64,
     "mov $0x3000, %dx; xor %eax, %eax; in %dx, %eax; mov $0x3011, %dx; out %al, %dx");

static void stop_on_read(void *arg)
{
	struct machine *m = arg;

	vm_stop(m->vm, STOP_QUIT, 7);
}

static u64 stopping_read(void *dev, u64 offset, unsigned int size)
{
	(void)offset;
	(void)size;
	stop_on_read(dev);
	return 0xcafe1234;
}

static void test_half_done(enum irqchip irqchip)
{
	static const struct bus_ops ops = { stopping_read, NULL, false };
	struct cpu_state *s = calloc(1, sizeof(*s));
	struct machine m;

	if (machine_make(&m, irqchip)) {
		const struct bus_region region = { "stop", REC_PORT, 0x10, 4, &ops, &m };

		CHECK(bus_remove(&m.vm->pc.pio, REC_PORT) == 0);
		CHECK(bus_add(&m.vm->pc.pio, &region) == 0);
		machine_blob(&m, 64, half_done);
		EQUAL(machine_run(&m), STOP_QUIT);
		EQUAL(m.vm->stop.code, 7);
		machine_state(&m, s);
		EQUAL(s->gpr[RAX], 0xcafe1234);
		EQUAL(s->rip, CODE_AT + 7);
		machine_resume(&m);
		EQUAL(machine_run(&m), STOP_QUIT);
		EQUAL(m.vm->stop.code, 0x34);
		machine_free(&m);
	}
	free(s);
}

static void test_read_virtual(enum irqchip irqchip)
{
	struct cpu_state *s = calloc(1, sizeof(*s));
	struct machine m;
	u64 pd[512] = { 0 }, entry;
	char got[8] = "";

	if (!machine_make(&m, irqchip))
		goto out;
	machine_load(&m, 64, stop64, stop64_end);
	machine_state(&m, s);
	/* Map 8000000000 to 4 KiB pages at 6000 and 8000, and nothing after those. */
	entry = 0x10000 | 3;
	ram_write(&m.vm->ram, s->cr3 + 8, &entry, 8);
	entry = 0x11000 | 3;
	ram_write(&m.vm->ram, 0x10000, &entry, 8);
	entry = 0x12000 | 3;
	ram_write(&m.vm->ram, 0x11000, &entry, 8);
	pd[0] = 0x6000 | 3;
	pd[1] = 0x8000 | 3;
	ram_write(&m.vm->ram, 0x12000, pd, sizeof(pd));
	ram_write(&m.vm->ram, 0x6ffc, "abcd", 4);
	ram_write(&m.vm->ram, 0x8000, "efgh", 4);
	EQUAL(m.vm->backend->read_virtual(m.vm, 0x8000000ffc, got, 8), 8);
	CHECK(!memcmp(got, "abcdefgh", 8));
	EQUAL(m.vm->backend->read_virtual(m.vm, 0x8000001ffe, got, 8), 2);
	EQUAL(m.vm->backend->read_virtual(m.vm, 0x9000000000, got, 8), 0);
	/* Mapped, but not to RAM. */
	EQUAL(m.vm->backend->read_virtual(m.vm, REC_MEM, got, 8), 0);
	machine_free(&m);
out:
	free(s);
}

BLOB(read_tsc, 64,
     "rdtsc; shl $32, %rdx; or %rdx, %rax; mov %rax, 0x2000; mov $0x3011, %dx; out %al, %dx");

static void test_guest_tsc(enum irqchip irqchip)
{
	struct machine m;
	u64 before, guest = 0, after;

	if (!machine_make(&m, irqchip))
		return;
	machine_blob(&m, 64, read_tsc);
	before = m.vm->backend->guest_tsc(m.vm);
	EQUAL(machine_run(&m), STOP_QUIT);
	after = m.vm->backend->guest_tsc(m.vm);
	ram_read(&m.vm->ram, 0x2000, &guest, sizeof(guest));
	if (!(before < guest && guest < after))
		printf("# TSC %llu before, %llu in the guest, %llu after\n",
		       (unsigned long long)before, (unsigned long long)guest,
		       (unsigned long long)after);
	CHECK(before < guest && guest < after);
	/* Zero at creation: less than two seconds have passed. */
	CHECK(after < 2000 * clock_tsc_khz(&m.vm->clock));
	machine_free(&m);
}

const struct test state_tests[] = {
	{ "round-trip", test_round_trip, true },
	{ "round-trip-avx", test_round_trip_avx, false },
	{ "events", test_events, true },
	{ "pending-exception", test_pending_exception, false },
	{ "move", test_move, true },
	{ "half-done", test_half_done, true },
	{ "read-virtual", test_read_virtual, false },
	{ "guest-tsc", test_guest_tsc, true },
	{ NULL, NULL, false },
};

/* SPDX-License-Identifier: MIT */
#include "tests/unit/direct_rig.h"

#include "backends/backends.h"
#include "backends/swbt/mmu.h"

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define GDT	0x1000u
#define IDT	0x2000u
#define TSS	0x4000u
#define STUBS	0x5000u /* 16 bytes a vector */
#define COMMON	0x6000u
#define POINTER 0x7000u /* where the next entry of the list goes */

#define P  1ull
#define W  2ull
#define U  4ull
#define PS 0x80ull
#define NX BIT64(63)

const char *direct_transport = "ptrace";
bool direct_kicks;

/* Write down, and go on at R15. */
DR_ASM(direct_common, "pushq %rax\n pushq %rbx\n movq 0x7000, %rbx\n"
		      "movq 16(%rsp), %rax\n movq %rax, (%rbx)\n"
		      "movq 24(%rsp), %rax\n movq %rax, 8(%rbx)\n"
		      "movq 32(%rsp), %rax\n movq %rax, 16(%rbx)\n"
		      "movq %cr2, %rax\n movq %rax, 24(%rbx)\n"
		      "movq 40(%rsp), %rax\n movq %rax, 32(%rbx)\n"
		      "addq $40, 0x7000\n movq %r15, 32(%rsp)\n"
		      "popq %rbx\n popq %rax\n addq $16, %rsp\n iretq");

static void put(struct vm *vm, u64 gpa, u64 value, unsigned int size)
{
	if (ram_write(&vm->ram, gpa, &value, size))
		CU_FAIL_FATAL("no RAM there");
}

static void map(struct vm *vm, u64 linear, unsigned int pages, u64 flags)
{
	for (unsigned int n = 0; n < pages; n++)
		put(vm, DR_PT + (linear / PAGE_SIZE + n) * 8,
		    flags ? (linear + (u64)n * PAGE_SIZE) | flags : 0, 8);
}

static void make_tables(struct vm *vm)
{
	put(vm, DR_PML4, (DR_PML4 + 0x1000) | P | W | U, 8);
	put(vm, DR_PML4 + 0x1000, (DR_PML4 + 0x2000) | P | W | U, 8);
	put(vm, DR_PML4 + 0x1000 + 3 * 8, 0xc0000000 | P | W | PS, 8);
	put(vm, DR_PML4 + 0x2000, DR_PT | P | W | U, 8);
	put(vm, DR_PML4 + 0x2000 + 8, DR_LARGE | P | W | PS, 8);
	map(vm, 0, 512, P | W);
	map(vm, DR_USER, 2, P | W | U);
	map(vm, DR_UDATA, 16, P | W | U);
	map(vm, DR_RO, 1, P);
	map(vm, DR_NX, 1, P | W | NX);
	map(vm, DR_HOLE, 1, 0);
}

static bool has_error(unsigned int vector)
{
	return vector == DF || (vector >= TS && vector <= PF) || vector == AC;
}

/* push 0 unless there is an error code; push vector; jmp COMMON */
static void make_stub(struct vm *vm, unsigned int vector)
{
	u32 at = STUBS + vector * 16;

	if (!has_error(vector)) {
		put(vm, at, 0x006a, 2);
		at += 2;
	}
	put(vm, at, 0x6a | vector << 8, 2);
	put(vm, at + 2, 0xe9, 1);
	put(vm, at + 3, COMMON - (at + 7), 4);
}

static void make_idt(struct vm *vm)
{
	for (unsigned int n = 0; n < 128; n++) {
		u64 handler = STUBS + n * 16;
		/* INT3, INT 4 and INT 80 are for everyone. */
		u64 dpl = n == BP || n == OF || n == 80 ? 3 : 0;

		make_stub(vm, n);
		put(vm, IDT + n * 16, handler | DR_CS << 16 | (0x8eull | dpl << 5) << 40, 8);
		put(vm, IDT + n * 16 + 8, 0, 8);
	}
}

static void make_gdt(struct vm *vm)
{
	put(vm, GDT + DR_CS, 0x00209b0000000000, 8);
	put(vm, GDT + DR_SS, 0x00cf93000000ffff, 8);
	put(vm, GDT + (DR_UCS & ~7), 0x0020fb0000000000, 8);
	put(vm, GDT + (DR_USS & ~7), 0x00cff3000000ffff, 8);
	put(vm, TSS + 4, DR_KERNEL, 8);
}

static void make_state(struct cpu_state *s)
{
	cpu_state_reset(s);
	s->cr0 = CR0_PE | CR0_PG | CR0_ET | CR0_NE | CR0_MP | CR0_WP | CR0_AM;
	s->cr3 = DR_PML4;
	s->cr4 = CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT;
	s->efer = EFER_LME | EFER_LMA | EFER_NXE;
	s->rflags = RFLAGS_FIXED;
	s->gdt = (struct table_reg){ GDT, 0x7f };
	s->idt = (struct table_reg){ IDT, 128 * 16 - 1 };
	for (unsigned int seg = SEG_ES; seg <= SEG_GS; seg++)
		s->seg[seg] = segment_flat(DR_SS, ATTR_P | ATTR_S | ATTR_DB | ATTR_G | 3);
	s->seg[SEG_CS] = segment_flat(DR_CS, ATTR_P | ATTR_S | ATTR_L | ATTR_G | 11);
	s->seg[SEG_CS].limit = 0xffffffff;
	s->seg[SEG_TR] = (struct segment){
		.base = TSS, .limit = 0x67, .attr = ATTR_P | 11, .selector = 0x28
	};
	s->gpr[RSP] = DR_STACK;
	s->rip = DR_CODE;
}

struct vm *direct_rig(const char *engine, const u8 *code, size_t len, const u8 *user,
		      size_t user_len)
{
	struct vm_config config = {
		.backend = &swbt_backend, .engine = engine, .mem_size = DR_RAM, .cpu = "host"
	};
	struct error err = { "" };
	struct cpu_state s;
	struct vm *vm;

	if (strcmp(engine, "step"))
		CU_ASSERT_EQUAL_FATAL(backendopt_set(&config.options, &swbt_backend, engine,
						     "direct-transport", direct_transport, &err),
				      0);
	CU_ASSERT_EQUAL_FATAL(vm_create(&vm, &config, &err), 0);

	make_tables(vm);
	make_gdt(vm);
	make_idt(vm);
	ram_write(&vm->ram, COMMON, direct_common, (u64)(direct_common_end - direct_common));
	put(vm, POINTER, DR_LIST, 8);
	ram_write(&vm->ram, DR_CODE, code, len);
	if (user)
		ram_write(&vm->ram, DR_USER, user, user_len);
	make_state(&s);
	s.xsave_size = vm_vcpu(vm)->s.xsave_size;
	memcpy(s.xsave, vm_vcpu(vm)->s.xsave, sizeof(s.xsave));
	CU_ASSERT_EQUAL_FATAL(swbt_backend.set_state(vm, &s, NULL), 0);
	return vm;
}

struct kicker {
	struct vm *vm;
	atomic_bool stop;
};

static void *kick_all_the_time(void *arg)
{
	struct kicker *k = arg;

	/* In steps that are long enough for most instructions, and too short for some. */
	for (unsigned int n = 0; !atomic_load(&k->stop); n++) {
		usleep(n * 7 % 50);
		vm_kick(k->vm);
	}
	return NULL;
}

static int run(struct vm *vm)
{
	struct kicker k = { .vm = vm };
	pthread_t thread;
	int r;

	if (!direct_kicks)
		return vm_run(vm);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, kick_all_the_time, &k), 0);
	r = vm_run(vm);
	atomic_store(&k.stop, true);
	pthread_join(thread, NULL);
	return r;
}

void direct_go(struct vm *vm)
{
	int r = run(vm);

	if (r || vm->stop.kind != STOP_EXIT_PORT)
		fprintf(stderr, "%s %s: run: %d, stop %d, %s, rip %#llx\n", vm->config.engine, direct_transport, r,
			vm->stop.kind, vm->error.text, (unsigned long long)vm_vcpu(vm)->s.rip);
	CU_ASSERT_EQUAL_FATAL(r, 0);
	CU_ASSERT_EQUAL_FATAL(vm->stop.kind, STOP_EXIT_PORT);
}

static void compare_ram(const struct vm *a, const struct vm *b)
{
	if (!memcmp(a->ram.host, b->ram.host, a->ram.size))
		return;
	CU_FAIL("RAM differs");
	for (u64 n = 0; n < a->ram.size; n++) {
		if (a->ram.host[n] == b->ram.host[n])
			continue;
		fprintf(stderr, "RAM differs at %#llx: %02x, not %02x\n", (unsigned long long)n,
			a->ram.host[n], b->ram.host[n]);
		return;
	}
}

struct vm *direct_pair(const char *engine, const u8 *code, size_t len, const u8 *user,
		       size_t user_len)
{
	struct vm *step = direct_rig("step", code, len, user, user_len);
	struct vm *vm = direct_rig(engine, code, len, user, user_len);
	static struct cpu_state want, got;
	const char *field;

	direct_go(step);
	direct_go(vm);
	swbt_backend.get_state(step, &want, NULL);
	swbt_backend.get_state(vm, &got, NULL);
	field = cpu_state_differs(&got, &want);
	if (field) {
		CU_FAIL("state differs");
		fprintf(stderr, "%s differs\n", field);
	}
	compare_ram(vm, step);
	vm_destroy(step);
	return vm;
}

unsigned int direct_seen(struct vm *vm)
{
	u64 end;

	ram_read(&vm->ram, POINTER, &end, sizeof(end));
	return (unsigned int)((end - DR_LIST) / sizeof(struct direct_seen));
}

struct direct_seen direct_nth(struct vm *vm, unsigned int n)
{
	struct direct_seen seen;

	ram_read(&vm->ram, DR_LIST + n * sizeof(seen), &seen, sizeof(seen));
	return seen;
}

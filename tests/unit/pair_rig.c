/* SPDX-License-Identifier: MIT */
#include "tests/unit/pair_rig.h"

#include "backends/backends.h"
#include "backends/swbt/fpu.h"
#include "backends/swbt/mem.h"
#include "backends/swbt/step.h"
#include "tests/unit/swbt_rig.h"

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <string.h>

#define MEM	   (4 * MiB)
#define TABLES	   0x1000u
#define TABLES_LEN 0x8000u
#define DATA_AT	   0x200000u
#define RO_AT	   0x300000u
#define IOAPIC	   0xfec00000u
#define PRESENT	   1u
#define WRITABLE   2u
#define LARGE	   0x80u
#define MOST	   2000000u /* exits that a run may take */

void pair_up(struct pair *p, bool wide)
{
	*p = (struct pair){ .wide = wide, .step = rig_vm("step", MEM), .bt = rig_vm("bt", MEM) };
	pair_state(p);
}

void pair_down(struct pair *p)
{
	vm_destroy(p->step);
	vm_destroy(p->bt);
}

void pair_state(struct pair *p)
{
	struct cpu_state *s = &p->s;
	bool wide = p->wide;

	cpu_state_reset(s);
	s->cr0 = CR0_PE | CR0_PG | CR0_WP | CR0_NE | CR0_MP | CR0_ET;
	s->cr3 = TABLES;
	s->cr4 = CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_OSXSAVE | (wide ? CR4_PAE : 0);
	s->efer = wide ? EFER_LME | EFER_LMA : 0;
	s->xcr0 = fpu_host_components() & 0xe7;
	for (unsigned int n = SEG_ES; n <= SEG_GS; n++)
		s->seg[n] = segment_flat(16, ATTR_P | ATTR_S | ATTR_DB | ATTR_G | 3);
	s->seg[SEG_CS] = segment_flat(8, ATTR_P | ATTR_S | ATTR_G | (wide ? ATTR_L : ATTR_DB) | 11);
	for (unsigned int n = 0; n < (wide ? NR_GPR : 8u); n++)
		s->gpr[n] = PAIR_DATA + n * 0x110;
	s->gpr[RSP] = PAIR_STACK;
	s->rflags = RFLAGS_FIXED;
	s->rip = PAIR_CODE;
}

/* ---- memory ---------------------------------------------------------------------------------- */

static void put(struct vm *vm, u64 gpa, u64 value, unsigned int bytes)
{
	memcpy(ram_at(&vm->ram, gpa, bytes), &value, bytes);
}

static void map(struct vm *vm, bool wide, u64 linear, u64 gpa, u64 flags)
{
	u64 table = TABLES + 0x3000 + (linear >> 28) * 0x1000;

	if (wide) {
		put(vm, TABLES, (TABLES + 0x1000) | PRESENT | WRITABLE, 8);
		put(vm, TABLES + (PAIR_MIDDLE >> 39 & 511) * 8,
		    (TABLES + 0x1000) | PRESENT | WRITABLE, 8);
		put(vm, TABLES + (PAIR_HIGH >> 39 & 511) * 8,
		    (TABLES + 0x1000) | PRESENT | WRITABLE, 8);
		put(vm, TABLES + 0x1000, (TABLES + 0x2000) | PRESENT | WRITABLE, 8);
		put(vm, TABLES + 0x1000 + (PAIR_HIGH >> 30 & 511) * 8,
		    (TABLES + 0x2000) | PRESENT | WRITABLE, 8);
		put(vm, TABLES + 0x2000 + (linear >> 21) * 8, table | PRESENT | WRITABLE, 8);
		put(vm, table + (linear >> 12 & 511) * 8, gpa | flags, 8);
	} else {
		put(vm, TABLES + (linear >> 22) * 4, table | PRESENT | WRITABLE, 4);
		put(vm, table + (linear >> 12 & 1023) * 4, gpa | flags, 4);
	}
}

/* All of RAM, and what is behind it. */
static void map_large(struct vm *vm)
{
	for (u64 n = 0; n < 3; n++)
		put(vm, TABLES + 0x2000 + ((PAIR_LARGE >> 21) + n) * 8,
		    n * 2 * MiB | LARGE | PRESENT | WRITABLE, 8);
}

static void fill(struct vm *vm, bool wide)
{
	for (u64 at = DATA_AT; at < RO_AT + PAGE_SIZE; at += 8)
		put(vm, at, at * 0x9e3779b97f4a7c15ull, 8);
	memset(ram_at(&vm->ram, TABLES, TABLES_LEN), 0, TABLES_LEN);
	for (u64 n = 0; n < PAIR_CODE_PAGES; n++)
		map(vm, wide, PAIR_CODE + n * PAGE_SIZE, PAIR_CODE_AT + n * PAGE_SIZE,
		    PRESENT | WRITABLE);
	for (u64 n = 0; n < PAIR_PAGES; n++)
		map(vm, wide, PAIR_DATA + n * PAGE_SIZE, DATA_AT + n * 7 % PAIR_PAGES * PAGE_SIZE,
		    PRESENT | WRITABLE);
	if (wide)
		map_large(vm);
	map(vm, wide, PAIR_RO, RO_AT, PRESENT);
	map(vm, wide, PAIR_DEVICE, IOAPIC, PRESENT | WRITABLE);
}

/* Bytes of code that are as they were do not count as written. */
static void put_code(struct vm *vm, const u8 *code, size_t len)
{
	u8 *at = ram_at(&vm->ram, PAIR_CODE_AT, PAIR_CODE_PAGES * PAGE_SIZE);

	for (size_t n = 0; n < PAIR_CODE_PAGES * PAGE_SIZE; n++) {
		u8 byte = n < len ? code[n] : 0;

		if (at[n] == byte)
			continue;
		mem_note_write(vm_vcpu(vm), PAIR_CODE_AT + n, 1);
		at[n] = byte;
	}
}

/* ---- running --------------------------------------------------------------------------------- */

static enum emulate_result run(struct vm *vm, enum emulate_result (*execute)(struct vcpu *v))
{
	struct vcpu *v = vm_vcpu(vm);
	enum emulate_result r = EMU_JUMPED;

	for (u32 n = 0; n < MOST && (r == EMU_JUMPED || r == EMU_AGAIN); n++)
		r = execute(v);
	fpu_put(v);
	return r;
}

static void compare(struct pair *p, enum emulate_result r)
{
	const struct exception *exc = &vm_vcpu(p->bt)->exc;
	struct cpu_state s;
	const char *what;

	rig_state(p->bt, &s);
	rig_state(p->step, &p->s);
	CU_ASSERT_EQUAL(r, p->end);
	if (p->end == EMU_FAULT) {
		CU_ASSERT_EQUAL(exc->vector, p->exc.vector);
		CU_ASSERT_EQUAL(exc->error, p->exc.error);
		CU_ASSERT_EQUAL(exc->cr2, p->exc.cr2);
	}
	what = cpu_state_differs(&s, &p->s);
	CU_ASSERT_PTR_NULL(what);
	if (what)
		printf("\n  %s, rip %llx and %llx", what, (unsigned long long)s.rip,
		       (unsigned long long)p->s.rip);
	CU_ASSERT_EQUAL(memcmp(ram_at(&p->bt->ram, 0, MEM), ram_at(&p->step->ram, 0, MEM), MEM), 0);
}

void pair_run(struct pair *p, const u8 *code, size_t len)
{
	struct vm *vms[] = { p->step, p->bt };
	enum emulate_result r;
	struct error err;

	for (size_t n = 0; n < ARRAY_SIZE(vms); n++) {
		fill(vms[n], p->wide);
		put_code(vms[n], code, len);
		CU_ASSERT_EQUAL_FATAL(swbt_backend.set_state(vms[n], &p->s, &err), 0);
	}
	p->end = run(p->step, step_execute);
	p->exc = vm_vcpu(p->step)->exc;
	r = run(p->bt, bt_execute);
	compare(p, r);
}

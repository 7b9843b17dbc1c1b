/* SPDX-License-Identifier: MIT */
#include "tests/unit/swbt_rig.h"

#include "backends/backends.h"
#include "backends/swbt/fpu.h"

#include <CUnit/CUnit.h>
#include <stdlib.h>
#include <string.h>

static void note(struct rig *r, u64 offset, u64 value, unsigned int size, bool write)
{
	if (r->nr < RIG_LOG)
		r->log[r->nr] = (struct rig_access){ offset, value, size, write };
	r->nr++;
}

static u64 device_read(void *dev, u64 offset, unsigned int size)
{
	u64 value = 0;

	for (unsigned int i = 0; i < size; i++)
		value |= ((offset + i + 1) & 0xff) << i * 8;
	note(dev, offset, value, size, false);
	return value;
}

static void device_write(void *dev, u64 offset, u64 value, unsigned int size)
{
	note(dev, offset, value, size, true);
}

static const struct bus_ops device_ops = { device_read, device_write, false };

struct rig *rig_up(void)
{
	struct rig *r = aligned_alloc(64, ALIGN_UP(sizeof(*r), 64));
	struct bus_region region = { .name = "device",
				     .base = RIG_DEVICE,
				     .len = 8192,
				     .max_size = 8,
				     .ops = &device_ops,
				     .dev = r };
	struct cpuid_table *t;

	if (!r)
		return NULL;
	memset(r, 0, sizeof(*r));
	if (ram_init(&r->vm.ram, RIG_RAM, NULL) || bus_init_mmio(&r->vm.pc.mmio) ||
	    bus_add(&r->vm.pc.mmio, &region)) {
		ram_fini(&r->vm.ram);
		free(r);
		return NULL;
	}
	t = &r->vm.cpuid;
	t->leaf[t->nr++] = (struct cpuid_leaf){ .function = 1, .edx = BIT(17) };
	t->leaf[t->nr++] = (struct cpuid_leaf){ .function = 0x80000001, .edx = BIT(26) };
	t->leaf[t->nr++] = (struct cpuid_leaf){ .function = 0x80000008, .eax = 40 };
	r->vm.priv = &r->v;
	r->v.vm = &r->vm;
	r->seed = 1;
	cpu_state_reset(&r->v.s);
	fpu_init(&r->v);
	mmu_init(&r->v);
	vcpu_derive(&r->v);
	return r;
}

void rig_down(struct rig *r)
{
	bus_fini(&r->vm.pc.mmio);
	ram_fini(&r->vm.ram);
	free(r);
}

void rig_cpl(struct rig *r, unsigned int cpl)
{
	struct segment *ss = &r->v.s.seg[SEG_SS];

	ss->attr = (ss->attr & ~(u32)ATTR_DPL) | cpl << ATTR_DPL_SHIFT;
	vcpu_derive(&r->v);
}

void rig_enter(struct rig *r, enum rig_paging paging, u64 tables)
{
	static const struct {
		u64 cr0, cr4, efer;
		u32 code;
	} modes[] = {
		[RIG_OFF] = { CR0_PE, 0, 0, ATTR_DB },
		[RIG_32] = { CR0_PE | CR0_PG, 0, 0, ATTR_DB },
		[RIG_PAE] = { CR0_PE | CR0_PG, CR4_PAE, 0, ATTR_DB },
		[RIG_LONG] = { CR0_PE | CR0_PG, CR4_PAE, EFER_LME | EFER_LMA, ATTR_L },
		[RIG_COMPAT] = { CR0_PE | CR0_PG, CR4_PAE, EFER_LME | EFER_LMA, ATTR_DB },
	};
	struct cpu_state *s = &r->v.s;

	s->cr0 = modes[paging].cr0;
	s->cr4 = modes[paging].cr4;
	s->efer = modes[paging].efer;
	s->cr3 = tables;
	s->rflags = RFLAGS_FIXED;
	for (unsigned int i = SEG_ES; i <= SEG_GS; i++)
		s->seg[i] = segment_flat(16, ATTR_P | ATTR_S | ATTR_DB | ATTR_G | 3);
	s->seg[SEG_CS] = segment_flat(8, ATTR_P | ATTR_S | ATTR_G | modes[paging].code | 11);
	vcpu_derive(&r->v);
	mmu_flush(&r->v, true);
	if (paging == RIG_PAE)
		mmu_load_pdptes(&r->v, tables);
}

u64 rig_get(struct rig *r, u64 gpa, unsigned int size)
{
	u64 value = 0;

	if (ram_read(&r->vm.ram, gpa, &value, size))
		abort();
	return value;
}

void rig_put(struct rig *r, u64 gpa, u64 value, unsigned int size)
{
	if (ram_write(&r->vm.ram, gpa, &value, size))
		abort();
}

u64 rig_translate(struct rig *r, u64 linear, u32 access)
{
	struct mmu_tlb_entry *e;

	if (mmu_translate(&r->v, linear, access, &e))
		return ~0ull;
	return e->gpa | (linear & PAGE_MASK);
}

void rig_state(struct vm *vm, struct cpu_state *s)
{
	struct error err;

	swbt_backend.get_state(vm, s, &err);
	memset(s->xsave + 6, 0, 18);
}

u64 rig_random(struct rig *r)
{
	r->seed ^= r->seed << 13;
	r->seed ^= r->seed >> 7;
	r->seed ^= r->seed << 17;
	return r->seed;
}

bool rig_raised(const struct rig *r, enum vector vector, bool has_error, u32 error)
{
	const struct exception *e = &r->v.exc;

	return e->vector == vector && e->has_error == has_error && e->error == error;
}

struct vm *rig_vm(const char *engine, u64 mem)
{
	struct vm_config config = {
		.backend = &swbt_backend, .engine = engine, .mem_size = mem, .cpu = "host"
	};
	struct error err = { "" };
	struct vm *vm = NULL;

	if (vm_create(&vm, &config, &err))
		CU_FAIL_FATAL("no machine");
	return vm;
}

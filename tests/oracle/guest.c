/* SPDX-License-Identifier: MIT */
#include "tests/oracle/guest.h"

#include "backends/swbt/bt/bt.h"
#include "backends/swbt/bt/tunables.h"
#include "backends/swbt/fpu.h"
#include "backends/swbt/mem.h"
#include "backends/swbt/step.h"
#include "backends/swbt/thunk.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define P  1u
#define RW 2u
#define US 4u

/* Guest-physical: page tables, then the pages of case.h in a row. */
enum { PML4 = 0x1000, PDPT = 0x2000, PD = 0x3000, PT = 0x4000, PAGES = 0x10000 };

struct guest {
	struct vm vm;
	struct vcpu *v;
	u8 *code, *data;
};

static void put64(struct guest *g, u64 gpa, u64 value)
{
	memcpy(ram_at(&g->vm.ram, gpa, 8), &value, 8);
}

static void map(struct guest *g, u64 linear, u64 gpa, u64 flags)
{
	put64(g, PML4 + (linear >> 39 & 511) * 8, PDPT | P | RW | US);
	put64(g, PDPT + (linear >> 30 & 511) * 8, PD | P | RW | US);
	put64(g, PD + (linear >> 21 & 511) * 8, PT | P | RW | US);
	put64(g, PT + (linear >> 12 & 511) * 8, gpa | P | US | flags);
}

static void set_system_state(struct vcpu *v, const struct world *w)
{
	struct cpu_state *s = &v->s;

	cpu_state_reset(s);
	s->cr0 = CR0_PE | CR0_PG | CR0_WP | CR0_NE | CR0_ET | CR0_MP | CR0_AM;
	s->cr3 = PML4;
	s->cr4 = CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_OSXSAVE;
	s->efer = EFER_LMA | EFER_LME | EFER_NXE | EFER_SCE;
	s->xcr0 = w->xcr0;
	/* As Linux has them in a process: present, DPL 3, code or data, accessed. */
	for (unsigned int n = SEG_ES; n <= SEG_GS; n++)
		s->seg[n] = segment_flat(0, 0x3 | ATTR_S | ATTR_DPL | ATTR_P | ATTR_DB | ATTR_G);
	s->seg[SEG_CS] = segment_flat(0x33, 0xb | ATTR_S | ATTR_DPL | ATTR_P | ATTR_L | ATTR_G);
	s->seg[SEG_SS].selector = 0x2b;
	s->seg[SEG_TR] = segment_flat(0x40, 0xb | ATTR_P);
	s->seg[SEG_TR].limit = 0x20; /* no I/O permission map: no port is allowed */
	s->seg[SEG_FS].base = w->fs_base;
	s->seg[SEG_GS].base = GS_BASE;
	vcpu_derive(v);
}

const char *const guest_names[] = { "step", "single", "blocks" };

static int add_translator(struct vcpu *v, int fd, bool all)
{
	v->bt_config = (struct bt_config){ .block_insns = all ? BT_BLOCK_INSNS : 1,
					   .chain = all,
					   .return_cache = all,
					   .inlined = all,
					   .adaptive = all,
					   .elide = all,
					   .cache_size = 4 * MiB };
	v->engine = &bt_engine;
	return v->engine->init(v, fd, NULL);
}

struct guest *guest_new(const struct world *w, enum guest_kind kind)
{
	struct guest *g = calloc(1, sizeof(*g));
	struct error error = { "" };
	int fd;
	struct vcpu *v = vcpu_new(&fd);

	if (!g || !v)
		err(2, "oracle");
	if (ram_init(&g->vm.ram, RAM_MIN, &error) || cpuid_build(&g->vm.cpuid, "host", &error))
		errx(2, "oracle: %s", error.text);
	g->v = v;
	g->vm.priv = v;
	v->vm = &g->vm;
	mmu_init(v);
	set_system_state(v, w);
	map(g, CODE, PAGES, 0);
	for (u64 n = 0; n < DATA_PAGES; n++)
		map(g, DATA + n * 4096, PAGES + 0x1000 + n * 4096, n == READ_ONLY ? 0 : RW);
	g->code = ram_at(&g->vm.ram, PAGES, 4096);
	g->data = ram_at(&g->vm.ram, PAGES + 0x1000, DATA_SIZE);
	memset(g->code, 0xf4, 4096);
	mmu_flush(v, true);
	fpu_init(v);
	if (thunks_init(v) || step_init(v))
		err(2, "oracle: thunks");
	if (kind != GUEST_STEP && add_translator(v, fd, kind == GUEST_BLOCKS))
		errx(2, "oracle: no translator");
	close(fd);
	return g;
}

void guest_free(struct guest *g)
{
	if (g->v->engine)
		g->v->engine->fini(g->v);
	step_fini(g->v);
	thunks_fini(g->v);
	ram_fini(&g->vm.ram);
	vcpu_free(g->v);
	free(g);
}

static bool inside(const struct vcpu *v, const struct test_case *c)
{
	return v->s.rip - (CODE + INSN_AT) < c->length;
}

static enum emulate_result run(struct vcpu *v, const struct test_case *c)
{
	enum emulate_result r;

	do
		r = v->bt ? bt_execute(v) : step_execute(v);
	while (r == EMU_AGAIN || (r == EMU_JUMPED && c->nr && inside(v, c)));
	return r;
}

void guest_run(struct guest *g, const struct test_case *c, struct outcome *out)
{
	struct vcpu *v = g->v;
	enum emulate_result r;

	case_data(c, g->data);
	mem_note_write(v, PAGES + INSN_AT, sizeof(c->bytes));
	memcpy(g->code + INSN_AT, c->bytes, sizeof(c->bytes));
	memcpy(v->s.gpr, c->before.gpr, sizeof(v->s.gpr));
	v->s.rip = c->before.rip;
	v->s.rflags = c->before.rflags;
	memcpy(v->s.xsave, c->before.xsave, sizeof(v->s.xsave));
	v->fpu_live = false;
	r = run(v, c);
	fpu_put(v);
	memcpy(out->r.gpr, v->s.gpr, sizeof(v->s.gpr));
	out->r.rip = v->s.rip;
	out->r.rflags = v->s.rflags;
	memcpy(out->r.xsave, v->s.xsave, sizeof(v->s.xsave));
	memcpy(out->data, g->data, DATA_SIZE);
	out->vector = NO_EXCEPTION;
	if (r == EMU_FAULT && inside(v, c)) {
		out->vector = v->exc.vector;
		out->error = v->exc.has_error ? v->exc.error : 0;
		out->cr2 = v->exc.cr2;
	}
}

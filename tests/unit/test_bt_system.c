/* SPDX-License-Identifier: MIT */
/*
 * Sensitive instructions in translated code, as call-outs and by the step engine: state, exceptions
 * and counts of traps must be the same, wherever a kick comes.
 */
#include "backends/backends.h"
#include "backends/swbt/bt/bt.h"
#include "backends/swbt/bt/tunables.h"
#include "backends/swbt/fpu.h"
#include "backends/swbt/step.h"
#include "tests/oracle/gen.h"
#include "tests/unit/swbt_rig.h"

#include <CUnit/CUnit.h>
#include <signal.h>
#include <string.h>
#include <ucontext.h>

/* No paging but in 64-bit mode, where the first 2 MiB are themselves. */
#define TABLES 0x1000u
#define CODE   0x10000u
#define DATA   0x20000u
#define GDT    0x28000u
#define STACK  0x30800u
#define ROOM   0x60
#define ENTRY  0x30 /* of system calls, from CODE on */
#define TURNS  6    /* each snippet, with other registers */

struct snippet {
	const char *name;
	u8 modes; /* BIT(0) 32-bit, BIT(1) 64-bit */
	u8 length, bytes[ROOM];
};
#define S(name, modes, ...)                                 \
	{                                                   \
		name, modes, sizeof((u8[]){ __VA_ARGS__ }), \
		{                                           \
			__VA_ARGS__                         \
		}                                           \
	}

#define BOTH 3
#define WIDE 2
static const struct snippet snippets[] = {
#include "tests/unit/bt_snippets.def"
};

/* ---- the machine ----------------------------------------------------------------------------- */

static void put(struct vm *vm, u64 gpa, u64 value)
{
	memcpy(ram_at(&vm->ram, gpa, 8), &value, 8);
}

static void set_up(struct vm *vm)
{
	put(vm, TABLES, (TABLES + 0x1000) | 7);
	put(vm, TABLES + 0x1000, (TABLES + 0x2000) | 7);
	put(vm, TABLES + 0x2000, 0x87);
}

static u32 some_msr(struct gen *g)
{
	static const u32 msr[] = { 0x277,      0xc0000080, 0xc0000100, 0xc0000101, 0xc0000102,
				   0xc0000103, 0xc0000081, 0x174,      0x175,	   0x1234 };

	return msr[gen_below(g, ARRAY_SIZE(msr))];
}

static const u64 masks[] = { 0, RFLAGS_DF | RFLAGS_IF, RFLAGS_ARITH | RFLAGS_IF, RFLAGS_CF };

/* Code, data, data of CPL 3, a TSS. */
static const u64 gdt[] = { 0,
			   0x00af9b000000ffff,
			   0x00cf93000000ffff,
			   0x00cff3000000ffff,
			   0x1200893456780067,
			   0x00000000ffff8000 };

/* Turn N of snippet Q. */
static void begin(struct vm *vm, const struct snippet *q, bool wide, unsigned int cpl, u64 n)
{
	struct cpu_state s;
	struct error err;
	struct gen g;
	u8 *data = ram_at(&vm->ram, DATA, 64), *code = ram_at(&vm->ram, CODE, ROOM);

	gen_seed(&g, wide, n);
	cpu_state_reset(&s);
	s.cr0 = CR0_PE | CR0_NE | CR0_MP | CR0_ET | (wide ? CR0_PG : 0);
	s.cr3 = TABLES;
	s.cr4 = CR4_OSFXSR | (wide ? CR4_PAE : 0) | (gen_one_in(&g, 3) ? 0 : CR4_FSGSBASE) |
		(gen_one_in(&g, 2) ? BIT64(2) : 0) | (gen_one_in(&g, 2) ? CR4_UMIP : 0);
	s.cr4 |= gen_one_in(&g, 4) ? CR4_SMAP : 0;
	s.efer = wide ? EFER_LME | EFER_LMA | EFER_SCE : 0;
	s.msr.star = 0x0023000800000000;
	s.msr.lstar = CODE + ENTRY; /* NOP; SYSRET */
	s.msr.sfmask = masks[gen_below(&g, ARRAY_SIZE(masks))];
	for (unsigned int k = SEG_ES; k <= SEG_GS; k++)
		s.seg[k] = segment_flat((u16)(16 | cpl), ATTR_P | ATTR_S | ATTR_DB | ATTR_G | 3 |
								 cpl << ATTR_DPL_SHIFT);
	s.seg[SEG_CS] =
		segment_flat((u16)(8 | cpl), ATTR_P | ATTR_S | ATTR_G | (wide ? ATTR_L : ATTR_DB) |
						     11 | cpl << ATTR_DPL_SHIFT);
	s.seg[SEG_LDT].selector = 0x28;
	s.seg[SEG_TR].selector = 0x30;
	s.seg[SEG_GS].base = 0x7000;
	s.msr.kernel_gs_base = 0xffff800000001000;
	s.msr.tsc_aux = 0x12345678;
	s.gdt = (struct table_reg){ .base = GDT, .limit = n % 4 == 3 ? 0x27 : 0x3f };
	s.idt = (struct table_reg){ .base = 0x1000, .limit = 0xfff };
	for (unsigned int k = 0; k < (wide ? NR_GPR : 8u); k++)
		s.gpr[k] = wide ? gen_value(&g) : (u32)gen_value(&g);
	s.gpr[RAX] = gen_one_in(&g, 2) ? gen_below(&g, 8) : s.gpr[RAX];
	s.gpr[RCX] = some_msr(&g);
	s.gpr[RSI] = DATA + gen_below(&g, 3);
	s.gpr[RBP] = DATA + 16;
	s.gpr[RSP] = STACK;
	s.rflags = RFLAGS_FIXED | (gen_u64(&g) & (RFLAGS_ARITH | RFLAGS_IF)) |
		   (gen_one_in(&g, 4) ? gen_u64(&g) & (RFLAGS_ID | RFLAGS_NT | RFLAGS_IOPL) : 0);
	s.rip = CODE;
	for (unsigned int k = 0; k < 64; k++)
		data[k] = (u8)(gen_one_in(&g, 2) ? gen_u64(&g) : k % 16 < 8 ? 0x55 : 0);
	memcpy(ram_at(&vm->ram, GDT, sizeof(gdt)), gdt, sizeof(gdt));
	mem_note_write(vm_vcpu(vm), CODE, ROOM);
	memset(code, 0xf4, ROOM);
	memcpy(code, q->bytes, q->length);
	if (q->length <= ENTRY)
		memcpy(code + ENTRY, (u8[]){ 0x90, 0x48, 0x0f, 0x07 }, 4);
	CU_ASSERT_EQUAL_FATAL(swbt_backend.set_state(vm, &s, &err), 0);
}

struct outcome {
	enum emulate_result r;
	struct exception exc;
	struct cpu_state s;
	u8 data[128]; /* DATA, GDT */
	u64 count[TRAP_NR];
};

typedef enum emulate_result execute_fn(struct vcpu *v);

static bool shadow_seen, shadow_wrong;

/* Between instructions. */
static void look_at_shadow(const struct vcpu *v)
{
	const u8 *before = ram_at(&v->vm->ram, v->s.rip - 1, 1);

	if (v->s.ev.sti_shadow != v->no_interrupts_once)
		shadow_wrong = true;
	if (v->s.ev.sti_shadow)
		shadow_seen = true;
	if (v->s.ev.sti_shadow && (*before != 0xfb || !(v->s.rflags & RFLAGS_IF)))
		shadow_wrong = true;
}

static void finish(struct vm *vm, execute_fn *execute, struct outcome *o)
{
	struct vcpu *v = vm_vcpu(vm);

	*o = (struct outcome){ .r = EMU_JUMPED };
	for (unsigned int n = 0; n < 100 && o->r == EMU_JUMPED; n++) {
		o->r = execute(v);
		if (o->r == EMU_JUMPED)
			look_at_shadow(v);
	}
	fpu_put(v);
	if (o->r == EMU_FAULT)
		o->exc = v->exc;
	o->s = v->s;
#ifdef __SANITIZE_ADDRESS__
	/* Its calls use the vector registers, which are the guest's: where C does an instruction
	 * that is translated code otherwise, what is in use differs. */
	memset(o->s.xsave, 0, sizeof(o->s.xsave));
#endif
	memcpy(o->data, ram_at(&vm->ram, DATA, 64), 64);
	memcpy(o->data + 64, ram_at(&vm->ram, GDT, 64), 64);
	swbt_backend.sync_traps(vm);
	for (unsigned int c = 0; c < TRAP_NR; c++)
		o->count[c] = vm->traps.c[c].count;
}

static void clear_counts(struct vm *vm)
{
	swbt_backend.sync_traps(vm);
	for (unsigned int c = 0; c < TRAP_NR; c++)
		vm->traps.c[c].count = 0;
}

static bool counted(unsigned int cause)
{
	return cause != TRAP_TLB_FILL && cause != TRAP_TRANSLATE && cause != TRAP_INDIRECT &&
	       cause != TRAP_INVALIDATE;
}

static const char *differs(const struct outcome *a, const struct outcome *b, bool counts)
{
	if (a->r != b->r)
		return "result";
	if (a->exc.vector != b->exc.vector || a->exc.error != b->exc.error)
		return "exception";
	if (memcmp(a->data, b->data, sizeof(a->data)))
		return "memory";
	for (unsigned int c = 0; counts && c < TRAP_NR; c++)
		if (counted(c) && a->count[c] != b->count[c])
			return trap_name((enum trap_cause)c);
	return cpu_state_differs(&a->s, &b->s);
}

static void report(const struct snippet *q, bool wide, unsigned int cpl, u64 n, const char *what)
{
	CU_ASSERT_PTR_NULL(what);
	if (what)
		printf("\n  %s, %s, CPL %u, turn %u: %s", q->name, wide ? "64-bit" : "32-bit", cpl,
		       (unsigned int)n, what);
}

/* ---- the same as one by one ------------------------------------------------------------------ */

static struct vm *vms[3]; /* step, call-outs, translated */

static void one_way(const struct snippet *q, bool wide, unsigned int cpl, u64 n)
{
	struct outcome o[3];

	for (unsigned int k = 0; k < 3; k++) {
		begin(vms[k], q, wide, cpl, n);
		clear_counts(vms[k]);
		finish(vms[k], k ? bt_execute : step_execute, &o[k]);
	}
	report(q, wide, cpl, n, differs(&o[0], &o[1], true));
	report(q, wide, cpl, n, differs(&o[0], &o[2], true));
}

static u64 calls(unsigned int k)
{
	return bt_of(vm_vcpu(vms[k]))->stats.exits[EXIT_CALL];
}

static void all_ways(void (*fn)(const struct snippet *q, bool wide, unsigned int cpl, u64 n))
{
	for (unsigned int k = 0; k < 3; k++) {
		vms[k] = rig_vm(k ? "bt" : "step", 8 * MiB);
		vm_vcpu(vms[k])->bt_config.inlined = k == 2;
		set_up(vms[k]);
	}
	shadow_seen = shadow_wrong = false;
	for (size_t i = 0; i < ARRAY_SIZE(snippets); i++)
		for (unsigned int way = 0; way < 4 * TURNS; way++)
			if (snippets[i].modes & BIT(way & 1))
				fn(&snippets[i], way & 1, way & 2 ? 3 : 0, way / 4);
	CU_ASSERT_TRUE(shadow_seen);
	CU_ASSERT_FALSE(shadow_wrong);
	if (fn == one_way)
		CU_ASSERT(calls(2) < calls(1) / 4 * 3);
	for (unsigned int k = 0; k < 3; k++)
		vm_destroy(vms[k]);
}

static void test_same(void)
{
	all_ways(one_way);
}

/* ---- kicks ----------------------------------------------------------------------------------- */

/* Translated code is single-stepped from its entry on, and kicked before its instruction TICKS. */
static struct {
	struct vcpu *v;
	void (*enter)(u8 *base);
	struct sigaction before;
	unsigned int ticks;
	bool on, inside, kicked;
} tick;

static bool in_cache(const greg_t *regs, size_t from)
{
	const struct bt *bt = tick.v->bt;
	const u8 *pc = (const u8 *)(uintptr_t)regs[REG_RIP];

	return cache_holds(&bt->cache, pc) && pc >= bt->cache.exec + from;
}

static void on_trap(int signo, siginfo_t *info, void *context)
{
	greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;

	/* Flags that a stub has saved while this went on. */
	if (!tick.on && !bt_of(tick.v)->stepping) {
		regs[REG_EFL] &= ~(greg_t)RFLAGS_TF;
		return;
	}
	if (!tick.on) {
		tick.before.sa_sigaction(signo, info, context);
		return;
	}
	regs[REG_EFL] |= (greg_t)RFLAGS_TF;
	tick.inside |= in_cache(regs, 0);
	tick.on = !tick.inside || in_cache(regs, 0);
	tick.kicked = in_cache(regs, bt_of(tick.v)->stubs) && !tick.ticks--;
	tick.on &= !tick.kicked;
	if (!tick.on)
		regs[REG_EFL] &= ~(greg_t)RFLAGS_TF;
	if (tick.kicked)
		bt_kick(tick.v, context);
}

static void stepping(u8 *base)
{
	if (!tick.on) {
		tick.enter(base);
		return;
	}
	rig_single_step(tick.enter, base);
}

static void kick_at(struct vcpu *v, unsigned int ticks)
{
	struct bt *bt = v->bt;

	tick.v = v;
	tick.ticks = ticks;
	tick.inside = tick.kicked = false;
	tick.on = true;
	tick.enter = bt->enter;
	bt->enter = stepping;
}

static void kick_no_more(struct vcpu *v)
{
	((struct bt *)v->bt)->enter = tick.enter;
	tick.on = false;
}

static void kicked(const struct snippet *q, bool wide, unsigned int cpl, u64 n)
{
	struct outcome o[2];
	unsigned int ticks = 0;

	if (n > 1) /* two turns are enough */
		return;
	begin(vms[0], q, wide, cpl, n);
	finish(vms[0], step_execute, &o[0]);
	begin(vms[2], q, wide, cpl, n); /* translate it */
	finish(vms[2], bt_execute, &o[1]);
	do {
		begin(vms[2], q, wide, cpl, n);
		kick_at(vm_vcpu(vms[2]), ticks++);
		finish(vms[2], bt_execute, &o[1]);
		kick_no_more(vm_vcpu(vms[2]));
		report(q, wide, cpl, ticks, differs(&o[0], &o[1], false));
	} while (tick.kicked && ticks < 400);
	CU_ASSERT_FALSE(tick.kicked);
}

static void test_kicks(void)
{
	struct sigaction sa = { .sa_sigaction = on_trap, .sa_flags = SA_SIGINFO | SA_ONSTACK };
	struct vm *vm = rig_vm("bt", 8 * MiB); /* whose creation catches signals */

	sigaction(SIGTRAP, &sa, &tick.before);
	all_ways(kicked);
	sigaction(SIGTRAP, &tick.before, NULL);
	vm_destroy(vm);
}

/* ---- interrupts that wait -------------------------------------------------------------------- */

static void test_pending(void)
{
	static const struct snippet sti = S("sti; nop", BOTH, 0xfb, 0x90, 0x90);
	static const struct snippet popf = S("popf; nop", BOTH, 0x68, 2, 2, 0, 0, 0x9d, 0x90);
	struct vm *vm = rig_vm("bt", 8 * MiB);
	struct vcpu *v = vm_vcpu(vm);

	set_up(vm);
	for (unsigned int wait = 0; wait < 2; wait++) {
		begin(vm, &sti, true, 0, 0);
		v->s.rflags = RFLAGS_FIXED;
		vm->pc.intr = wait;
		CU_ASSERT_EQUAL(bt_execute(v), wait ? EMU_JUMPED : EMU_HALT);
		CU_ASSERT_EQUAL(v->s.rip, wait ? CODE + 1 : CODE + 4);
		CU_ASSERT_EQUAL(v->s.ev.sti_shadow, wait);
		CU_ASSERT_TRUE(v->s.rflags & RFLAGS_IF);
		begin(vm, &popf, true, 0, 0);
		v->s.rflags = RFLAGS_FIXED;
		v->s.ev.sti_shadow = v->no_interrupts_once = false;
		CU_ASSERT_EQUAL(bt_execute(v), wait ? EMU_JUMPED : EMU_HALT);
		CU_ASSERT_EQUAL(v->s.rip, wait ? CODE + 6 : CODE + 8);
		CU_ASSERT_FALSE(v->s.ev.sti_shadow);
		CU_ASSERT_TRUE(v->s.rflags & RFLAGS_IF);
	}
	fpu_put(v);
	vm_destroy(vm);
}

CU_TestInfo tests_bt_system[] = { { "state, exceptions, counts", test_same },
				  { "kicks everywhere", test_kicks },
				  { "interrupts that wait", test_pending },
				  CU_TEST_INFO_NULL };

/* SPDX-License-Identifier: MIT */
/*
 * The run loop of direct execution: enter a world, and whatever ends that, do the instruction at
 * RIP by the step engine, which knows what it means, and deliver what comes of it. README.md.
 */
#include "backends/swbt/direct/compat.h"
#include "backends/swbt/direct/direct.h"
#include "backends/swbt/direct/patch.h"
#include "backends/swbt/direct/segments.h"
#include "backends/swbt/fpu.h"
#include "backends/swbt/options.h"
#include "backends/swbt/step.h"
#include "common/traplog.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* ---- vector registers ------------------------------------------------------------------------ */

/* v->fpu_fetch */
static void fetch_fpu(struct vcpu *v)
{
	struct direct *d = vcpu_direct(v);

	/* A world that is dead is noticed at the next entry. */
	d->fpu_in->transport->get_fpu(d->fpu_in, v->s.xsave, sizeof(v->s.xsave));
	fpu_sanitize(v); /* the guest may have forged it */
	v->fpu_fetch = NULL;
}

/* The guest's vector registers go to W, if they are not there. 0 or negative errno. */
static int give_fpu(struct direct *d, struct world *w)
{
	struct vcpu *v = d->v;
	int r;

	if (v->fpu_fetch && d->fpu_in == w)
		return 0;
	fpu_image(v);
	if (!v->fpu_mask)
		fpu_spell_out(v);
	r = w->transport->set_fpu(w, v->s.xsave, sizeof(v->s.xsave), v->fpu_mask);
	if (r)
		return r;
	d->fpu_in = w;
	v->fpu_fetch = fetch_fpu;
	return 0;
}

/* ---- the time that stops take ---------------------------------------------------------------- */

/* The guest is about to go on: the last stop is over. */
static void account(struct direct *d)
{
	struct trap_counter *c = &d->v->vm->traps.c[d->cause];
	u64 cycles = __builtin_ia32_rdtsc() - d->left;
	struct traplog *log = d->v->vm->traps.log;

	if (d->left && d->cause != TRAP_NR) {
		c->cycles += cycles;
		c->hist[trap_bucket(cycles)]++;
	}
	if (unlikely(log != NULL))
		traplog_whole(log, d->left ? d->cause : TRAP_NR, cycles);
	d->left = 0;
}

struct before {
	u64 events, exceptions;
};

static struct before before(const struct vcpu *v)
{
	const struct trap_stats *t = &v->vm->traps;

	return (struct before){ t->nr_events, t->c[TRAP_EXCEPTION].count };
}

/* What has been counted since B; TRAP_NR: nothing. */
static enum trap_cause counted_since(const struct vcpu *v, const struct before *b)
{
	const struct trap_stats *t = &v->vm->traps;

	if (t->c[TRAP_EXCEPTION].count != b->exceptions)
		return TRAP_EXCEPTION;
	if (t->nr_events != b->events)
		return (enum trap_cause)t->last[(t->nr_events - 1) % TRAP_LAST].cause;
	return TRAP_NR;
}

/* ---- one entry ------------------------------------------------------------------------------- */

static enum direct_world world_now(const struct vcpu *v)
{
	if (v->cpl == 3)
		return DIRECT_USER;
	return v->s.rflags & RFLAGS_AC ? DIRECT_SUPER_AC : DIRECT_SUPER;
}

/* Run in W until STOP. 0 or negative errno. */
static int enter(struct direct *d, struct world *w, struct world_stop *stop)
{
	struct vcpu *v = d->v;
	struct segments *segments = d->segments[w - d->world];
	struct world_regs regs, before;
	enum account_part part;
	u64 loaded;
	int r;

	/* No two worlds run at a time: what the guest says of one does not count. */
	if (d->last && d->last != w && d->last->transport->settle) {
		r = d->last->transport->settle(d->last);
		if (r)
			return r;
	}
	d->last = w;
	direct_regs_out(v, &regs);
	if (v->mode != MODE_LONG64) {
		r = segments_out(segments, w, v, &regs);
		if (r)
			return r;
	}
	d->active = w;
	atomic_signal_fence(memory_order_seq_cst);
	/* A kick before this one knew of no world. */
	if (atomic_load_explicit(&v->vm->attention, memory_order_relaxed)) {
		d->active = NULL;
		stop->kind = WORLD_KICKED;
		return 0;
	}
	d->entries++;
	before = regs;
	account(d);
	part = account_enter(v->account, ACCOUNT_GUEST);
	r = w->transport->run(w, &regs, &loaded, stop);
	d->left = __builtin_ia32_rdtsc();
	account_leave(v->account, part);
	d->cause = TRAP_NR;
	d->active = NULL;
	if (unlikely(v->vm->traps.log != NULL))
		v->vm->traps.log->left = d->left;
	if (r || stop->kind == WORLD_DEAD)
		return r;
	direct_regs_in(v, &regs, loaded);
	if (v->mode != MODE_LONG64)
		segments_in(segments, v, &before, &regs);
	return 0;
}

static int failed(struct direct *d, const struct world *w, int r)
{
	struct error *err = &d->v->vm->error;

	for (unsigned int n = 0; n < DIRECT_WORLDS; n++)
		if (d->world[n].dead)
			return world_is_dead(&d->world[n], err);
	return fail(err, r, "cannot run the guest's process (%s): %s", w->name, strerror(-r));
}

/* ---- stops ----------------------------------------------------------------------------------- */

/* As the guest has it, whatever runs in its place; without side effects. */
static u8 code_byte(struct vcpu *v, u64 at)
{
	u64 gpa = mmu_peek(v, direct_linear(v, at));
	const u8 *byte = gpa == ~0ull ? NULL : ram_at(&v->vm->ram, gpa, 1);

	return byte ? *byte : 0;
}

/* Is the instruction at RIP one that faults itself, for being privileged? */
static bool is_sensitive(struct vcpu *v)
{
	u8 bytes[INSN_MAX];
	struct insn i;

	return !decode(&i, bytes, mem_fetch(v, bytes, INSN_MAX), v->mode) &&
	       i.class == INSN_EMULATE && emulate_routines[i.emulate].cause != TRAP_OTHER;
}

/* RIP back to the instruction that is behind us, where the processor reports the next one. */
static void step_back(struct direct *d, const struct world_stop *stop)
{
	struct vcpu *v = d->v;
	u64 rip = v->s.rip;

	if (stop->kind == WORLD_SYSCALL) {
		v->s.rip = rip - 2; /* SYSCALL; INT n */
	} else if (stop->vector == BP) {
		v->s.rip = rip - (code_byte(v, rip - 1) == 0xcc ? 1 : 2);
	} else if (stop->vector == DB && code_byte(v, rip - 1) == 0xf1) {
		v->s.rip = rip - 1;
	} else if (stop->vector == OF) {
		v->s.rip = rip - (code_byte(v, rip - 1) == 0xce ? 1 : 2); /* INTO; INT 4 */
	} else if (stop->vector == GP && !stop->has_error && code_byte(v, rip - 1) == OF &&
		   code_byte(v, rip - 2) == 0xcd && !d->patch && !is_sensitive(v)) {
		v->s.rip = rip - 2; /* INT 4, which user code may execute */
	}
}

static bool map(struct direct *d, enum direct_world n, u64 linear)
{
	enum account_part before = account_enter(d->v->account, ACCOUNT_FILL);
	bool mapped = direct_map(d, n, linear);

	account_leave(d->v->account, before);
	return mapped;
}

/* The instruction at RIP in C; then the page that was missing is mapped, if that was all. */
static int emulate(struct direct *d, enum direct_world n, const struct world_stop *stop)
{
	struct vcpu *v = d->v;
	const struct before b = before(v);
	u64 rip = v->s.rip;
	enum emulate_result r;
	bool mapped;
	int ret;

	if (d->patch && stop->vector == GP && patch_stopped(d))
		return STEP_GO_ON;
	r = step_execute(v);
	mapped = stop->vector == PF && r != EMU_FAULT && map(d, n, stop->address);
	ret = step_finish(v, r);
	d->cause = counted_since(v, &b);
	/* Not a device's: the guest has seen nothing of it. */
	if (mapped || (stop->vector == PF && d->cause == TRAP_NR)) {
		d->hidden_faults++;
		d->cause = TRAP_HIDDEN_FAULT;
		v->vm->traps.c[TRAP_HIDDEN_FAULT].count++;
		traplog_note(&v->vm->traps, TRAP_HIDDEN_FAULT, d->left, rip);
	}
	return ret;
}

static int single_step_trap(struct direct *d)
{
	struct vcpu *v = d->v;

	raise_exc(v, DB);
	v->exc.dr6 = DR6_BS;
	v->exc.trap = true;
	d->cause = TRAP_EXCEPTION;
	return step_finish(v, EMU_FAULT);
}

static int handle(struct direct *d, enum direct_world n, const struct world_stop *stop)
{
	struct vcpu *v = d->v;
	enum account_part part;
	int r;

	switch (stop->kind) {
	case WORLD_KICKED:
		v->vm->traps.c[TRAP_INTERRUPT].count++;
		d->cause = TRAP_INTERRUPT;
		traplog_note(&v->vm->traps, TRAP_INTERRUPT, d->left, v->s.rip);
		return STEP_GO_ON;
	case WORLD_SYSCALL:
	case WORLD_FAULT:
		break;
	default:
		return failed(d, &d->world[n], -ESRCH);
	}
	step_back(d, stop);
	if (stop->kind == WORLD_FAULT && stop->vector == DB && v->s.rflags & RFLAGS_TF)
		return single_step_trap(d);
	part = account_enter(v->account, ACCOUNT_EMULATION);
	r = emulate(d, n, stop);
	account_leave(v->account, part);
	return r;
}

/* ---- the loop -------------------------------------------------------------------------------- */

static int step_instead(struct direct *d)
{
	enum account_part before = account_enter(d->v->account, ACCOUNT_EMULATION);
	int r;

	d->stepped++;
	r = step_once(d->v);
	account_leave(d->v->account, before);
	return r;
}

/* Mappings belong to the CR3 that they were looked up with. */
static void follow_cr3(struct direct *d)
{
	if (likely(d->cr3 == d->v->s.cr3))
		return;
	direct_flush(d->v, false);
	d->cr3 = d->v->s.cr3;
}

/* What W runs next is mapped there, if anything goes; *ERROR: of space_sync. */
static enum direct_code map_next(struct direct *d, enum direct_world n, int *error)
{
	enum account_part before = account_enter(d->v->account, ACCOUNT_FILL);
	enum direct_code code;

	direct_recheck(d, n);
	code = direct_map_code(d, n);
	*error = code == CODE_MAPPED ? space_sync(d->space[n]) : 0;
	account_leave(d->v->account, before);
	return code;
}

static int run_directly(struct direct *d)
{
	struct vcpu *v = d->v;
	enum direct_world n = world_now(v);
	struct world *w = &d->world[n];
	struct world_stop stop = { 0 };
	int r;

	fpu_put(v); /* libc is next */
	switch (map_next(d, n, &r)) {
	case CODE_FAULTS:
		return step_finish(v, EMU_FAULT);
	case CODE_EMULATE:
		return step_instead(d);
	default:
		break;
	}
	/* Too many mappings, perhaps; there are none now. */
	if (r == -ENOMEM)
		return step_instead(d);
	if (!r)
		r = give_fpu(d, w);
	if (!r)
		r = enter(d, w, &stop);
	return r ? failed(d, w, r) : handle(d, n, &stop);
}

/* As run_result, a negative errno, or STEP_GO_ON. */
static int once(struct direct *d)
{
	struct vcpu *v = d->v;
	int r = step_events(v);

	if (r >= 0)
		return r;
	follow_cr3(d);
	return direct_can_run(d) ? run_directly(d) : step_instead(d);
}

int direct_run(struct vcpu *v)
{
	enum account_part before = account_enter(v->account, ACCOUNT_DISPATCH);
	struct direct *d = vcpu_direct(v);
	int r;

	step_begin(v);
	do {
		r = once(d);
	} while (r == STEP_GO_ON);
	account(d);
	fpu_put(v);
	account_leave(v->account, before);
	return r;
}

void direct_kick(struct vcpu *v, void *context)
{
	struct world *w = vcpu_direct(v)->active;

	(void)context;
	if (w)
		w->transport->kick(w);
}

void direct_flush(struct vcpu *v, bool global_too)
{
	struct direct *d = vcpu_direct(v);

	for (unsigned int n = 0; d && n < DIRECT_WORLDS; n++)
		if (d->space[n])
			space_doubt_all(d->space[n], global_too);
}

void direct_flush_page(struct vcpu *v, u64 linear, unsigned int shift)
{
	struct direct *d = vcpu_direct(v);

	for (unsigned int n = 0; d && n < DIRECT_WORLDS; n++)
		if (d->space[n])
			space_doubt(d->space[n], linear, shift);
}

/* ---- birth and death ------------------------------------------------------------------------- */

const struct transport *const transports[] = { &signal_transport, &ptrace_transport, NULL };

/* The one that is asked for, or that the host can do. NULL with ERR filled. */
static const struct transport *choose(u32 number, struct error *err)
{
	const char *missing;

	for (unsigned int n = 0; transports[n]; n++) {
		if (number && n != number - 1)
			continue;
		missing = transports[n]->missing ? transports[n]->missing() : NULL;
		if (!missing) {
			if (err)
				err->text[0] = '\0';
			return transports[n];
		}
		fail(err, -ENOTSUP, "this host lacks %s; use --direct-transport ptrace", missing);
	}
	return NULL;
}

static int start_worlds(struct direct *d, struct error *err)
{
	int r = 0;

	for (unsigned int n = 0; !r && n < DIRECT_WORLDS; n++) {
		r = d->world[n].transport->start(&d->world[n], err);
		if (r)
			return r;
		d->space[n] = space_new(&d->world[n]);
		d->segments[n] = calloc(1, sizeof(*d->segments[n]));
		if (!d->space[n] || !d->segments[n])
			return fail(err, -ENOMEM, "out of memory for shadow mappings");
		d->segments[n]->compat = d->compat;
	}
	return r;
}

static void make_rules(struct direct *d)
{
	unsigned int nr = 0;

	for (unsigned int n = 0; n < DIRECT_WORLDS; n++)
		nr += d->world[n].transport->rules(&d->world[n], d->rules + nr, DIRECT_RULES - nr);
	d->rules[nr] = (struct sandbox_rule)SANDBOX_END;
}

int direct_init(struct vcpu *v, int (*prepare)(struct direct *d, struct error *err),
		struct error *err)
{
	static const char *const names[] = {
		[DIRECT_SUPER] = "guest-kernel",
		[DIRECT_SUPER_AC] = "guest-kernel-ac",
		[DIRECT_USER] = "guest-user",
	};
	struct direct_config config = swbt_direct_config(v->vm);
	const struct transport *transport = choose(config.transport, err);
	struct direct *d;
	int r = 0;

	if (!transport)
		return -ENOTSUP;
	d = calloc(1, sizeof(*d));
	if (!d)
		return fail(err, -ENOMEM, "out of memory for direct execution");
	v->direct = d;
	v->times_traps = true;
	d->v = v;
	d->cr3 = v->s.cr3;
	d->compat = compat_probe();
	for (unsigned int n = 0; n < DIRECT_WORLDS; n++)
		d->world[n] = (struct world){ .transport = transport,
					      .spin = config.spin,
					      .name = names[n],
					      .ram_fd = v->vm->ram.fd,
					      .copy_fd = -1,
					      .low = world_lowest(),
					      .gate = -1 };
	if (prepare)
		r = prepare(d, err);
	if (!r)
		r = start_worlds(d, err);
	if (!r)
		make_rules(d);
	return r;
}

void direct_fini(struct vcpu *v)
{
	struct direct *d = vcpu_direct(v);

	if (!d)
		return;
	for (unsigned int n = 0; n < DIRECT_WORLDS; n++) {
		d->world[n].transport->end(&d->world[n]);
		space_free(d->space[n]);
		free(d->segments[n]);
	}
	patch_fini(d);
	free(d);
	v->direct = NULL;
	v->fpu_fetch = NULL;
}

const struct sandbox_rule *direct_syscalls(const struct vcpu *v)
{
	return vcpu_direct(v)->rules;
}

void direct_counters(const struct vcpu *v, void (*fn)(void *arg, const char *name, u64 value),
		     void *arg)
{
	const struct direct *d = vcpu_direct(v);
	u64 mapped = 0;

	for (unsigned int n = 0; n < DIRECT_WORLDS; n++)
		mapped += space_mapped(d->space[n]);
	fn(arg, "swbt.direct.entries", d->entries);
	fn(arg, "swbt.direct.stepped", d->stepped);
	fn(arg, "swbt.direct.hidden_faults", d->hidden_faults);
	fn(arg, "swbt.direct.mapped", mapped);
}

static int init(struct vcpu *v, int vcpu_fd, struct error *err)
{
	(void)vcpu_fd;
	return direct_init(v, NULL, err);
}

const struct engine trap_engine = {
	.name = "trap",
	.parts = DIRECT_PARTS,
	.init = init,
	.counters = direct_counters,
	DIRECT_ENGINE,
};

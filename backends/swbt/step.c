/* SPDX-License-Identifier: MIT */
#include "backends/swbt/step.h"
#include "backends/swbt/debug.h"
#include "backends/swbt/divide.h"
#include "backends/swbt/fpu.h"
#include "backends/swbt/masked.h"
#include "backends/swbt/mem.h"
#include "backends/swbt/thunk.h"
#include "common/traplog.h"

#include <errno.h>
#include <sys/mman.h>

#define INSNS 4096 /* decoded instructions kept; a kernel's hot loops are far fewer */

/* Routines before this one stand for sensitive instructions: each execution is a trap. The others
 * are done in C for convenience. */
#define FIRST_INNOCUOUS EMU_jmp

struct step_cache {
	struct mem_op op;
	struct insn i[INSNS]; /* by RIP, valid for the very bytes only; length 0: free */
};

int step_init(struct vcpu *v)
{
	/* Zeros, and most of it is not touched where code is translated. */
	void *c = mmap(NULL, sizeof(struct step_cache), PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (c == MAP_FAILED)
		return -ENOMEM;
	v->step = c;
	return masked_init(v);
}

void step_fini(struct vcpu *v)
{
	masked_fini(v);
	if (v->step)
		munmap(v->step, sizeof(struct step_cache));
	v->step = NULL;
}

struct mem_op *step_operand(struct vcpu *v)
{
	return &((struct step_cache *)v->step)->op;
}

static inline u64 rdtsc(void)
{
	return __builtin_ia32_rdtsc();
}

/* ---- fetching ------------------------------------------------------------------------------- */

static inline bool same_bytes(const u8 *a, const u8 *b, unsigned int len)
{
	for (unsigned int n = 0; n < len; n++)
		if (a[n] != b[n])
			return false;
	return true;
}

static inline u64 code_linear(const struct vcpu *v)
{
	return v->mode == MODE_LONG64 ? v->s.rip : (u32)(v->s.rip + v->s.seg[SEG_CS].base);
}

/* The instruction at RIP, decoded; 0 or EXC. */
static int fetch(struct vcpu *v, const struct insn **insn)
{
	struct step_cache *c = v->step;
	struct insn *i = &c->i[(v->s.rip ^ v->s.rip >> 12) % INSNS];
	u8 bytes[INSN_MAX];
	u32 in_page = 4096 - (code_linear(v) & 4095);
	u32 n = mem_fetch(v, bytes, in_page < INSN_MAX ? in_page : INSN_MAX);
	int r;

	*insn = i;
	if (likely(i->length && i->length <= n && i->mode == v->mode &&
		   same_bytes(i->raw, bytes, i->length)))
		return 0;
	fpu_put(v); /* the decoder's library is compiled like any other */
	r = decode(i, bytes, n, v->mode);
	/* The next page is touched only by instructions that reach into it. */
	if (unlikely(r == -ENODATA && n == in_page)) {
		n = mem_fetch(v, bytes, INSN_MAX);
		r = decode(i, bytes, n, v->mode);
	}
	if (!r)
		return 0;
	i->length = 0;
	switch (r) {
	case -ENODATA:
		return EXC; /* mem_fetch said why there is no more */
	case -E2BIG:
		return raise_err(v, GP, 0);
	default:
		return raise_exc(v, UD);
	}
}

/* ---- debug exceptions ----------------------------------------------------------------------- */

static int raise_debug(struct vcpu *v, u64 dr6, bool trap)
{
	raise_exc(v, DB);
	v->exc.dr6 = dr6;
	v->exc.trap = trap;
	return EXC;
}

static u64 take_hits(struct vcpu *v)
{
	u64 hits = v->hits;

	v->hits = 0;
	return hits;
}

/* Before an instruction: breakpoints that an event met on its way here, and those of the
 * instruction itself. */
static int code_breakpoint(struct vcpu *v)
{
	u64 hits = take_hits(v);

	if (hits)
		return raise_debug(v, hits, true);
	if (v->s.rflags & RFLAGS_RF || v->s.ev.movss_shadow)
		return 0;
	hits = debug_at_code(v);
	return hits ? raise_debug(v, hits, false) : 0;
}

/* ---- executing ------------------------------------------------------------------------------ */

static bool is_lea(const struct insn *i)
{
	return i->mem_address_only && i->op[0].type == OPERAND_GPR && i->op[0].written;
}

static int prepare(struct vcpu *v, const struct insn *i, u64 ea, struct mem_op *op)
{
	u32 access = (i->mem_read ? ACC_READ : 0) | (i->mem_write ? ACC_WRITE : 0);
	u64 linear;
	int r;

	if (unlikely(masked_may_suppress(i)))
		access |= ACC_READ; /* not all of it is written */
	if (!i->mem_aligned)
		return mem_prepare(v, i->mem_seg, ea, i->mem_size, access, op);
	r = mem_linear(v, i->mem_seg, ea, i->mem_size, access, &linear);
	/* Of an address that is not canonical either, it is the alignment that counts. */
	if (r && v->mode == MODE_LONG64)
		linear = ea + (i->mem_seg >= SEG_FS ? v->s.seg[i->mem_seg].base : 0);
	if ((!r || v->mode == MODE_LONG64) && linear & (i->mem_size - 1u))
		return raise_err(v, GP, 0);
	if (r)
		return r;
	return mem_prepare_linear(v, linear, i->mem_size, access, op);
}

/* The operand cannot be had, as v->exc says; that may not be the last word. 0 or EXC. */
static int operand_fault(struct vcpu *v, const struct insn *i, const struct thunk *t, u64 ea)
{
	if (fpu_pending(v, i))
		return raise_exc(v, MF);
	if (masked_may_suppress(i) &&
	    (v->exc.vector == PF || i->mem_aligned || v->mode == MODE_LONG64))
		return masked_run(v, i, t, ea);
	return EXC;
}

/* The pointers in what FNSTENV or FNSAVE stored at ENV are ours, not the guest's: none, nor the
 * opcode, whose ModRM is ours, too. SDM vol. 1 figures 8-9 to 8-12. */
static void hide_x87_pointers(const struct insn *i, u8 *env)
{
	if (i->opsize == 2) {
		__builtin_memset(env + 6, 0, 8);
		return;
	}
	__builtin_memset(env + 12, 0, 12);
}

/* Natively. *HITS: data breakpoints. 0 or EXC. */
static int run_plain(struct vcpu *v, const struct insn *i, u64 *hits)
{
	struct mem_op *op = step_operand(v);
	const struct thunk *t;
	u64 ea = 0;
	int r;

	if (unlikely(insn_is_hint(i)))
		return 0;
	t = thunk_get(v, i);
	if (unlikely(!t))
		return raise_exc(v, UD);
	if (i->has_mem)
		ea = insn_ea(i, v, v->s.rip);
	/* Prefetches and NOPs get an address of no meaning: the guest's is not one of ours. */
	if (!i->has_mem && unlikely(is_divide(i)) && divide_faults(v, i, NULL))
		return raise_exc(v, DE);
	if (!i->has_mem || i->mem_address_only)
		return thunk_run(v, t, is_lea(i) ? (void *)(uintptr_t)ea : op->buf);
	if (unlikely(prepare(v, i, ea, op)))
		return operand_fault(v, i, t, ea);
	if (unlikely(is_divide(i)) && divide_faults(v, i, op->data))
		return raise_exc(v, DE);
	if (unlikely(insn_stores_x87_pointers(i)))
		mem_bounce(op);
	if ((uintptr_t)op->data & (op->size - 1u))
		fpu_unalign(v);
	r = thunk_run(v, t, op->data);
	if (unlikely(r))
		return r;
	if (unlikely(insn_stores_x87_pointers(i)))
		hide_x87_pointers(i, op->data);
	if (i->mem_write)
		mem_commit(v, op);
	if (unlikely(v->s.dr7 & DR7_ON))
		*hits = debug_at_data(v, op->linear, op->size, i->mem_write);
	return 0;
}

/* With the time it took. */
static enum emulate_result timed(struct vcpu *v, const struct insn *i, struct trap_event *e,
				 u64 *cycles)
{
	u64 start = rdtsc();
	enum emulate_result r = emulate_routines[i->emulate].fn(v, i);

	*cycles = rdtsc() - start;
	e->tsc = start;
	e->cycles = *cycles > UINT32_MAX ? UINT32_MAX : (u32)*cycles;
	return r;
}

enum emulate_result step_plain(struct vcpu *v, const struct insn *i)
{
	u64 hits;

	if (mmio_move(v, i))
		return EMU_NEXT;
	return run_plain(v, i, &hits) ? EMU_FAULT : EMU_NEXT;
}

enum emulate_result step_routine(struct vcpu *v, const struct insn *i)
{
	const struct emulate_routine *routine = &emulate_routines[i->emulate];
	struct trap_stats *stats = &v->vm->traps;
	u64 cycles, rip = v->s.rip, nr = stats->nr_events;
	struct trap_event *e = trap_event_next(stats), time = { 0 };
	bool add = stats->timed >> routine->cause & 1 && !v->times_traps;
	bool in_time = add || unlikely(stats->log != NULL);
	enum emulate_result r;

	if (i->emulate >= FIRST_INNOCUOUS)
		return routine->fn(v, i);
	/* The routine knows what it accesses and may say so in the event. */
	*e = (struct trap_event){ 0 };
	r = in_time ? timed(v, i, &time, &cycles) : routine->fn(v, i);
	e = trap_event_next(stats);
	if (unlikely(stats->nr_events != nr))
		*e = (struct trap_event){ 0 }; /* its memory operand was a device */
	e->tsc = time.tsc;
	e->cycles = time.cycles;
	e->rip = rip;
	e->cause = routine->cause;
	if (add)
		trap_add(stats, routine->cause, cycles);
	else
		stats->c[routine->cause].count++;
	if (unlikely(stats->log != NULL))
		fpu_put(v);
	trap_event_done(stats);
	return r;
}

/* Does the single-step trap of I depend on TF as I leaves it? Interrupt gates clear it, and system
 * calls replace the flags. */
static bool sets_flags_anew(const struct insn *i)
{
	switch (i->emulate) {
	case EMU_int_n:
	case EMU_int3:
	case EMU_int1:
	case EMU_into:
	case EMU_syscall:
	case EMU_sysret:
		return i->class == INSN_EMULATE;
	default:
		return false;
	}
}

/* Traps after an instruction that was done. SDM vol. 3B 17.3.1.2, 17.3.1.4; MOV SS puts them off.
 */
static enum emulate_result traps(struct vcpu *v, const struct insn *i, u64 hits,
				 enum emulate_result r)
{
	u64 dr6 = hits;

	if (v->tf_pending && (!sets_flags_anew(i) || v->s.rflags & RFLAGS_TF))
		dr6 |= DR6_BS;
	v->tf_pending = false;
	if (!dr6 || v->s.ev.movss_shadow)
		return r;
	raise_debug(v, dr6, true);
	return EMU_FAULT;
}

enum emulate_result step_execute(struct vcpu *v)
{
	enum emulate_result r = EMU_NEXT;
	const struct insn *i;
	u64 hits = 0;

	if (unlikely(v->s.dr7 & DR7_ON) && code_breakpoint(v))
		return EMU_FAULT;
	if (unlikely(fetch(v, &i)))
		return EMU_FAULT;
	/* RF is good for one instruction, as are the shadows; the routine may set them anew. */
	v->s.rflags &= ~RFLAGS_RF;
	v->no_interrupts_once = v->s.ev.sti_shadow = v->s.ev.movss_shadow = false;
	v->tf_pending = v->s.rflags & RFLAGS_TF;
	v->instructions++;
	if (unlikely(i->class == INSN_UNDEFINED)) {
		raise_exc(v, UD);
		return EMU_FAULT;
	}
	if (fpu_check(v, i))
		return EMU_FAULT;
	if (i->class == INSN_EMULATE && unlikely(v->s.dr7 & DR7_ON))
		hits = debug_at_routine(v, i);
	if (i->class == INSN_EMULATE)
		r = step_routine(v, i);
	else if (run_plain(v, i, &hits))
		r = EMU_FAULT;
	if (unlikely(r == EMU_FAULT || r == EMU_STOP))
		return r;
	hits |= take_hits(v);
	if (r == EMU_NEXT || r == EMU_HALT)
		v->s.rip = (v->s.rip + i->length) & v->ip_mask;
	if (unlikely(v->tf_pending || hits))
		r = traps(v, i, hits, r);
	return r == EMU_NEXT ? EMU_JUMPED : r;
}

static void deliver(struct vcpu *v)
{
	u64 start = traplog_clock(&v->vm->traps), rip = v->s.rip;

	v->tf_pending = false;
	deliver_exception(v, &v->exc);
	v->vm->traps.c[TRAP_EXCEPTION].count++;
	traplog_note(&v->vm->traps, TRAP_EXCEPTION, start, rip);
}

static enum emulate_result delivered(struct vcpu *v, enum emulate_result r)
{
	if (likely(r != EMU_FAULT))
		return r;
	deliver(v);
	return v->vm->stop.kind == STOP_NONE ? EMU_JUMPED : EMU_STOP;
}

enum emulate_result step(struct vcpu *v)
{
	return delivered(v, step_execute(v));
}

/* ---- the run loop --------------------------------------------------------------------------- */

void step_begin(struct vcpu *v)
{
	struct cpu_events *ev = &v->s.ev;

	if (ev->exception_pending) {
		ev->exception_pending = false;
		v->exc = (struct exception){ .vector = ev->exception,
					     .has_error = ev->exception_has_error,
					     .error = ev->exception_error,
					     .cr2 = ev->exception_payload,
					     .dr6 = ev->exception_payload };
		deliver(v);
	} else if (ev->interrupt_injected) {
		ev->interrupt_injected = false;
		deliver_interrupt(v, ev->interrupt);
	} else if (ev->nmi_injected) {
		ev->nmi_injected = false;
		deliver_nmi(v);
	}
	if (ev->nmi_pending) {
		ev->nmi_pending = false;
		v->vm->nmi = true;
	}
}

/* Something waits outside; take it if the guest lets us. SDM vol. 3A 6.9. */
static void take_interrupt(struct vcpu *v)
{
	struct vm *vm = v->vm;

	if (v->no_interrupts_once || v->s.ev.sti_shadow || v->s.ev.movss_shadow)
		return;
	if (vm->nmi && !v->s.ev.nmi_masked) {
		vm->nmi = false;
		v->s.ev.halted = false;
		deliver_nmi(v);
	} else if (vm->pc.intr && v->s.rflags & RFLAGS_IF) {
		int vector = pc_intr_ack(vm);

		if (vector < 0)
			return;
		v->s.ev.halted = false;
		deliver_interrupt(v, (u8)vector);
	}
}

int step_events(struct vcpu *v)
{
	struct vm *vm = v->vm;

	if (unlikely(atomic_load_explicit(&vm->attention, memory_order_relaxed)))
		return RUN_KICKED;
	if (unlikely(vm->pc.intr || vm->nmi)) {
		enum account_part before = account_enter(v->account, ACCOUNT_EMULATION);

		take_interrupt(v);
		account_leave(v->account, before);
	}
	return unlikely(v->s.ev.halted) ? RUN_HALTED : STEP_GO_ON;
}

int step_finish(struct vcpu *v, enum emulate_result r)
{
	switch (delivered(v, r)) {
	case EMU_HALT:
		v->s.ev.halted = true;
		return STEP_GO_ON;
	case EMU_STOP:
		return RUN_STOPPED;
	default:
		return STEP_GO_ON;
	}
}

int step_once(struct vcpu *v)
{
	return step_finish(v, step_execute(v));
}

static int run(struct vcpu *v)
{
	for (;;) {
		int r = step_events(v);

		if (r < 0)
			r = step_once(v);
		if (unlikely(r >= 0))
			return r;
	}
}

int step_run(struct vcpu *v)
{
	enum account_part before = account_enter(v->account, ACCOUNT_EMULATION);
	int r;

	step_begin(v);
	r = run(v);
	fpu_put(v);
	account_leave(v->account, before);
	return r;
}

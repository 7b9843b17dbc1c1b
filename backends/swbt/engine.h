/* SPDX-License-Identifier: MIT */
/*
 * An engine: one way of getting guest instructions done. All share the vCPU, the decoder, the
 * tables of what instructions are (sensitive.def, insns.def), the routines in C, paging, delivery
 * and the taxonomy of traps; each has the step engine below it for whatever it does not do itself.
 * So an engine is what fetches and runs code, and no more. README.md, "Engines".
 */
#ifndef FVB_SWBT_ENGINE_H
#define FVB_SWBT_ENGINE_H

#include "backends/swbt/vcpu.h"

struct csv_key;
struct sandbox_rule;

/* What is NULL below, the engine has no need of. */
struct engine {
	const char *name; /* the word after --engine */

	/* NULL, or what this host's processor lacks for it. */
	const char *(*missing)(void);

	u32 parts;     /* BIT(enum account_part): what its time is spent on */
	bool ram_file; /* other processes map guest RAM: it must be a memory file (common/ram.h) */

	/* After thunks_init and step_init; V lies in the memory file VCPU_FD. 0 or a negative
	 * errno, with ERR filled or not; -EBUSY: the address space is not free where it has to be.
	 * FINI also after a failed INIT, and without one. */
	int (*init)(struct vcpu *v, int vcpu_fd, struct error *err);
	void (*fini)(struct vcpu *v);

	/* Run until something of enum run_result (common/backend.h). */
	int (*run)(struct vcpu *v);

	/* A signal handler on the vCPU's thread: come back from guest code soon. CONTEXT is the
	 * handler's ucontext_t. vm->attention is set already. */
	void (*kick)(struct vcpu *v, void *context);

	/* Linear addresses may mean other pages now: all, but those of global pages unless
	 * GLOBAL_TOO; or those on one page, which may be a piece of one of 1 << SHIFT bytes. */
	void (*flush)(struct vcpu *v, bool global_too);
	void (*flush_page)(struct vcpu *v, u64 linear, unsigned int shift);

	/* LEN bytes at GPA are about to change, on pages that v->code_pages has. */
	void (*code_written)(struct vcpu *v, u64 gpa, u32 len);

	/* As in struct backend. */
	void (*counters)(const struct vcpu *v, void (*fn)(void *arg, const char *name, u64 value),
			 void *arg);
	int (*open_records)(struct vcpu *v, struct error *err);
	int (*close_records)(struct vcpu *v, const struct csv_key *key, struct error *err);
	const struct sandbox_rule *(*syscalls)(const struct vcpu *v);
};

extern const struct engine bt_engine, step_engine, trap_engine, patch_engine;

/* All of them, the default first; NULL-terminated. */
extern const struct engine *const engines[];

/* A vCPU without an engine (tests have such) has nothing to flush. */
static inline void engine_flush(struct vcpu *v, bool global_too)
{
	if (v->engine && v->engine->flush)
		v->engine->flush(v, global_too);
}

static inline void engine_flush_page(struct vcpu *v, u64 linear, unsigned int shift)
{
	if (v->engine && v->engine->flush_page)
		v->engine->flush_page(v, linear, shift);
}

#endif

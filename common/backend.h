/* SPDX-License-Identifier: MIT */
/*
 * The contract between the machine (common/) and a way of running its vCPU (backends/). Nothing
 * else joins them: common/ never names a backend, a backend never names another.
 *
 * A backend gets a struct vm whose RAM and devices exist (common/vm.h). Everything here is called
 * on the vCPU thread unless said otherwise. Functions that can fail return 0 or a negative errno
 * and put one line for the user into `err`.
 */
#ifndef FVB_BACKEND_H
#define FVB_BACKEND_H

#include "common/backendopt.h"
#include "common/cpu_state.h"
#include "common/error.h"
#include "common/types.h"

#include <stdio.h>

struct vm;
struct vm_config;
struct cpuid_table;
struct csv_key;
struct sandbox_rule;

/* Why run() came back. Ports, MMIO, MSRs and the like never show here: the backend hands those to
 * the buses of the machine itself (common/bus.h) and goes on. */
enum run_result {
	RUN_KICKED,  /* vm->attention was set: timers, input or a stop request wait */
	RUN_HALTED,  /* HLT with no interrupt to take; only with the user-space irqchip */
	RUN_STOPPED, /* vm->stop says why: a device or the guest ended it */
		     /* or a negative errno with vm->error filled: the host failed us */
};

struct backend {
	const char *name;    /* the word after --backend */
	const char *summary; /* one line for --help */
	bool hardware; /* guests run on virtualization hardware: what traps is the hardware's choice
			*/
	const char *const *engines; /* words that --engine takes, NULL-terminated, first is the
				     * default; NULL: none */
	const struct backend_option *options; /* its own, ended by a NULL name; NULL: none */

	/* Must the RAM of such a machine be a memory file (ram.h)? NULL: never. */
	bool (*ram_file)(const struct vm_config *config);

	/* Can this host run it now? 0, or negative errno with ERR saying what is missing and how to
	 * get it. Cheap and without side effects. */
	int (*probe)(struct error *err);

	/* Clear in TABLE what this backend cannot run on this host. */
	int (*cpuid_filter)(struct cpuid_table *table, struct error *err);

	/* Make the vCPU and attach RAM. vm->cpuid is final by now. The vCPU is at reset. */
	int (*create)(struct vm *vm, struct error *err);
	void (*destroy)(struct vm *vm); /* also after a failed create */

	/* Run until something of enum run_result happens. Accounts every trap in vm->traps. */
	int (*run)(struct vm *vm);

	/* Make a run() in progress, or the next one, return RUN_KICKED soon. Async-signal-safe;
	 * called in a signal handler on the vCPU thread, and only there; CONTEXT is the handler's
	 * ucontext_t. */
	void (*kick)(struct vm *vm, void *context);

	/* All architectural state, between two guest instructions. */
	int (*get_state)(struct vm *vm, struct cpu_state *state, struct error *err);
	int (*set_state)(struct vm *vm, const struct cpu_state *state, struct error *err);

	/* Drive global system interrupt GSI. Only called when vm->config.irqchip is IRQCHIP_KERNEL;
	 * NULL if this backend has no interrupt controllers of its own. */
	int (*irq_line)(struct vm *vm, unsigned int gsi, int level);

	/* The guest's TSC now. */
	u64 (*guest_tsc)(struct vm *vm);

	/* Copy LEN bytes at guest-virtual GVA through the vCPU's current translation into BUF;
	 * returns the bytes copied (0 where unmapped). For post-mortems and symbolizers. */
	size_t (*read_virtual)(struct vm *vm, u64 gva, void *buf, size_t len);

	/* Where the instructions that the guest has executed are counted, each before the trap that
	 * it takes is accounted; NULL: they are not. May be NULL. */
	const u64 *(*instructions)(struct vm *vm);

	/* Bring vm->traps up to date with what only the host kernel counted. May be NULL. */
	void (*sync_traps)(struct vm *vm);

	/*
	 * The backend's own counters, by their native names ("kvm_stat.halt_exits"): call FN for
	 * each. May be NULL. What the host hides is simply not there.
	 */
	void (*counters)(struct vm *vm, void (*fn)(void *arg, const char *name, u64 value),
			 void *arg);

	/* The files that options of kind OPTION_PATH name: open them, when all else is known to be
	 * good and before the first run(); and, after the last, write what is still to be written,
	 * KEY in each row of a table, and close them. 0, or a negative errno of a file that cannot
	 * be written or is incomplete. NULL: there are none. */
	int (*open_records)(struct vm *vm, struct error *err);
	int (*close_records)(struct vm *vm, const struct csv_key *key, struct error *err);

	/* System calls that any of the above make for this machine after create() but for
	 * set_state, beyond those of common/sandbox.def; ended by SANDBOX_END, the backend's; or
	 * NULL. NULL: none. */
	const struct sandbox_rule *(*syscalls)(struct vm *vm);
};

/* The table of backends, in order of preference; NULL-terminated. */
extern const struct backend *const backends[];
const struct backend *backend_by_name(const char *name);
/* Is WORD one of B's engines? */
bool backend_has_engine(const struct backend *b, const char *word);
/* B's engines as "bt, step", for messages; "none". */
const char *backend_engines(const struct backend *b, char *text, size_t size);
/* WORD, or B's default engine where that is NULL; NULL: B has none. */
const char *backend_engine(const struct backend *b, const char *word);

#endif

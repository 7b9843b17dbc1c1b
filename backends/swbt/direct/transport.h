/* SPDX-License-Identifier: MIT */
/*
 * How the VMM and a guest process hand the processor to each other. Two ways, one contract: ptrace
 * (ptrace.c), and signal frames in memory that both share (signal.c). A world is one guest process,
 * that is, one host address space (world.h).
 *
 * All of it is called on the thread that made the world. Whatever comes out of a world is the
 * guest's to forge: registers are data, never trusted.
 */
#ifndef FVB_SWBT_DIRECT_TRANSPORT_H
#define FVB_SWBT_DIRECT_TRANSPORT_H

#include "backends/swbt/vcpu.h"

struct world;
struct sandbox_rule;

/* The user-visible registers of a world, all of the host's width; selectors as the host has them.
 * FS and GS are null with a base in 64-bit code. */
struct world_regs {
	u64 gpr[NR_GPR];
	u64 rip, rflags;
	u64 fs_base, gs_base; /* 64-bit code; elsewhere the descriptors' */
	u16 cs, ss, ds, es, fs, gs;
};

/* What Linux gives user code. */
#define HOST_CS64 0x33
#define HOST_SS	  0x2b

enum world_stop_kind {
	WORLD_FAULT,   /* an exception; RIP as the processor reports it */
	WORLD_SYSCALL, /* a system call that the host's kernel did not execute; RIP behind it */
	WORLD_KICKED,  /* kick() was called, nothing else happened */
	WORLD_DEAD,    /* the process is gone */
};

struct world_stop {
	enum world_stop_kind kind;
	u8 vector;	/* WORLD_FAULT: enum vector, or as near as the transport can tell: of #GP,
			 * #SS, #NP, #OF and #TS it may say GP; #AC, #MC AC; #DE, #MF, #XM DE */
	bool has_error; /* the processor's error code is known (signal frames have it) */
	u64 error;
	u64 address; /* #PF: the linear address, CR2 */
};

/* A system call for a world to make. */
struct world_call {
	u64 nr, arg[6];
};

/* A system-call instruction that makes one call and no other, which no other makes. */
struct world_gate {
	const u8 *after; /* the instruction's end, in transport->stub */
	u32 nr;
	unsigned int args; /* that must have the following values */
	struct {
		unsigned int n; /* 0 to 5 */
		u64 value;
	} arg[4];
};

struct transport {
	const char *name; /* the word after --direct-transport */

	/* NULL, or what this host lacks for it. NULL: it needs nothing. */
	const char *(*missing)(void);

	/* Code for the stub's page at WORLD_STUB_MORE, and what it may ask of the kernel beyond
	 * world.c's calls; ended by AFTER NULL. NULL: none. */
	const u8 *stub, *stub_end;
	const struct world_gate *gates;
	/* In the child, with stub and data in their places, before the filter; libc may have been
	 * unmapped (world_syscall). 0 or negative errno.
	 * NULL: nothing to do. */
	int (*confine)(struct world *w);

	/* What this process needs to be allowed beyond common/sandbox.def, for W alone; at most
	 * MAX rules, the number is returned. */
	unsigned int (*rules)(const struct world *w, struct sandbox_rule *rule, unsigned int max);

	/* Fork, confine (world.h) and stop a world before its first guest instruction. 0 or
	 * negative errno with ERR filled. END also after a failed start, and for one that died. */
	int (*start)(struct world *w, struct error *err);
	void (*end)(struct world *w);

	/* Load R, run guest code until STOP, and store R. What of RFLAGS cannot be loaded (ID)
	 * stays as it was at the last stop; R then holds what was really loaded, in *LOADED. 0 or
	 * negative errno: the world is lost. */
	int (*run)(struct world *w, struct world_regs *r, u64 *loaded, struct world_stop *stop);

	/* Make a run() in progress, or the next one, come back soon. Called in a signal handler on
	 * the thread that runs W; must leave errno alone. A guest cannot prevent it. */
	void (*kick)(struct world *w);

	u64 calls_at; /* where calls() has its calls, in the world */

	/* Execute the NR (1 to WORLD_CALLS) system calls C in the stopped world, one after another,
	 * up to the first that fails: 0 or its negative errno. -ESRCH: the world is dead. */
	int (*calls)(struct world *w, const struct world_call *c, unsigned int nr);

	/* W has been run and says that it has stopped. Make sure of it: before another world is
	 * run, and what W is mapped may change. 0, or -ESRCH: it is dead. NULL: that is always so.
	 */
	int (*settle)(struct world *w);

	/* The XSAVE image of the stopped world in standard format, its first SIZE bytes, out, with
	 * all that the host has; in: x87, SSE and the components in FPU_MASK; on a host
	 * without XSAVE (FPU_MASK is 0) nothing may be in its initial state. 0 or negative errno.
	 */
	int (*get_fpu)(struct world *w, void *xsave, size_t size);
	int (*set_fpu)(struct world *w, const void *xsave, size_t size, u64 fpu_mask);
};

extern const struct transport ptrace_transport, signal_transport;

/* Those that there are, the default first; NULL-terminated. */
extern const struct transport *const transports[];

#endif

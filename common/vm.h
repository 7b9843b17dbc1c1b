/* SPDX-License-Identifier: MIT */
/*
 * A virtual machine: configuration, RAM, board, one vCPU, and the loop that runs it. Used by fvm
 * and by fvbench; everything happens on the thread that created it, the vCPU thread, except where
 * a function says that other threads may call it.
 */
#ifndef FVB_VM_H
#define FVB_VM_H

#include "common/account.h"
#include "common/backend.h"
#include "common/clock.h"
#include "common/cpuid.h"
#include "common/error.h"
#include "common/pc.h"
#include "common/ram.h"
#include "common/trap.h"

#include <pthread.h>
#include <stdatomic.h>

enum irqchip { IRQCHIP_USER, IRQCHIP_KERNEL };

#define VM_DISKS 8

struct disk;
struct virtio_console_io;

struct vm_config {
	const struct backend *backend;
	const char *engine;	       /* or NULL for the backend's default */
	struct backend_values options; /* the backend's own; zeroed: its defaults */
	u64 mem_size;		       /* bytes */
	enum irqchip irqchip;
	const char *kernel; /* the guest's file, for its symbols; or NULL */
	const char *cpu;    /* CPUID model name */
	/* Backends whose guests are to see the same processor: what one of them cannot run is
	 * hidden on all. NULL-terminated; NULL: every backend that this host can run. */
	const struct backend *const *alike;
	struct disk *disk[VM_DISKS]; /* the caller's, open as long as the machine exists */
	unsigned int nr_disks;
	const struct virtio_console_io
		*hvc;	  /* other end of a virtio console; NULL: there is none */
	bool rng;	  /* a virtio entropy device */
	u64 timeout_ns;	  /* wall time before vm_run gives up; 0: never */
	bool count_exits; /* let the backend open costly exit counters (it may take a little time on
			     every exit) */
	bool count_blocks; /* let a translator's blocks count how often they run, which slows them
			    */
	bool account;	   /* account for where the time goes, which takes some (account.h) */
	/* What the guest prints on COM1 and on the debug console; called on the vCPU thread. */
	void (*console)(void *arg, const void *data, size_t len);
	void *console_arg;
	/* Called when the guest passes mark I (see vm_mark), after the trap counters were copied.
	 */
	void (*on_mark)(void *arg, struct vm *vm, unsigned int i);
	void *on_mark_arg;
};

enum stop_kind {
	STOP_NONE,
	STOP_EXIT_PORT,	   /* write to port 0xf4; code is the process exit status */
	STOP_POWEROFF,	   /* ACPI S5 or the test device */
	STOP_RESET,	   /* the guest asked for a reset */
	STOP_TRIPLE_FAULT, /* or any other SHUTDOWN state */
	STOP_UNHANDLED,	   /* the backend met what it cannot run; vm->error says what */
	STOP_TIMEOUT,
	STOP_SIGNAL, /* SIGINT, SIGTERM, SIGHUP; code is the signal */
	STOP_QUIT,   /* the user, at the console (Ctrl-A x) */
};

struct vm_stop {
	enum stop_kind kind;
	int code;
};

#define VM_MARKS 2

struct vm {
	struct vm_config config;
	const struct backend *backend;
	void *priv; /* the backend's own */
	struct ram ram;
	struct clock clock;
	struct cpuid_table cpuid;
	struct pc pc;
	struct account *account; /* NULL: none is kept */
	struct trap_stats traps;
	struct trap_span began;		  /* clocks when it started to run */
	struct trap_stats mark[VM_MARKS]; /* copies of traps at the guest's marks 1 and 2 */
	unsigned int marks_seen;	  /* BIT(i): mark i was reached */
	unsigned int marks_wanted;	  /* BIT(i): reached, copy still to be taken */
	u32 end_mark_cycles;		  /* what the last mark's own port write cost */

	struct vm_stop stop;
	struct error error;	/* of STOP_UNHANDLED and of a failing run() */
	bool nmi;		/* the NMI pin was pulsed; the backend clears it when it takes it */
	atomic_int attention;	/* somebody wants the vCPU thread out of the guest */
	atomic_int stop_signal; /* signal that asked us to end, or 0 */
	pthread_t thread;	/* of the vCPU */
	struct timer timeout;
	/* Called by vm_run on the vCPU thread after each kick: input that other threads queued. */
	void (*on_kick)(void *arg);
	void *on_kick_arg;
};

/*
 * Make a machine: RAM, clock, CPUID, board, backend. Installs the kick signal's handler for this
 * process. A thread may have several and run one of them at a time. On failure nothing is left
 * behind and ERR is filled.
 */
int vm_create(struct vm **out, const struct vm_config *config, struct error *err);
void vm_destroy(struct vm *vm);

/* Run until it stops; vm->stop says why. What was written to disks is on stable storage then, and
 * PCI devices do nothing any more. 0, or a negative errno with vm->error filled. */
int vm_run(struct vm *vm);

/* This thread is going to run VM: its kicks are for it. vm_run begins with this. */
void vm_select(struct vm *vm);

/* End the run: the first reason given stays. vCPU thread only. */
void vm_stop(struct vm *vm, enum stop_kind kind, int code);

/* Get the vCPU thread out of the guest and through vm->on_kick. Any thread. */
void vm_kick(struct vm *vm);

/* Treat SIGINT, SIGTERM and, unless it is ignored, SIGHUP as requests to stop this VM
 * (STOP_SIGNAL). */
int vm_catch_signals(struct vm *vm);

/* The guest passed mark I (0 or 1) of its measured section: keep a copy of the trap counters, as
 * they are before it executes another instruction. The backend must account the event of a mark
 * and then look at vm->attention, as after any port write. */
void vm_mark(struct vm *vm, unsigned int i);

/* What happened between the two marks, without the marks' own port writes. -ENODATA if the guest
 * did not pass both in order. */
int vm_marked_traps(const struct vm *vm, struct trap_stats *out);

#endif

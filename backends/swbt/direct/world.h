/* SPDX-License-Identifier: MIT */
/*
 * A world: a process for guest code to run in. It has guest pages, one page of code of ours (the
 * stub) and pages that it shares with the VMM; nothing else of this process is mapped, no
 * descriptor is open but the memory files of guest RAM and of edited pages. It dies with its VMM.
 *
 * Guest-linear addresses from world.low up to WORLD_HIGH can be mapped; the stub lies above.
 */
#ifndef FVB_SWBT_DIRECT_WORLD_H
#define FVB_SWBT_DIRECT_WORLD_H

#define WORLD_HIGH	0x7fffe0000000	    /* first address that guests cannot have */
#define WORLD_STUB	WORLD_HIGH	    /* a page of code, read and execute */
#define WORLD_STUB_MORE (WORLD_STUB + 1024) /* in it, the transport's own code */
#define WORLD_DATA	0x7fffe0001000	    /* pages shared with the VMM */
#define WORLD_TOP	0x7ffffffff000	    /* where the host's user addresses end */

#ifndef __ASSEMBLER__

#include "backends/swbt/direct/transport.h"

#include <sys/types.h>

struct world {
	const struct transport *transport;
	const char *name;    /* what runs there, for people */
	pid_t pid;	     /* 0: none */
	int ram_fd, copy_fd; /* memory files, open in both processes; copy_fd -1: none */
	u64 low;	     /* first address that can be mapped: the host's vm.mmap_min_addr */
	void *data;	     /* our view of the pages at WORLD_DATA, or NULL */
	size_t data_size;
	int gate;   /* written to: the child goes on; -1: open */
	void *priv; /* the transport's */
	int status; /* of waitpid, once it is dead */
	bool dead;
	u64 spin;	  /* TSC ticks for which one side looks for the other before it sleeps */
	const char *fate; /* why we have killed it, or NULL */
};

/*
 * The first half of transport->start: fork, with the pages at WORLD_DATA shared (W->data_size,
 * which the transport has set). The child waits until world_release and then gives up whatever it
 * has: every mapping but the stub and those pages, every descriptor but the two, privileges,
 * signals; it is told of its parent's end, has no core dumps, RDTSC and, where the host can do
 * that, CPUID trap; a seccomp filter lets only the stub's calls through: mmap of the two files,
 * munmap, mprotect, and what the transport lists. Then it stops at WORLD_READY with SIGTRAP.
 *
 * 0 or negative errno with ERR filled.
 */
int world_fork(struct world *w, struct error *err);
int world_release(struct world *w);

/* Children that end are kept for wait(), though this process may have been started with SIGCHLD
 * ignored: then the kernel would have them disappear, and how they ended with them. */
void world_keep_children(void);

/* Wait for W to end as STATUS says, or kill it; free what world_fork made. */
void world_end(struct world *w);

/* Why W died, as one line into ERR; returns -EIO. */
int world_is_dead(const struct world *w, struct error *err);

/* The host's vm.mmap_min_addr, in whole pages; at least one page. */
u64 world_lowest(void);

/* stub.S, as it is in this process; and where a place in it is in a world. */
extern const u8 world_stub[], world_stub_end[];
extern const u8 world_stub_boot[], world_stub_ready[], world_stub_calls[], world_stub_called[];

static inline u64 world_stub_at(const u8 *symbol)
{
	return WORLD_STUB + (u64)(symbol - world_stub);
}

/* The same for a transport's own code. */
static inline u64 world_more_at(const struct transport *t, const u8 *symbol)
{
	return WORLD_STUB_MORE + (u64)(symbol - t->stub);
}

/* A system call without libc, which may have been unmapped: its result, or -errno. */
static inline long world_syscall(long nr, u64 a, u64 b, u64 c, u64 d, u64 e)
{
	register u64 r10 __asm__("r10") = d;
	register u64 r8 __asm__("r8") = e;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
			 : "rcx", "r11", "memory");
	return ret;
}

/* The register convention of world_stub_calls is in stub.S; most calls of one go: */
#define WORLD_CALLS (4096 / sizeof(struct world_call))

#endif
#endif

/* SPDX-License-Identifier: MIT */
/*
 * A world: a process for guest code to run in. It has guest pages, one page of code of ours (the
 * stub) and, for one transport, one page of data; nothing else of this process is mapped, no
 * descriptor is open but the memory files of guest RAM and of edited pages. It dies with its VMM.
 *
 * Guest-linear addresses WORLD_LOW to WORLD_HIGH can be mapped; the stub lies above.
 */
#ifndef FVB_SWBT_DIRECT_WORLD_H
#define FVB_SWBT_DIRECT_WORLD_H

#include "backends/swbt/direct/transport.h"

#include <sys/types.h>

#define WORLD_HIGH 0x7fffe0000000ull /* first address that guests cannot have */
#define WORLD_STUB WORLD_HIGH	     /* a page of code, read and execute */
#define WORLD_DATA (WORLD_HIGH + 0x1000) /* pages shared with the VMM, if the transport has some */

struct world {
	const struct transport *transport;
	pid_t pid;	     /* 0: none */
	int ram_fd, copy_fd; /* memory files, open in both processes; copy_fd -1: none */
	u64 low;	     /* first address that can be mapped: the host's vm.mmap_min_addr */
	void *priv;	     /* the transport's */
	volatile bool running; /* between entry and stop, for kick */
};

/*
 * In the forked child, first thing: unmap everything but the stub, close every descriptor but the
 * two, drop what can be dropped, PR_SET_PDEATHSIG, PR_SET_TSC, no core dumps, then the seccomp filter
 * that lets only the stub's calls through: mmap, munmap, mprotect, pkey_*, modify_ldt, arch_prctl and what the
 * transport adds. Never returns: ends in the stub.
 */
_Noreturn void world_confine(struct world *w);

#endif

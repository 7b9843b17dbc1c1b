/* SPDX-License-Identifier: MIT */
/* A machine of one backend that runs case after case, and what became of each. */
#ifndef FVB_KVMORACLE_SIDE_H
#define FVB_KVMORACLE_SIDE_H

#include "common/vm.h"
#include "tests/kvmoracle/case.h"

#define MAX_DIRTY 16

/* How a case ended. */
enum ending {
	END_HALT,
	END_TRIPLE_FAULT,
	END_TIMEOUT, /* did not end in time */
	END_REFUSED, /* the backend failed; what says how */
	END_OTHER,
};

struct outcome {
	enum ending ending;
	struct cpu_state after; /* not after a triple fault: AMD's processors lose it */
	char what[340];
	unsigned int nr_dirty; /* pages that are not as they were; the lowest MAX_DIRTY of them */
	struct {
		u32 page;
		u8 bytes[4096];
	} dirty[MAX_DIRTY];
};

/* ENGINE may be NULL. Exits on failure. */
struct vm *side_new(const char *backend, const char *engine);
/* The same with OPTIONS of the backend's, NAME=VALUE:NAME=VALUE..., or NULL. */
struct vm *side_new_with(const char *backend, const char *engine, const char *options);

/* Run C, and leave the memory as C begins. *VM is made anew when it is beyond repair. */
void side_run(struct vm **vm, const struct ko_case *c, struct outcome *o);

#endif

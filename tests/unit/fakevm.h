/* SPDX-License-Identifier: MIT */
/* A backend that is no processor: a function of the test's plays one. */
#ifndef FVB_TESTS_FAKEVM_H
#define FVB_TESTS_FAKEVM_H

#include "common/vm.h"

struct fakevm {
	/* What run() does the Nth time, from 0 on. */
	int (*step)(struct vm *vm, unsigned int n);
	unsigned int steps, kicks, created, destroyed;
};

extern struct fakevm fakevm;
extern const struct backend fakevm_backend;

#endif

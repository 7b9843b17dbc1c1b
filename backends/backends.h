/* SPDX-License-Identifier: MIT */
/* The backends there are. Only backends.c and each backend's own vm.c include this. */
#ifndef FVB_BACKENDS_H
#define FVB_BACKENDS_H

#include "common/backend.h"

extern const struct backend kvm_backend;
extern const struct backend swbt_backend;

#endif

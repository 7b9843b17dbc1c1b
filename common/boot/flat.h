/* SPDX-License-Identifier: MIT */
/* Raw binary: the file's bytes at an address, started at their first. */
#ifndef FVB_BOOT_FLAT_H
#define FVB_BOOT_FLAT_H

#include "common/boot/boot.h"

int flat_load(struct ram *ram, const struct image *image, const struct boot_params *params,
	      struct cpu_state *entry, struct error *err);

#endif

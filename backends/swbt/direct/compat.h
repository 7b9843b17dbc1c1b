/* SPDX-License-Identifier: MIT */
/* What code other than 64-bit code this host lets a process run. */
#ifndef FVB_SWBT_DIRECT_COMPAT_H
#define FVB_SWBT_DIRECT_COMPAT_H

#include "common/types.h"

#define COMPAT_FLAT BIT(0) /* 32-bit code in the segment that Linux has for it */
#define COMPAT_32   BIT(1) /* and in one of the process's own (LDT) */
#define COMPAT_16   BIT(2) /* 16-bit code and stacks, LDT */

/* Tried out, each in a process of its own: what the host lacks ends in a signal, or in an error of
 * modify_ldt. Forks, so not in a confined process. */
u32 compat_probe(void);

#endif

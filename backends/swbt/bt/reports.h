/* SPDX-License-Identifier: MIT */
#ifndef FVB_SWBT_BT_REPORTS_H
#define FVB_SWBT_BT_REPORTS_H

#include "common/types.h"

/* Of which classes of instructions (BIT(enum fpu_class); FPU_NONE: VEX-encoded ones) does this host
 * report unaligned operands of 2, 4 and 8 bytes while EFLAGS.AC is set? Both manuals say of all;
 * tried on the spot, since a page boundary would go unnoticed otherwise. After hostfault_init. */
u32 bt_reports(void);

/* And of instructions of general-purpose registers that are not VEX-encoded? */
bool bt_reports_moves(void);

/* Does PEXT take one cycle or so, or is it microcode (AMD before Zen 3)? */
bool bt_fast_pext(void);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Memory that is mapped twice: written through one view, executed through the other. No page is
 * ever both.
 */
#ifndef FVB_SWBT_VIEWS_H
#define FVB_SWBT_VIEWS_H

#include "common/types.h"

/* SIZE bytes, whole pages, zeroed, which the host shows as NAME in /proc. 0, or negative errno with
 * both views NULL. */
int views_map(const char *name, size_t size, u8 **write, u8 **exec);
/* Either may be NULL. */
void views_unmap(u8 *write, u8 *exec, size_t size);

#endif
